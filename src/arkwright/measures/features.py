"""All columns of a row as one short list of numbers, so that what columns do together is kept as sums of them.

Random Fourier features (Rahimi and Recht 2007) with orthogonal frequencies (Yu et al. 2016): their products are about a
Gaussian kernel of the standardised columns. They are whole numbers, so that sums are exact, however rows are cut.
"""

from dataclasses import dataclass

import numpy as np

from arkwright.measures.evaluation import Array
from arkwright.measures.products import product

PAIRS = 32  # a cosine and a sine each
STEPS = 256  # of a cosine, and of one standard deviation
FAR = 5.0  # what lies more standard deviations off counts as so many
WORDS = 30  # values of a column at most, the most frequent ones; all others are one
_SOME = 500  # rows whose distances give the kernel's width
_STRATUM = 1001
_SEED = 20070601


@dataclass(frozen=True, slots=True)
class Standardised:
    """n rows. `numbers` (n, a): in standard deviations from the reference's mean, NaN where missing. `words` (n, b):
    the place of the value among those of its column; behind them one for all others, and one for missing.
    """

    numbers: Array
    words: Array

    def take(self, rows: Array | slice) -> "Standardised":
        return Standardised(self.numbers[rows], self.words[rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Fixed by the reference. `centres`, `scales` (a,): of its numbers. `values`: of its b columns of words, and
    `shares` (b,): of the first of them. `frequencies` (d, PAIRS): of each number, of each number's being missing, and
    of each value of each column of words with the two places behind them.
    """

    numbers: tuple[str, ...]
    centres: Array
    scales: Array
    words: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    shares: Array
    frequencies: Array

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.numbers, *self.words)

    def of(self, rows: Standardised) -> Array:
        """(n, 2 * PAIRS) cosines and sines, in steps."""
        a = len(self.numbers)
        gone = np.isnan(rows.numbers)
        angles = product(np.where(gone, 0.0, rows.numbers), self.frequencies[:a])
        if gone.any():
            angles += product(gone, self.frequencies[a : 2 * a])
        first = 2 * a
        for number, values in enumerate(self.values):
            angles += self.frequencies[first + rows.words[:, number]]
            first += len(values) + 2
        half = np.tan(angles / 2)  # of the three only this is vectorised: 1 ns instead of 30 for both others
        scale = STEPS / (1 + half**2)
        made: Array = np.rint(np.hstack([2 * scale - STEPS, 2 * scale * half]))
        return made

    def levels(self, rows: Standardised) -> tuple[Array, Array]:
        """(n, a + b): (whether a column is there, its level in steps of a standard deviation).

        A column of words is followed by whether it has its most frequent value.
        """
        shares = np.clip(self.shares, 0.0, 1.0)
        spread = np.maximum(np.sqrt(shares * (1 - shares)), 1 / FAR)
        last = np.array([len(values) + 1 for values in self.values], np.int64)
        words = ((rows.words == 0) & (last > 1)) - shares
        there = np.hstack([~np.isnan(rows.numbers), rows.words != last])
        level = np.hstack([np.nan_to_num(rows.numbers), words / spread])
        return there, np.where(there, np.rint(STEPS * level), 0).astype(np.int64)


def scaled(column: Array) -> tuple[float, float]:
    """(mean, standard deviation) of (n,) numbers, the farthest thousandth on each side drawn in, so that one wrong
    number does not make all others alike.
    """
    finite = column[np.isfinite(column)]
    if not len(finite):
        return 0.0, 1.0
    drawn = np.clip(finite, *np.quantile(finite, [0.001, 0.999]))
    with np.errstate(over="ignore", invalid="ignore"):
        centre, scale = float(drawn.mean()), float(drawn.std())
    return (centre, scale) if np.isfinite(scale) and scale > 0 else (float(np.median(drawn)), 1.0)


def standardised(column: Array, centre: float, scale: float) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.clip((column - centre) / scale, -FAR, FAR)


def frequencies(rows: Standardised, values: tuple[tuple[str, ...], ...]) -> Array:
    """(d, PAIRS) for rows like these: the kernel is as wide as the median of their distances (Gretton et al. 2012)."""
    dimensions = 2 * rows.numbers.shape[1] + sum(len(one) + 2 for one in values)
    return drawn(dimensions, np.random.default_rng(_SEED)) / width(rows)


def drawn(dimensions: int, rng: np.random.Generator) -> Array:
    """(d, PAIRS) frequencies of a Gaussian kernel of width 1: orthogonal where there are enough dimensions, their
    lengths one from each of PAIRS equal parts of the chi distribution.
    """
    blocks, left = [np.zeros((dimensions, 0))], PAIRS
    while left and dimensions:
        some = min(dimensions, left)
        blocks.append(np.linalg.qr(rng.normal(size=(dimensions, some)))[0])
        left -= some
    lengths = np.sqrt(np.sort(rng.chisquare(max(1, dimensions), PAIRS * _STRATUM))[_STRATUM // 2 :: _STRATUM])
    return np.hstack(blocks) * rng.permutation(lengths) if dimensions else np.zeros((0, PAIRS))


def width(rows: Standardised) -> float:
    """The median distance of two rows; another word is as far as two numbers are on average. 1 where all are alike."""
    some = rows.take(np.random.default_rng(_SEED).permutation(len(rows.numbers))[:_SOME])
    gone = np.isnan(some.numbers)
    whole = np.hstack([np.where(gone, 0.0, some.numbers), gone])
    squares = np.sum(whole**2, axis=1)
    apart = squares[:, None] + squares - 2 * whole @ whole.T
    for codes in some.words.T:
        apart += 2.0 * (codes[:, None] != codes)
    apart = apart[np.triu_indices(len(apart), 1)]
    found = float(np.sqrt(max(0.0, np.median(apart)))) if len(apart) else 0.0
    return found if found > 1e-6 else 1.0
