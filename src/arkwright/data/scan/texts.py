"""Tallies of text: one of a few, matching a pattern, found elsewhere, and how many different.

A dictionary-coded column is counted per code first, so the checks run on its different values, not on its rows.
"""

from collections.abc import Callable, Hashable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arkwright.core import arrow_arrays
from arkwright.core.errors import Invalid
from arkwright.data.scan.values import Array, Values

Check = Callable[[pa.ChunkedArray], pa.ChunkedArray]
_PENDING = 1 << 26  # bytes of text gathered before they are checked or counted


class TextCounts:
    """How often each different value of a column of text (or bytes: `held`) occurs; exact, nulls left out."""

    def __init__(self, held: pa.DataType | None = None) -> None:
        self._held = held or pa.large_string()
        self._values: list[pa.Array] = []
        self._counts: list[Array] = []
        self._pending = 0

    def add(self, values: Values) -> None:
        if values.is_coded:
            texts = values.array.dictionary
            counts = np.bincount(values.codes, minlength=len(texts))
        else:
            texts = values.array.drop_null() if values.nulls else values.array
            counts = np.ones(len(texts), np.int64)
        texts = texts.cast(self._held)
        self._values.append(texts)
        self._counts.append(counts)
        self._pending += texts.nbytes
        if self._pending > max(_PENDING, self._values[0].nbytes):  # the first is what was merged before
            self.merge()

    def merge(self) -> tuple[pa.Array, Array]:
        """The different values that occur, and how often each does."""
        if not self._values:
            return pa.nulls(0, self._held), np.empty(0, np.int64)
        coded = pa.chunked_array(self._values).combine_chunks().dictionary_encode()
        counts = np.bincount(arrow_arrays.numbers(coded.indices), np.concatenate(self._counts), len(coded.dictionary))
        used = counts > 0
        self._values = [coded.dictionary.filter(arrow_arrays.flags(used))]
        self._counts = [counts[used].astype(np.int64)]
        self._pending = 0
        return self._values[0], self._counts[0]


class Texts:
    """Everything asked about one text column: the rows that pass each check, and the number of different values."""

    def __init__(self, column: str) -> None:
        self.columns: tuple[str, ...] = (column,)
        self._checks: dict[Hashable, Check] = {}
        self._good: dict[Hashable, int] = {}
        self._coded = TextCounts()
        self._nulls = False
        self._plain: list[pa.Array] = []
        self._waiting = 0

    def ask(self, name: Hashable, check: Check) -> None:
        """Count the rows that pass a check; `passed(name)` tells."""
        self._checks[name] = check
        self._good[name] = 0

    def add(self, batch: Mapping[str, Values]) -> None:
        values = batch[self.columns[0]]
        if values.is_coded:
            self._coded.add(values)
            self._nulls |= values.nulls > 0
            return
        texts = values.array.drop_null().cast(pa.large_string())
        self._plain.append(texts)
        self._waiting += texts.nbytes
        if self._waiting > _PENDING:
            self._flush()

    def settled(self) -> bool:
        return True

    def passed(self, name: Hashable) -> int:
        """Rows that pass the check."""
        self._flush()
        values, counts = self._coded.merge()
        if not len(values):
            return self._good[name]
        good = arrow_arrays.numbers(self._checks[name](pa.chunked_array([values])).combine_chunks())
        return self._good[name] + int(np.dot(counts, good))

    def different(self) -> int:
        """Different values of a dictionary-coded column; a null is one."""
        return len(self._coded.merge()[0]) + self._nulls

    def _flush(self) -> None:
        if self._plain:
            rows = pa.chunked_array(self._plain)
            for name, check in self._checks.items():
                self._good[name] += pc.sum(check(rows)).as_py() or 0
        self._plain, self._waiting = [], 0


def one_of(values: pa.Array) -> Check:
    """Whether a text is one of `values`."""
    return lambda rows: pc.is_in(rows, value_set=values)


def matching(pattern: str) -> Check:
    """Whether a text matches the RE2 pattern as a whole. Raises Invalid when it is not one."""
    whole = rf"\A(?:{pattern})\z"
    try:
        pc.match_substring_regex(arrow_arrays.texts([""]), pattern=pattern)  # alone, so that `a)|(b` is not let through
        pc.match_substring_regex(arrow_arrays.texts([""]), pattern=whole)
    except pa.ArrowInvalid as error:
        why = str(error).removeprefix("Invalid regular expression: ")
        raise Invalid(f"the pattern {pattern[:200]!r} is not a regular expression (RE2): {why[:200]}") from None
    return lambda rows: pc.match_substring_regex(rows, pattern=whole)
