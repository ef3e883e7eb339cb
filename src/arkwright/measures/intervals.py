"""95 % intervals. Which one a measure uses is its own docstring's business; each here names its paper.

| what is estimated | interval |
|---|---|
| a share of rows | Wilson's score interval |
| a mean of rows | Student's t, bent for skewness after Hall |
| a smooth statistic in 0 … 1 | normal on the logit, with the variance of the influence of each row |
| a sum or difference of independent estimates | MOVER: square and add |
| anything else | percentiles of a bootstrap |
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from arkwright.measures.evaluation import Array

Interval = tuple[float, float]

Z = NormalDist().inv_cdf(0.975)  # 1.959963984540054
DRAWS = 1000
_T = (12.706204736, 4.302652730, 3.182446305, 2.776445105, 2.570581836, 2.446911851, 2.364624252, 2.306004135)


def wilson(successes: float, n: float) -> Interval:
    """Of a share. Wilson 1927; never empty at 0 or 1, and close to 95 % from a handful of rows on."""
    share, z2 = successes / n, Z * Z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return (0.0 if successes == 0 else max(0.0, centre - half)), (1.0 if successes == n else min(1.0, centre + half))


def wilsons(counts: Array, n: float | Array, z: float) -> tuple[Array, Array]:
    """The same of each of (k,) counts of n rows, or of n (k,) rows, at any level: (lows, highs)."""
    z2 = z * z
    share = counts / n
    centre, half = share + z2 / (2 * n), z * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return (centre - half) / (1 + z2 / n), (centre + half) / (1 + z2 / n)


def student(df: int) -> float:
    """The 97.5 % point of Student's t: tabled to 8 degrees of freedom, then Cornish and Fisher 1937 (within 1e-5)."""
    if df <= len(_T):
        return _T[df - 1]
    z, v = Z, float(df)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    fourth = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return z + first / v + second / v**2 + third / v**3 + fourth / v**4


def mean(rows: Array) -> Interval:
    """Of the mean of (n,) values, n >= 2: Student's t, each end moved by how skewed they are. Hall 1992.

    Most samples hold too few of the far values of a long tail: both mean and spread are too small, and Student's t is
    too sure. They also show too little skewness, at most sqrt(n). So the end towards the long tail, which it moves
    out, takes it without that bias (Bobée and Robitaille 1975); the other, which it moves in, takes it as it shows.
    """
    centre, n = float(rows.mean()), len(rows)
    away = rows - centre
    farthest = float(np.abs(away).max())
    if farthest == 0:
        return centre, centre
    away /= farthest  # so that no cube is too large for a float
    squares = away * away
    spread = math.sqrt(float(squares.sum()) / n)
    seen = float(squares @ away) / n / spread**3
    there = seen * (1 + 6.51 / n + 20.2 / n**2 + (1.48 / n + 6.77 / n**2) * seen**2)
    root, t = math.sqrt(n), student(n - 1)
    inwards, outwards = abs(seen) / root, min(abs(there) / root, 1.0)
    short, long = _reach(t, -inwards), _reach(t, outwards)
    below, above = (short, long) if seen > 0 else (long, short)
    error = farthest * spread / math.sqrt(n - 1)
    return centre - below * error, centre + above * error


def _reach(t: float, bend: float) -> float:
    """How many standard errors an end lies from the mean. `bend` is the skewness over sqrt(n), above 0 where the long
    tail is on that side: there the cube root of Hall's transformation is its series to the third term. The root itself
    is steepest where it passes 0, and a little more skewness would put the end three times as far away.
    """
    h = t + bend / 6
    if bend > 0:
        return h * (1 + bend * h / 3 + 5 * (bend * h) ** 2 / 27)
    root = math.cbrt(1 - bend * h)
    return 3 * h / (1 + root + root**2)  # = 3 / bend * (1 - root), also where the bend is 0


def mean_of_shares(rows: Array) -> Interval:
    """Of the mean of (n,) values in 0 … 1: `mean`, cut to that range.

    Where all rows are alike they vary no less than yes and no would, so Wilson's interval is on the safe side.
    """
    if float(np.ptp(rows)) <= 1e-9 * float(np.abs(rows).max()):  # but for rounding
        return wilson(float(rows.mean()) * len(rows), len(rows))
    low, high = mean(rows)
    return max(0.0, low), min(1.0, high)


def on_logit(value: float, error: float, fewest: int) -> Interval:
    """Of a statistic in 0 … 1 with this standard error, normal on the logit, so that it stays inside.

    At 0 or 1 the sample shows no variation: then Wilson's of all, or none, of the `fewest` rows that carry it.
    """
    if value in (0.0, 1.0):
        return wilson(value * fewest, fewest)
    if error == 0:
        return value, value
    centre, half = math.log(value / (1 - value)), Z * error / (value * (1 - value))
    return _expit(centre - half), _expit(centre + half)


def mover(values: Array, lows: Array, highs: Array, weights: Array) -> Interval:
    """Of the weighted sum of independent estimates, each with its interval. Zou and Donner 2008; Newcombe 1998."""
    total = float(weights @ values)
    below = weights * np.where(weights > 0, values - lows, values - highs)
    above = weights * np.where(weights > 0, highs - values, lows - values)
    return total - math.sqrt(float(below @ below)), total + math.sqrt(float(above @ above))


def percentiles(draws: Array, value: float, fewest: int) -> Interval:
    """Of a statistic in 0 … 1, from bootstrap draws of it. Efron 1979. Never excludes the value.

    Where all draws are alike at 0 or 1 nothing varied: then Wilson's of all, or none, of the `fewest` rows.
    """
    low, high = np.quantile(draws[np.isfinite(draws)], [0.025, 0.975])
    if low == high == value and value in (0.0, 1.0):
        return wilson(value * fewest, fewest)
    return min(float(low), value), max(float(high), value)


def recounts(counts: Array, rng: np.random.Generator) -> list[Array]:
    """DRAWS bootstrap draws of cell counts (c,), as blocks (draws, c).

    Drawing the counts of cells from a multinomial is the same as drawing the rows, and needs no rows.
    """
    total, chances = int(counts.sum()), counts / counts.sum()
    block = max(1, min(DRAWS, 2**21 // len(counts)))
    sizes = [block] * (DRAWS // block) + ([DRAWS % block] if DRAWS % block else [])
    return [rng.multinomial(total, chances, size=size) for size in sizes]


def stretch(choices: int) -> float:
    """How much wider an interval must be when it is the luckiest of so many. Bonferroni, on the normal scale."""
    return NormalDist().inv_cdf(1 - 0.025 / choices) / Z if choices > 1 else 1.0


def widened(values: Array, limits: Array, choices: int) -> Array:
    return values + (limits - values) * stretch(choices)


def of_smallest(values: Array, lows: Array, highs: Array) -> Interval:
    """Of the smallest of (k,) estimates, whichever that is: from the lowest end of any, up to the nearest end that
    remains when each is widened for the choice among them.
    """
    high = min(float(widened(values, highs, len(values)).min()), float(highs.max()))
    return float(lows.min()), max(high, float(values.min()))


def macro(parts: Sequence[tuple[float, float]]) -> tuple[float, Interval]:
    """The mean of independent shares, given as (successes, n), and its interval: Wilson's, squared and added."""
    limits = np.array([wilson(successes, n) for successes, n in parts])
    shares = np.array([successes / n for successes, n in parts])
    weights = np.full(len(parts), 1 / len(parts))
    low, high = mover(shares, limits[:, 0], limits[:, 1], weights)
    return float(shares.mean()), (max(0.0, low), min(1.0, high))


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def median_ranks(n: int) -> tuple[int, int]:
    """The places, from 0, of the sorted values between which the median lies with at least 95 % confidence.

    With fewer than six values no two of them are that sure; the first and the last are as near as one gets.
    David and Nagaraja 2003, Order Statistics, 7.1.
    """
    below, k = 0.5**n, 0
    while 2 * (below + math.comb(n, k + 1) * 0.5**n) <= 0.05:
        k += 1
        below += math.comb(n, k) * 0.5**n
    return k, n - 1 - k
