"""Aggregates of Parquet files, all in one pass: each needed column is decoded once, a batch of rows at a time.

A tally takes each batch and answers one aggregate, or all of one text column; a few may ask for another pass.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from arkwright.core.errors import Corrupt, Invalid, Unknown
from arkwright.data.scan.askable import kind_in
from arkwright.data.scan.footers import Footers
from arkwright.data.scan.plan import Planner, Tally
from arkwright.data.scan.values import Values, kind_of, to_seconds
from arkwright.measures.aggregates import Aggregate, Rows

_BATCH_ROWS = 1 << 18
_BATCH_BYTES = 1 << 26


class Scan:
    """One dataset in one or more Parquet files of the same columns. `others`: dataset -> Parquet file."""

    def __init__(self, paths: Sequence[Path], others: Mapping[str, Path], *, trusted: bool) -> None:
        if not paths:
            raise Invalid("there is no file to measure")
        self._paths, self._others, self._trusted = paths, others, trusted
        footers = [footer(path) for path in paths]
        self._footers = Footers(footers)
        self._schema = self._footers.schema
        for path, file in zip(paths, footers, strict=True):
            if not file.schema.to_arrow_schema().equals(self._schema):
                raise Invalid(f"{path.name} has other columns than {paths[0].name}; files read as one must be alike")

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Column -> type as in `Column.type`; Arrow's word for a type that we do not hold."""
        return {field.name: _word(field) for field in self._schema}

    @property
    def rows(self) -> int:
        """As the footers say."""
        return self._footers.rows

    def unit(self, column: str) -> float:
        """By how much to divide `Values.numbers` to get numbers, or seconds since 1970."""
        return to_seconds(self._schema.field(column).type)

    def kind(self, column: str) -> str:
        """The type of a column. Raises Unknown when there is none of that name, Invalid when it cannot be measured."""
        kind_in(self.kinds, column, "the dataset")
        if self._schema.names.count(column) > 1:
            raise Invalid(f"the column name {column!r} occurs twice; every column needs its own name")
        return kind_of(self._schema.field(column))

    def other_kind(self, other: str) -> str:
        """The type of `dataset.column`."""
        dataset, _, column = other.partition(".")
        if dataset not in self._others:
            raise Unknown(f"{other} cannot be looked up: there is no dataset {dataset!r}")
        schema = footer(self._others[dataset]).schema.to_arrow_schema()
        kind_in(dict.fromkeys(schema.names, ""), column, f"the dataset {dataset}")
        return kind_of(schema.field(column))

    def answer(self, needs: Iterable[Aggregate]) -> dict[Aggregate, Any]:
        """Every aggregate's value. The columns must exist and the aggregates must fit them (`must_be_askable`).

        Raises Corrupt when a file cannot be read, Invalid for a pattern that is not one.
        """
        planner = Planner(self._footers, self.kind, self._other_values, trusted=self._trusted)
        for need in needs:
            planner.ask(need)
        rows = self._pass(planner.tallies)
        waiting = planner.tallies
        while waiting := [tally for tally in waiting if not tally.settled()]:
            self._pass(waiting)
        return {**planner.answers(), Rows(): self._footers.rows if rows is None else rows}

    def _pass(self, tallies: Sequence[Tally]) -> int | None:
        """Show every batch to the tallies; the number of rows seen, None when no row had to be read."""
        columns = sorted({column for tally in tallies for column in tally.columns})
        if not columns:
            if self._trusted or not self._schema.names:
                return None
            columns = [min(self._schema.names, key=self._footers.size)]  # count what is there, not what is claimed
            return sum(len(batch) for batch in self.batches(columns))
        kinds = {column: self.kind(column) for column in columns}
        rows = 0
        for batch in self.batches(columns):
            values = {column: Values(batch.column(column), kinds[column]) for column in columns}
            for tally in tallies:
                tally.add(values)
            rows += len(batch)
        return rows

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Batches of at most 262,144 rows and about 64 MiB, each within one row group."""
        coded = [column for column in columns if self._footers.is_coded(column)]
        size = max(1, min(_BATCH_ROWS, int(_BATCH_BYTES / max(1.0, self._footers.width(columns)))))
        for path in self._paths:
            with readable(path), pq.ParquetFile(path, read_dictionary=coded, pre_buffer=False) as file:
                for group in range(file.num_row_groups):
                    yield from file.iter_batches(size, row_groups=[group], columns=columns, use_threads=False)

    def _other_values(self, other: str) -> Iterator[pa.Array]:
        dataset, _, column = other.partition(".")
        path = self._others[dataset]
        with readable(path), pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=[column], use_threads=False):
                yield batch.column(column)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say in our words when a Parquet file cannot be read. Raises Corrupt."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise Corrupt(f"{path.name} cannot be read as Parquet: {why}") from None


def footer(path: Path) -> pq.FileMetaData:
    """The footer of a Parquet file. Raises Corrupt."""
    with readable(path):
        return pq.read_metadata(path)


def _word(field: pa.Field) -> str:
    try:
        return kind_of(field)
    except Invalid:
        return str(field.type)
