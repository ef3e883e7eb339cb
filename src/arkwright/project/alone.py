"""Whether a function of rows treats each row alone: live rows come one at a time, or in other company."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pyarrow as pa

_CUTS = (0, 1, 2, 50, 200)  # two rows alone, some, and the rest
_NEAR = 1e-6  # the last bits of a number may depend on how many are computed at once


_AGAIN = ("the second time", "take chance and the clock out of it")
_IN_COMPANY = ("for a row when other rows are there", "compute from one row alone, or make it in a dataset")


def differing_column(make: Callable[[pa.Table], pa.Table], rows: pa.Table) -> tuple[str, tuple[str, str]] | None:
    """The first column in which `make` of the whole is not `make` of the slices put together; None when all agree.

    With it, for people: when it differs, and what to do. Raises what `make` raises.
    """
    whole, again = make(rows), make(rows)
    cuts = [*(cut for cut in _CUTS if cut < rows.num_rows), rows.num_rows]
    parts = [make(rows.slice(start, end - start)) for start, end in pairwise(cuts)]
    for name in whole.column_names:
        expected = whole.column(name).to_pylist()
        if not _same(expected, _values(again, name)):
            return name, _AGAIN
        if not _same(expected, [value for part in parts for value in _values(part, name)]):
            return name, _IN_COMPANY
    return None


def _values(table: pa.Table, name: str) -> list[Any]:
    return table.column(name).to_pylist() if name in table.column_names else []


def _same(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(map(_equal, one, other))


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=_NEAR) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)
