"""How well a model does before anybody knows what was right: of a classifier by confidence-based performance estimation
(CBPE), of a regression by direct loss estimation (DLE, `measures.losses`).

On the rows that the release was judged on, each probability came true in some share of cases: that share, made monotone
(isotonic), is what a probability is worth. A window's probabilities then say how many answers to expect right. That
holds while what a probability is worth holds: where other things follow from the same inputs, only labels show it.
"""

from collections.abc import Callable
from functools import partial

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


@endpoint_measure(
    source=(
        "Białek et al. 2024 (arXiv 2407.08649); calibration Zadrozny and Elkan 2002; interval Efron 1979; "
        "of a regression, ridge Hoerl and Kennard 1970; jackknife Shao and Wu 1989"
    ),
    words=(
        "without waiting for labels, it is estimated that {score:said}"
        "[, in the worst-served group of {by}][, of those with {at_least} rows or more]"
    ),
)
def estimated(window: Window, score: Score, by: Column | None = None, at_least: int = 50) -> Reading:
    """Another measure of a model, estimated from its inputs and answers before any label is known.

    Of a classifier whatever its probabilities tell, of a regression `mae`, `mse` and `rmse`. `by`: in the group of this
    column where it is worst, of those with `at_least` rows. Interval: both the rows judged and those of the window
    drawn anew, of a regression their variances added up; of the worst group, widened for the choice among them
    (Bonferroni).
    """
    name, better = score.name, score.larger_is_better
    rows, of = _of_losses(window, name) if name in losses.MEASURES else _of_scores(window, name)
    if by is None:
        return of(ALL, 1)
    groups = [g for g, n in rows.items() if g.startswith(f"{by}=") and n >= at_least]
    if not groups:
        raise Undefined(f"no group of {by} has {at_least} rows")
    found = {group: of(group, len(groups)) for group in groups}
    worst = (min if better else max)(found, key=lambda group: found[group].value or 0.0)
    reading = found[worst]
    return Reading(reading.value, reading.low, reading.high, n=reading.n, note=f"{worst}, of {len(found)} groups")


_Of = Callable[[str, int], Reading]  # of a group, and among how many it is chosen


def _of_losses(window: Window, name: str) -> tuple[dict[str, int], _Of]:
    told = window.losses
    if told is None or not told.rows(ALL):
        raise Undefined(
            "nothing is kept of how its errors depend on its rows: none came, it was released before that was kept (then "
            "run the line again: arkwright run), it was judged on fewer than 40, or it is no regression"
        )
    return {group: told.rows(group) for group in told.sums}, partial(losses.expected, told, name)


def _of_scores(window: Window, name: str) -> tuple[dict[str, int], _Of]:
    judged, scores = window.judged, window.scores
    if name not in MEASURES:
        known = (*MEASURES, *losses.MEASURES)
        raise Invalid(f"{name} cannot be estimated without labels{did_you_mean(name, known)}: {', '.join(known)}")
    if judged is None or scores is None or not scores.n:
        raise Undefined("there are no probabilities, on which an estimate rests")
    return {g: int(c[0].sum()) for g, c in scores.counts.items()}, partial(_of, judged, scores, name)


def worth(judged: tuple[Scores, Scores]) -> Array:
    """(k, b): in what share of cases a probability of each bin came true, made monotone.

    `judged`: the reference's rows in which the class was right, and all of them. A bin without rows is worth as much as
    the one before it.
    """
    right, rows = (scores.counts[ALL].sum(axis=1) for scores in judged)
    return _monotone(right, rows)


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
    share = worth(judged)[:, None, :]
    measure, n = MEASURES[name], int(rows[0].sum())
    value = measure(Expected(rows * share, rows * (1 - share), scores.means))
    drawn = [value]
    rng = np.random.default_rng(n)
    positive, all_ = (one.counts[ALL].sum(axis=1) for one in judged)
    for _ in range(DRAWS):
        came = _monotone(rng.binomial(all_, positive / np.maximum(all_, 1)), all_)[:, None, :]
        now = _rows(rng, rows)
        right = rng.binomial(now, np.broadcast_to(came, now.shape))
        try:
            drawn.append(measure(Expected(right, now - right, scores.means)))
        except Undefined:
            continue
    edge = 0.025 / choices
    low, high = np.quantile(drawn, [edge, 1 - edge])
    return Reading(value, min(float(low), value), max(float(high), value), n=n, note="estimated without labels")


def _rows(rng: np.random.Generator, rows: Array) -> Array:
    """As many rows drawn again, of each class against the rest."""
    return np.stack([
        rng.multinomial(int(one.sum()), (one / one.sum()).ravel()).reshape(one.shape) for one in rows
    ])  # fmt: skip
