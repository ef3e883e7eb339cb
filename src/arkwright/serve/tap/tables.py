"""Records as Arrow tables: one row for each row that was asked about, typed as the release's signature says."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, repeat, zip_longest
from typing import Any

import msgspec
import pyarrow as pa
from msgspec import UnsetType

from arkwright.core import arrow
from arkwright.core.nouns import Column
from arkwright.core.record import digest_of
from arkwright.core.rows import PYTHON, from_columns
from arkwright.core.safeguards.words import class_name
from arkwright.serve.model.arrow.rows import rows_of
from arkwright.serve.model.lists import pieces
from arkwright.serve.tap import answers, infers
from arkwright.serve.tap.segment import ARROW, INFER, SHADOW, Record, Release
from arkwright.serve.tap.together import Together

ROWS, BYTES = 16_384, 16 << 20  # of one table that is built: so many rows, or about so many bytes of what they say
BASE = (
    Column(name="id", type="str"),
    Column(name="row", type="int"),
    Column(name="at", type="datetime"),
    Column(name="latency_ms", type="float"),
    Column(name="endpoint", type="str"),
    Column(name="release", type="str"),
    Column(name="digest", type="str"),
    Column(name="caller", type="str"),
    Column(name="kind", type="str"),
    Column(name="shadow", type="bool"),
    Column(name="status", type="int"),
    Column(name="error", type="str", nullable=True),
    Column(name="rule", type="str", nullable=True),
    Column(name="because", type="str", nullable=True),
    Column(name="review", type="bool", nullable=True),
)
INFERRED = (Column(name="inputs", type="str", nullable=True), Column(name="outputs", type="str", nullable=True))
ACTUAL = "actual"  # the label that came later, joined by a query
FEW = 16  # fewer records of one row are not worth a table of their own
Row = tuple[Any, ...]


def layout(release: Release) -> str:
    """Releases with one layout share a file: the same columns with the same types, the same classes."""
    return digest_of([[[c.name, c.type] for c in release.columns], [[type(c).__name__, c] for c in release.classes]])


def columns(release: Release) -> tuple[Column, ...]:
    """The columns of a layout's file. A column of the row has its own name; where that is taken, `row_` before it."""
    rows, answers = placed(release.columns, release.classes)
    return (*BASE, *rows, *answers, *INFERRED)


def placed(row: Sequence[Column], classes: Sequence[Any]) -> tuple[list[Column], list[Column]]:
    """As what a row's columns stand in the file, in their order, and those of the answer: the label with the
    probability of each class, or the value.
    """
    taken = {column.name for column in (*BASE, *INFERRED)} | {ACTUAL}
    answer = [Column(name="label", type=_label_type(classes), nullable=True)] if classes else []
    answer += [Column(name=f"probability_{class_name(c)}", type="float", nullable=True) for c in classes]
    made = _named(answer or [Column(name="value", type="float", nullable=True)], taken, "answer_")
    return _named([Column(name=one.name, type=one.type, nullable=True) for one in row], taken, "row_"), made


def _named(wanted: Sequence[Column], taken: set[str], prefix: str) -> list[Column]:
    """SQL knows no upper case in names, so neither does a clash."""
    made = []
    for column in wanted:
        name = column.name
        while name.lower() in taken:
            name = prefix + name
        taken.add(name.lower())
        made.append(Column(name=name, type=column.type, nullable=True))
    return made


def _label_type(classes: Sequence[Any]) -> str:
    kinds = {type(value) for value in classes}
    return next(name for name, kind in PYTHON.items() if kind in kinds) if len(kinds) == 1 else "str"


class Builder:
    """Gathers the records of one layout, as tables of a bounded size."""

    def __init__(self, release: Release) -> None:
        self.schema = arrow.schema(columns(release))
        self._fields = from_columns(release.columns)
        fields = [(c.name, PYTHON[c.type] | None, None) for c in release.columns]
        row = msgspec.defstruct("Row", fields, gc=False)
        self._one, self._many = msgspec.json.Decoder(row), msgspec.json.Decoder(list[row])  # type: ignore[valid-type]
        self._classes = [class_name(value) for value in release.classes]
        self._label = PYTHON[_label_type(release.classes)] if release.classes else None
        self._together = Together(release, self.schema, self._label)
        self._nothing: Row = (None,) * len(release.columns)
        self._silence: Row = (None,) * (1 + len(self._classes))
        self._rows: list[Row] = []
        self._size = 0

    def add(self, records: Sequence[Record], endpoint: str, releases: Mapping[int, Release]) -> Iterator[pa.Table]:
        """A row for each of their rows, one for what was refused. What is full meanwhile is given out."""
        for alone, run in groupby(records, _is_alone):
            if alone:
                yield from self._alone(list(run), endpoint, releases)
            else:
                for record in run:
                    yield from self._added(record, endpoint, releases[record.release])

    def _alone(self, records: Sequence[Record], endpoint: str, releases: Mapping[int, Release]) -> Iterator[pa.Table]:
        """Of records of one row each, as far as can be seen from outside."""
        if len(records) < FEW:
            for record in records:
                yield from self._added(record, endpoint, releases[record.release])
        elif (together := self._together.table(records, endpoint, releases)) is not None:
            if self._rows:
                yield self.table()
            yield together
        else:  # those before and behind the one that is something else
            middle = len(records) // 2
            yield from self._alone(records[:middle], endpoint, releases)
            yield from self._alone(records[middle:], endpoint, releases)

    def _added(self, record: Record, endpoint: str, release: Release) -> Iterator[pa.Table]:
        """One record, of as many rows as it has."""
        infer, ok = bool(record.flags & INFER), record.status == 200
        answer = answers.Answer() if infer and ok else answers.said(record.answer)
        id_, caller = record.id.decode("utf-8", "replace"), record.caller.decode("utf-8", "replace")
        kind, shadow = "infer" if infer else "predict", bool(record.flags & SHADOW)
        at, latency = record.at // 1000, record.latency / 1000
        common = (at, latency, endpoint, release.ref, release.digest, caller, kind, shadow, record.status, answer.error)
        self._size += len(record.body) + len(record.answer)
        found = (
            self._inferred(record, release) if infer and ok else self._predicted(record, answer, ok=ok and not infer)
        )
        for number, rest in enumerate(found):
            self._rows.append((id_, number, *common, *rest))
            if len(self._rows) >= ROWS or self._size >= BYTES:
                yield self.table()

    def table(self) -> pa.Table:
        """What was gathered and not given out yet, once."""
        made = self._table(zip(*self._rows, strict=True) if self._rows else [()] * len(self.schema))
        self._rows, self._size = [], 0
        return made

    def _table(self, columns: Iterable[Sequence[Any]]) -> pa.Table:
        made = [pa.array(column, type=field.type) for column, field in zip(columns, self.schema, strict=True)]
        return pa.Table.from_arrays(made, schema=self.schema)

    def _predicted(self, record: Record, answer: answers.Answer, *, ok: bool) -> Iterator[Row]:
        """What is told of each row behind the record's own columns; of one row at least."""
        alone = [] if isinstance(answer.prediction, UnsetType) else [answer.prediction]
        said = map(self._told, chain(alone, answers.legible(answer.predictions or answers.EMPTY, answers.predictions)))
        each: Iterator[answers.Fired | None] = repeat(answer)
        if answer.rules and bytes(answer.rules) != b"null":
            each = chain(answers.legible(answer.rules, answers.rules), repeat(None))
        silence, none = self._told(None), True
        for row, told in zip_longest(self._asked(record) if ok else (), said):
            none = False
            yield *_fired(next(each)), *(row or self._nothing), *(told or silence)
        if none:
            yield *_fired(next(each)), *self._nothing, *silence

    def _inferred(self, record: Record, release: Release) -> Iterator[Row]:
        """The same of a request of tensors."""
        asked = infers.read(record.body, record.head, "inputs")
        answered = infers.read(record.answer, record.answer_head, "outputs")
        predicts = infers.Predicts(release.outputs, release.classes)
        before = (None, None, None, *self._nothing)
        for size, inputs, outputs, elements in infers.read_rows(asked, answered):
            told: Iterable[Row]
            if self._label is None:
                told = zip(map(answers.number, predicts.values(elements, size)), strict=True)
            else:
                told = (self._labelled(*each) for each in predicts.labels(elements, size))
            for columns, said, answer in zip(told, inputs, outputs, strict=True):
                self._size += len(said or "") + len(answer or "")
                yield *before, *columns, said, answer

    def _asked(self, record: Record) -> Iterator[Row]:
        body = record.body
        try:
            if record.flags & ARROW:
                yield from rows_of(body, self._fields)
            elif body.lstrip()[:1] == b"{":
                yield msgspec.structs.astuple(self._one.decode(body))
            else:
                for some in pieces(body, self._many.decode):
                    yield from map(msgspec.structs.astuple, some)
        except answers.BROKEN:  # redacted whole, or no rows at all
            return

    def _labelled(self, label: Any, each: Sequence[Any] | None) -> Row:
        if type(label) is not self._label:
            return self._silence
        return (label, *(each or self._silence[1:]))

    def _told(self, said: answers.Prediction | None) -> Row:
        """The columns of an answer; of the tensors none are `inputs`, and `outputs` are as JSON what has no column."""
        if self._label is None:
            value = answers.number(said.value) if said else None
            return value, None, None if value is not None else answers.rest(said)
        if said is None or type(said.label) is not self._label:
            return *self._silence, None, answers.rest(said)
        each = said.probabilities or {}  # a rule gives none
        return said.label, *map(each.get, self._classes), None, None


def _is_alone(record: Record) -> bool:
    """Whether it is about one row at most, as JSON; what was refused is."""
    return not record.flags & (INFER | ARROW) and (record.status != 200 or record.body[:1] == b"{")


def _fired(fired: answers.Fired | None) -> Row:
    return (fired.rule, fired.because, fired.review) if fired else (None, None, None)
