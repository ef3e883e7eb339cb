"""The cells of a column by its counts in the reference: words, or ranges of about as many rows; and what is missing."""

from dataclasses import dataclass

import numpy as np

from arkwright.core.errors import Invalid
from arkwright.measures.causes import EMPTY, OTHERS, finds, short
from arkwright.measures.evaluation import Array
from arkwright.measures.sketch import Sketch

MOST = 1000  # cells of a column


@dataclass(frozen=True, slots=True)
class Cells:
    """`of`: the cell of each bin of `before`, the column's counts, that was cut in `bins` of them. Each has a name, and
    `where` finds its rows as `arkwright predictions --where` reads it; the last one holds those without a value.
    """

    column: str
    before: Sketch
    of: Array
    bins: int
    labels: tuple[str, ...]
    where: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.labels)


def cells(column: str, before: Sketch, bins: int) -> Cells:
    """At most so many, and one of what is missing. Raises Invalid for no number of cells."""
    of = of_bins(before, bins)
    if before.edges is None:
        named = [(short(value), finds(column, value)) for value in before.values[: of[-1]]]
        named.append((OTHERS, ()))
    else:
        named = [_range(column, before.edges, np.flatnonzero(of == cell)) for cell in range(of[-1] + 1)]
    named.append((EMPTY, (f"{column}=",)))
    labels, where = zip(*named, strict=True)
    return Cells(column, before, of, bins, labels, where)


def of_bins(before: Sketch, bins: int) -> Array:
    """The cell of each bin: of numbers, cells of about as many rows; of words the most frequent ones, and the rest."""
    if not 2 <= bins <= MOST:
        raise Invalid(f"bins={bins}: give 2 to {MOST}")
    if not before.of_numbers:
        return np.minimum(np.arange(len(before.counts)), bins - 1)
    middle = (np.cumsum(before.counts) - before.counts / 2) / max(1, before.n)
    _, groups = np.unique(np.minimum((middle * bins).astype(np.int64), bins - 1), return_inverse=True)
    return groups


def _range(column: str, edges: Array, among: Array) -> tuple[str, tuple[str, ...]]:
    """Bin j lies between the edges j - 1 and j; nothing lies before the first or behind the last."""
    low = float(edges[among[0] - 1]) if among[0] else None
    high = float(edges[among[-1]]) if among[-1] < len(edges) else None
    if low is None and high is None:
        return "any number", ()
    if low is None:
        return f"below {high:.6g}", (f"{column}<{high!r}",)
    if high is None:
        return f"{low:.6g} and more", (f"{column}>={low!r}",)
    if high == np.nextafter(low, np.inf):  # behind the largest
        return f"{low:.6g}", (f"{column}={low!r}",)
    return f"{low:.6g} to below {high:.6g}", (f"{column}>={low!r}", f"{column}<{high!r}")
