"""Values of columns that predictions are to have, in SQL. What people write never is: it is held against the column's
type, and what is no value of it is refused.
"""

import math
import re
from collections.abc import Mapping

import pyarrow as pa

from arkwright.core.errors import Invalid
from arkwright.core.quoting import quoted_name, quoted_text
from arkwright.core.times import moment
from arkwright.core.where import Clause, Where


def condition(clause: Clause, kinds: Mapping[str, pa.DataType]) -> str:
    """Of columns of these types; one that is not there has no value, and is not empty either. Raises Invalid."""
    return " OR ".join(_one(one, kinds[one.column]) if one.column in kinds else "FALSE" for one in clause)


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
