"""Which tally answers which aggregate, and what a trusted footer answers without one."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Protocol

import pyarrow as pa

from arkwright.core import arrow_arrays
from arkwright.data.scan.distinct import DistinctRows
from arkwright.data.scan.footers import Footers
from arkwright.data.scan.members import known_numbers, known_texts, literals
from arkwright.data.scan.numbers import Average, Extreme, Inside, Member
from arkwright.data.scan.quantile import Rank
from arkwright.data.scan.texts import Texts, matching, one_of
from arkwright.data.scan.values import Values, to_seconds
from arkwright.measures.aggregates import (
    Aggregate,
    Between,
    Distinct,
    Found,
    In,
    Largest,
    Matching,
    Mean,
    Newest,
    Nulls,
    Quantile,
    Rows,
    Smallest,
)


class Tally(Protocol):
    """Is shown every batch of rows; when `settled` says False it is shown all of them again."""

    columns: tuple[str, ...]

    def add(self, batch: Mapping[str, Values]) -> None: ...

    def settled(self) -> bool: ...


class NullCount:
    """Rows where a column is null or NaN."""

    def __init__(self, column: str) -> None:
        self.columns: tuple[str, ...] = (column,)
        self._count = 0

    def add(self, batch: Mapping[str, Values]) -> None:
        self._count += batch[self.columns[0]].nulls

    def settled(self) -> bool:
        return True

    def value(self) -> int:
        return self._count


class Planner:
    """Turns aggregates into tallies. `other`: the batches of a `dataset.column`, for references."""

    def __init__(
        self,
        footers: Footers,
        kind: Callable[[str], str],
        other: Callable[[str], Iterator[pa.Array]],
        *,
        trusted: bool,
    ) -> None:
        self.tallies: list[Tally] = []
        self._answers: dict[Aggregate, Callable[[], Any]] = {}
        self._texts: dict[str, Texts] = {}
        self._footers, self._kind, self._other, self._trusted = footers, kind, other, trusted

    def ask(self, need: Aggregate) -> None:
        """Plan for one aggregate, once. Raises Invalid for a pattern that is not one."""
        if need in self._answers or isinstance(need, Rows):
            return
        known = self._from_footers(need) if self._trusted else None
        self._answers[need] = (lambda: known) if known is not None else self._planned(need)

    def answers(self) -> dict[Aggregate, Any]:
        return {need: answer() for need, answer in self._answers.items()}

    def _from_footers(self, need: Aggregate) -> float | None:
        match need:
            case Nulls(column):
                return self._footers.nulls(column)
            case Smallest(column):
                span = self._footers.span(column)
                return None if span is None else span[0] / self._unit(column)
            case Largest(column) | Newest(column):
                span = self._footers.span(column)
                return None if span is None else span[1] / self._unit(column)
            case _:
                return None

    def _planned(self, need: Aggregate) -> Callable[[], Any]:  # noqa: PLR0911 - a line for each aggregate
        match need:
            case Nulls(column):
                return self._add(NullCount(column))
            case Smallest(column):
                return self._add(Extreme(column, 1, self._unit(column)))
            case Largest(column) | Newest(column):
                return self._add(Extreme(column, -1, self._unit(column)))
            case Mean(column):
                return self._add(Average(column, self._unit(column)))
            case Quantile(column, q):
                return self._add(Rank(column, q, self._unit(column)))
            case Between(column, low, high):
                return self._add(Inside(column, low, high, self._unit(column)))
            case Distinct(columns):
                return self._distinct(columns)
            case In(column) | Matching(column) | Found(column):
                return self._text(need, column) if self._kind(column) == "str" else self._member(need, column)
            case _:
                raise TypeError(f"no tally answers {need}")

    def _add(self, tally: Any) -> Callable[[], Any]:
        self.tallies.append(tally)
        answer: Callable[[], Any] = tally.value
        return answer

    def _distinct(self, columns: tuple[str, ...]) -> Callable[[], Any]:
        if len(columns) == 1 and self._footers.is_coded(columns[0]):
            return self._texts_of(columns[0]).different
        text = any(self._kind(column) in ("str", "bytes") for column in columns)
        spans = [self._footers.span(column) for column in columns]
        return self._add(DistinctRows(columns, self._footers.rows, spans, text=text))

    def _text(self, need: Aggregate, column: str) -> Callable[[], Any]:
        texts = self._texts_of(column)
        match need:
            case In(values=values):
                texts.ask(need, one_of(arrow_arrays.texts([str(value) for value in values])))
            case Found(other=other):
                texts.ask(need, one_of(known_texts(self._other(other))))
            case Matching(pattern=pattern):
                texts.ask(need, matching(pattern))
        return partial(texts.passed, need)

    def _member(self, need: Aggregate, column: str) -> Callable[[], Any]:
        kind, held = self._kind(column), self._footers.schema.field(column).type
        if isinstance(need, In):
            return self._add(Member(column, literals(kind, held, need.values)))
        assert isinstance(need, Found)
        return self._add(Member(column, known_numbers(held, self._other(need.other))))

    def _texts_of(self, column: str) -> Texts:
        if column not in self._texts:
            self._texts[column] = Texts(column)
            self.tallies.append(self._texts[column])
        return self._texts[column]

    def _unit(self, column: str) -> float:
        return to_seconds(self._footers.schema.field(column).type)
