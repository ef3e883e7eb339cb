"""The aggregates of data promises as one SQL query, where the data is not a local Parquet file.

The answers are those of `data/scan/files.py`; tests hold the two equal. DuckDB dialect, every identifier quoted.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from arkwright.core.nouns import Column
from arkwright.core.ports import Tables
from arkwright.core.promises import Reading
from arkwright.core.quoting import quoted_name, quoted_text
from arkwright.core.rows import Field
from arkwright.data.check import Bound, finish, plan
from arkwright.data.scan.askable import columns_of, kind_in, literal, must_be_askable, schema_changes
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
    Now,
    Nulls,
    Quantile,
    Rows,
    SchemaChanges,
    Smallest,
)
from arkwright.measures.registry import Plan

Columns = Mapping[str, Sequence[Column]]


def measure(
    tables: Tables,
    dataset: str,
    inputs: Mapping[str, Path],
    columns: Columns,
    bound: Bound,
    *,
    select: str = "",
    row: tuple[Field, ...] | None = None,
    now: float | None = None,
) -> dict[str, Reading]:
    """The reading of each promise in `bound` (its text -> the bound measure), by one aggregate query.

    `inputs`: dataset -> file, with the datasets referred to; `columns`: dataset -> its columns; `select`: the query
    that is the dataset, over all of `inputs`, where it is no file; `row` and `now` as in `check.measure`.
    Raises Invalid for a promise that does not fit the column's type.
    """
    plans = fitting(dataset, columns, bound)
    kinds = {column.name: column.type for column in columns[dataset]}
    needs = list(dict.fromkeys(need for made in plans.values() for need in made.needs))
    asked = [need for need in needs if not isinstance(need, Now | SchemaChanges)]
    answers: dict[Aggregate, Any] = {Now(): time.time() if now is None else now}
    if asked:
        sql, used = query(dataset, kinds, asked)
        files = inputs if select else {name: inputs[name] for name in used}
        if select:
            sql = f"WITH {quoted_name(dataset)} AS ({select}) {sql}"
        answers |= zip(asked, tables.row(sql, files), strict=True)
    if SchemaChanges() in needs:
        answers[SchemaChanges()] = schema_changes(kinds, row)
    return finish(plans, answers)


def fitting(dataset: str, columns: Columns, bound: Bound) -> dict[str, Plan]:
    """What each promise needs. Raises Invalid for one that does not fit the column's type."""
    plans, kinds = plan(bound), {column.name: column.type for column in columns[dataset]}
    for text, made in plans.items():
        must_be_askable(text, made.needs, lambda column: kind_in(kinds, column, dataset), _other_kind(columns))
    return plans


def by(
    tables: Tables,
    select: str,
    dataset: str,
    inputs: Mapping[str, Path],
    kinds: Mapping[str, str],
    needs: Sequence[Aggregate],
    column: str,
    out: Path,
) -> dict[Any, dict[Aggregate, Any]]:
    """The answers of the rows of `select` with each value of a column; by way of the file `out`."""
    sql, _ = query(dataset, kinds, needs, by=column)
    tables.write(f"WITH {quoted_name(dataset)} AS ({select}) {sql}", inputs, out)
    rows = zip(*(column.to_pylist() for column in pq.read_table(out).columns), strict=True)
    return {value: dict(zip(needs, given, strict=True)) for value, *given in rows}


def query(
    dataset: str, kinds: Mapping[str, str], needs: Sequence[Aggregate], *, by: str = ""
) -> tuple[str, tuple[str, ...]]:
    """One SELECT with a column per aggregate, in order, and the datasets it reads; for each value of the column `by`,
    which stands first. `kinds`: column -> type.
    """
    sources = {column: _clean(column, kinds[column]) for need in needs for column in columns_of(need)}
    inner = [f"{text} AS {quoted_name(column)}" for column, text in sources.items()]
    used = {dataset: None}
    for need in needs:
        if isinstance(need, Found):
            other, _, theirs = need.other.partition(".")
            used[other] = None
            known = f"SELECT {quoted_name(theirs)} FROM {quoted_name(other)} WHERE {quoted_name(theirs)} IS NOT NULL"  # noqa: S608
            inner.append(f"{sources[need.column]} IN ({known}) AS {quoted_name(_found(need))}")
    outer = [f"{_aggregate(need, kinds)} AS a{i}" for i, need in enumerate(needs)]
    group = ""
    if by:
        inner, outer, group = [quoted_name(by), *inner], [quoted_name(by), *outer], f" GROUP BY {quoted_name(by)}"
    rows = f"SELECT {', '.join(inner) or '1'} FROM {quoted_name(dataset)}"  # noqa: S608
    return f"SELECT {', '.join(outer)} FROM ({rows}) AS rows_{group}", tuple(used)  # noqa: S608


def _aggregate(need: Aggregate, kinds: Mapping[str, str]) -> str:  # noqa: C901, PLR0911 - a line for each aggregate
    match need:
        case Rows():
            return "count(*)"
        case Nulls(column):
            return f"count(*) - count({quoted_name(column)})"
        case Distinct(columns):
            row = ", ".join(f"{quoted_name(column)}" for column in columns)
            return f"count(DISTINCT row({row}))"
        case Smallest(column):
            return f"min({_number(column, kinds)})"
        case Largest(column) | Newest(column):
            return f"max({_number(column, kinds)})"
        case Mean(column):
            exact = kinds[column] == "int"  # integers sum exactly
            return f"avg({quoted_name(column) if exact else _number(column, kinds)})"
        case Quantile(column, q):
            return f"quantile_cont({_number(column, kinds)}, {q!r})"
        case Between(column, low, high):
            return _rows_where(f"{_number(column, kinds)} BETWEEN {_literal(float(low))} AND {_literal(float(high))}")
        case In(column, values):
            said = ", ".join(_literal(literal(kinds[column], value)) for value in values)
            return _rows_where(f"{quoted_name(column)} IN ({said})" if values else "false")
        case Matching(column, pattern):
            return _rows_where(f"regexp_full_match({quoted_name(column)}, {_literal(pattern)})")
        case Found():
            return _rows_where(quoted_name(_found(need)))
        case _:
            raise TypeError(f"SQL does not answer {need}")


def _rows_where(condition: str) -> str:
    return f"count(*) FILTER (WHERE {condition})"


def _clean(column: str, kind: str) -> str:
    """NaN is null. Not by isnan: DuckDB believes Parquet statistics, which leave NaN out (duckdb/duckdb#25521)."""
    name = quoted_name(column)
    return f"CASE WHEN isfinite({name}) OR isinf({name}) THEN {name} END" if kind == "float" else name


def _number(column: str, kinds: Mapping[str, str]) -> str:
    """A column as DOUBLE; dates and times as seconds since 1970."""
    name = quoted_name(column)
    if kinds[column] in ("date", "datetime"):
        return f"epoch({name})"
    if kinds[column] == "bool":
        return f"CAST(CAST({name} AS INTEGER) AS DOUBLE)"
    return f"CAST({name} AS DOUBLE)"


def _other_kind(columns: Columns) -> Callable[[str], str]:
    def kind(other: str) -> str:
        dataset, _, column = other.partition(".")
        kind_in(dict.fromkeys(columns, ""), dataset, "the project")
        return kind_in({c.name: c.type for c in columns[dataset]}, column, f"the dataset {dataset}")

    return kind


def _found(need: Found) -> str:
    return f"{need.column} in {need.other}"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"CAST({value!r} AS DOUBLE)"
    if isinstance(value, str):
        return quoted_text(value)
    kind = "TIMESTAMP" if hasattr(value, "hour") else "DATE"
    return f"CAST('{value.isoformat(' ') if kind == 'TIMESTAMP' else value.isoformat()}' AS {kind})"
