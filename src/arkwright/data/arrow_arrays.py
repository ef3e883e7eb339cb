"""Arrow arrays from Python and numpy, made of their buffers: `pa.array` would import pandas, which takes a second."""

from collections.abc import Sequence

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


def floats(values: npt.NDArray[np.float64]) -> pa.Array:
    """(n,) float64 with null for NaN."""
    return pa.Array.from_buffers(pa.float64(), len(values), [_bits(~np.isnan(values)), pa.py_buffer(values)])


def _bits(mask: npt.NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(mask, bitorder="little"))


def integers(values: npt.NDArray[np.int64]) -> pa.Array:
    """(n,) int64, for `take`."""
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(values)])
