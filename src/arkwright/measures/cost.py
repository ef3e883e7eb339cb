"""What the served model costs, and whether it still answers as the model that was trained."""

import math

import numpy as np

from arkwright.core.errors import Invalid
from arkwright.core.promises import Reading
from arkwright.measures import evidence, intervals, latencies
from arkwright.measures.evaluation import Array, Evaluation, Undefined
from arkwright.measures.registry import model_measure

_ISO = "ISO/IEC 25010:2023, "
_TRAINED = "it compares with the model as it was trained, which does not answer there"


@model_measure(
    source=_ISO + "functional correctness; interval Wilson 1927",
    words=("{limit:share} of the answers are those of the model as it was trained[, give or take {tolerance}]"),
    not_on_traffic=_TRAINED,
)
def agreement(evaluation: Evaluation, tolerance: float = 1e-4) -> Reading:
    """The share of the rows that the served model answers as the trained one does.

    A classification must answer the same class. A regression must come within `tolerance` of the trained answer,
    relative to that answer or, where it is near 0, to the mean size of the trained answers.
    """
    if not 0 <= tolerance < 1:
        raise Invalid(f"agreement(tolerance={tolerance:g}): tolerance is a share from 0 to below 1, such as 1e-4")
    original = _original(evaluation)
    if evaluation.task == "regression":
        _, served = evidence.values(evaluation, at_least=1)
        _, trained = evidence.values(original, at_least=1)
        size = np.maximum(np.abs(trained), np.abs(trained).mean())
        same = np.abs(served - trained) <= tolerance * size
    else:
        _, served, _ = evidence.answers(evaluation)
        _, trained, _ = evidence.answers(original)
        same = served == trained
    agreed, n = int(same.sum()), len(same)
    low, high = intervals.wilson(agreed, n)
    return Reading(agreed / n, low, high, n=n)


@model_measure(
    source=_ISO + "functional correctness",
    larger_is_better=False,
    words="the largest distance from the answers of the model as it was trained is {limit}",
    not_on_traffic=_TRAINED,
)
def max_difference(evaluation: Evaluation) -> Reading:
    """The largest distance between a score (a regression: an answer) of the served model and of the trained one.

    It describes these rows, so it has no interval.
    """
    original = _original(evaluation)
    if evaluation.task == "regression":
        (_, served), (_, trained) = evidence.values(evaluation, at_least=1), evidence.values(original, at_least=1)
    else:
        (_, served), (_, trained) = evidence.scores(evaluation), evidence.scores(original)
    if served.shape != trained.shape:
        raise Undefined(
            f"the served model scores {served.shape}, the trained one {trained.shape}: not the same classes"
        )
    apart = np.abs(served.astype(np.float64) - trained.astype(np.float64))
    return Reading(float(apart.max()), n=len(served))


@model_measure(
    source=_ISO + "time behaviour; interval David and Nagaraja 2003, 7.1",
    larger_is_better=False,
    timed=True,
    words="half of all requests for one row take {limit:millisecond}",
)
def latency_p50_ms(evaluation: Evaluation) -> Reading:
    """The milliseconds within which half of the one-row calls are answered: the median of the rounds.

    A call that another program interrupted is taken again. Interval: of the median by order statistics, so that a
    busy moment of the machine does not decide. On traffic: of the requests that were logged, by their ranks, each to
    within 1 %.
    """
    return _latency(evaluation, 0.5)


@model_measure(
    source=_ISO + "time behaviour; interval David and Nagaraja 2003, 7.1",
    larger_is_better=False,
    timed=True,
    words="99 of 100 requests for one row take {limit:millisecond}",
)
def latency_p99_ms(evaluation: Evaluation) -> Reading:
    """The milliseconds within which 99 of 100 one-row calls are answered: the median of the rounds.

    A call that another program interrupted is taken again. Interval: of the median by order statistics, so that a
    busy moment of the machine does not decide. On traffic: of the requests that were logged, by their ranks, each to
    within 1 %.
    """
    return _latency(evaluation, 0.99)


@model_measure(
    source=_ISO + "resource utilization",
    larger_is_better=False,
    words="the model's files take {limit:megabyte}",
    not_on_traffic="it is of the release's files, which no traffic changes",
)
def size_mb(evaluation: Evaluation) -> Reading:
    """The size of the model's files in megabytes of 1,000,000 bytes."""
    if evaluation.size_bytes is None:
        raise Undefined("the size of the model was not taken")
    return Reading(evaluation.size_bytes / 1e6)


def _latency(evaluation: Evaluation, q: float) -> Reading:
    if evaluation.took is not None and evaluation.took.any():
        return _of_requests(evaluation.took, q)
    if evaluation.latencies_ms is None or np.size(evaluation.latencies_ms) == 0:
        raise Undefined("no calls were timed")
    taken = np.atleast_2d(np.asarray(evaluation.latencies_ms, np.float64))
    if not (np.isfinite(taken).all() and (taken >= 0).all()):
        raise Undefined("some of the times are negative or no numbers")
    rounds = np.sort(np.quantile(taken, q, axis=1))
    low, high = intervals.median_ranks(len(rounds))
    note = f"{taken.shape[0]} rounds of {taken.shape[1]} calls"
    return Reading(float(np.median(rounds)), float(rounds[low]), float(rounds[high]), note=note)


def _of_requests(took: Array, q: float) -> Reading:
    """That were answered: between those whose ranks the quantile lies among, as far apart as they may be."""
    n = int(took.sum())
    half = intervals.Z * math.sqrt(n * q * (1 - q))
    low, high = math.floor(n * q - half) - 1, math.ceil(n * q + half)
    if low < 0 or high >= n:
        raise Undefined(f"{n:,} calls are too few to tell what {q:.0%} of them take")
    note = f"{n:,} calls, each to within {latencies.WITHIN:.0%}"
    return Reading(latencies.quantile(took, q), *latencies.between(took, low, high), n=n, note=note)


def _original(evaluation: Evaluation) -> Evaluation:
    if evaluation.original is None:
        raise Undefined("there is no trained model to compare with")
    return evaluation.original
