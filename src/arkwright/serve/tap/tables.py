"""Records as Arrow tables: one row for each row that was asked about, typed as the release's signature says."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, repeat, zip_longest
from typing import Any, TypeVar

import msgspec
import pyarrow as pa
from msgspec import UNSET, Raw, UnsetType

from arkwright.core import arrow
from arkwright.core.nouns import Column
from arkwright.core.record import digest_of
from arkwright.core.rows import PYTHON, from_columns
from arkwright.core.safeguards.words import class_name
from arkwright.serve.model.arrow.rows import rows_of
from arkwright.serve.model.lists import pieces
from arkwright.serve.tap import infers
from arkwright.serve.tap.segment import ARROW, INFER, SHADOW, Record, Release
from arkwright.serve.wire.messages import Problem

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
T = TypeVar("T")
Row = tuple[Any, ...]


class _Prediction(msgspec.Struct, gc=False):
    label: Any = None
    probabilities: dict[str, float] | None = None
    value: Any = None
    outputs: Any = None


class _Fired(msgspec.Struct, gc=False):
    """The rule that answered a row, or wants a person to look at it."""

    rule: str | None = None
    because: str | None = None
    review: bool | None = None


class _Answer(_Fired, gc=False):
    prediction: _Prediction | UnsetType | None = UNSET
    predictions: Raw | UnsetType = UNSET
    rules: Raw | UnsetType = UNSET
    error: str | None = None


_answer = msgspec.json.Decoder(_Answer)
_predictions = msgspec.json.Decoder(list[_Prediction | None]).decode
_rules = msgspec.json.Decoder(list[_Fired | None]).decode
_EMPTY = Raw(b"[]")
_BROKEN = (msgspec.DecodeError, RecursionError, Problem)


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
        self._none = row()
        self._nothing: Row = (None,) * len(release.columns)
        self._silence: Row = (None,) * (1 + len(self._classes))
        self._rows: list[Row] = []
        self._size = 0

    def add(self, records: Iterable[Record], endpoint: str, releases: Mapping[int, Release]) -> Iterator[pa.Table]:
        """A row for each of their rows, one for what was refused. What is full meanwhile is given out."""
        for alone, run in groupby(records, _is_alone):
            some = list(run)
            together = self._together(some, endpoint, releases) if alone and len(some) >= FEW else None
            if together is None:
                for record in some:
                    yield from self._added(record, endpoint, releases[record.release])
            else:
                if self._rows:
                    yield self.table()
                yield together

    def _together(self, records: Sequence[Record], endpoint: str, releases: Mapping[int, Release]) -> pa.Table | None:
        """Of records of one row each, which most are, a column at a time; None where one of them is another."""
        answers = [_said(record.answer) for record in records]
        if any(answer.predictions is not UNSET or answer.rules is not UNSET for answer in answers):
            return None
        try:
            asked = [self._one.decode(one.body) if one.status == 200 else self._none for one in records]
        except _BROKEN:
            return None
        count = len(records)
        return self._table((
            [record.id.decode("utf-8", "replace") for record in records],
            [0] * count,
            [record.at // 1000 for record in records],
            [record.latency / 1000 for record in records],
            [endpoint] * count,
            [releases[record.release].ref for record in records],
            [releases[record.release].digest for record in records],
            [record.caller.decode("utf-8", "replace") for record in records],
            ["predict"] * count,
            [bool(record.flags & SHADOW) for record in records],
            [record.status for record in records],
            [answer.error for answer in answers],
            [answer.rule for answer in answers],
            [answer.because for answer in answers],
            [answer.review for answer in answers],
            *zip(*map(msgspec.structs.astuple, asked), strict=True),
            *zip(*[self._told(answer.prediction or None) for answer in answers], strict=True),
        ))  # fmt: skip

    def _added(self, record: Record, endpoint: str, release: Release) -> Iterator[pa.Table]:
        """One record, of as many rows as it has."""
        infer, ok = bool(record.flags & INFER), record.status == 200
        answer = _Answer() if infer and ok else _said(record.answer)
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

    def _predicted(self, record: Record, answer: _Answer, *, ok: bool) -> Iterator[Row]:
        """What is told of each row behind the record's own columns; of one row at least."""
        alone = [] if isinstance(answer.prediction, UnsetType) else [answer.prediction]
        said = map(self._told, chain(alone, _legible(answer.predictions or _EMPTY, _predictions)))
        each: Iterator[_Fired | None] = repeat(answer)
        if answer.rules and bytes(answer.rules) != b"null":
            each = chain(_legible(answer.rules, _rules), repeat(None))
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
                told = zip(map(_number, predicts.values(elements, size)), strict=True)
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
        except _BROKEN:  # redacted whole, or no rows at all
            return

    def _labelled(self, label: Any, each: Sequence[Any] | None) -> Row:
        if type(label) is not self._label:
            return self._silence
        return (label, *(each or self._silence[1:]))

    def _told(self, said: _Prediction | None) -> Row:
        """The columns of an answer; of the tensors none are `inputs`, and `outputs` are as JSON what has no column."""
        if self._label is None:
            value = _number(said.value) if said else None
            return value, None, None if value is not None else _rest(said)
        if said is None or type(said.label) is not self._label:
            return *self._silence, None, _rest(said)
        each = said.probabilities or {}  # a rule gives none
        return said.label, *map(each.get, self._classes), None, None


def _is_alone(record: Record) -> bool:
    """Whether it is about one row at most, as JSON; what was refused is."""
    return not record.flags & (INFER | ARROW) and (record.status != 200 or record.body[:1] == b"{")


def _said(answer: bytes) -> _Answer:
    try:
        return _answer.decode(answer)
    except (msgspec.DecodeError, RecursionError):
        return _Answer()


def _legible(raw: Raw, decode: Callable[[bytes], list[T]]) -> Iterator[T]:
    """The items of a list, as far as they can be read."""
    try:
        for some in pieces(bytes(raw), decode):
            yield from some
    except _BROKEN:
        return


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _fired(fired: _Fired | None) -> Row:
    return (fired.rule, fired.because, fired.review) if fired else (None, None, None)


def _rest(said: _Prediction | None) -> str | None:
    if said is None:
        return None
    rest = {name: value for name, value in msgspec.structs.asdict(said).items() if value is not None}
    return msgspec.json.encode(rest).decode() if rest else None
