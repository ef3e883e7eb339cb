"""One column of one batch of rows, in the forms that tallies ask for; each form is made once and shared."""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from arkwright.core import arrow_arrays
from arkwright.core.arrow import type_name

Array = npt.NDArray[Any]
_UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_DAY = 86_400.0
_CODED = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())


class Values:
    """`array` as it was read, with NaN counted as null. `kind` is the column's type as in `Column.type`."""

    def __init__(self, array: pa.Array, kind: str) -> None:
        self.kind = kind
        self.array = plain(array)

    def __len__(self) -> int:
        return len(self.array)

    @cached_property
    def nulls(self) -> int:
        if self.kind != "float":
            return int(self.array.null_count)
        return 0 if self.present is None else len(self) - int(np.count_nonzero(self.present))

    @cached_property
    def present(self) -> npt.NDArray[np.bool_] | None:
        """(rows,) whether there is a value; None when there is one in every row."""
        there = arrow_arrays.valid(self.array)
        if self.kind == "float":
            nan = np.isnan(arrow_arrays.numbers(self.array))
            if nan.any():
                return np.asarray(~nan if there is None else there & ~nan)
        return there

    @cached_property
    def numbers(self) -> Array:
        """(n,) the values that are not null, in the unit they are kept in: days, microseconds, 0 and 1 …"""
        return self._there(self.array)

    @cached_property
    def codes(self) -> Array:
        """(n,) the dictionary code of each value that is not null."""
        return self._there(self.array.indices)

    def _there(self, array: pa.Array) -> Array:
        rows = arrow_arrays.numbers(array)
        return rows if self.present is None else rows[self.present]

    @property
    def is_coded(self) -> bool:
        return bool(pa.types.is_dictionary(self.array.type))


def plain(array: pa.Array) -> pa.Array:  # noqa: PLR0911 - a line for each type
    """Rare Arrow types as the common ones that hold the same: dictionaries stay only for text and bytes."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return (
            array if kind.value_type in _CODED and not array.dictionary.null_count else plain(array.dictionary_decode())
        )
    if pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return array.cast(pa.float64())
    if pa.types.is_float16(kind):
        return array.cast(pa.float32())
    if pa.types.is_date64(kind):
        return array.cast(pa.date32())
    if pa.types.is_string_view(kind):
        return array.cast(pa.large_string())
    if pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        return array.cast(pa.large_binary())
    return array


def to_seconds(kind: pa.DataType) -> float:
    """By how much to divide what `Values.numbers` holds to get a number, or seconds since 1970."""
    if pa.types.is_timestamp(kind):
        return _UNITS[kind.unit]
    return 1 / _DAY if pa.types.is_date(kind) else 1.0


def kind_of(field: pa.Field) -> str:
    """The column's type as in `Column.type`. Raises Invalid for one that we do not hold."""
    return type_name(field.type, field.name)


def sorted_unique(numbers: Array) -> Array:
    """(n,) the different values in order. By sorting: `np.unique` hashes, which takes twenty times as long."""
    numbers = np.sort(numbers)
    keep = np.ones(len(numbers), dtype=bool)
    np.not_equal(numbers[1:], numbers[:-1], out=keep[1:])
    return np.asarray(numbers[keep])
