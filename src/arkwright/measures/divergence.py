"""How far two lists of counts are apart: the arithmetic under the measures of drift, on arrays alone.

`p` and `q` are (k,) counts in the same cells, of the reference and of the window. Sources stand at each function.
"""

import math
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from arkwright.core.errors import Missing
from arkwright.measures.distances import HELLINGER, JENSEN_SHANNON, PSI
from arkwright.measures.evaluation import Array
from arkwright.measures.intervals import Interval, Z, stretch, wilsons

Shares = tuple[Array, Array]
ALL = slice(None)
_NORMAL = 100  # rows by which those of a cell vary on either side
_MANY = 10**7  # rows of both sides
KOLMOGOROV = 1.3580986393225505  # the 95 % point of Kolmogorov's distribution


@cache
def scipy(part: str) -> Any:
    """A part of SciPy, imported when it is used. Raises Missing."""
    try:
        return import_module(f"scipy.{part}")
    except ImportError:
        raise Missing(
            "what endpoints promise is measured with SciPy; install it: pip install 'arkwright[watch]'"
        ) from None


def shares(p: Array, q: Array) -> Shares:
    """Each divided by its sum."""
    return p / p.sum(), q / q.sum()


def psi(p: Array, q: Array) -> float:
    """Population stability index: KL(p||q) + KL(q||p), in nats. Jeffreys 1946; Siddiqi 2006.

    A cell that is empty on one side counts as half a row there, so that it is far and not infinitely far.
    """
    return PSI(p, q)


def jensen_shannon(p: Array, q: Array) -> float:
    """The divergence in bits, 0 to 1: its root is the distance. Lin 1991; Endres and Schindelin 2003."""
    return JENSEN_SHANNON(p, q)


def hellinger_squared(p: Array, q: Array) -> float:
    """1 minus the Bhattacharyya coefficient, 0 to 1. Hellinger 1909."""
    return HELLINGER(p, q)


def largest_difference(p: Array, q: Array) -> float:
    """L-infinity: of the shares of any one cell."""
    a, b = shares(p, q)
    return float(np.abs(a - b).max())


def largest_interval(p: Array, q: Array) -> Interval:
    """Of `largest_difference`: Newcombe's (1998) of each cell, so that an empty one is not sure of being empty; the low
    end widened for the choice among the cells (Bonferroni), and of those alone that moved by more than chance would.
    """
    cells = int(np.count_nonzero((p > 0) | (q > 0)))
    sizes = float(p.sum()), float(q.sum())
    lows, highs = _apart((p, q), sizes, Z * stretch(cells))
    low = np.maximum(lows, -highs)
    if (low > 0).any():  # with a handful of rows Newcombe's is too sure
        low = low[low > 0][exact(p, q, low > 0) * cells < 0.05]
    return float(max(0.0, low.max(initial=0.0))), min(1.0, float(np.abs(_apart((p, q), sizes, Z)).max()))


def _apart(counts: tuple[Array, Array], sizes: tuple[float, float], z: float) -> tuple[Array, Array]:
    """(k,) the ends of how far two shares of so many rows are apart: Newcombe's."""
    a, b = (side / n for side, n in zip(counts, sizes, strict=True))
    (a_low, a_high), (b_low, b_high) = (wilsons(side, n, z) for side, n in zip(counts, sizes, strict=True))
    return a - b - np.hypot(a - a_low, b_high - b), a - b + np.hypot(a_high - a, b - b_low)


def kolmogorov_smirnov(p: Array, q: Array) -> float:
    """The largest difference of the two distribution functions, between the bins. Kolmogorov 1933; Smirnov 1939."""
    a, b = shares(p, q)
    return float(np.abs(np.cumsum(a) - np.cumsum(b)).max())


def kolmogorov_p(distance: float, n: float, m: float) -> float:
    """The chance of so large a distance or a larger one where nothing changed, for many rows (Hodges 1958)."""
    return float(scipy("special").kolmogorov(distance * math.sqrt(n * m / (n + m))))


def kolmogorov_interval(distance: float, n: float, m: float) -> Interval:
    """Neither function is further from its own truth than the band that holds both with 95 %: cautious on each side."""
    half = KOLMOGOROV * math.sqrt(1 / n + 1 / m)
    return max(0.0, distance - half), min(1.0, distance + half)


def wasserstein(p: Array, q: Array, edges: Array, low: float, high: float) -> float:
    """Earth mover's distance, in the column's unit: the area between the two distribution functions. Vallender 1974.

    `edges` (k - 1,): between the cells, each of which counts as if it lay at its begin; what lies below the first edge
    or above the last one is spread as far as `low` and `high`.
    """
    a, b = shares(p, q)
    return float(np.abs(np.cumsum(a - b)[:-1]) @ _widths(edges, low, high))


def wasserstein_interval(value: float, p: Array, q: Array, edges: Array, low: float, high: float) -> Interval:
    """Every point of the two functions within its own 95 %: cautious. del Barrio, Giné and Matrán 1999; Newcombe 1998,
    so that one row is sure of nothing.
    """
    f, g = (np.cumsum(side)[:-1] for side in (p, q))
    sizes = float(p.sum()), float(q.sum())
    apart, (lows, highs) = f / sizes[0] - g / sizes[1], _apart((f, g), sizes, Z)
    widths, above = _widths(edges, low, high), apart >= 0
    nearer = float(np.where(above, apart - lows, highs - apart) @ widths)
    farther = float(np.where(above, highs - apart, apart - lows) @ widths)
    return max(0.0, value - nearer), value + farther


def _widths(edges: Array, low: float, high: float) -> Array:
    """(k - 1,): how far the difference at each edge reaches."""
    widths = np.diff(edges, prepend=min(low, edges[0]))
    widths[0] /= 2
    widths[-1] += max(0.0, high - edges[-1]) / 2
    return widths


def chi_square(p: Array, q: Array) -> tuple[float, int]:
    """(Pearson's statistic that both are of one distribution, degrees of freedom). Pearson 1900."""
    used = (p + q) > 0
    table = np.array([p[used], q[used]], np.float64)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    return float(((table - expected) ** 2 / expected).sum()), table.shape[1] - 1


def chi_square_p(statistic: float, freedom: float) -> float:
    """The chance of so large a statistic or a larger one where nothing changed."""
    return float(scipy("special").chdtrc(freedom, statistic)) if freedom else 1.0


def exact(p: Array, q: Array, of: Array | slice = ALL) -> Array:
    """(k,) the chance of each cell's rows now, or of more that lie as far on the same side, twice; `of`: only of these
    cells. Fisher 1922. What would take him seconds is told by laws that are as near: of cells that vary by many rows
    the normal one, of others among very many rows the binomial one, which is a little wider.
    """
    side = p if p.sum() < q.sum() else q  # either says the same
    here, cells = (one[of].astype(np.int64) for one in (side, p + q))
    m, n = int(side.sum()), int(p.sum() + q.sum())
    spread = np.sqrt(cells * (m / n) * (1 - m / n) * (1 - cells / n))
    tails = scipy("special").ndtr(-np.maximum(0, np.abs(here - cells * (m / n)) - 0.5) / np.maximum(spread, 1))
    few = spread < _NORMAL
    here, cells, known = here[few], cells[few], scipy("stats")
    law: Any = known.hypergeom
    shape: tuple[Any, ...] = (n, cells, m)
    if n >= _MANY:
        law, shape = known.binom, (np.minimum(cells, m), np.maximum(cells, m) / n)
    tails[few] = np.minimum(law.cdf(here, *shape), law.sf(here - 1, *shape))  # a law made of its shape takes as long
    return np.asarray(np.minimum(1, 2 * tails))


def grouped(expected: Array, groups: int) -> Array:
    """(k,) in which of so many groups each cell is: neighbours go together, so that each has about as many rows."""
    middle = np.cumsum(expected) - expected / 2
    into: Array = np.minimum((middle / expected.sum() * groups).astype(np.int64), groups - 1)
    return into


def cramers_v(p: Array, q: Array) -> float:
    """The statistic as an effect, 0 to 1, whatever the number of rows. Cramér 1946."""
    return min(1.0, math.sqrt(chi_square(p, q)[0] / float(p.sum() + q.sum())))


def critical(curvature: float, p: Array, q: Array) -> float:
    """What the same divergence stays under in 95 % of such windows where nothing changed. Yurdakul and Naranjo 2020."""
    return float(scipy("special").chdtri(_freedom(p, q), 0.05)) * _scale(curvature, p, q)


def noncentrality(statistic: float, freedom: float, tail: float = 0.025) -> Interval:
    """The noncentralities at which a chi-square is so large, or so small, in `tail` of all draws. Venables 1975.

    The upper one is of the draws that are no larger where nothing changed (Zech 1989; Read 2002): else one that fits
    better than chance would be sure of no change at all.
    """
    law = scipy("special")
    below = float(law.chdtr(freedom, statistic))
    low = float(law.chndtrinc(statistic, freedom, 1 - tail)) if below > 1 - tail else 0.0
    return low, float(law.chndtrinc(statistic, freedom, tail * below)) if below > 1e-290 else -2 * math.log(tail)


def _scale(curvature: float, p: Array, q: Array) -> float:
    return curvature / 2 * (1 / float(p.sum()) + 1 / float(q.sum()))


def _freedom(p: Array, q: Array) -> int:
    return max(1, int(np.count_nonzero((p + q) > 0)) - 1)
