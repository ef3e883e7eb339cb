"""What a measure needs of an evaluation, checked. Where it cannot be had, Undefined says what is missing."""

from typing import Any

import numpy as np

from arkwright.measures.evaluation import STRANGE, Array, Evaluation, Undefined


def answers(evaluation: Evaluation, threshold: float | None = None) -> tuple[Array, Array, int]:
    """(truth, label, k): (n,) class codes twice, and the number of classes. In the truth k is what is none of them.

    With a `threshold`, the label is 1 where the score of a two-class model reaches it.
    """
    if threshold is not None:
        truth, score = binary_scores(evaluation)
        return truth, (score >= threshold).astype(np.int64), 2
    truth, label = _codes(evaluation.truth, "truth", STRANGE), _codes(evaluation.label, "answers")
    k = _classes(evaluation, int(max(truth.max(), label.max())) + 1)
    _in_range(truth, label, k)
    return _placed(truth, k), label, k


def scores(evaluation: Evaluation) -> tuple[Array, Array]:
    """(truth, score): (n,) class codes; (n,) score of class 1, or (n, k) of every class when there are more than two.
    In the truth k is what is none of them.

    A float32 score stays float32. Raises Undefined for a score that is missing or no number.
    """
    truth = _codes(evaluation.truth, "truth", STRANGE)
    if evaluation.score is None:
        raise Undefined("the model gives no score")
    score = np.asarray(evaluation.score)
    if score.ndim not in (1, 2) or score.dtype.kind not in "biuf":
        raise Undefined("the scores are not one number for each row, or one for each class")
    score = score if score.dtype.kind == "f" else score.astype(np.float64)
    bad = int(np.count_nonzero(~np.isfinite(score)))
    if bad:
        raise Undefined(f"{bad} of {score.size} scores are not finite numbers")
    k = _classes(evaluation, 2)
    _in_range(truth, truth, k)
    return _placed(truth, k), score[:, 1] if score.ndim == 2 and k == 2 else score


def binary_scores(evaluation: Evaluation) -> tuple[Array, Array]:
    """(truth, score): (n,) class codes and (n,) float64 of a two-class model."""
    truth, score = scores(evaluation)
    if score.ndim == 2:
        raise Undefined(f"a threshold needs a model of two classes; this one has {score.shape[1]}")
    return truth, score.astype(np.float64, copy=False)


def probabilities(evaluation: Evaluation) -> tuple[Array, Array]:
    """As `scores`, but every score lies in 0 … 1 and the scores of a row add up to 1."""
    truth, score = scores(evaluation)
    if score.min() < 0 or score.max() > 1:
        raise Undefined("the scores are no probabilities: some lie outside 0 to 1")
    if score.ndim == 2 and np.abs(score.sum(axis=1, dtype=np.float64) - 1).max() > 1e-3:
        raise Undefined("the scores are no probabilities: those of a row do not add up to 1")
    return truth, score


def per_class(truth: Array, score: Array) -> list[tuple[Array, Array]]:
    """One (positive, score) for a two-class model, else one for each class against the rest.

    Raises Undefined where a class, or everything but it, does not occur.
    """
    several = score.ndim == 2
    pairs = [(truth == c, score[:, c]) for c in range(score.shape[1])] if several else [(truth == 1, score)]
    for c, (positive, _) in enumerate(pairs):
        both_sides(positive, f"of class {c}" if several else "positive")
    return [(positive, column.astype(np.float64, copy=False)) for positive, column in pairs]


def both_sides(positive: Array, what: str = "positive") -> None:
    """Raise Undefined unless some rows are positive and some are not."""
    count = int(np.count_nonzero(positive))
    if count in (0, len(positive)):
        raise Undefined(f"{'no row is' if count == 0 else 'every row is'} {what}")


def values(evaluation: Evaluation, at_least: int = 2) -> tuple[Array, Array]:
    """(truth, answer): (n,) float64 twice. Raises Undefined with fewer than `at_least` rows: no interval."""
    truth, answer = _numbers(evaluation.truth, "truth"), _numbers(evaluation.label, "answers")
    if len(truth) < at_least:
        raise Undefined(f"there are fewer than {at_least} rows, which give no interval")
    return truth, answer


def _numbers(given: Any, what: str) -> Array:
    found = np.asarray(given)
    if found.size == 0:
        raise Undefined("there are no rows")
    if found.ndim != 1 or found.dtype.kind not in "biuf":
        raise Undefined(f"the {what} are not one number for each row")
    bad = int(np.count_nonzero(~np.isfinite(found)))
    if bad:
        raise Undefined(f"{bad} of {len(found)} {what} are not finite numbers")
    return found.astype(np.float64, copy=False)


def _codes(given: Any, what: str, least: int = 0) -> Array:
    found = np.asarray(given)
    if found.dtype.kind not in "biu" or found.size == 0:
        numbers = _numbers(found, what)
        if (numbers != np.floor(numbers)).any():
            raise Undefined(f"the {what} are not class codes")
        found = numbers
    codes = found.astype(np.int64)
    if codes.ndim != 1 or codes.min() < least:
        raise Undefined(f"the {what} are not class codes")
    return codes


def _classes(evaluation: Evaluation, seen: int) -> int:
    if evaluation.score is None or np.ndim(evaluation.score) != 2:
        return max(2, evaluation.classes, seen)
    return int(np.shape(evaluation.score)[1])


def _placed(truth: Array, k: int) -> Array:
    strange = truth == STRANGE
    return np.where(strange, k, truth) if strange.any() else truth


def _in_range(truth: Array, label: Array, k: int) -> None:
    largest = int(max(truth.max(), label.max()))
    if largest >= k:
        raise Undefined(f"class {largest} occurs, but the model has the classes 0 to {k - 1}")
