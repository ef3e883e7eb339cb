"""Where a stream of values changed, seen as it goes: pure functions over values in the order of time.

Both begin anew behind each change they find. They find what `river` finds, to the very value.
"""

import math
from collections.abc import Iterable

import numpy as np

from arkwright.measures.evaluation import Array

_BUCKETS = 5  # of each size; of six, the oldest two become one
_SHORTEST = 5  # values on either side of a cut
_GRACE = 10


def adwin(values: Array, delta: float = 0.002, clock: int = 32) -> list[int]:
    """The places of (n,) values at which the mean of a window that adapts is known to have changed. ADWIN2 of Bifet and
    Gavaldà 2007, for values between 0 and 1.

    `delta`: how sure that is; `clock`: after how many values it looks. Only cuts between buckets of 1, 1, 1, 2, 2, 4 …
    values are tried, so a long window costs little more than a short one.
    """
    found, start = [], 0
    sizes = [0]  # how many buckets there are of 1, 2, 4 … values
    centred = values - values.mean() if len(values) else values  # so that squares lose no digits
    totals = np.concatenate([[0.0], np.cumsum(centred)])
    squares = np.concatenate([[0.0], np.cumsum(centred**2)])
    for end in range(clock, len(values) + 1, clock):
        for _ in range(clock):
            _one_more(sizes)
        if end - start > _GRACE and _changed(totals, squares, start, end, sizes, delta):
            found.append(end - 1)
            start, sizes = end, [0]
    return found


def _one_more(sizes: list[int]) -> None:
    sizes[0] += 1
    level = 0
    while sizes[level] > _BUCKETS:
        sizes[level] -= 2
        level += 1
        if level == len(sizes):
            sizes.append(0)
        sizes[level] += 1


def _changed(totals: Array, squares: Array, start: int, end: int, sizes: list[int], delta: float) -> bool:
    """Whether the means on both sides of any cut differ by more than chance allows; `totals`, `squares`: up to each
    place.
    """
    old = np.cumsum(np.repeat([1 << level for level in range(len(sizes))][::-1], sizes[::-1]))
    width = end - start
    old = old[(old >= _SHORTEST) & (old <= width - _SHORTEST)]
    new = width - old
    before, whole = totals[start + old] - totals[start], totals[end] - totals[start]
    variance = max(0.0, (squares[end] - squares[start] - whole**2 / width) / width)
    sure = math.log(2 * math.log(width) / delta)
    fewness = 1 / (old - _SHORTEST + 1) + 1 / (new - _SHORTEST + 1)
    allowed = np.sqrt(2 * fewness * variance * sure) + 2 / 3 * sure * fewness
    return bool((np.abs(before / old - (whole - before) / new) > allowed).any())


def page_hinkley(
    values: Iterable[float], delta: float = 0.005, threshold: float = 50.0, alpha: float = 0.9999, least: int = 30
) -> list[int]:
    """The places of values at which their sum ran away from their mean, upwards or downwards. Page 1954; Hinkley 1971.

    `delta`: what a value may differ from the mean before it counts; `threshold`: how far the sum of that may go;
    `alpha`: what is left of that sum at each value; `least`: values before anything is found.
    """
    found = []
    n, mean, up, down, lowest, highest = 0, 0.0, 0.0, 0.0, math.inf, -1.0
    for place, value in enumerate(values):
        n += 1
        mean += (value - mean) / n
        apart = value - mean
        up = alpha * up + apart - delta
        down = alpha * down + apart + delta
        lowest, highest = min(lowest, up), max(highest, down)
        if n >= least and (up - lowest > threshold or highest - down > threshold):
            found.append(place)
            n, mean, up, down, lowest, highest = 0, 0.0, 0.0, 0.0, math.inf, -1.0
    return found
