"""Try an endpoint: a form made from its row class, the row that was typed, and what was answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from arkwright.core import rows
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Column
from arkwright.web.plane import Answer

PREFIX = "row."  # before the names of a row's fields, which may be anything
_TYPES = {"int": "number", "float": "number", "date": "date", "datetime": "datetime-local"}
_SAID = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below", "pattern": "like"}
_SAID |= {"min_length": "characters, at least", "max_length": "characters, at most"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One field of the form. `choices`: (what is sent, what is shown), where there are only so many."""

    name: str
    label: str
    hint: str
    type: str
    value: str
    required: bool
    attributes: Mapping[str, str]
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What was answered: in words where it was a prediction; `raw`: all of it, as a program gets it."""

    status: int
    release: str
    digest: str
    id: str
    answer: str
    probabilities: tuple[tuple[str, float], ...]
    rule: str
    because: str
    review: bool
    raw: str
    row: str


def inputs(columns: Sequence[Column], typed: Mapping[str, str] | None) -> list[Input]:
    """The fields, filled with what was typed, else with a made-up row."""
    made_up = rows.example(rows.from_columns(tuple(columns)))
    return [_input(column, _value(column, typed, made_up)) for column in columns]


def _value(column: Column, typed: Mapping[str, str] | None, made_up: Mapping[str, Any]) -> str:
    if typed is not None:
        return typed.get(column.name, "")
    value = made_up[column.name]
    if isinstance(value, bool):
        return str(value).lower()
    return (
        value.isoformat() if hasattr(value, "isoformat") else value.decode() if column.type == "bytes" else str(value)
    )


def _input(column: Column, value: str) -> Input:
    limits = dict(column.limits)
    attributes = {}
    for word, attribute in (("ge", "min"), ("gt", "min"), ("le", "max"), ("lt", "max")):
        if word in limits:
            attributes[attribute] = str(limits[word])
    for word, attribute in (("min_length", "minlength"), ("max_length", "maxlength")):
        if word in limits:
            attributes[attribute] = str(limits[word])
    if column.type in ("int", "float", "datetime"):
        attributes["step"] = "1" if column.type == "int" else "any"
    said = ", ".join(f"{_SAID.get(word, word)} {limit}" for word, limit in column.limits)
    hint = column.type + (", may be missing" if column.nullable else "") + (f"; {said}" if said else "")
    return Input(
        name=PREFIX + column.name,
        label=column.name,
        hint=hint,
        type=_TYPES.get(column.type, "text"),
        value=value,
        required=not column.nullable,
        attributes=attributes,
        choices=_choices(column),
    )


def _choices(column: Column) -> tuple[tuple[str, str], ...]:
    values: tuple[object, ...] = column.allowed or ((True, False) if column.type == "bool" else ())
    said = [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
    missing = [("", "missing")] if values and column.nullable else []
    return (*missing, *((text, text) for text in said))


def row(columns: Sequence[Column], typed: Mapping[str, str]) -> bytes:
    """What was typed, as the endpoint reads it. Raises Invalid naming the field; its limits the endpoint judges."""
    return msgspec.json.encode({c.name: _cell(c, typed.get(c.name, "")) for c in columns})


def _cell(column: Column, text: str) -> Any:
    if text == "" and column.nullable:
        return None
    if column.type in ("int", "float"):
        kind = int if column.type == "int" else float
        try:
            return kind(text)
        except ValueError:
            raise Invalid(f"{column.name}: {text[:40]!r} is no {'whole number' if kind is int else 'number'}") from None
    if column.type == "bool":
        if text not in ("true", "false"):
            raise Invalid(f"{column.name}: say true or false")
        return text == "true"
    return text


def tried(asked: bytes, answer: Answer) -> Tried:
    """What came back, in words."""
    said = _decoded(answer.body)
    found = said.get("prediction")
    prediction = found if isinstance(found, dict) else {}
    shares = prediction.get("probabilities")
    text = next((prediction[k] for k in ("label", "value", "outputs") if prediction.get(k) is not None), None)
    if text is None:
        text = said.get("error") or ("a person has to look at it" if said.get("review") else "nothing")
    return Tried(
        status=answer.status,
        release=str(said.get("release") or answer.headers.get("arkwright-release", "")),
        digest=str(said.get("digest") or answer.headers.get("arkwright-digest", "")),
        id=answer.headers.get("x-request-id", ""),
        answer=str(text),
        probabilities=tuple(shares.items()) if isinstance(shares, dict) else (),
        rule=str(said.get("rule") or ""),
        because=str(said.get("because") or ""),
        review=bool(said.get("review")),
        raw=answer.body.decode(errors="replace"),
        row=asked.decode(),
    )


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}
