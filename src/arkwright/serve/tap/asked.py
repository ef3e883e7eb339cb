"""Labels as callers send them: strict JSON, mistakes told with their JSON path."""

from collections.abc import Collection

import msgspec

from arkwright.core.errors import did_you_mean
from arkwright.core.safeguards.words import class_name
from arkwright.serve.model.lists import most_objects, pieces
from arkwright.serve.model.rows import LARGE, MOST_ROWS
from arkwright.serve.model.tensors import said, unknown_field
from arkwright.serve.tap.labels import Label, Value
from arkwright.serve.wire.messages import Problem
from arkwright.serve.wire.nesting import too_deep

MOST_ID = 200
MOST_TEXT = 10_000
_NAMES = {int: "int", float: "float", str: "str", bool: "bool"}
_one, _many = msgspec.json.Decoder(Label), msgspec.json.Decoder(list[Label])


def decode(body: bytes, kind: type[Value] | None = None, classes: Collection[Value] = ()) -> list[Label]:
    """One label, `{"id": …, "label": …}`, or a list of them. `kind`: what a label of this endpoint is, where known;
    `classes`: which there are, where that is known too.

    Raises Problem: 400 is no JSON, 413 are too many, 422 is no label.
    """
    alone = body.lstrip()[:1] == b"{"
    try:
        labels = [_one.decode(body)] if alone else _list(body)
    except msgspec.ValidationError as error:
        if deep := too_deep(body):
            raise Problem(400, deep) from None
        raise Problem(422, _told(said(error))) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise Problem(400, f"the body is not JSON: {said(error)}") from None
    if not labels:
        raise Problem(422, "$: the list is empty; send at least one label")
    for i, label in enumerate(labels):
        check(label, "$" if alone else f"$[{i}]", kind, classes)
    return labels


def _list(body: bytes) -> list[Label]:
    if len(body) <= LARGE:
        return _many.decode(body)
    if most_objects(body) > MOST_ROWS:
        raise Problem(413, f"a request may have {MOST_ROWS} labels; send several")
    return [label for some in pieces(body, _many.decode) for label in some]


def check(label: Label, path: str, kind: type[Value] | None, classes: Collection[Value]) -> None:
    """Raises Problem (422) for a label that cannot be kept."""
    if not 0 < len(label.id) <= MOST_ID:
        raise Problem(422, f"{path}.id: is 1 to {MOST_ID} characters long")
    if not 0 <= label.row < 2**31:
        raise Problem(422, f"{path}.row: the rows of a request are counted from 0")
    value = label.label
    if isinstance(value, str) and len(value) > MOST_TEXT:
        raise Problem(422, f"{path}.label: is at most {MOST_TEXT} characters long")
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise Problem(422, f"{path}.label: the integer does not fit in 64 bits")
    if kind is not None and type(value) is not kind and (kind, type(value)) != (float, int):
        raise Problem(422, f"{path}.label: expected {_NAMES[kind]}, got {_NAMES[type(value)]}")
    if classes and value not in classes:
        near = did_you_mean(class_name(value)[:80], map(class_name, classes))
        raise Problem(422, f"{path}.label: {class_name(value)[:80]!r} is no class{near}")


def _told(text: str) -> str:
    unknown = unknown_field(text)
    if not unknown:
        return (
            text
            if text.startswith("$")
            else f"$: {text.replace('expected array', 'expected a label or a list of labels')}"
        )
    path, name = unknown
    return f"{path}: unknown field {name!r}{did_you_mean(name, Label.__struct_fields__)}"
