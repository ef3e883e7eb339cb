"""Made-up rows: whatever a row class allows, so that the user's functions can be rehearsed before a row is read."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from arkwright.core import arrow
from arkwright.core.rows import Field

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


def _value(field: Field, i: int, rng: np.random.Generator) -> Any:  # noqa: PLR0911 - one per type
    if field.allowed:
        return field.allowed[i % len(field.allowed)]
    limits = dict(field.limits)
    match field.type:
        case "int":
            low = limits.get("ge", limits.get("gt", -1) + 1 if "gt" in limits else 0)
            high = limits.get("le", limits.get("lt", low + 24) - 1 if "lt" in limits else low + 23)
            return int(rng.integers(low, max(low, high) + 1))
        case "float":
            low = float(limits.get("ge", limits.get("gt", limits.get("le", limits.get("lt", 100.0)) - 100.0)))
            high = float(limits.get("le", limits.get("lt", low + 100.0)))
            return float(low + (high - low) * (0.01 + 0.98 * rng.random()))
        case "bool":
            return bool(i % 2)
        case "date":
            return date(2024, 1, 1) + timedelta(days=i)
        case "datetime":
            return datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None) + timedelta(hours=i)
        case "bytes":
            return bytes([i % 256])
        case _:
            word = _WORDS[i % len(_WORDS)]
            word = word.ljust(int(limits.get("min_length", 0)), "x")
            return word[: int(limits["max_length"])] if "max_length" in limits else word
