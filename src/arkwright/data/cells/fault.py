"""What is wrong with some cells of a column, and how a person is told."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arkwright.core.arrow_arrays import flags, numbers, valid
from arkwright.data.batch import Rows, to_json

_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Fault:
    """`rows`: positions in the batch. `says`: "is not an int"; the value stands before it unless not `shows`."""

    rows: Rows
    says: str
    shows: bool = True

    def of(self, column: str) -> str:
        """What is counted: the same for every value."""
        return f"{column} {self.says}"

    def reason(self, column: str, value: Any) -> str:
        """What stands beside the row: `dep_time: "abc" is not an int`."""
        return f"{column}: {shown(value)} {self.says}" if self.shows else f"{column} {self.says}"


def shown(value: Any) -> str:
    """A value in a message: JSON, cut short, one line."""
    if isinstance(value, str) and len(value) > _LONGEST:
        value = value[:_LONGEST] + "…"
    text = to_json(value)
    return text if len(text) <= 3 * _LONGEST else text[: 3 * _LONGEST] + "…"


def null(kind: pa.DataType) -> pa.Scalar:
    """A null of this type; `pa.scalar` would import pandas."""
    return pa.nulls(1, kind)[0]


def where(mask: pa.Array) -> Rows:
    """(m,) positions where a mask is true; null counts as false."""
    known = valid(mask)
    true = numbers(mask).view(np.bool_)
    return np.flatnonzero(true if known is None else true & known)


def without(cells: pa.Array, rows: Rows) -> pa.Array:
    """The same cells, null at some positions."""
    if not len(rows):
        return cells
    kept = np.ones(len(cells), np.bool_)
    kept[rows] = False
    return pc.if_else(flags(kept), cells, null(cells.type))
