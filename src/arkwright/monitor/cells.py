"""The cells of a column as they are counted: numbers, words with how often they are there, or where each row lies among
known words. By their buffers: `to_numpy` and `pa.array` import pandas, where it is, for a third of a second.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arkwright.core import arrow_arrays
from arkwright.measures.evaluation import Array


class Columns(Protocol):
    """Rows of which one column is asked for at a time: a table, or what is never in memory as a whole."""

    @property
    def column_names(self) -> list[str]: ...
    @property
    def num_rows(self) -> int: ...
    def column(self, name: str) -> pa.ChunkedArray: ...


def numbers(column: pa.ChunkedArray) -> tuple[Array, int]:
    """(the numbers, how many cells were empty beside them)"""
    there = _plain(column.drop_null() if column.null_count else column)
    return _joined([arrow_arrays.numbers(chunk) for chunk in there.chunks]), column.null_count


def floats(column: pa.ChunkedArray) -> Array:
    """(n,) of a column of numbers or times; NaN where a cell is empty."""
    chunks = _plain(column).cast(pa.float64(), safe=False).chunks
    return _joined([_filled(arrow_arrays.numbers(chunk), arrow_arrays.valid(chunk), np.nan) for chunk in chunks])


def words(column: pa.ChunkedArray) -> tuple[dict[str, int], int]:
    """(each word with how often it was there, how many cells were empty)"""
    if pa.types.is_boolean(column.type):
        yes = sum(chunk.true_count for chunk in column.chunks)
        return {"true": yes, "false": len(column) - column.null_count - yes}, column.null_count
    counts: Counter[str | None] = Counter()
    if pa.types.is_dictionary(column.type):
        for chunk in column.chunks:  # each has a dictionary of its own
            _coded(chunk, counts)
    else:
        if pa.types.is_string_view(column.type):  # of which Arrow counts empty cells as empty texts
            column = column.cast(pa.large_string())
        found = pc.value_counts(column)
        _add(counts, found.field("values"), arrow_arrays.numbers(found.field("counts")))
    missing = counts.pop(None, 0)
    return {word: count for word, count in counts.items() if word is not None}, missing


def places(column: pa.ChunkedArray, values: Sequence[str]) -> Array:
    """(n,) the place of each word among k values: k of all others, k + 1 where a cell is empty."""
    known = arrow_arrays.texts(values).cast(pa.string())
    return _joined([_places(chunk, known) for chunk in column.chunks])


def _places(words: pa.Array, known: pa.Array) -> Array:
    k = len(known)
    if pa.types.is_dictionary(words.type):
        of_codes = np.append(_places(words.dictionary, known), k + 1)
        codes, there = arrow_arrays.numbers(words.indices), arrow_arrays.valid(words.indices)
        return of_codes[_filled(codes, there, len(words.dictionary))]
    found = pc.index_in(words.cast(pa.string()), value_set=known)
    there = _filled(arrow_arrays.numbers(found), arrow_arrays.valid(found), k)
    return _filled(there, arrow_arrays.valid(words), k + 1)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_date(column.type):
        return column.cast(pa.date32()).cast(pa.int32())
    if pa.types.is_temporal(column.type):
        return column.cast(pa.int64())
    if pa.types.is_decimal(column.type) or pa.types.is_null(column.type):
        return column.cast(pa.float64())
    return column


def _filled(values: Array, there: Array | None, empty: float) -> Array:
    return values if there is None else np.where(there, values, empty)


def _joined(parts: Sequence[Array]) -> Array:
    return parts[0] if len(parts) == 1 else np.concatenate(parts or [np.zeros(0, np.int64)])


def _coded(chunk: pa.DictionaryArray, counts: "Counter[str | None]") -> None:
    """Counted by code, without a look at any word but those of the dictionary."""
    codes, there = arrow_arrays.numbers(chunk.indices), arrow_arrays.valid(chunk.indices)
    found = np.bincount(codes if there is None else codes[there], minlength=len(chunk.dictionary))
    _add(counts, chunk.dictionary, found)
    counts[None] += chunk.indices.null_count


def _add(counts: "Counter[str | None]", said: pa.Array, found: Array) -> None:
    for word, count in zip(said.cast(pa.string()).to_pylist(), found.tolist(), strict=True):
        if count:
            counts[word] += count
