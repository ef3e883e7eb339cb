"""Whether two lists of counts come from one distribution, also where few rows are in a cell.

`p` and `q` are (k,) counts in the same cells, of the reference and of the window.
"""

from functools import cache
from itertools import combinations
from math import comb

import numpy as np

from arkwright.measures.divergence import chi_square, chi_square_p, exact
from arkwright.measures.evaluation import Array

ENOUGH = 1  # rows to be expected of a cell on either side, for Pearson's test: fewer are too unlike a chi-square
_TABLES = 5000  # that are looked at one by one: of three cells those of 98 rows, of four of 29, of five of 16


def chance(p: Array, q: Array) -> float:
    """Of such counts or less likely ones where nothing changed: Pearson's test of the cells with enough rows beside all
    others as one, Fisher's exact one (1922) of each other, adjusted for their number (Bonferroni).
    """
    p, q = p.astype(np.float64), q.astype(np.float64)  # products of whole numbers would be too large for 64 bits
    if not (p.sum() and q.sum()):
        return 1.0
    few = _few(p, q)
    dense = [np.append(side[~few], side[few].sum()) for side in (p, q)]
    enough = ~_few(*dense)
    tried = [pearson(*(side[enough] for side in dense))] if enough.sum() > 1 else []
    if (few := few & (p + q > 0)).any():
        tried += exact(p, q, few).tolist()
    return min(1.0, len(tried) * min(tried)) if tried else 1.0


def _few(p: Array, q: Array) -> Array:
    """Which cells have too few rows for Pearson's test."""
    return np.asarray((p + q) * min(p.sum(), q.sum()) < ENOUGH * (p + q).sum())


def pearson(p: Array, q: Array) -> float:
    """The chance of Pearson's statistic or a larger one where nothing changed, given how many rows each cell and each
    side has: exact of two cells and where few tables are possible, else the tail of a chi-square with the same three
    moments. That of k - 1 degrees of freedom is one for cells of five rows and more alone (Cochran 1954).
    """
    if len(p) == 2:
        return float(exact(p, q, np.argsort(p + q)[:1])[0])  # the other one says the same
    if comb(int(min(p.sum(), q.sum())) + len(p) - 1, len(p) - 1) <= _TABLES:
        return _of_all_tables(*sorted((p, q), key=np.sum))
    mean, variance, third = _moments((p + q).astype(np.float64), float(q.sum() / (p + q).sum()))
    if variance < 1e-12:  # it is the same whatever comes
        return 1.0
    unit, freedom = third / variance / 4, 8 * variance**3 / third**2
    return chi_square_p(max(0.0, (chi_square(p, q)[0] - mean) / unit + freedom), freedom)


def _of_all_tables(fewer: Array, more: Array) -> float:
    """The share of the tables with the same sums whose statistic is as large or larger, each as likely as it is."""
    k, m, cells = len(fewer), int(fewer.sum()), fewer + more
    share, rows, tables = m / float(cells.sum()), np.arange(m + 1), _tables(m, k)
    off = (rows - share * cells[:, None]) ** 2 / cells[:, None]
    likely = np.maximum(cells[:, None] + 1 - rows[1:], 0) * (share / rows[1:])  # times that of a row less in the cell
    likely = np.hstack([np.ones((k, 1)), np.cumprod(likely, axis=1)])
    statistic, weight = (one[np.arange(k), tables] for one in (off, likely))
    statistic, weight = statistic.sum(axis=1), weight.prod(axis=1)
    found = float(off[np.arange(k), fewer.astype(np.int64)].sum())
    return float(weight[statistic >= found * (1 - 1e-9)].sum() / weight.sum())


@cache
def _tables(rows: int, k: int) -> Array:
    """(n, k) each way to share so many rows out among k cells: k - 1 bars among them."""
    bars = np.array(list(combinations(range(rows + k - 1), k - 1)))
    return np.diff(bars, axis=1, prepend=-1, append=rows + k - 1) - 1


def _moments(cells: Array, share: float) -> tuple[float, float, float]:
    """(mean, variance, third cumulant) of the statistic, of three cells or more with so many rows on both sides and so
    large a share on the second. The first two are exact (Haldane 1940; Dawson 1954), the third is about that of
    binomial cells, less what their sum says, which is known.
    """
    k, n, one, odd = len(cells), float(cells.sum()), share * (1 - share), 1 - 2 * share
    rare, aside = (n * float((1 / cells).sum()) - k**2) / (n - 2), (1 / one - 4) / (n - 2)
    even = ((k - 1) * (n - k) / (n - 1) - rare) * ((n - 2) / (n - 1) - aside)
    variance = 2 * n / (n - 3) * even + n**2 / (n - 1) * rare * aside
    v = cells * one
    m3, m4, m5 = odd / np.sqrt(v), 3 + (1 - 6 * one) / v, odd * (10 * v + 1 - 12 * one) / v**1.5
    m6 = 15 + (25 - 130 * one) / v + (1 - 30 * one + 120 * one**2) / v**2
    tilt = k * odd / float(v.sum()) * np.sqrt(v)
    third = m6 - 3 * m4 + 2 - 3 * tilt * (m5 - 2 * m3) + 3 * tilt**2 * (m4 - 1) - tilt**3 * m3
    return n * (k - 1) / (n - 1), variance, max(float(third.sum()) - 8, 1e-3 * max(variance, 0.0) ** 1.5)
