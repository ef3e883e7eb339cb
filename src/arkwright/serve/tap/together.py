"""Records about one row each, which most are, read a column at a time: no dictionary, no loop for each of them."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec
import pyarrow as pa

from arkwright.core.rows import PYTHON
from arkwright.core.safeguards.words import class_name
from arkwright.serve.tap.answers import BROKEN, Fired, Prediction, number, rest
from arkwright.serve.tap.segment import SHADOW, Record, Release

_ODD = re.compile(r'["\\\x00-\x1f]')  # what JSON escapes, msgspec takes in no field's name
_OF_ANSWERS = (pa.string(), pa.string(), pa.string(), pa.bool_())  # error, rule, because, review


class Together:
    """Of one layout. `schema`: of the tables; `label`: the type of its labels, None where it answers with values."""

    def __init__(self, release: Release, schema: pa.Schema, label: type | None) -> None:
        self._schema, self._label = schema, label
        self._classes = [class_name(value) for value in release.classes]
        self._can = not any(_ODD.search(name) for name in self._classes)
        row = msgspec.defstruct("Row", [(c.name, PYTHON[c.type] | None, None) for c in release.columns], gc=False)
        prediction = self._of_label() if label and self._can else Prediction
        answer = msgspec.defstruct(
            "Alone",
            [("error", str | None, None), ("prediction", prediction | None, None), ("predictions", None, None),
             ("rules", None, None)],
            bases=(Fired,), gc=False,
        )  # fmt: skip
        self._row, self._answer = msgspec.json.Decoder(row).decode, msgspec.json.Decoder(answer).decode
        self._no_row, self._no_answer, self._nothing = row(), answer(), prediction()

    def _of_label(self) -> Any:
        """A prediction with a place for each probability, which costs half of a dictionary of them."""
        names = dict.fromkeys(self._classes)
        places = {f"p{number}": name for number, name in enumerate(names)}
        each = msgspec.defstruct(
            "Probabilities", [(place, float, None) for place in places],
            rename=places, forbid_unknown_fields=True, gc=False,
        )  # fmt: skip
        self._unlikely, self._names = each(), list(names)
        return msgspec.defstruct("Labelled", [("label", Any, None), ("probabilities", each | None, None)], gc=False)

    def table(self, records: Sequence[Record], endpoint: str, releases: Mapping[int, Release]) -> pa.Table | None:
        """A row for each; None where one of them says something that has no column, or where a class has a name that
        no field can have.
        """
        if not self._can:
            return None
        at, latency, status, flags, numbers, _, _, ids, callers, bodies, told = _columns(records)
        try:
            each = zip(bodies, status, strict=True)
            asked = [self._row(body) if code == 200 else self._no_row for body, code in each]
            answers = [self._answer(answer) if answer else self._no_answer for answer in told]
        except BROKEN:
            return None
        *fired, error, said, _, _ = _columns(answers)
        answered = self._answered([one or self._nothing for one in said])
        if answered is None:
            return None
        count, known = len(records), {number: releases[number] for number in {*numbers}}
        made = [
            _texts(ids),
            pa.repeat(pa.scalar(0, pa.int64()), count),
            pa.array([one // 1000 for one in at], pa.int64()).cast(pa.timestamp("us")),
            pa.array([one / 1000 for one in latency], pa.float64()),
            pa.repeat(endpoint, count),
            _column(numbers, pa.string(), lambda number: known[number].ref),
            _column(numbers, pa.string(), lambda number: known[number].digest),
            _texts(callers),
            pa.repeat("predict", count),
            _column(flags, pa.bool_(), lambda some: bool(some & SHADOW)),
            _column(status, pa.int64()),
            *(_column(values, kind) for values, kind in zip((error, *fired), _OF_ANSWERS, strict=True)),
        ]
        columns, kinds = chain(_columns(asked), answered), self._schema.types[len(made) :]
        made += [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
        return pa.Table.from_arrays(made, schema=self._schema)

    def _answered(self, said: Sequence[Any]) -> list[Sequence[Any]] | None:
        """The columns of the answer, and of tensors."""
        none = [None] * len(said)
        if self._label is None:
            values = [number(one.value) for one in said]
            each = zip(said, values, strict=True)
            return [values, none, [rest(one) if value is None else None for one, value in each]]
        labels = [one.label for one in said]
        if {*map(type, labels)} != {self._label} and any(
            type(one.label) is not self._label and one is not self._nothing for one in said
        ):
            return None
        chances = _columns([one.probabilities or self._unlikely for one in said])
        found = dict(zip(self._names, chances, strict=True))
        return [labels, *(found[name] for name in self._classes), none, none]


def _columns(rows: Sequence[Any]) -> list[list[Any]]:
    """A list for each field. No row's tuple outlives the next one's: where thousands do, Python looks for garbage."""
    width = len(rows[0].__struct_fields__)
    cells = list(chain.from_iterable(map(msgspec.structs.astuple, rows)))
    return [cells[place::width] for place in range(width)]


def _texts(values: Sequence[bytes]) -> pa.Array:
    try:
        return pa.array(values, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:  # not all of it is UTF-8
        return pa.array([value.decode("utf-8", "replace") for value in values], pa.string())


def _column(values: Sequence[Any], kind: pa.DataType, say: Callable[[Any], Any] = lambda value: value) -> pa.Array:
    """What is said of each; mostly it is one value for all. Of these none are equal that are not the same."""
    if values.count(values[0]) == len(values):
        return pa.repeat(pa.scalar(say(values[0]), kind), len(values))
    return pa.array(list(map(say, values)), kind)
