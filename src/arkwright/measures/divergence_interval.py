"""The 95 % interval of a divergence, from a single row on: each end may be wrong in one of 40 windows.

Where every cell has rows enough, a divergence is about a noncentral chi-square (Salicrú et al. 1994): its upper end is
never empty (Zech 1989; Read 2002), its lower one does without what few rows add. Few rows in a cell are judged exactly
(Clopper and Pearson 1934). Merging cells makes no two distributions farther apart (Csiszár 1967), so that what merged
cells say is a lower end of all of them.
"""

import numpy as np

from arkwright.measures.distances import Distance, pearson
from arkwright.measures.divergence import grouped, noncentrality, scipy
from arkwright.measures.evaluation import Array
from arkwright.measures.intervals import Interval

Sides = tuple[Array, Array]
_TAIL = 0.025
_ENOUGH = 5  # rows to be expected of a cell on either side, for a divergence to be about a chi-square
_DRAWN_IN = 0.25  # rows of a cell: what a divergence of few rows a cell has too much, about


def interval(distance: Distance, p: Array, q: Array) -> Interval:
    """Of what lies between the distributions that (k,) counts p and q come from. It holds the value found."""
    used = (p + q) > 0
    sides = p[used].astype(np.float64), q[used].astype(np.float64)
    n, m = (float(side.sum()) for side in sides)
    few = (sides[0] + sides[1]) * min(n, m) < _ENOUGH * (n + m)
    value = distance(*sides)
    return min(_low(distance, sides, few), value), min(distance.most, max(_high(distance, sides, few), value))


def _high(distance: Distance, sides: Sides, few: Array) -> float:
    """In rare cells a divergence may be smaller than chance would have it, Pearson's statistic is not: the larger one.
    Nor is it below the farthest of those distributions of which no cell has more or fewer rows than is likely.
    """
    if not few.any():
        return _chi_square(distance, *sides)[1]
    n, m = (float(side.sum()) for side in sides)
    high = _chi_square(distance, *sides, least=pearson(m / (n + m))(*sides) * (n + m))[1]
    return max(high, *(_farthest(distance, *sides, turned=turned) for turned in (False, True)))


def _low(distance: Distance, sides: Sides, few: Array) -> float:
    """Of the cells with enough rows, the others merged, and of each other exactly: at half the error each."""
    n, m = (float(side.sum()) for side in sides)
    tail = _TAIL / 2 if few.any() and not few.all() else _TAIL
    low = _exact_low(distance, sides, few, tail / np.count_nonzero(few)) if few.any() else 0.0
    merged = _merged(sides, few)
    if len(merged[0]) < 2:
        return low
    both = (merged[0] + merged[1]) / (n + m) * _DRAWN_IN * len(merged[0])
    return max(low, _chi_square(distance, merged[0] + both, merged[1] + both, tail=tail)[0])


def _chi_square(distance: Distance, p: Array, q: Array, *, tail: float = _TAIL, least: float = 0.0) -> Interval:
    """Of a noncentral chi-square of the same mean where nothing changed, whose variance is no smaller there than it is
    where this much changed (delta method). `least`: of the statistic.
    """
    n, m = float(p.sum()), float(q.sum())
    value, by_p, by_q = distance.found(p, q)
    a, b = distance.shares(p, q)
    scale = distance.curvature / 2 * (1 / n + 1 / m)
    unit = max(scale, (_variance(a, by_p) / n + _variance(b, by_q) / m) / (4 * value)) if value > 0 else scale
    freedom = max(1, len(p) - 1) * scale / unit
    low, high = noncentrality(max(value, least * scale) / unit, freedom, tail)
    return low * unit, high * unit


def _variance(shares: Array, derivative: Array) -> float:
    """Of one row, in the direction in which the divergence grows."""
    mean = float(shares @ derivative)
    return float(shares @ (derivative - mean) ** 2)


def _merged(sides: Sides, few: Array) -> Sides:
    """Cells with too few rows put together with their neighbours among those until they have enough."""
    if not few.any():
        return sides
    both = sides[0] + sides[1]
    n, m = (float(side.sum()) for side in sides)
    expected = both[few] * min(n, m) / (n + m)
    dense, groups = int(np.count_nonzero(~few)), int(expected.sum() // _ENOUGH)
    into = np.empty(len(few), np.int64)
    into[~few] = np.arange(dense)
    if groups:
        into[few] = dense + grouped(expected, groups)
    else:
        into[few] = int(both[~few].argmin()) if dense else 0
    p, q = (np.bincount(into, side, max(1, dense + groups)) for side in sides)
    there = p + q > 0
    return p[there], q[there]


def _exact_low(distance: Distance, sides: Sides, few: Array, tail: float) -> float:
    """The largest that any of these cells beside all others is sure of."""
    (p_low, p_high), (q_low, q_high) = (_shares_of(side[few], float(side.sum()), tail) for side in sides)
    up, down = q_low > p_high, p_low > q_high
    ends = [*zip(p_high[up], q_low[up], strict=True), *zip(p_low[down], q_high[down], strict=True)]
    return max((distance.of(np.array([a, 1 - a]), np.array([b, 1 - b]))[0] for a, b in ends), default=0.0)


def _shares_of(counts: Array, n: float, tail: float) -> Sides:
    """(lows, highs) of a share, of (k,) counts of n rows. Clopper and Pearson 1934."""
    inverse = scipy("special").betaincinv
    lows = np.where(counts > 0, inverse(np.maximum(counts, 1), n - counts + 1, tail), 0.0)
    highs = np.where(counts < n, inverse(counts + 1, np.maximum(n - counts, 1), 1 - tail), 1.0)
    return lows, highs


def _farthest(distance: Distance, p: Array, q: Array, *, turned: bool) -> float:
    """Where the cell with most to gain has as many rows, or as few, as are just likely, of the first or the second."""
    own, other = (q, p) if turned else (p, q)
    if len(own) < 2:
        return 0.0
    n, shares, there = float(own.sum()), own / own.sum(), other / other.sum()
    found = 0.0
    for ends in _shares_of(own, n, _TAIL):
        cell = int(np.abs(np.sqrt(ends) - np.sqrt(there)).argmax())
        rest = 1 - shares[cell]
        moved = shares * ((1 - ends[cell]) / rest) if rest else np.full(len(own), (1 - ends[cell]) / (len(own) - 1))
        moved[cell] = ends[cell]
        found = max(found, distance(other, moved * n) if turned else distance(moved * n, other))
    return found
