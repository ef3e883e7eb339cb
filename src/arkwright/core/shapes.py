"""Nouns as JSON and back, and the JSON Schema of both: from the dataclasses themselves, so there is no second spelling.

JSON has every field, and what a class computes from them (`ref`, `passed`, `missing`), which is not read back. Where a
value may be one of several classes, its fields tell which.
"""

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from math import isfinite, nan
from typing import Any

_UNIONS = (types.UnionType, typing.Union)
_PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    datetime: {"type": "string", "format": "date-time"},
    bytes: {"type": "string"},
}


def encode(value: Any) -> Any:  # noqa: PLR0911 - a case for each kind
    """What JSON can say. A number that is none becomes null."""
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    kind: type = type(value)
    if _has_fields(kind):
        own, computed = members(kind)
        return {name: encode(getattr(value, name)) for name in (*own, *computed)}
    if isinstance(value, Mapping):
        return {str(name): encode(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [encode(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def decode(kind: Any, data: Any) -> Any:  # noqa: PLR0911
    """The noun again. Raises ValueError for what is none."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any or kind in (str, bool, type(None)) or origin is typing.Literal:
        return data
    if kind in (int, float):
        return nan if data is None else kind(data)
    if kind is datetime:
        return datetime.fromisoformat(data)
    if origin in _UNIONS:
        return decode(_one_of(inside, data), data)
    if origin is tuple and (len(inside) != 2 or inside[1] is not ...):
        return tuple(decode(one, value) for one, value in zip(inside, data, strict=True))
    if origin in (tuple, list):
        return origin(decode(inside[0], value) for value in data)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {name: decode(inside[1], value) for name, value in data.items()}
    if _has_fields(kind):
        made = typing.cast(Callable[..., Any], origin or kind)
        return made(**{name: decode(of, data[name]) for name, of in members(kind)[0].items() if name in data})
    raise ValueError(f"{kind} cannot be read back")


def schema(kind: Any, named: dict[str, Any]) -> dict[str, Any]:  # noqa: PLR0911
    """JSON Schema 2020-12, strict: every field is there and no other. Classes go into `named` and are referred to."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if kind in _PLAIN:
        return dict(_PLAIN[kind])
    if origin in _UNIONS:
        return _either([schema(one, named) for one in inside], classes=sum(map(_has_fields, inside)) > 1)
    if origin is typing.Literal:
        return {"enum": list(inside)}
    if origin in (tuple, list) and (origin is list or inside[-1:] == (...,)):
        return {"type": "array", "items": schema(inside[0], named)}
    if origin is tuple:
        parts = [schema(one, named) for one in inside]
        return {"type": "array", "prefixItems": parts, "minItems": len(parts), "maxItems": len(parts)}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": schema(inside[1], named)}
    if _has_fields(kind):
        return _named(kind, named)
    return {}


@cache
def members(kind: type) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of a class, and what it computes: name -> type. `Page[Run]` has the fields of a page of runs."""
    given, kind = kind, typing.get_origin(kind) or kind
    filled = dict(zip(getattr(kind, "__parameters__", ()), typing.get_args(given), strict=False))
    hints = {name: _filled(hint, filled) for name, hint in typing.get_type_hints(kind).items()}
    names = [field.name for field in fields(kind)] if is_dataclass(kind) else list(kind._fields)  # type: ignore[union-attr]
    computed = {
        name: typing.get_type_hints(found.fget)["return"]
        for name, found in inspect.getmembers(kind, lambda member: isinstance(member, property))
        if found.fget is not None and not name.startswith("_")
    }
    return {name: hints[name] for name in names}, computed


def _has_fields(kind: Any) -> bool:
    kind = typing.get_origin(kind) or kind
    return isinstance(kind, type) and (is_dataclass(kind) or hasattr(kind, "_fields"))


def _filled(hint: Any, filled: Mapping[Any, Any]) -> Any:
    """A type with what its parameters stand for."""
    if isinstance(hint, typing.TypeVar):
        return filled.get(hint, Any)
    open_ = getattr(hint, "__parameters__", ())
    return hint[tuple(filled.get(one, Any) for one in open_)] if open_ else hint


def _named(kind: type, named: dict[str, Any]) -> dict[str, Any]:
    name = "".join(one.__name__ for one in (*typing.get_args(kind), typing.get_origin(kind) or kind))
    if name not in named:
        named[name] = {}  # known while its own fields speak of it
        own, computed = members(kind)
        said = {field: schema(of, named) for field, of in own.items()}
        said |= {field: {**schema(of, named), "readOnly": True} for field, of in computed.items()}
        named[name] = {
            "type": "object",
            "title": name,
            "description": inspect.getdoc(kind) or name,
            "properties": said,
            "required": list(said),
            "additionalProperties": False,
        }
    return {"$ref": f"#/components/schemas/{name}"}


def _either(parts: list[dict[str, Any]], *, classes: bool) -> dict[str, Any]:
    """`oneOf` only for classes: a whole number is an integer and a number at once."""
    simple = [part for part in parts if set(part) == {"type"}]
    if len(simple) == len(parts):
        return {"type": list(dict.fromkeys(part["type"] for part in parts))}
    return {"oneOf" if classes else "anyOf": parts}


def _one_of(kinds: tuple[Any, ...], data: Any) -> Any:
    """Which of several types this is. Raises ValueError."""
    fits: dict[type, Callable[[Any], bool]] = {
        bool: lambda kind: kind is bool,
        int: lambda kind: kind in (int, float),
        float: lambda kind: kind is float,
        str: lambda kind: kind in (str, datetime),
        list: lambda kind: typing.get_origin(kind) in (tuple, list),
        dict: lambda kind: _fits(kind, data),
        type(None): lambda kind: kind is type(None),
    }
    found = [kind for kind in kinds if kind is Any or fits[type(data)](kind)]
    if not found:
        raise ValueError(f"{str(data)[:80]} is none of {kinds}")
    return found[0]


def _fits(kind: Any, data: Mapping[str, Any]) -> bool:
    if not _has_fields(kind):
        origin = typing.get_origin(kind)
        return isinstance(origin, type) and issubclass(origin, Mapping)
    own, computed = members(kind)
    return set(own) <= set(data) <= {*own, *computed}
