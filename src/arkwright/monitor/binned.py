"""A column in a few bins: where each row lies, as a loss model asks it."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arkwright.core import arrow
from arkwright.measures.evaluation import Array
from arkwright.measures.sketch import Sketch

NUMBERS = ("int", "float", "date", "datetime")  # a time counts from 1970: days, or microseconds
WORDS = ("str", "bool")


@dataclass(frozen=True, slots=True)
class Binned:
    """Numbers have `edges`, ascending; words have `values`, the most frequent, and all others are one bin behind them.
    What is missing is the last bin.
    """

    edges: Array | None = None
    values: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return (len(self.values) if self.edges is None else len(self.edges)) + 2

    def places(self, column: pa.ChunkedArray | None, n: int) -> Array:
        """(n,) the bin of each row; all are missing of a column that is gone, or of another kind by now."""
        kind = "" if column is None else arrow.type_name(column.type, "")
        if column is None or kind not in (WORDS if self.edges is None else NUMBERS):
            return np.full(n, self.size - 1)
        if self.edges is None:
            found = pc.fill_null(
                pc.index_in(column.cast(pa.string()), value_set=pa.array(self.values, pa.string())), -1
            )
            places = np.where(found.to_numpy() < 0, len(self.values), found.to_numpy())
            return np.where(column.is_null().to_numpy(), self.size - 1, places)
        numbers = _aligned(column)
        return np.where(np.isnan(numbers), self.size - 1, np.searchsorted(self.edges, numbers, "right"))


def coarse(sketch: Sketch, bins: int, values: int) -> Binned:
    """Of a reference's column: bins of about as many rows each, as many words as that."""
    if sketch.edges is None:
        return Binned(None, sketch.values[:values])
    below = np.cumsum(sketch.counts)[:-1]  # each edge
    places = np.searchsorted(below, np.arange(1, bins) * sketch.n / bins)
    places = np.unique(places[places < len(below)])
    return Binned(sketch.edges[places[(below[places] > 0) & (below[places] < sketch.n)]])


def _aligned(column: pa.ChunkedArray) -> Array:
    """(n,) numbers; NaN where there is none."""
    if pa.types.is_temporal(column.type):
        column = column.cast(pa.int32() if pa.types.is_date(column.type) else pa.int64())
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy())
