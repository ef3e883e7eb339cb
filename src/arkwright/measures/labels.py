"""What a classification gets right, counted: from the class answered, or from the score and a threshold."""

import math
from collections.abc import Callable

import numpy as np

from arkwright.core.errors import Invalid
from arkwright.core.promises import Reading
from arkwright.measures import curves, evidence, intervals, tally
from arkwright.measures.evaluation import Array, Evaluation, Undefined
from arkwright.measures.registry import model_measure
from arkwright.measures.tally import Part, Tally

_TASKS = ("classification",)
_RIJSBERGEN = "van Rijsbergen 1979; interval Wilson 1927"
# thresholds that a bootstrap draw chooses among: a thousandth of the rows apart, far below an interval's width; the
# value itself is found among all
_FINEST = 1024


@model_measure(
    source="ISO/IEC TS 4213:2022, 6.2; interval Wilson 1927",
    tasks=_TASKS,
    counted=True,
    words="{limit:share} of all answers are right",
)
def accuracy(evaluation: Evaluation | Part) -> Reading:
    """The share of the rows whose class is answered right."""
    found = tally.of(evaluation)
    return _share(int(found.right.sum()), len(found), len(found))


@model_measure(
    source="ISO/IEC TS 4213:2022; interval Wilson 1927",
    tasks=_TASKS,
    words="in {limit:share} of all cases the right answer ranks {k} or better by likelihood",
)
def top_k_accuracy(evaluation: Evaluation, k: int) -> Reading:
    """The share of the rows whose class is among the `k` with the highest scores; a tie for the last place misses."""
    if k < 1:
        raise Invalid(f"top_k_accuracy(k={k}): k is a number of classes, at least 1")
    truth, score = evidence.scores(evaluation)
    if score.ndim == 1:
        score = np.stack([1 - score, score], axis=1)
    rows = np.flatnonzero(truth < score.shape[1])
    own = score[rows, truth[rows]]
    not_worse = (score[rows] >= own[:, None]).sum(axis=1)
    return _share(int((not_worse <= k).sum()), len(truth), len(truth))


@model_measure(
    source="ISO/IEC TR 24027:2021; interval Wilson 1927",
    tasks=_TASKS,
    counted=True,
    of_answers=True,
    larger_is_better=None,
    words=("{limit:share} of all cases are answered with yes[, where a score of {threshold} or more is a yes]"),
)
def positive_rate(evaluation: Evaluation | Part, threshold: float | None = None) -> Reading:
    """The share of the rows answered with class 1, or with a score of at least `threshold`."""
    found = tally.of(evaluation, threshold)
    if found.k > 2:
        raise Undefined(f"positive_rate needs a model of two classes; this one has {found.k}")
    return _share(int(found.answered[1:].sum()), len(found), len(found))


@model_measure(
    source=_RIJSBERGEN + "; at_precision: bootstrap, Efron 1979",
    tasks=_TASKS,
    counted=True,
    words=(
        "of all real cases, {limit:share} are found"
        "[, while at least {at_precision:share} of what is reported is real]"
        "[, where a score of {threshold} or more is reported]"
    ),
)
def recall(evaluation: Evaluation | Part, at_precision: float | None = None, threshold: float | None = None) -> Reading:
    """The share of the positive rows that are found; of more than two classes the mean over the classes.

    `threshold`: a row is found when its score reaches it. `at_precision`: at the threshold that finds most while this
    share of the rows found is right; its interval chooses the threshold anew in each draw.
    """
    _one_of("recall", threshold, at_precision=at_precision)
    if at_precision is not None:
        return _on_curve(tally.rows(evaluation), at_precision, best=curves.best_recall, reach="precision")
    found = tally.of(evaluation, threshold)
    return _macro(found, found.true, _judged(found), "the truth never is class {}")


@model_measure(
    source=_RIJSBERGEN + "; at_recall: bootstrap, Efron 1979",
    tasks=_TASKS,
    counted=True,
    words=(
        "of all reported cases, {limit:share} are real"
        "[, while at least {at_recall:share} of all real cases are found]"
        "[, where a score of {threshold} or more is reported]"
    ),
)
def precision(evaluation: Evaluation | Part, at_recall: float | None = None, threshold: float | None = None) -> Reading:
    """The share of the rows answered positive that are; of more than two classes the mean over the classes.

    `threshold`: a row is answered positive when its score reaches it. `at_recall`: at the threshold that is right most
    often while this share of the positive rows is found; its interval chooses the threshold anew in each draw.
    """
    _one_of("precision", threshold, at_recall=at_recall)
    if at_recall is not None:
        return _on_curve(tally.rows(evaluation), at_recall, best=curves.best_precision, reach="recall")
    found = tally.of(evaluation, threshold)
    classes = _judged(found)
    return _macro(found, found.answered, classes[classes < found.k], "class {} is never answered")


@model_measure(
    source="Yerushalmy 1947; interval Wilson 1927",
    tasks=_TASKS,
    counted=True,
    words=(
        "of all cases that are not real, {limit:share} are left alone"
        "[, where a score of {threshold} or more is reported]"
    ),
)
def specificity(evaluation: Evaluation | Part, threshold: float | None = None) -> Reading:
    """The share of the negative rows that are left alone, of a model of two classes."""
    found = tally.of(evaluation, threshold)
    if found.k > 2:
        raise Undefined(f"specificity needs a model of two classes; this one has {found.k}")
    if not found.true[0]:
        raise Undefined("every row is positive")
    return _share(int(found.right[0]), int(found.true[0]), len(found))


@model_measure(
    source="Brodersen et al. 2010; interval Newcombe 1998",
    tasks=_TASKS,
    counted=True,
    words=(
        "counting every class alike, {limit:share} of the answers are right"
        "[, where a score of {threshold} or more is a yes]"
    ),
)
def balanced_accuracy(evaluation: Evaluation | Part, threshold: float | None = None) -> Reading:
    """The mean over the classes in the truth of the share answered right."""
    found = tally.of(evaluation, threshold)
    classes = np.flatnonzero(found.true)
    if len(classes) < 2:
        one = f"class {classes[0]}" if classes[0] < found.k else "a class that the model does not have"
        raise Undefined(f"every row is of {one}")
    value, (low, high) = intervals.macro(_parts(found, found.true, classes))
    return Reading(value, low, high, n=len(found))


@model_measure(
    source="van Rijsbergen 1979; interval Wilson 1927 on the Jaccard index, several classes: bootstrap",
    tasks=_TASKS,
    counted=True,
    words=(
        "the balance between finding real cases and being right about them (F1, 1 is best) is {limit}"
        "[, where a score of {threshold} or more is reported]"
    ),
)
def f1(evaluation: Evaluation | Part, threshold: float | None = None) -> Reading:
    """The harmonic mean of precision and recall; of more than two classes the mean over the classes.

    F1 is 2 J / (1 + J), J the share of right rows among those that are positive or answered so: a share's interval.
    """
    found = tally.of(evaluation, threshold)
    if found.k == 2:
        right = int(found.right[1])
        either = int(found.true[1] + found.answered[1]) - right
        if not either:
            raise Undefined("no row is positive, and none is answered so")
        low, high = (2 * j / (1 + j) for j in intervals.wilson(right, either))
        return Reading(2 * right / (either + right), low, high, n=len(found))
    value = float(_macro_f1(found, found.counts[None, :])[0])
    draws = np.concatenate([_macro_f1(found, block) for block in intervals.recounts(found.counts, evaluation.rng)])
    low, high = intervals.percentiles(draws, value, len(found))
    return Reading(value, low, high, n=len(found))


def _macro_f1(found: Tally, counts: Array) -> Array:
    """(draws,) macro F1 of (draws, c) counts of its cells; a class not drawn is left out."""
    classes = _judged(found)
    of_truth, of_label = found.truth[:, None] == classes, found.label[:, None] == classes
    both = counts @ (of_truth & of_label)
    marginal = counts @ of_truth + counts @ of_label
    return np.asarray(np.nanmean(np.where(marginal > 0, 2 * both / np.maximum(marginal, 1), np.nan), axis=1))


def _judged(found: Tally) -> Array:
    """The classes judged: the positive one of two, or all that occur, with what the model has no class for as one."""
    return np.array([1]) if found.k == 2 else np.flatnonzero(found.true + found.answered)


def _parts(found: Tally, of: Array, classes: Array) -> list[tuple[int, int]]:
    """Of each class, the rows that are right and all those `of` it."""
    return list(zip(found.right[classes].tolist(), of[classes].tolist(), strict=True))


def _macro(found: Tally, of: Array, classes: Array, empty: str) -> Reading:
    parts = _parts(found, of, classes)
    for c, (_, count) in zip(classes, parts, strict=True):
        if not count:
            raise Undefined(empty.format(c))
    if len(parts) == 1:
        return _share(*parts[0], len(found))
    value, (low, high) = intervals.macro(parts)
    return Reading(value, low, high, n=len(found))


def _share(right: int, of: int, rows: int) -> Reading:
    low, high = intervals.wilson(right, of)
    return Reading(right / of, low, high, n=rows)


def _one_of(measure: str, threshold: float | None, **given: float | None) -> None:
    ((word, wanted),) = given.items()
    if wanted is not None and threshold is not None:
        raise Invalid(f"{measure} takes {word} or threshold, not both")
    if wanted is not None and not 0 < wanted <= 1:
        raise Invalid(f"{measure}({word}={wanted:g}): {word} is a share above 0 and at most 1, such as 0.5")
    if threshold is not None and not math.isfinite(threshold):
        raise Invalid(f"{measure}(threshold={threshold:g}): a threshold is a finite number")


def _on_curve(evaluation: Evaluation, wanted: float, *, best: Callable[[Array, float], Array], reach: str) -> Reading:
    truth, score = evidence.binary_scores(evaluation)
    positive = truth == 1
    if not positive.any():
        raise Undefined("no row is positive")
    at = curves.steps(positive, score)
    value = float(best(np.stack([at.positives, at.negatives]), wanted))
    counts = curves.coarser(at, _FINEST)
    used = np.flatnonzero(counts)
    draws = []
    for block in intervals.recounts(counts.ravel()[used], evaluation.rng):
        full = np.zeros((len(block), counts.size), np.int64)
        full[:, used] = block
        draws.append(best(full.reshape(-1, *counts.shape), wanted))
    low, high = intervals.percentiles(np.concatenate(draws), value, int(positive.sum()))
    note = "" if value else f"no threshold reaches a {reach} of {wanted:g}"
    return Reading(value, low, high, n=len(positive), note=note)
