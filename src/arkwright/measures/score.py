"""How well a classification's scores rank the rows, and how well they speak as probabilities.

With more than two classes each class stands against the rest and the mean over the classes is taken (macro).
"""

import math

import numpy as np

from arkwright.core.promises import Reading
from arkwright.measures import curves, evidence, intervals
from arkwright.measures.evaluation import Array, Evaluation, Undefined
from arkwright.measures.labels import (
    accuracy,
    balanced_accuracy,
    f1,
    positive_rate,
    precision,
    recall,
    specificity,
    top_k_accuracy,
)
from arkwright.measures.registry import model_measure

__all__ = [
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "brier",
    "calibration_error",
    "f1",
    "log_loss",
    "positive_rate",
    "precision",
    "recall",
    "roc_auc",
    "specificity",
    "top_k_accuracy",
]

_TASKS = ("classification",)
_BINS = 15


@model_measure(
    source="DeLong, DeLong and Clarke-Pearson 1988; Sun and Xu 2014",
    tasks=_TASKS,
    of_known=True,
    words="a real case gets a higher score than another in {limit:share} of all pairs",
)
def roc_auc(evaluation: Evaluation) -> Reading:
    """The chance that a positive row gets a higher score than a negative one, a tie counting half.

    Interval: DeLong's variance, on the logit scale (Qin and Hotilovac 2008).
    """
    pairs = evidence.per_class(*evidence.scores(evaluation))
    for positive, _ in pairs:
        if int(positive.sum()) in (1, len(positive) - 1):
            raise Undefined("one class has a single row, which gives no interval")
    return _ranking([curves.roc_area(*pair) for pair in pairs], pairs)


@model_measure(
    source="Boyd, Eng and Page 2013; variance Efron 1982",
    tasks=_TASKS,
    of_known=True,
    words="down the list by score, {limit:share} of what is reported is real on average",
)
def average_precision(evaluation: Evaluation) -> Reading:
    """The mean, over the positive rows, of the precision at their score: the area under precision and recall.

    Interval: the infinitesimal jackknife's variance, on the logit scale.
    """
    pairs = evidence.per_class(*evidence.scores(evaluation))
    return _ranking([curves.average_precision(*pair) for pair in pairs], pairs)


@model_measure(
    source="Brier 1950; interval Hall 1992",
    tasks=_TASKS,
    of_known=True,
    larger_is_better=False,
    words="the mean squared error of the probabilities (0 is best) is {limit}",
)
def brier(evaluation: Evaluation) -> Reading:
    """The mean squared distance of the probabilities from what happened: 0 is best.

    Two classes: of the positive class alone, 0 to 1. More: summed over the classes, 0 to 2, as Brier wrote it.
    """
    truth, score = evidence.probabilities(evaluation)
    if score.ndim == 1:
        return _mean_loss((score.astype(np.float64) - truth) ** 2, largest=1)
    happened = np.arange(score.shape[1]) == truth[:, None]
    return _mean_loss(((score.astype(np.float64) - happened) ** 2).sum(axis=1), largest=2)


@model_measure(
    source="Good 1952; interval Hall 1992",
    tasks=_TASKS,
    of_known=True,
    larger_is_better=False,
    words="the mean surprise about what really happened (log loss, 0 is best) is {limit}",
)
def log_loss(evaluation: Evaluation) -> Reading:
    """The mean of -ln of the probability given to what happened: 0 is best.

    A probability of 0 counts as the smallest step of its number type (2.2e-16; float32: 1.2e-7), so one certain
    mistake is dear and not infinite.
    """
    truth, score = evidence.probabilities(evaluation)
    step = float(np.finfo(score.dtype).eps)
    given = np.where(truth == 1, score, 1 - score) if score.ndim == 1 else score[np.arange(len(truth)), truth]
    loss = -np.log(np.clip(given.astype(np.float64), step, 1 - step))
    return _mean_loss(loss)


@model_measure(
    source="Naeini, Cooper and Hauskrecht 2015; Guo et al. 2017",
    tasks=_TASKS,
    of_known=True,
    larger_is_better=False,
    words="what the probabilities say and what really happens differ by {limit:points} on average",
)
def calibration_error(evaluation: Evaluation) -> Reading:
    """The distance between what the scores say and what happens, in 15 equally wide bins, weighted by their rows (ECE).

    Two classes: the score of class 1 against the share of class 1. More: the highest score against the share right.
    By chance alone the estimate is too large, at most by as much as if every bin were right. The interval's low end
    takes that off as well, so it is cautious: noise of the bins (normal), squared and added.
    """
    truth, score = evidence.probabilities(evaluation)
    if score.ndim == 1:
        said, came = score.astype(np.float64), (truth == 1).astype(np.float64)
    else:
        said, came = score.max(axis=1).astype(np.float64), (score.argmax(axis=1) == truth).astype(np.float64)
    n, residual = len(said), said - came
    bins = np.searchsorted(np.linspace(0, 1, _BINS + 1)[1:-1], said)
    gaps = np.bincount(bins, residual, _BINS) / n
    value = float(np.abs(gaps).sum())
    if not residual.any():
        low, high = intervals.wilson(0, n)
    else:
        rows = np.bincount(bins, minlength=_BINS)
        around = gaps * n / np.maximum(rows, 1) * (rows > 1)  # a row alone in its bin shows no spread: around 0
        squares = np.bincount(bins, (residual - around[bins]) ** 2, _BINS)
        spread = squares * rows / np.maximum(rows - 1, 1) / n**2
        noise = intervals.Z * math.sqrt(float(spread.sum()))
        by_chance = math.sqrt(2 / math.pi) * float(np.sqrt(spread).sum())
        low, high = max(0.0, value - noise - by_chance), min(1.0, value + noise)
    return Reading(value, low, high, n=n)


def _ranking(parts: list[tuple[float, Array]], pairs: list[tuple[Array, Array]]) -> Reading:
    """The mean over the classes; its variance is the sum of the squared mean influences."""
    rows = len(pairs[0][0])
    value = float(np.mean([area for area, _ in parts]))
    influence = np.sum([moved for _, moved in parts], axis=0) / len(parts)
    fewest = min(min(int(positive.sum()), rows - int(positive.sum())) for positive, _ in pairs)
    low, high = intervals.on_logit(value, math.sqrt(float(influence @ influence)), fewest)
    return Reading(value, low, high, n=rows)


def _mean_loss(losses: Array, largest: float | None = None) -> Reading:
    if len(losses) < 2:
        raise Undefined("one row gives no interval")
    if largest is None:
        low, high = intervals.mean(losses)
        low = max(0.0, low)
    else:
        low, high = (limit * largest for limit in intervals.mean_of_shares(losses / largest))
    return Reading(float(losses.mean()), low, high, n=len(losses))
