"""Between Arrow arrays and numpy by their buffers: `pa.array` and `to_numpy` import pandas, which takes a second."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def texts(values: Sequence[str]) -> pa.Array:
    """(n,) large_string. Raises UnicodeEncodeError for half a surrogate pair, which no file holds either."""
    encoded = [value.encode() for value in values]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(value) for value in encoded], out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.large_string(), len(encoded), buffers)


def flags(mask: npt.NDArray[np.bool_]) -> pa.Array:
    """(n,) bool, for `filter`."""
    return pa.Array.from_buffers(pa.bool_(), len(mask), [None, _bits(mask)])


def floats(values: npt.NDArray[np.float64], present: npt.NDArray[np.bool_] | None) -> pa.Array:
    """(n,) float64, null where not present."""
    null = None if present is None else _bits(present)
    return pa.Array.from_buffers(pa.float64(), len(values), [null, pa.py_buffer(values)])


def numbers(array: pa.Array) -> npt.NDArray[Any]:
    """(n,) view of an array of fixed width: numbers, dates, times; anything where it is null. Yes/no as 0 and 1."""
    kind, n = array.type, len(array)
    if pa.types.is_boolean(kind):
        return _unpacked(array.buffers()[1], array.offset, n)
    if pa.types.is_date32(kind):
        dtype = np.dtype(np.int32)
    else:
        dtype = np.dtype(np.int64 if pa.types.is_timestamp(kind) else kind.to_pandas_dtype())
    if not n:
        return np.empty(0, dtype)
    return np.frombuffer(array.buffers()[1], dtype, n, array.offset * dtype.itemsize)


def valid(array: pa.Array) -> npt.NDArray[np.bool_] | None:
    """(n,) where an array is not null; None when it is so everywhere."""
    if not array.null_count:
        return None
    return _unpacked(array.buffers()[0], array.offset, len(array)).view(np.bool_)


def _unpacked(buffer: Any, offset: int, n: int) -> npt.NDArray[np.uint8]:
    if not n:
        return np.empty(0, np.uint8)
    first = offset // 8
    packed = np.frombuffer(buffer, np.uint8, (offset + n + 7) // 8 - first, first)
    return np.unpackbits(packed, bitorder="little")[offset % 8 : offset % 8 + n]


def _bits(mask: npt.NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(mask, bitorder="little"))


def integers(values: npt.NDArray[np.int64]) -> pa.Array:
    """(n,) int64, for `take`."""
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])
