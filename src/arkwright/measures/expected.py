"""Measures of a classifier from expected counts: what is right so and so often, instead of rows that are or are not."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from arkwright.measures.evaluation import Array, Undefined


@dataclass(frozen=True, slots=True)
class Expected:
    """`right` and `wrong` (k, 2, b): rows of each class against the rest, by whether the class was answered and by the
    bin of its probability, ascending; `means` (k, b): the probabilities. With two classes k is 1.
    """

    right: Array
    wrong: Array
    means: Array

    @property
    def rows(self) -> Array:
        return self.right + self.wrong


def accuracy(e: Expected) -> float:
    hits = e.right[:, 1].sum() + (e.wrong[:, 0].sum() if len(e.right) == 1 else 0)
    return float(hits / (e.right[0] + e.wrong[0]).sum())


def recall(e: Expected) -> float:
    return _mean(e.right[:, 1].sum(axis=1), e.right.sum(axis=(1, 2)))


def precision(e: Expected) -> float:
    return _mean(e.right[:, 1].sum(axis=1), e.rows[:, 1].sum(axis=1))


def f1(e: Expected) -> float:
    hits = e.right[:, 1].sum(axis=1)
    return _mean(2 * hits, hits + e.wrong[:, 1].sum(axis=1) + e.right.sum(axis=(1, 2)))


def specificity(e: Expected) -> float:
    if len(e.right) > 1:
        raise Undefined("specificity needs a model of two classes")
    return _mean(e.wrong[:, 0].sum(axis=1), e.wrong.sum(axis=(1, 2)))


def balanced_accuracy(e: Expected) -> float:
    found = recall(e)
    return found if len(e.right) > 1 else (found + specificity(e)) / 2


def roc_auc(e: Expected) -> float:
    """A pair in one bin counts half."""
    positive, negative = e.right.sum(axis=1), e.wrong.sum(axis=1)
    below = np.cumsum(negative, axis=1) - negative / 2
    return _mean((positive * below).sum(axis=1), positive.sum(axis=1) * negative.sum(axis=1))


def average_precision(e: Expected) -> float:
    positive, rows = (side.sum(axis=1)[:, ::-1] for side in (e.right, e.rows))
    found = np.cumsum(positive, axis=1) / np.maximum(np.cumsum(rows, axis=1), 1e-300)
    return _mean((positive * found).sum(axis=1), positive.sum(axis=1))


def brier(e: Expected) -> float:
    """Of two classes of the positive one alone, else summed over the classes."""
    loss = e.right.sum(axis=1) * (1 - e.means) ** 2 + e.wrong.sum(axis=1) * e.means**2
    return float(loss.sum() / (e.right[0] + e.wrong[0]).sum())


def log_loss(e: Expected) -> float:
    step = float(np.finfo(np.float64).eps)
    said = np.clip(e.means, step, 1 - step)
    loss = -(e.right.sum(axis=1) * np.log(said)).sum()
    if len(e.right) == 1:
        loss -= (e.wrong.sum(axis=1) * np.log(1 - said)).sum()
    return float(loss / (e.right[0] + e.wrong[0]).sum())


MEASURES: Mapping[str, Callable[[Expected], float]] = {
    one.__name__: one
    for one in (
        accuracy, recall, precision, f1, specificity, balanced_accuracy, roc_auc, average_precision, brier, log_loss,
    )
}  # fmt: skip


def _mean(tops: Array, bottoms: Array) -> float:
    """The mean over the classes. Raises Undefined where there is nothing to divide by."""
    if not (bottoms > 0).all():
        raise Undefined("a class is neither expected nor answered")
    found = float((tops / bottoms).mean())
    if not math.isfinite(found):
        raise Undefined("there are no rows")
    return found
