"""Measures of a classifier from expected counts: what is right so and so often, instead of rows that are or are not.

Each is told for every class, (…, k), where it is a mean over the classes, else once, (…, 1); NaN where there is nothing
to divide by. Before the dots may stand draws.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from arkwright.measures.evaluation import Array, Undefined


@dataclass(frozen=True, slots=True)
class Expected:
    """`right` and `wrong` (…, k, 2, b): rows of each class against the rest, by whether the class was answered and by
    the bin of its probability, ascending; `means` (k, b): the probabilities. With two classes k is 1.
    """

    right: Array
    wrong: Array
    means: Array

    @property
    def rows(self) -> Array:
        return self.right + self.wrong

    @property
    def two_classes(self) -> bool:
        return len(self.means) == 1

    @property
    def n(self) -> Array:
        """(…, 1)"""
        return np.asarray(self.rows[..., 0, :, :].sum(axis=(-1, -2)))[..., None]


def accuracy(e: Expected) -> Array:
    hits = e.right[..., 1, :].sum(axis=(-1, -2))
    if e.two_classes:
        hits = hits + e.wrong[..., 0, :].sum(axis=(-1, -2))
    return _share(hits[..., None], e.n)


def recall(e: Expected) -> Array:
    return _share(e.right[..., 1, :].sum(axis=-1), e.right.sum(axis=(-1, -2)))


def precision(e: Expected) -> Array:
    return _share(e.right[..., 1, :].sum(axis=-1), e.rows[..., 1, :].sum(axis=-1))


def f1(e: Expected) -> Array:
    hits = e.right[..., 1, :].sum(axis=-1)
    return _share(2 * hits, hits + e.wrong[..., 1, :].sum(axis=-1) + e.right.sum(axis=(-1, -2)))


def specificity(e: Expected) -> Array:
    if not e.two_classes:
        raise Undefined("specificity needs a model of two classes")
    return _share(e.wrong[..., 0, :].sum(axis=-1), e.wrong.sum(axis=(-1, -2)))


def balanced_accuracy(e: Expected) -> Array:
    return (recall(e) + specificity(e)) / 2 if e.two_classes else recall(e)


def roc_auc(e: Expected) -> Array:
    """A pair in one bin counts half."""
    positive, negative = e.right.sum(axis=-2), e.wrong.sum(axis=-2)
    below = np.cumsum(negative, axis=-1) - negative / 2
    return _share((positive * below).sum(axis=-1), positive.sum(axis=-1) * negative.sum(axis=-1))


def average_precision(e: Expected) -> Array:
    positive, rows = (side.sum(axis=-2)[..., ::-1] for side in (e.right, e.rows))
    found = np.cumsum(positive, axis=-1) / np.maximum(np.cumsum(rows, axis=-1), 1e-300)
    return _share((positive * found).sum(axis=-1), positive.sum(axis=-1))


def brier(e: Expected) -> Array:
    """Of two classes of the positive one alone, else summed over the classes."""
    loss = e.right.sum(axis=-2) * (1 - e.means) ** 2 + e.wrong.sum(axis=-2) * e.means**2
    return _share(loss.sum(axis=(-1, -2))[..., None], e.n)


def log_loss(e: Expected) -> Array:
    step = float(np.finfo(np.float64).eps)
    said = np.clip(e.means, step, 1 - step)
    loss = -(e.right.sum(axis=-2) * np.log(said)).sum(axis=(-1, -2))
    if e.two_classes:
        loss = loss - (e.wrong.sum(axis=-2) * np.log(1 - said)).sum(axis=(-1, -2))
    return _share(loss[..., None], e.n)


BY_CLASS: Mapping[str, Callable[[Expected], Array]] = {
    one.__name__: one
    for one in (
        accuracy, recall, precision, f1, specificity, balanced_accuracy, roc_auc, average_precision, brier, log_loss,
    )
}  # fmt: skip


def _whole(of_classes: Callable[[Expected], Array]) -> Callable[[Expected], float]:
    def measure(e: Expected) -> float:
        found = float(of_classes(e).mean())
        if not math.isfinite(found):
            raise Undefined("a class is neither expected nor answered")
        return found

    return measure


MEASURES: Mapping[str, Callable[[Expected], float]] = {name: _whole(one) for name, one in BY_CLASS.items()}


def _share(tops: Array, bottoms: Array) -> Array:
    return np.asarray(np.divide(tops, bottoms, out=np.full(np.shape(tops), np.nan), where=bottoms > 0))
