"""Rows become what each caller asked for: counts of all of them, and a sample that fits into memory."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arkwright.core import arrow
from arkwright.measures.callers import Caller, Callers
from arkwright.measures.evaluation import Array
from arkwright.measures.sketch import Sketch

CALLER = "caller"
MOST = 1000  # callers of whom a sample is kept; all are counted
SAMPLE = 2000  # rows of each: the last ones of the window, so that nobody hides behind how they began
_RARE = 0.01  # of the reference's words without a bin of their own: beyond it a column cannot tell
_WORDS = 1 << 52  # words as numbers that a float holds exactly


@dataclass(slots=True)
class _Asked:
    rows: int = 0
    outside: int = 0
    sample: Array | None = None

    def more(self, rows: Array, outside: Array, values: Array, *, keep: bool) -> None:
        if keep:
            some = values[rows[-SAMPLE:]]
            self.sample = some if self.sample is None else np.concatenate([self.sample, some])[-SAMPLE:]
        self.rows += len(rows)
        self.outside += int(outside[rows].sum())


class Tally:
    """Of the columns of a reference, as promises name them; `columns`: which of them the log has."""

    def __init__(self, reference: Mapping[str, Sketch], columns: Collection[str]) -> None:
        self._reference = {name: one for name, one in reference.items() if one.rows and name in columns}
        self.columns = tuple(self._reference)
        self._asked: dict[str, _Asked] = {}

    def add(self, table: pa.Table) -> None:
        """Rows with their `caller`."""
        there = [_values(table.column(name), self._reference[name]) for name in self.columns]
        values = np.column_stack([number for number, _ in there])
        outside = np.logical_or.reduce([out for _, out in there])
        said = table.column(CALLER).combine_chunks().dictionary_encode()
        codes, names = said.indices.to_numpy(), said.dictionary.to_pylist()
        ends = np.cumsum(np.bincount(codes, minlength=len(names)))[:-1]
        each = np.split(np.argsort(codes, kind="stable"), ends)  # the rows of one, in their order
        for caller, rows in zip(names, each, strict=True):
            one = self._asked.setdefault(caller, _Asked())
            keep = one.sample is not None or len(self._asked) <= MOST
            one.more(rows, outside, values, keep=keep)

    def done(self) -> Callers:
        """All of them, whoever asked most first."""
        found = sorted(self._asked.values(), key=lambda one: -one.rows)
        return Callers(callers=tuple(map(self._one, found)), by_chance=self._by_chance())

    def _one(self, asked: _Asked) -> Caller:
        sample = {} if asked.sample is None else dict(zip(self.columns, asked.sample.T, strict=True))
        return Caller(rows=asked.rows, outside=asked.outside, sample=sample)

    def _by_chance(self) -> float:
        """Of n numbers and one more, that one is the largest or smallest in 2 of n + 1 cases at most (Wilks 1941)."""
        inside = 1.0
        for one in self._reference.values():
            if one.of_numbers:
                inside *= 1 - min(1.0, 2 / (one.n + 1))
            elif _tells(one):
                inside *= 1 - _rare(one)
        return 1 - inside


def _values(column: pa.ChunkedArray, before: Sketch) -> tuple[Array, Array]:
    """(n,) numbers, NaN where a cell is empty, and (n,) whether the reference has no such value."""
    if before.of_numbers:
        kind = arrow.type_name(column.type, "")
        if kind in ("date", "datetime"):
            column = column.cast(pa.int32() if kind == "date" else pa.int64())
        numbers = np.asarray(column.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy())
        return numbers, (numbers < before.low) | (numbers > before.high)
    words = column.cast(pa.string()).fill_null("")
    known = pc.is_in(words, pa.array(before.values, pa.string())).to_numpy()
    missing = pc.is_null(column).to_numpy()
    found = words.combine_chunks().dictionary_encode()
    numbers = np.array([hash(word) % _WORDS for word in found.dictionary.to_pylist()], np.float64)
    codes = found.indices.to_numpy()
    return numbers[codes] if len(numbers) else np.zeros(0), ~known & ~missing & _tells(before)


def _tells(before: Sketch) -> bool:
    """Whether a word without a bin is one that the reference hardly has."""
    return _rare(before) <= _RARE


def _rare(before: Sketch) -> float:
    return float(before.counts[-1]) / max(1, before.n)
