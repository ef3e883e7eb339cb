"""Whether the held-out rows could tell the truth: what the model must not have seen, and what it must not be told."""

import math

import numpy as np

from arkwright.core.promises import Reading
from arkwright.measures import curves, evidence, intervals
from arkwright.measures.evaluation import Array, Evaluation, Undefined
from arkwright.measures.registry import model_measure

_SPLIT = "it judges the rows that were learnt from and held out"


@model_measure(
    source="Kapoor and Narayanan 2023, leakage type L1.4",
    larger_is_better=False,
    words="{limit:share} of the rows to test on were also trained on",
    not_on_traffic=_SPLIT,
)
def split_duplicates(evaluation: Evaluation) -> Reading:
    """The share of the held-out rows whose inputs also occur among the rows trained on.

    All rows are compared, so it has no interval. Above 0.01 a score is flattered: ask how the rows were split.
    """
    if evaluation.test_rows is None or evaluation.train_rows is None:
        raise Undefined("the digests of the rows were not taken")
    if len(evaluation.test_rows) == 0:
        raise Undefined("there are no rows")
    seen = np.isin(evaluation.test_rows, evaluation.train_rows)
    return Reading(float(seen.mean()), n=len(seen))


@model_measure(
    source="Kapoor and Narayanan 2023, leakage type L2; Kaufman et al. 2012",
    larger_is_better=False,
    words=("the single most telling input tells the target with a strength of {limit}, where 1 gives it away"),
    not_on_traffic=_SPLIT,
)
def target_leakage(evaluation: Evaluation) -> Reading:
    """How well the single most telling numeric input tells the target, 0.5 to 1 (a regression: 0 to 1).

    A classification: the area under its ROC curve, or 1 minus it (more than two classes: of the class it tells best).
    A regression: Spearman's rank correlation without its sign. A missing value counts as the smallest or the largest,
    whichever tells more. Above 0.95 a column all but gives the answer away: ask whether it is known in time.
    """
    found = [_association(evaluation, name, column) for name, column in sorted(evaluation.inputs.items())]
    told = [one for one in found if one is not None]
    if not told:
        raise Undefined("there is no numeric input that varies")
    value, low, _, name = max(told, key=lambda one: one[0])
    high = max(one[2] for one in told)
    return Reading(value, low, high, n=len(evaluation.truth), note=f"the column {name}")


def _association(evaluation: Evaluation, name: str, column: Array) -> tuple[float, float, float, str] | None:
    """(value, low, high, name) of one column, or None where it does not vary."""
    given = np.asarray(column, np.float64)
    lost = np.isnan(given)
    ways = [np.where(lost, -np.inf, given), np.where(lost, np.inf, given)] if lost.any() else [given]
    ways = [way for way in ways if len(way) and way.min() < way.max()]
    if not ways:
        return None
    measure = _spearman if evaluation.task == "regression" else _separation
    return (*max(measure(evaluation, way) for way in ways), name)


def _separation(evaluation: Evaluation, column: Array) -> tuple[float, float, float]:
    truth, _, k = evidence.answers(evaluation)
    positives = [truth == 1] if k == 2 else [truth == c for c in np.unique(truth)]
    best = (0.0, 0.0, 0.0)
    for positive in positives:
        evidence.both_sides(positive)
        fewest = min(int(positive.sum()), int((~positive).sum()))
        if fewest < 2:
            continue
        area, influence = curves.roc_area(positive, column)
        area = max(area, 1 - area)
        best = max(best, (area, *intervals.on_logit(area, math.sqrt(float(influence @ influence)), fewest)))
    if best[0] == 0:
        raise Undefined("no class has two rows")
    return best


def _spearman(evaluation: Evaluation, column: Array) -> tuple[float, float, float]:
    """|rho| with midranks; interval of Fieller and Pearson 1961 on Fisher's scale."""
    truth, _ = evidence.values(evaluation, at_least=4)
    if truth.min() == truth.max():
        raise Undefined("the truth is the same in every row")
    ranks = [curves.midranks(one) - (len(truth) + 1) / 2 for one in (column, truth)]
    rho = abs(float(ranks[0] @ ranks[1]) / math.sqrt(float(ranks[0] @ ranks[0]) * float(ranks[1] @ ranks[1])))
    if rho >= 1 - 1e-15:
        return 1.0, 1.0, 1.0
    half = intervals.Z * math.sqrt(1.06 / (len(truth) - 3))
    return rho, max(0.0, math.tanh(math.atanh(rho) - half)), math.tanh(math.atanh(rho) + half)
