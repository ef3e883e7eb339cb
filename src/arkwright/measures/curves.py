"""What a ranking by score says: areas under curves, each row's influence on them, and points on them.

One sort for each. Rows with equal scores are one step of the curve: ties are exact.
"""

from dataclasses import dataclass

import numpy as np

from arkwright.measures.evaluation import Array


@dataclass(frozen=True, slots=True)
class Steps:
    """The c distinct scores, highest first, with how many positive and negative rows have each."""

    positives: Array  # (c,)
    negatives: Array  # (c,)
    of_row: Array  # (n,) which step each row belongs to


def steps(positive: Array, score: Array) -> Steps:
    order = np.argsort(-score)
    ordered = score[order]
    new = np.empty(len(ordered), bool)
    new[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    rank = np.cumsum(new) - 1
    starts = np.flatnonzero(new)
    positives = np.add.reduceat(positive[order].astype(np.int64), starts)
    of_row = np.empty(len(score), np.int64)
    of_row[order] = rank
    return Steps(positives, np.diff(np.append(starts, len(score))) - positives, of_row)


def roc_area(positive: Array, score: Array) -> tuple[float, Array]:
    """The area under the ROC curve, and the influence of each row on it (n,).

    The sum of the squared influences is DeLong's variance (DeLong, DeLong and Clarke-Pearson 1988) by the placement
    of each row among those of the other class, as Sun and Xu 2014 find it, in n log n. Needs two rows of each class.
    """
    at = steps(positive, score)
    p, q = float(at.positives.sum()), float(at.negatives.sum())
    below = q - np.cumsum(at.negatives) + at.negatives / 2
    above = np.cumsum(at.positives) - at.positives / 2
    area = float((at.positives * below).sum()) / (p * q)
    of_positive = (below / q - area) / np.sqrt(p * (p - 1))
    of_negative = (above / p - area) / np.sqrt(q * (q - 1))
    return area, np.where(positive, of_positive[at.of_row], of_negative[at.of_row])


def average_precision(positive: Array, score: Array) -> tuple[float, Array]:
    """The sum of the precisions at each step, weighted by the rise in recall, and each row's influence on it (n,).

    The sum of the squared influences is the infinitesimal jackknife's variance (Efron 1982).
    """
    at = steps(positive, score)
    chosen = np.cumsum(at.positives + at.negatives)
    precision = np.cumsum(at.positives) / chosen
    p = float(at.positives.sum())
    value = float((at.positives * precision).sum()) / p
    # a row counts among the chosen at its own step and at every later one
    later = at.positives / chosen
    gain = np.cumsum(later[::-1])[::-1]
    loss = np.cumsum((later * precision)[::-1])[::-1]
    of_positive = (precision - value + gain - loss) / p
    of_negative = -loss / p
    return value, np.where(positive, of_positive[at.of_row], of_negative[at.of_row])


def coarser(at: Steps, most: int) -> Array:
    """(2, c) counts of positive and negative rows in at most `most` neighbouring steps each, highest first."""
    counts = np.stack([at.positives, at.negatives])
    c = counts.shape[1]
    if c <= most:
        return counts
    size = counts.sum(axis=0)
    cell = (np.cumsum(size) - size) * most // int(size.sum())
    starts = np.flatnonzero(np.diff(cell, prepend=-1))
    return np.add.reduceat(counts, starts, axis=1)


def best_recall(counts: Array, precision: float) -> Array:
    """(…,) the highest recall at any threshold whose precision reaches this; counts (…, 2, c), highest score first."""
    right, chosen, recall = _curve(counts)
    return np.asarray(np.where((right >= precision) & (chosen > 0), recall, 0.0).max(axis=-1))


def best_precision(counts: Array, recall: float) -> Array:
    """(…,) the highest precision at any threshold whose recall reaches this; counts (…, 2, c), highest score first."""
    right, _, reached = _curve(counts)
    return np.asarray(np.where(reached >= recall, right, 0.0).max(axis=-1))


def _curve(counts: Array) -> tuple[Array, Array, Array]:
    """Precision, rows chosen and recall at each threshold."""
    summed = np.cumsum(counts, axis=-1)
    right, chosen = summed[..., 0, :], summed[..., 0, :] + summed[..., 1, :]
    total = right[..., -1:]
    return right / np.maximum(chosen, 1), chosen, right / np.maximum(total, 1)


def midranks(values: Array) -> Array:
    """(n,) ranks from 1, equal values sharing the mean of theirs."""
    at = steps(np.ones(len(values), bool), -values)
    return (np.cumsum(at.positives) - (at.positives - 1) / 2)[at.of_row]
