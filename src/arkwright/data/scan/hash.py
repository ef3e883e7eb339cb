"""64-bit fingerprints of rows. Equal rows have equal ones; unequal rows almost never, so callers verify."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from arkwright.data.scan.values import Array, Values

_ODD = np.uint64(0x9E3779B97F4A7C15)
_PRIME = np.uint64(0xFF51AFD7ED558CCD)
_HALF = np.uint64(32)
_NULL = np.uint64(0x6A09E667F3BCC909)
_TAIL = np.array([(1 << (8 * n)) - 1 for n in range(9)], dtype=np.uint64)


def fingerprints(columns: Sequence[Values]) -> Array:
    """(rows,) uint64, of the combination of these columns in each row; nulls are alike."""
    total = _of(columns[0])
    for values in columns[1:]:
        total *= _ODD
        total += _of(values)
        total = _mix(total)
    return total


def bits(values: Values) -> Array:
    """(n,) uint64: the non-null values of a column that is not text or bytes; exact: unequal values differ."""
    numbers = values.numbers
    if numbers.dtype.kind == "f":
        return (numbers.astype(np.float64, copy=False) + 0.0).view(np.uint64)  # -0.0 becomes 0.0
    return numbers.astype(np.int64 if numbers.dtype.kind == "i" else np.uint64, copy=False).view(np.uint64)


def _of(values: Values) -> Array:
    if values.kind not in ("str", "bytes"):
        found = _mix(bits(values))
    elif values.is_coded:
        found = _texts(values.array.dictionary)[values.codes]
    else:
        found = _texts(values.array.drop_null() if values.nulls else values.array)
    if values.present is None:
        return found
    spread = np.full(len(values), _NULL)
    spread[values.present] = found
    return spread


def _mix(words: Array) -> Array:
    words = (words ^ (words >> _HALF)) * _ODD
    return np.asarray((words ^ (words >> _HALF)) * _PRIME)


def _texts(array: pa.Array) -> Array:
    """(n,) uint64 of texts or bytes without nulls, eight bytes at a time."""
    if not len(array):
        return np.empty(0, np.uint64)
    large = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    _, place, data = array.buffers()
    offsets = np.frombuffer(place, np.int64 if large else np.int32)[array.offset : array.offset + len(array) + 1]
    offsets = offsets.astype(np.int64)
    first, end = int(offsets[0]), int(offsets[-1])
    padded = np.zeros(end - first + 8, np.uint8)
    if end > first:
        padded[:-8] = np.frombuffer(data, np.uint8)[first:end]
    words = np.ndarray((len(padded) - 7,), np.dtype("<u8"), padded, strides=(1,))
    starts, lengths = offsets[:-1] - first, np.diff(offsets)
    found = _mix(lengths.astype(np.uint64) + _ODD)
    for at in range(0, int(lengths.max()), 8):
        rows = np.flatnonzero(lengths > at)
        word = words[starts[rows] + at] & _TAIL[np.minimum(lengths[rows] - at, 8)]
        found[rows] = _mix(found[rows] ^ word)
    return found
