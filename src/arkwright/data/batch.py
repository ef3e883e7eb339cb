"""What every reader yields: a few thousand rows as they were found, with their numbers, and the rows it had to drop."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from arkwright.core.arrow_arrays import integers
from arkwright.core.errors import Invalid
from arkwright.core.rows import Field
from arkwright.data.cells.escape import unescape

Rows = npt.NDArray[np.int64]
_JSON = json.JSONEncoder(ensure_ascii=False, default=str)
Cells: TypeAlias = Any  # an Arrow array, or a list of Python values


@dataclass(frozen=True, slots=True)
class Bad:
    """One row that does not fit. `says` is its reason without the value: what is counted."""

    row: int
    says: str
    reason: str
    raw: str

    def moved(self, by: int) -> "Bad":
        """The same, numbered after `by` rows of other files."""
        return replace(self, row=self.row + by) if by else self


@dataclass(frozen=True, slots=True)
class Batch:
    """(n,) rows. `kind` tells what a cell is: a `text` of a CSV, a `typed` Arrow value, or a Python `object`."""

    kind: Literal["text", "typed", "object"]
    columns: Mapping[str, Cells]
    numbers: Rows  # (n,) 1-based numbers of the rows in their source
    bad: Sequence[Bad] = ()
    whole: Sequence[Mapping[str, Any]] | None = None  # the rows themselves, where columns leave something out

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def last(self) -> int:
        """The largest row number in it."""
        return max([int(self.numbers[-1]) if len(self) else 0, *(bad.row for bad in self.bad)])

    def plain(self, rows: Rows) -> list[dict[str, Any]]:
        """Some rows with everything in them as JSON can say it."""
        if self.whole is not None:
            return [_spelt(self.whole[row]) for row in rows.tolist()]
        columns = {name: _plain(_take(cells, rows)) for name, cells in self.columns.items()}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


class Reader(Protocol):
    """One file, table or query. `what` is what messages call it."""

    @property
    def what(self) -> str: ...

    @property
    def sparse(self) -> bool:
        """Whether a row may leave out a column that may be null."""
        ...

    def names(self) -> tuple[str, ...]:
        """The columns there are."""
        ...

    def fields(self) -> tuple[Field, ...] | None:
        """The types that the source itself declares, if it does."""
        ...

    def batches(self, wanted: Sequence[str] | None) -> Iterator[Batch]:
        """Every row, in order, from the start. Columns that are not `wanted` may be left out; None: all are."""
        ...


def require_unique(names: Sequence[str], what: str) -> None:
    """Raises Invalid naming a column that occurs twice."""
    if len(set(names)) < len(names):
        name = next(name for name, count in Counter(names).items() if count > 1)
        raise Invalid(f"{what}: the column {name[:60]!r} occurs twice; every column needs its own name")


def to_json(row: Any) -> str:
    return _JSON.encode(row)


def _take(cells: Cells, rows: Rows) -> list[Any]:
    if isinstance(cells, list):
        return [cells[row] for row in rows.tolist()]
    taken = cells.take(integers(rows))
    if pa.types.is_temporal(taken.type):
        taken = taken.cast(pa.string())  # Python's calendar ends with the year 9999
    if pa.types.is_string(taken.type) or pa.types.is_large_string(taken.type):
        taken = taken.cast(pa.large_binary())  # it may not be UTF-8
    found: list[Any] = taken.to_pylist()
    return found


def _plain(values: list[Any]) -> list[Any]:
    return [_spelt(value) for value in values]


def _spelt(value: Any) -> Any:
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, bytes):
        return unescape(value.decode("utf-8", "backslashreplace"))
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {str(_spelt(key)): _spelt(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_spelt(inner) for inner in value]
    return str(value)
