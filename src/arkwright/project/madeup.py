"""Made-up rows: whatever a row class allows, so that the user's functions can be rehearsed before a row is read."""

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from arkwright.core import arrow
from arkwright.core.rows import Field
from arkwright.project import patterns

_Letters = TypeVar("_Letters", str, bytes)
_FAR, _SPREAD = 2**63 - 1, 23
_WORDS = ("a", "b", "ab", "Ω", "some longer text")


def rows(fields: tuple[Field, ...], count: int, seed: int = 0) -> pa.Table:
    """`count` rows that keep every limit of the row class; nullable fields are null now and then."""
    rng = np.random.default_rng(seed)
    schema = arrow.schema(field.column for field in fields)
    data = {field.name: _column(field, count, rng) for field in fields}
    return pa.table(data, schema=schema)


def _column(field: Field, count: int, rng: np.random.Generator) -> list[Any]:
    values = [_value(field, i, rng) for i in range(count)]
    if field.nullable:
        values = [None if rng.random() < 0.1 else value for value in values]
    return values


def _value(field: Field, i: int, rng: np.random.Generator) -> Any:
    if field.allowed:
        return field.allowed[i % len(field.allowed)]
    limits = dict(field.limits)
    made: Any
    match field.type:
        case "int":
            made = _int(limits, rng)
        case "float":
            made = _float(limits, rng)
        case "bool":
            made = bool(i % 2)
        case "date":
            made = date(2024, 1, 1) + timedelta(days=i)
        case "datetime":
            made = datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None) + timedelta(hours=i)
        case "bytes":
            made = _long_enough(bytes([i % 256]), b"x", limits)
        case _:
            made = _text(limits, i, rng)
    return made


def _int(limits: dict[str, Any], rng: np.random.Generator) -> int:
    low = max(_ceil(limits.get("ge")), _floor(limits.get("gt"), -_FAR - 1) + 1)
    high = min(_floor(limits.get("le"), _FAR), _ceil(limits.get("lt"), _FAR + 1) - 1)
    if low == -_FAR:  # 0 where it may be, or as near to it
        low = max(min(0, high - _SPREAD), -_FAR - 1)
    return int(rng.integers(low, max(low, min(high, low + _SPREAD)), endpoint=True))


def _ceil(limit: float | None, otherwise: int = -_FAR) -> int:
    return otherwise if limit is None else math.ceil(limit)


def _floor(limit: float | None, otherwise: int) -> int:
    return otherwise if limit is None else math.floor(limit)


def _float(limits: dict[str, Any], rng: np.random.Generator) -> float:
    low = max(float(limits.get("ge", -math.inf)), math.nextafter(limits.get("gt", -math.inf), math.inf))
    high = min(float(limits.get("le", math.inf)), math.nextafter(limits.get("lt", math.inf), -math.inf))
    largest = np.finfo(np.float64).max
    if "ge" not in limits and "gt" not in limits:
        low = max(high - 100.0, -largest) if high < largest else 0.0
    high = min(high, low + 100.0) if "le" not in limits and "lt" not in limits else high
    share = 0.01 + 0.98 * rng.random()
    return float(min(max(low * (1 - share) + high * share, low), high, largest))


def _text(limits: dict[str, Any], i: int, rng: np.random.Generator) -> str:
    least, most = limits.get("min_length", 0), limits.get("max_length", math.inf)
    if "pattern" in limits:
        made = patterns.matching(limits["pattern"], lambda text: least <= len(text) <= most, rng)
        if made is not None:
            return made
    return _long_enough(_WORDS[i % len(_WORDS)], "x", limits)


def _long_enough(value: _Letters, filling: _Letters, limits: dict[str, Any]) -> _Letters:
    value = value.ljust(int(limits.get("min_length", 0)), filling)
    return value[: int(limits["max_length"])] if "max_length" in limits else value
