"""Types from the data, where nobody wrote a row class: over all rows, and never a guess that changes a value.

A text becomes a number only when it is spelt as one: "007", "+1" and "1e" stay texts, and so does a column that holds
one such value. Whole numbers of more than 15 digits among fractions stay texts, as floats would round them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from arkwright.core import rows
from arkwright.core.arrow_arrays import texts
from arkwright.core.errors import Invalid, did_you_mean
from arkwright.core.nouns import Column
from arkwright.core.rows import Field
from arkwright.data.batch import Batch, Reader
from arkwright.data.cells import text_cells
from arkwright.data.cells.moments import Zone

_SPELT = {  # what texts are tried as, in this order
    "int": r"^-?(?:0|[1-9][0-9]{0,18})$",
    "float": r"^-?(?:(?:0|[1-9][0-9]{0,14})|(?:0|[1-9][0-9]*)?\.[0-9]+(?:[eE][+-]?[0-9]+)?"
    r"|(?:0|[1-9][0-9]*)(?:\.|\.?[eE][+-]?[0-9]+)|[iI]nf|[iI]nfinity|[nN]a[nN])$",
    "bool": r"^(?i:true|false)$",
    "date": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "datetime": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:|^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
}
_IN_TEXT = ("date", "datetime")  # what a text can be where numbers have types of their own
_OF: dict[type, str] = {bool: "bool", int: "int", float: "float", Decimal: "float", str: "str", bytes: "bytes"}


def fields(readers: Sequence[Reader]) -> tuple[Field, ...]:
    """The fields of a source: what it declares, or what all its rows can be read as.

    A column without any value is a float. Raises Invalid when there is no row, or values of several types in a column.
    """
    declared = [reader.fields() for reader in readers]
    known = [one for one in declared if one is not None]
    if not known:
        return _guessed(readers)
    if len(known) < len(declared):
        raise Invalid(f"{readers[0].what} and {readers[-1].what} are of different kinds; give the data a row class")
    return _merged(readers, known)


def _merged(readers: Sequence[Reader], declared: Sequence[Sequence[Field]]) -> tuple[Field, ...]:
    """The same columns in every file; int and float make float."""
    found = {one.name: one.column for one in declared[0]}
    for reader, more in zip(readers[1:], declared[1:], strict=True):
        _same(reader, [one.name for one in more], list(found), readers[0].what)
        for one in more:
            before = found[one.name].type
            if {before, one.type} == {"int", "float"}:
                found[one.name] = Column(name=one.name, type="float", nullable=True)
            elif before != one.type:
                raise Invalid(f"{reader.what}: {one.name} is {one.type}, and {before} in {readers[0].what}")
    return rows.from_columns(tuple(found.values()))


def _guessed(readers: Sequence[Reader]) -> tuple[Field, ...]:
    guesses: dict[str, _Guess] = {}
    count = 0
    for reader in readers:
        if not reader.sparse:
            _same(reader, reader.names(), list(guesses) or reader.names(), readers[0].what)
        for batch in reader.batches(None):
            for name in (*batch.columns, *(known for known in guesses if known not in batch.columns)):
                guess = guesses.setdefault(name, _Guess(nullable=reader.sparse and count > 0))
                guess.see(batch, name)
            count += len(batch)
    if not count:
        raise Invalid(f"{readers[0].what} has no rows, so its columns have no types; give the data a row class")
    if "" in guesses:
        raise Invalid(
            f"{readers[0].what} has a column without a name (pandas: index=False); name it or give a row class"
        )
    return rows.from_columns(tuple(guess.column(name) for name, guess in guesses.items()))


def _same(reader: Reader, names: Sequence[str], first: Sequence[str], other: str) -> None:
    for name in (*names, *first):
        if (name in names) != (name in first):
            has, hasnt, known = (reader.what, other, first) if name in names else (other, reader.what, names)
            raise Invalid(f"{has} has a column {name!r} that {hasnt} has not{did_you_mean(name, known)}")


@dataclass
class _Guess:
    """What one column can still be."""

    nullable: bool
    spelt: list[str] = field(default_factory=lambda: list(_SPELT))
    kinds: set[str] = field(default_factory=set)
    finite: bool = False  # a word like "nan" is a number only among numbers,
    words: bool = False  # and then it is null
    zone: Zone = field(default_factory=Zone)

    def see(self, batch: Batch, name: str) -> None:
        cells = batch.columns.get(name)
        if cells is None:
            self.nullable = self.nullable or len(batch) > 0
        elif isinstance(cells, list):
            self._objects(cells, name)
        else:
            self._texts(cells, list(_SPELT))

    def _objects(self, cells: list[Any], name: str) -> None:
        for kind in set(map(type, cells)) - {type(None)}:
            if kind not in _OF:
                raise Invalid(
                    f"the column {name!r} holds a {kind.__name__}; give the data a row class that leaves it out"
                )
            self.kinds.add(_OF[kind])
        self.nullable = self.nullable or None in cells
        values = [value for value in cells if isinstance(value, str)]
        if values and any(kind in self.spelt for kind in _IN_TEXT):
            self._texts(
                texts([value.encode("utf-8", "replace").decode() for value in values]).cast(pa.string()), _IN_TEXT
            )

    def _texts(self, cells: pa.Array, can_be: Sequence[str]) -> None:
        self.nullable = self.nullable or cells.null_count > 0
        spelt, _ = text_cells.utf8(cells)
        spelt = spelt.drop_null()
        if not len(spelt):
            return
        self.kinds.add("text" if len(can_be) > len(_IN_TEXT) else "str")
        self.spelt = [kind for kind in self.spelt if kind in can_be and self._reads(spelt, kind)]

    def _reads(self, spelt: pa.Array, kind: str) -> bool:
        """Whether every one of these texts is this kind of value."""
        if not pc.all(pc.match_substring_regex(spelt, _SPELT[kind])).as_py():
            return False
        values, faults = text_cells.cast(rows.from_columns((Column(name="", type=kind),))[0], spelt, self.zone)
        if kind == "float":
            self.finite = self.finite or bool(pc.any(pc.is_finite(values)).as_py())
            self.words = self.words or bool(pc.any(pc.is_nan(values)).as_py())
        return not any(len(fault.rows) for fault in faults)

    def column(self, name: str) -> Column:
        kind = self.type(name)
        return Column(name=name, type=kind, nullable=self.nullable or (kind == "float" and self.words))

    def type(self, name: str) -> str:
        """The narrowest that holds all. Raises Invalid when nothing does."""
        kinds = self.kinds
        if not kinds:
            return "float"
        if kinds <= {"text", "str"}:
            spelt = [kind for kind in self.spelt if kind != "float" or self.finite]
            return spelt[0] if spelt else "str"
        if len(kinds) == 1:
            return next(iter(kinds))
        if kinds == {"int", "float"}:
            return "float"
        raise Invalid(f"the column {name!r} holds {' and '.join(sorted(kinds))}; give the data a row class")
