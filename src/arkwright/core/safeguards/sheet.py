"""A decision table as a CSV file: one rule per row, one condition per cell, the first row that fits answers.

    distance,carrier,age,answer,because
    > 5000,,,review,no such flight was in the data
    [0..300],"AA, DL",missing,false,

Columns are the row's (or `prediction`, `confidence`, `probability('x')`); an empty cell holds for everything. A row is
read into one condition, the same language as a rule's, so that there is one way in which things are compared.
"""

import csv
import io
import keyword
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from arkwright.core.errors import Invalid, did_you_mean
from arkwright.core.record import valid_name
from arkwright.core.safeguards.compile import WORDS
from arkwright.core.safeguards.words import MOST_RULES, Answer, Rule

MOST_BYTES, LONGEST_CELL = 1_000_000, 300
_LAST = ("answer", "because", "name")
_ORDER = re.compile(r"(<=|>=|==|!=|<|>|=)\s*(.+)", re.DOTALL)
_RANGE = re.compile(r"([\[(])\s*(.+?)\s*\.\.\s*(.+?)\s*([\])])")
_ITEM = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^,"']+?)\s*(?:,|$)""")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_ANY = ("", "-")
_ASKED = ("missing", "unseen", "outside")


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table: where it stands, its rule, and column -> condition of each cell that says something."""

    number: int
    rule: Rule
    cells: dict[str, str]


def read(text: str, file: str) -> tuple[list[Line], list[str]]:
    """The rows of a table, and every mistake in it as a line that begins with `file:row`. Nothing is raised."""
    if len(text) > MOST_BYTES:
        return [], [f"{file}:1: the table has {len(text):,} characters; at most {MOST_BYTES:,} are allowed"]
    first = text.partition("\n")[0]
    separator = ";" if ";" in first and "," not in first else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        return [], [f"{file}:{reader.line_num}: {error}"]
    if not rows:
        return [], [f"{file}:1: the table is empty; its first row names columns, the last of them answer"]
    (_, header), *body = rows
    wrong = list(_header(header, file))
    if wrong:
        return [], wrong
    if len(body) > MOST_RULES:
        return [], [f"{file}:1: the table has {len(body)} rows; at most {MOST_RULES} are allowed"]
    stem = re.sub(r"\W+", "-", file.rpartition("/")[2].rpartition(".")[0]) or "table"
    lines: list[Line] = []
    for number, row in body:
        made, problems = _line(header, row, number, f"{stem}-{number}")
        wrong += [f"{file}:{number}: {problem}" for problem in problems]
        if made:
            lines.append(made)
    return lines, wrong


def _header(header: list[str], file: str) -> Iterator[str]:
    if "answer" not in header:
        yield f"{file}:1: no column is called 'answer'{did_you_mean('answer', header)}"
    for name in header:
        if not name:
            yield f"{file}:1: a column has no name"
        elif header.count(name) > 1:
            yield f"{file}:1: two columns are called {name[:80]!r}"
            return
    if "answer" in header and all(name in _LAST for name in header):
        yield f"{file}:1: there is no column with conditions before answer"


def _line(header: list[str], row: list[str], number: int, name: str) -> tuple[Line | None, list[str]]:
    if len(row) != len(header):
        return None, [f"the row has {len(row)} cells, and the table {len(header)} columns"]
    problems: list[str] = []
    cells: dict[str, str] = {}
    answer: Answer = ""
    given = dict(zip(header, row, strict=True))
    for column, cell in given.items():
        try:
            _check_length(cell)
            if column == "answer":
                answer = _constant(cell) if cell else _no_answer()
            elif column == "name" and cell:
                name = valid_name(cell, "name")
            elif column not in _LAST and cell not in _ANY:
                cells[column] = condition(column, cell)
        except Invalid as error:
            problems.append(f"column {column[:80]}: {error}")
    if problems:
        return None, problems
    when = " and ".join(f"({one})" for one in cells.values()) if len(cells) > 1 else next(iter(cells.values()), "true")
    return Line(number, Rule(name=name, when=when, answer=answer, because=given.get("because", "")), cells), []


def _check_length(cell: str) -> None:
    if len(cell) > LONGEST_CELL:
        raise Invalid(f"the cell has {len(cell)} characters; at most {LONGEST_CELL} are allowed")


def _no_answer() -> Answer:
    raise Invalid("it is empty; write a class, a number or review")


def condition(column: str, cell: str) -> str:
    """A cell as a condition: `> 5`, `[1..5]`, `(0..1]`, `AA, DL`, `not AA`, `missing`. Raises Invalid."""
    plain = column.isidentifier() and not keyword.iskeyword(column) and column not in WORDS
    subject = column if plain or "(" in column else f"column({column!r})"
    if cell.startswith("not ") and (inner := cell.removeprefix("not ").strip()):
        return f"not ({condition(column, inner)})"
    if cell in _ASKED:
        return f"{cell}({subject})"
    if found := _RANGE.fullmatch(cell):
        low, high = (_said(_constant(part)) for part in found.group(2, 3))
        return f"{low} {'<=' if found[1] == '[' else '<'} {subject} {'<=' if found[4] == ']' else '<'} {high}"
    if found := _ORDER.fullmatch(cell):
        return f"{subject} {found[1] if found[1] != '=' else '=='} {_said(_constant(found[2]))}"
    values = [_said(_constant(item)) for item in _items(cell)]
    return f"{subject} == {values[0]}" if len(values) == 1 else f"{subject} in ({', '.join(values)})"


def _items(cell: str) -> Iterator[str]:
    at = 0
    while at < len(cell):
        found = _ITEM.match(cell, at)
        if not found or not found[1].strip():
            raise Invalid(f'cannot read {cell[:80]!r}; write it like > 5, [1..5], AA, DL or "AA","DL"')
        yield found[1]
        at = found.end()


def _constant(text: str) -> Answer:
    """A word of a cell: a number, true or false, else a text, with or without quotes."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1].replace(f"\\{text[0]}", text[0])
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    if len(text) <= 40 and _NUMBER.fullmatch(text):
        try:
            return int(text)
        except ValueError:
            number = float(text)
        if not math.isfinite(number):
            raise Invalid(f"{text!r} is larger than any number")
        return number
    return text


def _said(value: Answer) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)
