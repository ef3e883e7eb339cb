"""Python values (JSON, SQL) into typed cells. What a field takes, by the type of the value:

int: int, and a float or Decimal that is whole · float: int, float, Decimal · bool: bool, and 0 or 1 · str: str, UUID ·
date, datetime: ISO 8601 · bytes: bytes, and base64.
"""

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa

from arkwright.core.rows import Field
from arkwright.data.cells import text_cells
from arkwright.data.cells.fault import Fault
from arkwright.data.cells.moments import Zone

_ARROW = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "bytes": pa.binary()}
_PLAIN: dict[str, set[type]] = {"int": {int}, "float": {float}, "bool": {bool}, "bytes": {bytes}}
_A = {"int": "an int", "float": "a float", "bool": "a bool", "str": "a str", "date": "a date", "datetime": "a datetime",
      "bytes": "base64"}  # fmt: skip


def cast(field: Field, cells: list[Any], zone: Zone) -> tuple[pa.Array, list[Fault]]:
    """(n,) values as the field's type, null where they do not fit, and why they do not."""
    kinds = set(map(type, cells)) - {type(None)}
    plain = _PLAIN.get(field.type)
    if plain and kinds <= plain:
        try:
            return pa.array(cells, _ARROW[field.type]), []
        except (OverflowError, pa.ArrowInvalid):
            pass
    if plain and field.type != "bytes":
        return _each(cells, _CONVERT[field.type], _ARROW[field.type], f"is not {_A[field.type]}")
    if field.type == "bytes" and bytes in kinds:
        return _each(cells, _same(bytes), pa.binary(), "is not bytes")
    if kinds <= {str}:
        encoded, faults = _encoded(cells), []
    else:
        texts = [value if isinstance(value, str) else _text(value) for value in cells]
        wrong = [i for i, text in enumerate(texts) if text is None and cells[i] is not None]
        encoded, faults = _encoded(texts), [Fault(np.array(wrong, np.int64), f"is not {_A[field.type]}")]
    values, more = text_cells.cast(field, encoded, zone)
    return values, faults + more


def _encoded(texts: list[Any]) -> pa.Array:
    """(n,) binary: half a surrogate pair becomes bytes that are not UTF-8, and is found as such."""
    return pa.array([None if text is None else text.encode("utf-8", "surrogatepass") for text in texts], pa.binary())


def _each(
    cells: list[Any], convert: Callable[[Any], Any], kind: pa.DataType, says: str
) -> tuple[pa.Array, list[Fault]]:
    """Value by value; `convert` gives None for one that does not fit."""
    values = [None if value is None else convert(value) for value in cells]
    wrong = [i for i, value in enumerate(values) if value is None and not _is_missing(cells[i])]
    return pa.array(values, kind), [Fault(np.array(wrong, np.int64), says)]


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float | Decimal) and math.isnan(value))


def _int(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if not isinstance(value, int) and (not math.isfinite(value) or value != int(value)):
        return None
    return int(value) if -(2**63) <= value < 2**63 else None


def _float(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _bool(value: Any) -> bool | None:
    return bool(value) if value in (0, 1) and isinstance(value, bool | int) else None


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, UUID) else None


def _same(kind: type) -> Callable[[Any], Any]:
    return lambda value: value if isinstance(value, kind) else None


_CONVERT: dict[str, Callable[[Any], Any]] = {"int": _int, "float": _float, "bool": _bool}
