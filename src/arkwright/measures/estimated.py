"""How well a model does before anybody knows what was right: of a classifier by confidence-based performance estimation
(CBPE), of a regression by direct loss estimation (DLE, in `measures.losses`).

On the rows that the release was judged on, each probability came true in some share of cases: that share, made monotone
(isotonic), is what a probability is worth. A window's probabilities then say how many answers to expect right. That
holds while what a probability is worth holds: where other things follow from the same inputs, only labels show it.
"""

from dataclasses import replace

import numpy as np

from arkwright.core.errors import Invalid, did_you_mean
from arkwright.core.promises import Reading
from arkwright.measures import losses
from arkwright.measures.divergence import scipy
from arkwright.measures.evaluation import Array, Undefined
from arkwright.measures.expected import MEASURES, Expected
from arkwright.measures.registry import Column, Score, endpoint_measure
from arkwright.measures.scores import ALL, Scores
from arkwright.measures.window import Window

DRAWS = 200
_UNBOUNDED = ("log_loss", "brier")  # of several classes, brier too
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
    drawn anew, 200 times, of a regression their variances added up; of the worst group, widened for the choice among
    them (Bonferroni).
    """
    name, better = score.name, score.larger_is_better
    if name in losses.MEASURES:
        return losses.worst(window.losses, name, by, at_least) if by else losses.whole(window.losses, name)
    if name not in MEASURES:
        known = (*MEASURES, *losses.MEASURES)
        raise Invalid(f"{name} cannot be estimated without labels{did_you_mean(name, known)}: {', '.join(known)}")
    if window.judged is None or window.scores is None or not window.scores.n:
        raise Undefined("there are no probabilities, on which an estimate rests")
    if by is None:
        return _of(window.judged, window.scores, name, ALL, 1)
    groups = [g for g, c in window.scores.counts.items() if g.startswith(f"{by}=") and c[0].sum() >= at_least]
    if not groups:
        raise Undefined(f"no group of {by} has {at_least} rows")
    found, left_out = _in_groups(window.judged, window.scores, name, groups)
    if not found:
        raise Undefined(f"{name} is undefined in every group of {by}: {left_out[0]}")
    worst = (min if better else max)(found, key=found.__getitem__)
    reading = _of(window.judged, window.scores, name, worst, len(found))
    note = "; ".join([f"{worst}, of {len(found)} groups", *left_out])
    return replace(reading, note=note if len(note) <= _LONGEST_NOTE else note[:_LONGEST_NOTE] + " …")


def _in_groups(
    judged: tuple[Scores, Scores], scores: Scores, name: str, groups: list[str]
) -> tuple[dict[str, float], list[str]]:
    """(the value in each group, a sentence for each group in which there is none)"""
    share, found, left_out = worth(judged)[:, None, :], {}, []
    for group in groups:
        try:
            found[group] = _value(name, scores, group, share)
        except Undefined as why:
            left_out.append(f"{group} left out: {why}")
    return found, left_out


def _value(name: str, scores: Scores, group: str, share: Array) -> float:
    rows = scores.counts[group].astype(np.float64)
    return MEASURES[name](Expected(rows * share, rows * (1 - share), scores.means))


def worth(judged: tuple[Scores, Scores]) -> Array:
    """(k, b): in what share of cases a probability of each bin came true, made monotone.

    `judged`: the reference's rows in which the class was right, and all of them. A bin without rows is worth as much as
    the one before it.
    """
    right, rows = (scores.counts[ALL].sum(axis=1) for scores in judged)
    return _monotone(right, rows)


def drawn_worth(judged: tuple[Scores, Scores], rng: np.random.Generator) -> Array:
    """The same where the rows that were judged are drawn again."""
    right, all_ = (one.counts[ALL].sum(axis=1) for one in judged)
    drawn = np.stack([_again(rng, np.stack(pair)) for pair in zip(right, all_ - right, strict=True)], axis=1)
    return _monotone(drawn[0], drawn.sum(axis=0))


def _monotone(right: Array, rows: Array) -> Array:
    made = np.empty(rows.shape)
    for number, (positive, all_) in enumerate(zip(right, rows, strict=True)):
        there = np.flatnonzero(all_)
        fitted = (
            scipy("optimize")
            .isotonic_regression(positive[there] / all_[there], weights=all_[there].astype(np.float64))
            .x
        )
        made[number] = fitted[np.clip(np.searchsorted(there, np.arange(len(all_)), "right") - 1, 0, len(there) - 1)]
    return made


def _of(judged: tuple[Scores, Scores], scores: Scores, name: str, group: str, choices: int) -> Reading:
    rows = scores.counts[group].astype(np.float64)
    measure, n = MEASURES[name], int(rows[0].sum())
    value = _value(name, scores, group, worth(judged)[:, None, :])
    drawn = [value]
    rng = np.random.default_rng(n)
    for _ in range(DRAWS):
        came = drawn_worth(judged, rng)[:, None, :]
        now = _rows(rng, rows)
        right = rng.binomial(now, np.broadcast_to(came, now.shape))
        try:
            drawn.append(measure(Expected(right, now - right, scores.means)))
        except Undefined:
            continue
    edge = 0.025 / choices
    twice = 2 * (float(np.mean(drawn)) - value)  # few rows that were judged say of themselves what is too good
    low, high = np.clip(np.quantile(drawn, [edge, 1 - edge]) - twice, 0, np.inf if name in _UNBOUNDED else 1)
    return Reading(value, min(float(low), value), max(float(high), value), n=n, note="estimated without labels")


def _rows(rng: np.random.Generator, rows: Array) -> Array:
    """As many rows drawn again, of each class against the rest."""
    return np.stack([_again(rng, one) for one in rows])


def _again(rng: np.random.Generator, counts: Array) -> Array:
    return rng.multinomial(int(counts.sum()), (counts / counts.sum()).ravel()).reshape(counts.shape)
