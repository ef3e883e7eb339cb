"""A column as few places: where each row lies, as a loss model asks it."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from arkwright.core import arrow
from arkwright.measures.evaluation import Array
from arkwright.measures.sketch import Sketch
from arkwright.monitor import cells

NUMBERS = ("int", "float", "date", "datetime")  # a time counts from 1970: days, or microseconds
WORDS = ("str", "bool")


@dataclass(frozen=True, slots=True)
class Binned:
    """Numbers have `knots`, ascending; words have `values`, the most frequent, then one place for all others.
    What is missing has the last place.
    """

    knots: Array | None = None
    values: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return len(self.values) + 2 if self.knots is None else len(self.knots) + 1

    def places(self, column: pa.ChunkedArray | None, n: int) -> Array:
        """(n,) the place of each row: 2.5 is half way between two knots. All are missing of a column that is gone, or
        of another kind by now.
        """
        missing = self.size - 1.0
        kind = "" if column is None else arrow.type_name(column.type, "")
        if column is None or kind not in (WORDS if self.knots is None else NUMBERS):
            return np.full(n, missing)
        if self.knots is None:
            return cells.places(column, self.values).astype(np.float64)
        numbers = cells.floats(column)
        if not len(self.knots):
            return np.full(n, missing)
        return np.where(np.isnan(numbers), missing, np.interp(numbers, self.knots, np.arange(len(self.knots))))


def between(places: Array) -> tuple[Array, Array]:
    """(the place before each row, how far it is to the next: 0 to 1)"""
    before = places.astype(np.int64)
    return before, places - before


def coarse(sketch: Sketch, bins: int, values: int) -> Binned:
    """Of a reference's column: knots with about as many rows between each, or as many words as that. The ends are close
    to the smallest and the largest.
    """
    if sketch.edges is None:
        return Binned(None, sketch.values[:values])
    if not sketch.n or not np.isfinite([sketch.low, sketch.high]).all():
        return Binned(np.zeros(0))
    shares = np.concatenate([[0.01], np.arange(1, bins) / bins, [0.99]])
    places = np.searchsorted(np.cumsum(sketch.counts)[:-1], shares * sketch.n)
    edges = sketch.edges[places[places < len(sketch.edges)]]
    inner = edges[(edges > sketch.low) & (edges < sketch.high)]
    return Binned(np.unique(np.concatenate([[sketch.low], inner, [sketch.high]])))
