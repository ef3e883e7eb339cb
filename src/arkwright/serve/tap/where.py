"""Values of columns that predictions are to have, in SQL. What people write never is: it is held against the column's
type, and what is no value of it is refused.
"""

import math
import re
from collections.abc import Iterable, Mapping

import pyarrow as pa

from arkwright.core.errors import Invalid
from arkwright.core.quoting import quoted_name, quoted_text
from arkwright.core.times import moment
from arkwright.core.where import Clause, Where

Kinds = Mapping[str, pa.DataType]  # the columns of a file


def check(clause: Clause, layouts: Iterable[Kinds]) -> None:
    """Raises Invalid for what is a value of the column in none of the files that have it."""
    for one in clause:
        wrong: list[Invalid] = []
        there = [kinds[one.column] for kinds in layouts if one.column in kinds]
        for kind in there:
            try:
                _one(one, kind)
            except Invalid as error:
                wrong.append(error)
        if wrong and len(wrong) == len(there):
            raise wrong[0]


def condition(clause: Clause, kinds: Kinds) -> str:
    """Of one file; a column that is not there has no value, and is not empty either. Of no word: FALSE."""
    return " OR ".join(_here(one, kinds[one.column]) if one.column in kinds else "FALSE" for one in clause) or "FALSE"


def _here(where: Where, kind: pa.DataType) -> str:
    """What is no value of the column in this file, but of another release's, every value here is another than."""
    try:
        return _one(where, kind)
    except Invalid:
        return f"{quoted_name(where.column)} IS NOT NULL" if where.op == "!=" else "FALSE"


def _one(where: Where, kind: pa.DataType) -> str:
    """Raises Invalid for what is no value of the column."""
    name, value = quoted_name(where.column), where.value
    there = f"NOT isnan({name})" if pa.types.is_floating(kind) else ""  # what is no number is missing, as it is counted
    if value is None:
        if where.op not in ("=", "!="):
            raise Invalid(f"{where.column}{where.op} lacks a value")
        empty = f"({name} IS NULL{f' OR isnan({name})' if there else ''})"
        return empty if where.op == "=" else f"NOT {empty}"
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        held = f"{name} {where.op} {_number(where.column, value, 18 if there else 38)}"
        return f"({held} AND {there})" if there else held
    if pa.types.is_temporal(kind):
        at = moment(value)
        assert at
        return f"{name} {where.op} TIMESTAMP '{at.isoformat(' ')}'"
    if where.op not in ("=", "!="):
        raise Invalid(f"{where.column} holds words, which have no order; write {where.column}={value[:40]}")
    if pa.types.is_boolean(kind) and value.lower() not in ("true", "false"):
        raise Invalid(f"{where.column} is true or false, not {value[:40]!r}")
    word = value.lower() if pa.types.is_boolean(kind) else value
    return f"CAST({name} AS VARCHAR) {where.op} {quoted_text(word)}"


def _number(column: str, value: str, digits: int) -> str:
    """A whole one of so many digits as it is written: not every such is a float. Others as floats: as decimals some are
    another one.
    """
    try:
        found = float(value)
    except ValueError:
        found = math.nan
    if math.isnan(found):
        raise Invalid(f"{column} holds numbers, not {value[:40]!r}")
    return str(int(value)) if re.fullmatch(rf"[+-]?[0-9]{{1,{digits}}}", value) else f"CAST('{found!r}' AS DOUBLE)"
