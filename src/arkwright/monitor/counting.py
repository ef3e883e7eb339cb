"""Rows become counts, column by column."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arkwright.core import arrow
from arkwright.measures import sketch
from arkwright.measures.evaluation import Array
from arkwright.measures.sketch import Sketch

Sketches = Mapping[str, Sketch]
_NUMBERS = ("int", "float", "date", "datetime")  # a time counts from 1970: days, or microseconds
_WORDS = ("str", "bool")


def reference(table: pa.Table) -> dict[str, Sketch]:
    """The sketches of the rows that a release was judged on; what has neither an order nor few values is left out."""
    made = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = arrow.type_name(column.type, name)
        if kind in _NUMBERS:
            made[name] = sketch.of_numbers(_numbers(column), column.null_count)
        elif kind in _WORDS:
            made[name] = sketch.of_words(*_words(column))
    return made


def counted(bins: Sketches, table: pa.Table) -> dict[str, Sketch]:
    """The columns of the table that have bins, counted in them."""
    made = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name in bins:
            empty = bins[name].empty()
            made[name] = (
                empty.numbers(_numbers(column), column.null_count) if empty.of_numbers else empty.words(*_words(column))
            )
    return made


def added(first: Sketches, second: Sketches) -> dict[str, Sketch]:
    """Both together; a column that only one of them has is as it is there."""
    both = {name: first[name] + second[name] for name in first if name in second}
    return {**first, **second, **both}


def _numbers(column: pa.ChunkedArray) -> Array:
    there = column.drop_null() if column.null_count else column
    if pa.types.is_temporal(there.type):
        there = there.cast(pa.int32() if pa.types.is_date(there.type) else pa.int64())
    elif pa.types.is_decimal(there.type) or pa.types.is_null(there.type):
        there = there.cast(pa.float64())
    return np.asarray(there.to_numpy())


def _words(column: pa.ChunkedArray) -> tuple[dict[str, int], int]:
    """(each word with how often it was there, how many cells were empty)"""
    found = pc.value_counts(column)
    values = found.field("values")
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    counts = dict(zip(values.cast(pa.string()).to_pylist(), found.field("counts").to_pylist(), strict=True))
    missing = counts.pop(None, 0)
    return counts, missing
