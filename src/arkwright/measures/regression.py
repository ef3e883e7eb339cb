"""How far a regression's answers lie from the truth, in the unit of the target unless said otherwise."""

import math

import numpy as np

from arkwright.core.promises import Reading
from arkwright.measures import evidence, intervals
from arkwright.measures.evaluation import Array, Evaluation, Undefined
from arkwright.measures.registry import model_measure

_TASKS = ("regression",)
_MEAN = "Willmott and Matsuura 2005; interval Hall 1992"


@model_measure(
    source=_MEAN,
    tasks=_TASKS,
    larger_is_better=False,
    words="the mean error is {limit}, in the target's unit",
)
def mae(evaluation: Evaluation) -> Reading:
    """The mean distance of an answer from the truth."""
    truth, answer = evidence.values(evaluation)
    return _mean(np.abs(answer - truth), smallest=0.0)


@model_measure(
    source=_MEAN,
    tasks=_TASKS,
    larger_is_better=False,
    words="the typical error, large ones counting more, is {limit}, in the target's unit",
)
def rmse(evaluation: Evaluation) -> Reading:
    """The root of the mean squared distance: large mistakes count more. Interval: the root of the mean square's."""
    truth, answer = evidence.values(evaluation)
    found = _mean((answer - truth) ** 2, smallest=0.0)
    assert found.value is not None and found.low is not None and found.high is not None  # noqa: PT018
    return Reading(math.sqrt(found.value), math.sqrt(found.low), math.sqrt(found.high), n=found.n)


@model_measure(
    source=_MEAN,
    tasks=_TASKS,
    larger_is_better=False,
    words="the mean squared error is {limit}, in the target's unit squared",
)
def mse(evaluation: Evaluation) -> Reading:
    """The mean squared distance, in the square of the target's unit."""
    truth, answer = evidence.values(evaluation)
    return _mean((answer - truth) ** 2, smallest=0.0)


@model_measure(
    source=_MEAN,
    tasks=_TASKS,
    larger_is_better=None,
    words="on average, the answer lies above the truth by {limit}, in the target's unit",
)
def bias(evaluation: Evaluation) -> Reading:
    """The mean of answer minus truth: above 0 the model says too much."""
    truth, answer = evidence.values(evaluation)
    return _mean(answer - truth)


@model_measure(
    source="Armstrong 1985; interval Hall 1992",
    tasks=_TASKS,
    larger_is_better=False,
    words="the mean error is {limit:share} of the true value",
)
def mape(evaluation: Evaluation) -> Reading:
    """The mean distance as a share of the truth: 0.1 is ten per cent. Undefined where the truth is 0."""
    truth, answer = evidence.values(evaluation)
    zeros = int((truth == 0).sum())
    if zeros:
        raise Undefined(f"the truth is 0 in {zeros} of {len(truth)} rows, and nothing is a share of 0; use mae")
    return _mean(np.abs((answer - truth) / truth), smallest=0.0)


@model_measure(
    source="Wright 1921; interval by the delta method, Efron 1982",
    tasks=_TASKS,
    words="the answers explain {limit:share} of how the truth varies",
)
def r2(evaluation: Evaluation) -> Reading:
    """The share of the truth's variance that the answers explain: 1 is best, 0 is no better than the mean.

    Interval: normal for the logarithm of the share left over, so that it never passes 1.
    """
    truth, answer = evidence.values(evaluation)
    away = (truth - truth.mean()) ** 2
    if truth.min() == truth.max():
        raise Undefined("the truth is the same in every row, so there is no variance to explain")
    squares = (answer - truth) ** 2
    left, n = float(squares.sum() / away.sum()), len(truth)
    if left == 0:
        return Reading(1.0, 1.0, 1.0, n=n)
    influence = (squares - left * away) / away.sum()
    half = intervals.student(n - 1) * math.sqrt(float(influence @ influence) * n / (n - 1)) / left
    return Reading(1 - left, 1 - left * np.exp(half), 1 - left * np.exp(-half), n=n)


def _mean(rows: Array, smallest: float = -math.inf) -> Reading:
    low, high = intervals.mean(rows)
    return Reading(float(rows.mean()), max(smallest, low), high, n=len(rows))
