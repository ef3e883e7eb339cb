"""Which values of a column predictions are to have: `carrier=UA`, `distance>=500`, `distance<750`, `age=` for none.

What people write is never SQL: it is held against the column's type, and what is no value of it is refused.
"""

import math
import re
from dataclasses import dataclass

import pyarrow as pa

from arkwright.core.errors import Invalid
from arkwright.core.quoting import quoted_name, quoted_text
from arkwright.core.times import moment

_SPELLING = re.compile(r"([^=<>]+?)(>=|<=|=|<|>)(.*)", re.DOTALL)
LONGEST = 1000  # characters


@dataclass(frozen=True, slots=True)
class Where:
    """`op`: = < > <= >=; a `value` of no characters with `=`: the cell is empty."""

    column: str
    op: str
    value: str


def parse(text: str) -> Where:
    """Raises Invalid."""
    found = _SPELLING.fullmatch(text)
    if found is None or len(text) > LONGEST:
        raise Invalid(f"{text[:40]!r} says no value of a column; write carrier=UA, distance>=500, or age= for empty")
    return Where(found[1].strip(), found[2], found[3])


def condition(where: Where, kind: pa.DataType) -> str:
    """In SQL, of a column of this type. Raises Invalid for what is no value of it."""
    name = quoted_name(where.column)
    if not where.value:
        if where.op != "=":
            raise Invalid(f"{where.column}{where.op} lacks a value")
        return f"{name} IS NULL"
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        return f"{name} {where.op} {_number(where)!r}"
    if pa.types.is_temporal(kind):
        at = moment(where.value)
        assert at
        return f"{name} {where.op} TIMESTAMP '{at.isoformat(' ')}'"
    if where.op != "=":
        raise Invalid(f"{where.column} holds words, which have no order; write {where.column}={where.value[:40]}")
    if pa.types.is_boolean(kind) and where.value.lower() not in ("true", "false"):
        raise Invalid(f"{where.column} is true or false, not {where.value[:40]!r}")
    word = where.value.lower() if pa.types.is_boolean(kind) else where.value
    return f"CAST({name} AS VARCHAR) = {quoted_text(word)}"


def _number(where: Where) -> int | float:
    """A whole one as it is written: not every such is a float."""
    try:
        found = float(where.value)
        if math.isfinite(found):
            return int(where.value) if re.fullmatch(r"[+-]?[0-9]{1,18}", where.value) else found
    except ValueError:
        pass
    raise Invalid(f"{where.column} holds numbers, not {where.value[:40]!r}")
