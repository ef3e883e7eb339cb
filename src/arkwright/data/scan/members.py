"""The values that a column's values are looked up in: written in a promise, or held by another dataset."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from arkwright.core import arrow_arrays
from arkwright.data.scan.askable import literal
from arkwright.data.scan.values import Array, Values, plain, sorted_unique, to_seconds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = date(1970, 1, 1).toordinal()


def literals(kind: str, held: pa.DataType, values: Sequence[Any]) -> Array:
    """(n,) the values written in a promise, as `Values.numbers` holds a column of this type."""
    if kind == "date":
        numbers: list[Any] = [literal(kind, value).toordinal() - _DAYS for value in values]
    elif kind == "datetime":
        moments = [literal(kind, value).replace(tzinfo=UTC) - _EPOCH for value in values]
        micros = [moment.days * 86_400_000_000 + moment.seconds * 1_000_000 + moment.microseconds for moment in moments]
        scaled = [divmod(micro * int(to_seconds(held)), 1_000_000) for micro in micros]
        numbers = [whole for whole, rest in scaled if not rest]
    else:
        numbers = list(values)
    dtype = _dtype(held)
    if dtype.kind == "f":
        return np.array(numbers, dtype=np.float64)
    limits = np.iinfo(dtype)
    whole_ones = [int(number) for number in numbers if number == int(number)]
    return np.array([number for number in whole_ones if limits.min <= number <= limits.max], dtype=dtype)


def known_numbers(held: pa.DataType, batches: Iterable[pa.Array]) -> Array:
    """(n,) sorted: another column's different values, as `Values.numbers` holds a column of type `held`."""
    parts = []
    unit = to_seconds(held)
    for batch in batches:
        values = Values(batch, "float" if _dtype(batch.type).kind == "f" else "int").numbers
        parts.append(_fitting(sorted_unique(values), unit, to_seconds(batch.type), _dtype(held)))
    return sorted_unique(np.concatenate(parts)) if parts else np.empty(0, _dtype(held))


def known_texts(batches: Iterable[pa.Array]) -> pa.Array:
    """Another text column's different values."""
    parts = [part.dictionary if pa.types.is_dictionary(part.type) else part.drop_null().unique() for part in batches]
    parts = [part.cast(pa.large_string()) for part in parts]
    return pa.chunked_array(parts, pa.large_string()).unique()


def _fitting(values: Array, unit: float, theirs: float, dtype: np.dtype[Any]) -> Array:
    """Values in another unit or of another type, without those that this type cannot hold."""
    if dtype.kind == "f":
        return values.astype(np.float64)
    if values.dtype.kind == "f":
        values = values[(np.floor(values) == values) & (np.abs(values) < 2.0**63)].astype(np.int64)
    if unit < theirs:
        step = int(theirs / unit)
        values = values[values % step == 0] // step
    elif unit > theirs:
        step = int(unit / theirs)
        values = values[np.abs(values) < 2**63 // step] * step
    limits = np.iinfo(dtype)
    return values[(values >= limits.min) & (values <= limits.max)].astype(dtype)


def _dtype(held: pa.DataType) -> np.dtype[Any]:
    kind = plain(pa.nulls(0, held)).type
    return arrow_arrays.numbers(pa.nulls(0, kind)).dtype
