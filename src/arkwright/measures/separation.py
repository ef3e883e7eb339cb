"""How well two samples can be told apart by a line through their features, of which only moments are known."""

import math
from statistics import NormalDist

import numpy as np

from arkwright.measures.evaluation import Array
from arkwright.measures.intervals import Interval, Z
from arkwright.measures.moments import SIZE, Moments

_normal = NormalDist()


def separation(before: Moments, now: Moments) -> tuple[float, float]:
    """(by how many standard deviations the second lies above the first on the best line, the standard error of that).

    The line is Fisher's (1936): learned from one half of the rows and tried on the other, both ways, so that what
    chance alone tells apart counts for nothing. Where nothing changed both tries say the same, so the error of their
    mean is no smaller than that of one.
    """
    tried = [_tried(_line(before.half(a), now.half(a)), before.half(1 - a), now.half(1 - a)) for a in (0, 1)]
    return sum(value for value, _ in tried) / 2, sum(error for _, error in tried) / 2


def area(apart: float, error: float) -> tuple[float, Interval]:
    """The area under the ROC curve of two normal distributions so far apart, and its interval."""
    value, low, high = (_normal.cdf(apart + step * error) for step in (0, -Z, Z))
    return value, (low, high)


def chance(apart: float, error: float) -> float:
    """Of so large a separation or a larger one where nothing changed."""
    return _normal.cdf(-apart / error) if error else float(apart <= 0)


def _line(before: Moments, now: Moments) -> Array:
    """Fisher's discriminant; the covariance is drawn towards a ball, the more the fewer rows there are."""
    rows = before.n + now.n
    pooled = (before.n * before.covariance + now.n * now.covariance) / rows
    drawn = SIZE / (SIZE + rows)
    level = float(np.trace(pooled)) / SIZE
    round_ = (1 - drawn) * pooled + (drawn * level + 1e-9) * np.eye(SIZE)
    return np.linalg.solve(round_, now.mean - before.mean)


def _tried(line: Array, before: Moments, now: Moments) -> tuple[float, float]:
    """Rows that the line has not seen: (standard deviations apart, the standard error of that).

    An error each of the two means and of the two variances, as of normal distributions (delta method).
    """
    gap = float(line @ (now.mean - before.mean))
    spreads = [max(0.0, float(line @ one.covariance @ line)) for one in (before, now)]
    total = sum(spreads)
    if total <= 1e-18 * max(1.0, float(line @ line)):  # all rows of each side lie at one point
        return math.copysign(10.0, gap) if abs(gap) > 1e-9 else 0.0, 0.0
    apart = gap / math.sqrt(total)
    sizes = (before.n, now.n)
    means = sum(spread / n for spread, n in zip(spreads, sizes, strict=True)) / total
    widths = sum(2 * spread**2 / n for spread, n in zip(spreads, sizes, strict=True)) / total**2
    return apart, math.sqrt(means + apart**2 / 4 * widths)
