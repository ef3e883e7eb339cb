"""Records as Arrow tables: one row for each row that was asked about, typed as the release's signature says."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa
from msgspec import UNSET, UnsetType

from arkwright.core import arrow
from arkwright.core.nouns import Column
from arkwright.core.record import digest_of
from arkwright.core.rows import PYTHON, from_columns
from arkwright.serve.model.arrow.rows import lists
from arkwright.serve.tap import infers
from arkwright.serve.tap.segment import ARROW, INFER, SHADOW, Record, Release
from arkwright.serve.wire.messages import Problem

ROWS = 16_384  # of one table that is built
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
Rows = list[tuple[Any, ...]]


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
    predictions: list[_Prediction | None] | UnsetType = UNSET
    rules: list[_Fired | None] | None = None
    error: str | None = None


_answer = msgspec.json.Decoder(_Answer)


def layout(release: Release) -> str:
    """Releases with one layout share a file: the same columns with the same types, the same classes."""
    return digest_of([[[c.name, c.type] for c in release.columns], [[type(c).__name__, c] for c in release.classes]])


def columns(release: Release) -> tuple[Column, ...]:
    """The columns of a layout's file. A column of the row has its own name; where that is taken, `row_` before it."""
    taken = {column.name for column in (*BASE, *INFERRED)} | {ACTUAL}
    answer = [Column(name="label", type=_label_type(release), nullable=True)] if release.classes else []
    answer += [Column(name=f"probability_{class_name(c)}", type="float", nullable=True) for c in release.classes]
    answer = answer or [Column(name="value", type="float", nullable=True)]
    made = _named(answer, taken, "answer_")
    rows = [Column(name=column.name, type=column.type, nullable=True) for column in release.columns]
    return (*BASE, *_named(rows, taken, "row_"), *made, *INFERRED)


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


def _label_type(release: Release) -> str:
    kinds = {type(value) for value in release.classes}
    return next(name for name, kind in PYTHON.items() if kind in kinds) if len(kinds) == 1 else "str"


def class_name(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class Builder:
    """Gathers the records of one layout."""

    def __init__(self, release: Release) -> None:
        self.schema = arrow.schema(columns(release))
        self._width = len(release.columns)
        self._fields = from_columns(release.columns)
        fields = [(c.name, PYTHON[c.type] | None, None) for c in release.columns]
        row = msgspec.defstruct("Row", fields, gc=False)
        self._one, self._many = msgspec.json.Decoder(row), msgspec.json.Decoder(list[row])  # type: ignore[valid-type]
        self._classes = [class_name(value) for value in release.classes]
        self._label = PYTHON[_label_type(release)] if release.classes else None
        self._rows: Rows = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, record: Record, endpoint: str, release: Release) -> None:
        """One record: a row for each of its rows, one for what was refused."""
        infer = bool(record.flags & INFER)
        ok = record.status == 200
        rows, answer = [] if infer or not ok else self._asked(record), _Answer()
        inputs: Sequence[str | None] = ()
        outputs: Sequence[str | None] = ()
        if infer and ok:
            said, inputs, outputs = _inferred(record, release)
        else:
            said, answer = _said(record.answer)
        nothing, silence = (None,) * self._width, self._told(None)
        id_, caller = record.id.decode("utf-8", "replace"), record.caller.decode("utf-8", "replace")
        kind, shadow = "infer" if infer else "predict", bool(record.flags & SHADOW)
        at, latency = record.at // 1000, record.latency / 1000
        common = (at, latency, endpoint, release.ref, release.digest, caller, kind, shadow, record.status, answer.error)
        for number in range(max(1, len(rows), len(said))):
            row = rows[number] if number < len(rows) else nothing
            told, rest = self._told(said[number]) if number < len(said) else silence
            tensors = (inputs[number], outputs[number]) if infer and ok else (None, rest)
            self._rows.append((id_, number, *common, *_fired(answer, number), *row, *told, *tensors))

    def table(self) -> pa.Table:
        """What was gathered, once."""
        values = zip(*self._rows, strict=True) if self._rows else [()] * len(self.schema)
        made = [pa.array(column, type=field.type) for column, field in zip(values, self.schema, strict=True)]
        self._rows = []
        return pa.table(made, schema=self.schema)

    def _asked(self, record: Record) -> Rows:
        body = record.body
        try:
            if record.flags & ARROW:
                count, columns = lists(body, self._fields)
                each = [columns.get(field.name, [None] * count) for field in self._fields]
                return list(zip(*each, strict=True)) if each else [()] * count
            found = [self._one.decode(body)] if body.lstrip()[:1] == b"{" else self._many.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Problem):  # redacted whole, or no rows at all
            return []
        return [msgspec.structs.astuple(row) for row in found]

    def _told(self, said: _Prediction | None) -> tuple[tuple[Any, ...], str | None]:
        """The columns of an answer, and as JSON what has no column."""
        if self._label is None:
            value = said.value if said else None
            if isinstance(value, int | float) and not isinstance(value, bool):
                return (float(value),), None
            return (None,), _rest(said)
        if said is None or type(said.label) is not self._label:
            return (None,) * (1 + len(self._classes)), _rest(said)
        probabilities = said.probabilities or {}  # a rule gives none
        return (said.label, *(probabilities.get(name) for name in self._classes)), None


def _said(answer: bytes) -> tuple[list[_Prediction | None], _Answer]:
    """Predictions, and the whole answer."""
    try:
        found = _answer.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [], _Answer()
    alone = [] if isinstance(found.prediction, UnsetType) else [found.prediction]
    return alone + (found.predictions or []), found


def _inferred(
    record: Record, release: Release
) -> tuple[list[_Prediction | None], Sequence[str | None], Sequence[str | None]]:
    """Of a request of tensors, for each row: the prediction, the inputs and the outputs."""
    asked = infers.read(record.body, record.head, "inputs")
    answered = infers.read(record.answer, record.answer_head, "outputs")
    count = infers.rows(asked, answered)
    said: list[_Prediction | None] = []
    for row in range(count):
        found = infers.predicted(answered, release.outputs, release.classes, row, count)
        each = found.get("probabilities") if found else None
        names = [class_name(value) for value in release.classes]
        probabilities = dict(zip(names, each, strict=True)) if each else None
        said.append(_Prediction(found.get("label"), probabilities, found.get("value")) if found else None)
    return said, infers.texts(asked, count), infers.texts(answered, count)


def _fired(answer: _Answer, number: int) -> tuple[str | None, str | None, bool | None]:
    fired: _Fired | None = answer
    if answer.rules is not None:
        fired = answer.rules[number] if number < len(answer.rules) else None
    return (fired.rule, fired.because, fired.review) if fired else (None, None, None)


def _rest(said: _Prediction | None) -> str | None:
    if said is None:
        return None
    rest = {name: value for name, value in msgspec.structs.asdict(said).items() if value is not None}
    return msgspec.json.encode(rest).decode() if rest else None
