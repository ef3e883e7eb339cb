"""The cells of a column by its counts in the reference: words, or ranges of about as many rows; and what is missing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arkwright.core.errors import Invalid
from arkwright.core.where import Clause, Where, others
from arkwright.measures.causes import EMPTY, OTHERS, finds, short
from arkwright.measures.divergence import grouped, scipy
from arkwright.measures.evaluation import Array
from arkwright.measures.sketch import OFTEN, VALUES, Sketch

MOST = 1000  # cells of a column
EVERY = VALUES + 1  # each word that the reference names, and the rest
_LUCK = 0.001  # the chance that any word seems to have moved where nothing did
_TOGETHER = 3  # times the rows of a cell, of rare words in one: fewer hide what many do together, more what one does
_OWN = 2 * OFTEN  # rows of the reference to be expected of a word with a cell of its own: hardly ever under OFTEN


@dataclass(frozen=True, slots=True)
class Cells:
    """`of`: the cell of each bin of `before`, the column's counts, that was cut in `bins` of them. Each has a name, and
    `where` finds its rows; the last one holds those without a value.
    """

    column: str
    before: Sketch
    of: Array
    bins: int
    labels: tuple[str, ...]
    where: tuple[tuple[Clause, ...], ...]

    def __len__(self) -> int:
        return len(self.labels)


def cells(column: str, before: Sketch, bins: int, of: Array | None = None) -> Cells:
    """At most so many, and one of what is missing. `of`: the cell of each bin, where it is not by the reference alone.
    Raises Invalid for no number of cells.
    """
    of = of_bins(before, bins) if of is None else of
    if before.edges is None:
        own = [before.values[bin_] for bin_ in np.argsort(of[:-1], kind="stable") if of[bin_] < of[-1]]
        named = [(short(value) or '""', finds(column, value)) for value in own]
        named.append((OTHERS, beside(column, [where for _, where in named], empty=False)))
    else:
        named = [_range(column, before.edges, np.flatnonzero(of == cell)) for cell in range(of[-1] + 1)]
    named.append((EMPTY, ((Where(column, "=", None),),)))
    labels, where = zip(*named, strict=True)
    return Cells(column, before, of, bins, labels, where)


def beside(column: str, where: Sequence[tuple[Clause, ...]], *, empty: bool) -> tuple[Clause, ...]:
    """What finds the rows of all other cells; nothing where one of these cannot be found itself."""
    return others(column, where, empty=empty) if all(where) else ()


def of_bins(before: Sketch, bins: int) -> Array:
    """The cell of each bin: of numbers, cells of about as many rows; of words the most frequent ones, and the rest."""
    _must_be_some(bins)
    if not before.of_numbers:
        return np.minimum(np.arange(len(before.counts)), bins - 1)
    middle = (np.cumsum(before.counts) - before.counts / 2) / max(1, before.n)
    _, groups = np.unique(np.minimum((middle * bins).astype(np.int64), bins - 1), return_inverse=True)
    return groups


def of_both(before: Sketch, now: Sketch, bins: int, least: float = 0) -> Array:
    """The cell of each bin, for what is held against the reference: of words those that moved by more than luck would,
    and the most frequent ones of both sides together. Those that were most frequent in the reference alone were so by
    luck, too, and are rarer in any window. For the same reason a word that is about as rare as those without a name
    stays with them. `least`: rows to be expected of a cell on either side; words with fewer, unless they moved, go
    together with others that are about as frequent. Raises Invalid for no number of cells.
    """
    if before.of_numbers:
        return of_bins(before, bins)
    if bins != EVERY:
        _must_be_some(bins)
    both = before.counts[:-1] + now.counts[:-1]
    rows = max(1, before.n + now.n)
    expected = both * (min(before.n, now.n) / rows)
    known = both * before.n >= (_OWN * rows if before.counts[-1] else 0)
    moved = _by_more_than_luck(before, both, before.n / rows) | _by_more_than_luck(now, both, now.n / rows)
    own = np.lexsort((-both, ~moved))
    own = own[(known & (expected >= least) | moved)[own]][: bins - 1]
    of = np.full(len(before.counts), -1)
    of[own] = np.arange(len(own))
    rare = np.flatnonzero(known & (of[:-1] < 0)) if least else np.zeros(0, np.int64)
    groups = min(bins - 1 - len(own), int(expected[rare].sum() // (_TOGETHER * least))) if len(rare) else 0
    if groups:
        rare = _by_rank(expected, rare)
        of[rare] = len(own) + grouped(expected[rare], groups)
    of[of < 0] = len(own) + groups
    return of


def _by_rank(expected: Array, words: Array) -> Array:
    """The most frequent of these words first; those as frequent as each other in no order: the reference's is luck."""
    mixed = np.random.default_rng(len(words)).permutation(words)
    return np.asarray(mixed[np.argsort(-expected[mixed], kind="stable")])


def _by_more_than_luck(side: Sketch, both: Array, share: float) -> Array:
    """Words that came so much oftener on a side, which has this share of the rows of both, that luck would hardly do it
    to any of them where nothing changed: Poisson's law, which is cautious here, adjusted for their number (Bonferroni).
    """
    counts = side.counts[:-1]
    chance = scipy("special").gammainc(np.maximum(counts, 1), both * share)
    return np.asarray((counts > 0) & (chance < _LUCK / (2 * max(1, len(both)))))


def _must_be_some(bins: int) -> None:
    if not 2 <= bins <= MOST:
        raise Invalid(f"bins={bins}: give 2 to {MOST}")


def _range(column: str, edges: Array, among: Array) -> tuple[str, tuple[Clause, ...]]:
    """Bin j lies between the edges j - 1 and j; nothing lies before the first or behind the last."""
    low = float(edges[among[0] - 1]) if among[0] else None
    high = float(edges[among[-1]]) if among[-1] < len(edges) else None
    if low is None and high is None:
        return "any number", ((Where(column, "!=", None),),)
    if low is None:
        return f"below {high:.6g}", ((Where(column, "<", repr(high)),),)
    if high is None:
        return f"{low:.6g} and more", ((Where(column, ">=", repr(low)),),)
    if high == math.nextafter(low, math.inf):  # behind the largest
        return f"{low:.6g}", ((Where(column, "=", repr(low)),),)
    return f"{low:.6g} to below {high:.6g}", ((Where(column, ">=", repr(low)),), (Where(column, "<", repr(high)),))
