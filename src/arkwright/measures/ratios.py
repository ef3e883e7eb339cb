"""Scores of a classifier that are ratios of sums over rows, as the sums of each group: what a change of theirs is taken
apart by.
"""

from collections.abc import Callable, Mapping

import numpy as np

from arkwright.measures.evaluation import Array

Ratio = tuple[Array, Array]  # (m, j) numerators and denominators: the score is the mean of the j ratios of their sums


def accuracy(right: Array, wrong: Array, _: Array) -> Ratio:
    hits = right[:, :, 1].sum(axis=(1, 2)) + (wrong[:, 0, 0].sum(axis=1) if right.shape[1] == 1 else 0)
    return hits[:, None], _rows(right, wrong)


def recall(right: Array, _wrong: Array, _: Array) -> Ratio:
    return right[:, :, 1].sum(axis=2), right.sum(axis=(2, 3))


def precision(right: Array, wrong: Array, _: Array) -> Ratio:
    return right[:, :, 1].sum(axis=2), (right + wrong)[:, :, 1].sum(axis=2)


def f1(right: Array, wrong: Array, _: Array) -> Ratio:
    hits = right[:, :, 1].sum(axis=2)
    return 2 * hits, hits + wrong[:, :, 1].sum(axis=2) + right.sum(axis=(2, 3))


def specificity(_right: Array, wrong: Array, _: Array) -> Ratio:
    return wrong[:, :, 0].sum(axis=2), wrong.sum(axis=(2, 3))


def balanced_accuracy(right: Array, wrong: Array, means: Array) -> Ratio:
    of_positive = recall(right, wrong, means)
    if right.shape[1] > 1:
        return of_positive
    both = zip(of_positive, specificity(right, wrong, means), strict=True)
    tops, bottoms = (np.concatenate(one, axis=1) for one in both)
    return tops, bottoms


def brier(right: Array, wrong: Array, means: Array) -> Ratio:
    loss = right.sum(axis=2) * (1 - means) ** 2 + wrong.sum(axis=2) * means**2
    return loss.sum(axis=(1, 2))[:, None], _rows(right, wrong)


def log_loss(right: Array, wrong: Array, means: Array) -> Ratio:
    step = float(np.finfo(np.float64).eps)
    said = np.clip(means, step, 1 - step)
    loss = -(right.sum(axis=2) * np.log(said)).sum(axis=(1, 2))
    if right.shape[1] == 1:
        loss = loss - (wrong.sum(axis=2) * np.log(1 - said)).sum(axis=(1, 2))
    return loss[:, None], _rows(right, wrong)


def _rows(right: Array, wrong: Array) -> Array:
    return np.asarray((right + wrong)[:, 0].sum(axis=(1, 2))[:, None])


RATIOS: Mapping[str, Callable[[Array, Array, Array], Ratio]] = {
    one.__name__: one for one in (accuracy, recall, precision, f1, specificity, balanced_accuracy, brier, log_loss)
}
