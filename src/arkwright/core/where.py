"""Which values of a column rows are to have, as people write it: `carrier=UA`, `distance>=500`, `age=` for none.

What is odd stands in double quotes, as JSON writes a text (RFC 8259): `"a|b"="x=y"`. `|` between two is or.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from arkwright.core.errors import Invalid

LONGEST = 2000  # characters
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_ONE = re.compile(
    rf'\s*(?:({_QUOTED})|((?![\s"])(?:[^=<>|!]|!(?!=))+?))\s*(!=|>=|<=|=|<|>)(?:({_QUOTED})\s*|((?!["=])[^|]*))(\||\Z)',
    re.DOTALL,
)
_OTHERWISE = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


@dataclass(frozen=True, slots=True)
class Where:
    """`op`: = != < > <= >=; no `value`: the cell is empty, or with != it is not. Of a cell that is empty nothing else
    holds.
    """

    column: str
    op: str
    value: str | None


Clause = tuple[Where, ...]  # any of them


def parse(text: str) -> Clause:
    """Raises Invalid."""
    found, at = list[Where](), 0
    while len(text) <= LONGEST and (one := _ONE.match(text, at)):
        column, value = one[2] or _unquoted(one[1]), _unquoted(one[4]) if one[4] else one[5] or None
        if column is None or (one[4] and value is None) or not _can_be_sent(f"{column}{value}"):
            break
        found.append(Where(column, one[3], value))
        at = one.end()
        if not one[6]:
            return tuple(found)
    raise Invalid(
        f"{text[:40]!r} says no value of a column; write carrier=UA, distance>=500, or age= for empty, "
        'and what has signs or blanks in quotes: "a=b"="x|y"'
    )


def spelt(clause: Clause) -> str:
    """As `parse` reads it."""
    return "|".join(f"{_name(one.column)}{one.op}{_value(one.value)}" for one in clause)


def others(column: str, cells: Sequence[tuple[Clause, ...]], *, empty: bool) -> tuple[Clause, ...]:
    """What finds the rows of a column that are in none of these cells, each of them found by all of its clauses of one.
    `empty`: rows without a value are among them.
    """
    none = (Where(column, "=", None),) if empty else ()
    return tuple((*(Where(one.column, _OTHERWISE[one.op], one.value) for (one,) in cell), *none) for cell in cells) or (
        () if empty else ((Where(column, "!=", None),),)
    )


def _unquoted(text: str) -> str | None:
    try:
        return str(json.loads(text))
    except ValueError:
        return None


def _can_be_sent(text: str) -> bool:
    """Half a surrogate pair is no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name(text: str) -> str:
    return text if text and _plain(text) and not re.search("[=<>!]", text) else _quoted(text)


def _value(text: str | None) -> str:
    return "" if text is None else text if text and text[0] != "=" and _plain(text) else _quoted(text)


def _plain(text: str) -> bool:
    return text.strip() == text and text[0] != '"' and "|" not in text and text.isprintable()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=not text.isprintable())
