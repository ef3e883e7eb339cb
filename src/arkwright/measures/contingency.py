"""Whether two lists of counts come from one distribution, also where few rows are in a cell.

`p` and `q` are (k,) counts in the same cells, of the reference and of the window.
"""

import numpy as np

from arkwright.measures.divergence import chi_square, chi_square_p, exact
from arkwright.measures.evaluation import Array

ENOUGH = 1  # rows to be expected of a cell on either side, for Pearson's test: fewer are too unlike a chi-square


def chance(p: Array, q: Array) -> float:
    """Of such counts or less likely ones where nothing changed: Pearson's test of the cells with enough rows, Fisher's
    exact one (1922) of each other, adjusted for their number (Bonferroni).
    """
    few = (p + q) * min(p.sum(), q.sum()) < ENOUGH * (p + q).sum()
    dense = p[~few], q[~few]
    tried = [pearson(*dense)] if len(dense[0]) > 1 and min(map(np.sum, dense)) > 0 else []
    if (few := few & (p + q > 0)).any():
        tried += exact(p, q, few).tolist()
    return min(1.0, len(tried) * min(tried)) if tried else 1.0


def pearson(p: Array, q: Array) -> float:
    """The chance of Pearson's statistic or a larger one where nothing changed, given how many rows each cell and each
    side has: of two cells exact, else the tail of a chi-square with the same three moments. That of k - 1 degrees of
    freedom is one for cells of five rows and more alone (Cochran 1954).
    """
    if len(p) == 2:
        return float(exact(p, q)[0])
    mean, variance, third = _moments((p + q).astype(np.float64), float(q.sum() / (p + q).sum()))
    if variance < 1e-12:  # it is the same whatever comes
        return 1.0
    unit, freedom = third / variance / 4, 8 * variance**3 / third**2
    return chi_square_p(max(0.0, (chi_square(p, q)[0] - mean) / unit + freedom), freedom)


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
