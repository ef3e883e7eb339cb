"""Hashes of rows that are the same on every platform, in every process and for every integer width."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Hashes = npt.NDArray[np.uint64]
_NULL = np.uint64(0x9E3779B97F4A7C15)


def hash_rows(table: pa.Table, columns: Sequence[str], seed: int) -> Hashes:
    """A 64-bit hash of `columns` for each row, (n,). Equal values hash equally, whatever their Arrow width.

    Numbers go through the finaliser of SplitMix64 (Steele, Lea and Flood 2014), texts through BLAKE2b (RFC 7693).
    """
    found = np.full(table.num_rows, _mix(np.array([seed], dtype=np.uint64))[0], dtype=np.uint64)
    for column in columns:
        found = _mix(found ^ _hash_column(table.column(column)))
    return found


def _hash_column(column: pa.ChunkedArray) -> Hashes:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    missing = column.is_null().to_numpy()
    if pa.types.is_floating(kind):
        values = pc.fill_null(column.cast(pa.float64()), 0.0).to_numpy()
        values = np.where(np.isnan(values), np.nan, values) + 0.0  # one NaN, and no minus zero
        hashed = _mix(values.view(np.uint64))
    elif pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_temporal(kind):
        hashed = _mix(_integers(column).view(np.uint64))
    else:
        hashed = _hash_texts(column)
    return np.where(missing, _NULL, hashed)


def _integers(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    kind = column.type
    if pa.types.is_uint64(kind):
        return np.asarray(pc.fill_null(column, 0).to_numpy(), dtype=np.uint64).view(np.int64)
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    elif pa.types.is_duration(kind):
        column = column.cast(pa.duration("us"), safe=False)
    elif pa.types.is_time(kind):
        column = column.cast(pa.time64("us"), safe=False)
    elif pa.types.is_date(kind):
        column = column.cast(pa.date32()).cast(pa.int32())
    return np.asarray(pc.fill_null(column.cast(pa.int64()), 0).to_numpy(), dtype=np.int64)


def _hash_texts(column: pa.ChunkedArray) -> Hashes:
    """Each distinct value is hashed once."""
    encoded = column.dictionary_encode().combine_chunks()
    distinct = encoded.dictionary.to_pylist()
    hashes = np.array([_digest(value) for value in distinct] or [0], dtype=np.uint64)
    indices = np.asarray(pc.fill_null(encoded.indices, 0).to_numpy(zero_copy_only=False), dtype=np.int64)
    return hashes[indices]


def _digest(value: Any) -> int:
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


def _mix(values: Hashes) -> Hashes:
    with np.errstate(over="ignore"):
        mixed = values + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)
