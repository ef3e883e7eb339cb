"""The typed row class as a contract: what a dataset's rows must look like, and what a caller must send.

A row class is any class with annotated fields: a dataclass, a `msgspec.Struct`, a `TypedDict`. Types: int, float, str,
bool, date, datetime and bytes; `X | None` may be missing; `Literal["a", "b"]` lists what is allowed;
`Annotated[float, msgspec.Meta(ge=0)]` bounds a number, `Meta(pattern=…, min_length=…, max_length=…)` a text.
"""

import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from arkwright.core.errors import Invalid
from arkwright.core.nouns import Column
from arkwright.core.usercode import describe

TYPES: dict[type, str] = {
    int: "int",
    float: "float",
    str: "str",
    bool: "bool",
    date: "date",
    datetime: "datetime",
    bytes: "bytes",
}
PYTHON: dict[str, type] = {name: kind for kind, name in TYPES.items()}
_WRAPPERS = (typing.Required, typing.NotRequired, typing.Final)
_BOUNDS = ("gt", "ge", "lt", "le", "pattern", "min_length", "max_length")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a row class. `limits` holds msgspec.Meta's bounds by name; `allowed` a Literal's values."""

    name: str
    type: str
    nullable: bool
    annotation: Any
    limits: tuple[tuple[str, Any], ...] = ()
    allowed: tuple[Any, ...] = ()

    @property
    def column(self) -> Column:
        return Column(name=self.name, type=self.type, nullable=self.nullable, limits=self.limits, allowed=self.allowed)


def fields(row: type) -> tuple[Field, ...]:
    """The fields of a row class, in order. Raises Invalid naming a field whose type no column can hold."""
    try:
        hints = typing.get_type_hints(row, include_extras=True)
    except Exception as error:  # noqa: BLE001 - an annotation written as text is code, and can raise anything
        why = describe(error)
        raise Invalid(f"the row class {row.__name__} has an annotation that does not resolve: {why}") from None
    hints = {name: hint for name, hint in hints.items() if typing.ClassVar not in (hint, typing.get_origin(hint))}
    if not hints:
        raise Invalid(f"the row class {row.__name__} has no annotated fields; write them like  distance: float")
    found = [_field(row.__name__, name, hint) for name, hint in hints.items()]
    left_out: frozenset[str] = getattr(row, "__optional_keys__", frozenset())  # of a TypedDict
    return tuple(replace(field, nullable=True) if field.name in left_out else field for field in found)


def from_columns(columns: tuple[Column, ...]) -> tuple[Field, ...]:
    """The fields again, without the class: a server needs no code of the project's to know what a row is."""
    return tuple(Field(c.name, c.type, c.nullable, _annotation(c), c.limits, c.allowed) for c in columns)


def _annotation(column: Column) -> Any:
    hint: Any = typing.Literal[column.allowed] if column.allowed else PYTHON[column.type]
    if column.limits:
        hint = typing.Annotated[hint, msgspec.Meta(**dict(column.limits))]  # type: ignore[call-overload]
    return hint | None if column.nullable else hint


def struct(name: str, row: tuple[Field, ...]) -> type[msgspec.Struct]:
    """A msgspec struct that decodes one row strictly: every field, no other; a nullable field may be left out.

    Raises Invalid naming a column that cannot be a field of a class.
    """
    for f in row:
        if not f.name.isidentifier() or f.name.startswith("__"):
            raise Invalid(f"the column {f.name!r} cannot be a field of a row; rename it to a plain word")
    spec = [(f.name, f.annotation, None) if f.nullable else (f.name, f.annotation) for f in row]
    return msgspec.defstruct(name, spec, kw_only=True, forbid_unknown_fields=True, gc=False)


def in_utc(value: datetime) -> datetime:
    """A time as columns keep it: in UTC, without a zone. One without a zone is in UTC already."""
    return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)


def _field(row: str, name: str, hint: Any) -> Field:
    while typing.get_origin(hint) in _WRAPPERS:
        wrapper, (hint,) = typing.get_origin(hint), typing.get_args(hint)
        hint = hint | None if wrapper is typing.NotRequired else hint
    plain, nullable, limits = _unwrap(hint)
    if typing.get_origin(plain) is typing.Literal:
        values = tuple(value for value in typing.get_args(plain) if value is not None)
        nullable = nullable or None in typing.get_args(plain)
        kinds = {type(value) for value in values}
        kind = kinds.pop() if len(kinds) == 1 else None
        return Field(name, _type_name(row, name, kind, hint), nullable, hint, limits, values)
    return Field(name, _type_name(row, name, plain, hint), nullable, hint, limits)


def _type_name(row: str, name: str, kind: Any, hint: Any) -> str:
    if not isinstance(kind, type) or kind not in TYPES:
        shown = getattr(hint, "__name__", str(hint))
        raise Invalid(f"{row}.{name} is {shown}, which no column holds; use {', '.join(TYPES.values())} or X | None")
    return TYPES[kind]


def _unwrap(hint: Any) -> tuple[Any, bool, tuple[tuple[str, Any], ...]]:
    """Strip Annotated and None, in either order, gathering the bounds."""
    nullable, limits = False, {}
    while True:
        if typing.get_origin(hint) is typing.Annotated:
            for meta in hint.__metadata__:
                limits.update({b: getattr(meta, b) for b in _BOUNDS if getattr(meta, b, None) is not None})
            hint = hint.__origin__
        elif typing.get_origin(hint) in (typing.Union, types.UnionType) and type(None) in typing.get_args(hint):
            nullable = True
            rest = [arg for arg in typing.get_args(hint) if arg is not type(None)]
            hint = typing.Union[tuple(rest)]  # noqa: UP007 - built at run time
        else:
            return hint, nullable, tuple(sorted(limits.items()))


def example(fields: Sequence[Field]) -> dict[str, Any]:
    """A made-up row that keeps the row class's limits where they are simple: for documentation and for warming up."""
    return {field.name: _value(field) for field in fields}


def _value(field: Field) -> Any:  # noqa: PLR0911 - one per type
    if field.allowed:
        return field.allowed[0]
    limits = dict(field.limits)
    match field.type:
        case "int" | "float":
            step = 1 if field.type == "int" else 0.5
            low, high = limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))
            if low is not None:
                value = low if "ge" in limits else low + step
            elif high is not None:
                value = high if "le" in limits else high - step
            else:
                value = step
            return int(value) if field.type == "int" else float(value)
        case "bool":
            return True
        case "date":
            return date(2024, 1, 31)
        case "datetime":
            return datetime(2024, 1, 31, 12)  # noqa: DTZ001 - times are kept in UTC without a zone
        case "bytes":
            return b"a"
        case _:
            word = "text".ljust(int(limits.get("min_length", 0)), "x")
            return word[: int(limits["max_length"])] if "max_length" in limits else word
