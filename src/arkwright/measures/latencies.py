"""How long requests took, as counts that add up: each bin is so wide that whatever lies in it is within 1 % of what
stands for it (DDSketch: Masson, Rim and Lee 2019).
"""

import math

import numpy as np

from arkwright.measures.evaluation import Array

WITHIN = 0.01  # of a time, that far off at most
_WIDER = (1 + WITHIN) / (1 - WITHIN)  # each bin than the one before
_SHORTEST, _LONGEST = 1e-3, 3.6e6  # milliseconds: what a clock tells; an hour
_EVER = 3.2e10  # a year: nothing takes longer
_EDGES = _SHORTEST * _WIDER ** np.arange(math.ceil(math.log(_LONGEST / _SHORTEST, _WIDER)) + 1)
BINS = len(_EDGES) + 1  # the first of what took no time, the last of hours


def counted(took: Array) -> Array:
    """(BINS,) requests by their (n,) milliseconds; NaN is no request."""
    there = np.sort(took[~np.isnan(took)])
    return np.diff(np.searchsorted(there, _EDGES), prepend=0, append=len(there))


def quantile(counts: Array, q: float) -> float:
    """Between the two requests that it lies among, as numpy has it; of one at least."""
    place = (int(counts.sum()) - 1) * q
    low, high = (_about(*_among(counts, rank)) for rank in (math.floor(place), math.ceil(place)))
    return low + (high - low) * (place % 1)


def between(counts: Array, first: int, last: int) -> tuple[float, float]:
    """(what the request of one rank took at least, what the other took at most); ranks from 0, the fastest first."""
    return _among(counts, first)[0], _among(counts, last)[1]


def _among(counts: Array, rank: int) -> tuple[float, float]:
    """(at least, at most) what the request of this rank took."""
    place = int(np.searchsorted(np.cumsum(counts), rank, "right"))
    return float(_EDGES[place - 1]) if place else 0.0, float(_EDGES[place]) if place < len(_EDGES) else _EVER


def _about(begin: float, end: float) -> float:
    """As far from both ends of a bin, relative to them."""
    return 2 * begin * end / (begin + end)
