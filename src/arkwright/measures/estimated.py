"""How well a model does before anybody knows what was right: of a classifier by confidence-based performance estimation
(CBPE), of a regression by direct loss estimation (DLE, in `measures.losses`).

On the rows that the release was judged on, each probability came true in some share of cases: that share, made monotone
(isotonic), is what a probability is worth. A window's probabilities then say how many answers to expect right. That
holds while what a probability is worth holds: where other things follow from the same inputs, only labels show it.
"""

import math

import numpy as np

from arkwright.core.errors import Invalid, did_you_mean
from arkwright.core.promises import Reading
from arkwright.measures import intervals, losses
from arkwright.measures.divergence import scipy
from arkwright.measures.evaluation import Array, Undefined
from arkwright.measures.expected import BY_CLASS, MEASURES, Expected
from arkwright.measures.registry import Column, Score, endpoint_measure
from arkwright.measures.scores import ALL, Scores
from arkwright.measures.window import Window
from arkwright.measures.worth import again, doubted, drawn_worth, worth

DRAWS = 200
_UNBOUNDED = ("log_loss", "brier")  # of several classes, brier too
_MORE = 4  # rows
_NEAR = 3  # groups whose draws say how the worst one may do
_LONGEST_NOTE = 500


@endpoint_measure(
    source="Białek et al. 2024 (arXiv 2407.08649); calibration Zadrozny and Elkan 2002; interval Efron 1979; "
    "of a regression Hoerl and Kennard 1970; jackknife Shao and Wu 1989",
    words=(
        "without waiting for labels, it is estimated that {score:said}"
        "[, in the worst-served group of {by}][, of those with {at_least:row} or more]"
    ),
)
def estimated(window: Window, score: Score, by: Column | None = None, at_least: int = 50) -> Reading:
    """Another measure of a model, estimated from its inputs and answers before any label is known.

    Of a classifier whatever its probabilities tell, of a regression `mae`, `mse` and `rmse`. `by`: in the group of this
    column where it is worst, of those with `at_least` rows. Interval: both the rows judged and those of the window
    drawn anew, 200 times, of a regression their variances added up; of the worst group, whichever that will be, from
    the worst end of any group to the nearest one, widened for their number (Bonferroni).
    """
    name, better = score.name, bool(score.larger_is_better)
    if name in losses.MEASURES:
        return losses.worst(window.losses, name, by, at_least) if by else losses.whole(window.losses, name)
    if name not in MEASURES:
        known = (*MEASURES, *losses.MEASURES)
        raise Invalid(f"{name} cannot be estimated without labels{did_you_mean(name, known)}: {', '.join(known)}")
    if window.judged is None or window.scores is None or not window.scores.n:
        raise Undefined("there are no probabilities, on which an estimate rests")
    groups = [ALL]
    if by is not None:
        counted = window.scores.counts.items()
        groups = [g for g, c in counted if g.startswith(f"{by}=") and c[0].sum() >= at_least]
        if not groups:
            raise Undefined(f"no group of {by} has {at_least} rows")
    found, left_out = _in_groups(window.judged, window.scores, name, groups)
    if not found:
        group, why = next(iter(left_out.items()))
        raise Undefined(why if by is None else f"{name} is undefined in every group of {by}: {group} left out: {why}")
    rows = {group: int(window.scores.counts[group][0].sum()) for group in found}
    worst, near = _worst(found, rows, better=better)
    if not window.worths:
        window.worths.append(_worths(window.judged))
    given = window.judged, window.scores, window.worths[0]
    low, high = _interval(*given, name, near, better=better, choices=len(found))
    value, note = found[worst], "estimated without labels"
    if by is not None:
        note = "; ".join([f"{worst}, of {len(found)} groups", *(f"{g} left out: {why}" for g, why in left_out.items())])
    note = note if len(note) <= _LONGEST_NOTE else note[:_LONGEST_NOTE] + " …"
    return Reading(value, min(low, value), max(high, value), n=rows[worst], note=note)


def _in_groups(
    judged: tuple[Scores, Scores], scores: Scores, name: str, groups: list[str]
) -> tuple[dict[str, float], dict[str, str]]:
    """(the value in each group, why there is none in each other)"""
    share, found, left_out = worth(judged)[:, None, :], {}, {}
    for group in groups:
        rows = scores.counts[group].astype(np.float64)
        try:
            found[group] = MEASURES[name](Expected(rows * share, rows * (1 - share), scores.means))
        except Undefined as why:
            left_out[group] = str(why)
    return found, left_out


def _worst(found: dict[str, float], rows: dict[str, int], *, better: bool) -> tuple[str, dict[str, float]]:
    """(where it is worst, that and the other groups of those few rows that it may well be worse there)"""
    up = 1.0 if better else -1.0
    worst = min(found, key=lambda group: up * found[group])
    rough = sorted(found, key=lambda group: up * found[group] - 1 / math.sqrt(rows[group]))
    return worst, {group: found[group] for group in dict.fromkeys([worst, *rough[: _NEAR - 1]])}


def _worths(judged: tuple[Scores, Scores]) -> tuple[Array, Array]:
    """(DRAWS, k, b): what a probability may be worth, and the same where nothing is certain."""
    rng = np.random.default_rng(0)
    worths = np.stack([drawn_worth(judged, rng) for _ in range(DRAWS)])
    return worths, doubted(worths, judged, rng)


def _interval(
    judged: tuple[Scores, Scores],
    scores: Scores,
    worths: tuple[Array, Array],
    name: str,
    values: dict[str, float],
    *,
    better: bool,
    choices: int,
) -> tuple[float, float]:
    """Of what comes true in the worst of so many groups, whichever that is: from the worst end of any to the nearest
    one, each widened for their number.
    """
    rng = np.random.default_rng(int(sum(scores.counts[group][0].sum() for group in values)))
    found, most = [], np.inf if name in _UNBOUNDED else 1.0
    for group, value in values.items():
        draws = _drawn(judged, scores, name, group, worths, rng, value)
        ends = np.quantile(draws, [0.025, 0.975])
        found.append(_widened(value, ends, choices, most=most))
    low, high = np.clip((np.min if better else np.max)(found, axis=0), 0, most)
    return float(low), float(high)


def _drawn(
    judged: tuple[Scores, Scores],
    scores: Scores,
    name: str,
    group: str,
    worths: tuple[Array, Array],
    rng: np.random.Generator,
    value: float,
) -> Array:
    """What may come true."""
    rows, like = scores.counts[group], judged[1].counts.get(group, judged[1].counts[ALL])
    now = _rows(rng, rows, like if like[0].sum() else judged[1].counts[ALL])
    came, doubt = (one[:, :, None, :] for one in worths)
    right = rng.binomial(now, np.broadcast_to(doubt, now.shape))
    measure = BY_CLASS[name]
    drawn = _averaged(measure(Expected(right, now - right, scores.means)))
    good = measure(Expected(rows * came, rows * (1 - came), scores.means)).mean(axis=-1)
    too_good = float(np.mean(good[np.isfinite(good)] - value)) if np.isfinite(good).any() else 0.0
    drawn -= 2 * too_good  # few rows that were judged say so of themselves
    return drawn if len(drawn) else np.array([value])


def _averaged(drawn: Array) -> Array:
    """The mean over the classes, of (DRAWS, k). How far one class is off goes with how far another one is, and counts
    by class do not tell how much: a half is taken, about what it is for areas under the curves of three classes.
    """
    drawn = drawn[np.isfinite(drawn).all(axis=-1)]
    if not len(drawn) or drawn.shape[-1] == 1:
        return drawn.reshape(-1)
    alone, together = drawn.mean(axis=-1), np.sort(drawn, axis=0).mean(axis=-1)
    centre = drawn.mean()
    return np.asarray(centre + (alone + together - 2 * centre) * math.sqrt(0.5))


def _widened(value: float, ends: Array, choices: int, most: float) -> Array:
    """By Bonferroni, of what has two ends between them (on the logit)."""
    if choices == 1:
        return ends
    if most == np.inf or not 0 < value < 1:
        return value + (ends - value) * intervals.stretch(choices)
    inside = np.clip(ends, 1e-6, 1 - 1e-6)
    logit = scipy("special").logit
    centre = logit(value)
    return np.asarray(scipy("special").expit(centre + (logit(inside) - centre) * intervals.stretch(choices)))


def _rows(rng: np.random.Generator, rows: Array, like: Array) -> Array:
    """(DRAWS, …) as many rows drawn again, of each class against the rest: of these, and of a few like those judged, so
    that what few rows do not have is not impossible (Agresti and Coull 1998).
    """
    mixed = (one + _MORE * judged / judged.sum() for one, judged in zip(rows, like, strict=True))
    return np.stack([again(rng, one, int(of.sum()), DRAWS) for one, of in zip(mixed, rows, strict=True)], axis=1)
