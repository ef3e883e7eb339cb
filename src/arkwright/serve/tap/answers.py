"""What an answer in JSON says of its rows, as far as it can be read."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from arkwright.serve.model.lists import pieces
from arkwright.serve.wire.messages import Problem

T = TypeVar("T")
EMPTY = Raw(b"[]")
BROKEN = (msgspec.DecodeError, RecursionError, Problem)


class Prediction(msgspec.Struct, gc=False):
    label: Any = None
    probabilities: dict[str, float] | None = None
    value: Any = None
    outputs: Any = None


class Fired(msgspec.Struct, gc=False):
    """The rule that answered a row, or wants a person to look at it."""

    rule: str | None = None
    because: str | None = None
    review: bool | None = None


class Answer(Fired, gc=False):
    prediction: Prediction | UnsetType | None = UNSET
    predictions: Raw | UnsetType = UNSET
    rules: Raw | UnsetType = UNSET
    error: str | None = None


_answer = msgspec.json.Decoder(Answer)
predictions = msgspec.json.Decoder(list[Prediction | None]).decode
rules = msgspec.json.Decoder(list[Fired | None]).decode


def said(answer: bytes) -> Answer:
    """Nothing where it cannot be read."""
    try:
        return _answer.decode(answer)
    except (msgspec.DecodeError, RecursionError):
        return Answer()


def legible(raw: Raw, decode: Callable[[bytes], list[T]]) -> Iterator[T]:
    """The items of a list, as far as they can be read."""
    try:
        for some in pieces(bytes(raw), decode):
            yield from some
    except BROKEN:
        return


def number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def rest(prediction: Prediction | None) -> str | None:
    """As JSON what no column holds."""
    if prediction is None:
        return None
    left = {name: value for name, value in msgspec.structs.asdict(prediction).items() if value is not None}
    return msgspec.json.encode(left).decode() if left else None
