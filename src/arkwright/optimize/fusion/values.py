"""A polars column inside the graph: its numbers, and beside them where they are not null.

What the handlers of single operations share: kinds and how they are held, joining nulls, wrapping, comparing.
"""

from dataclasses import dataclass, replace

import numpy as np

from arkwright.optimize.fusion.refusal import NotFusable
from arkwright.optimize.fusion.terms import BOOL, DOUBLE, FLOAT, INT64, STRING, Term, Terms

# kind -> ONNX's type, smallest, largest. All are computed in INT64, for which every operator has a kernel.
_NARROW = {"Int8": (3, 8), "Int16": (5, 16), "Int32": (6, 32), "UInt8": (2, 8), "UInt16": (4, 16), "UInt32": (12, 32)}
INTS = frozenset({*_NARROW, "Int64"})
FLOATS = {"Float32": FLOAT, "Float64": DOUBLE}
TIMES = frozenset({"Date", "Datetime", "Duration"})  # days; microseconds since 1970; microseconds
HELD = {"Boolean": BOOL, "String": STRING} | FLOATS | dict.fromkeys(INTS | TIMES, INT64)


@dataclass(frozen=True, slots=True)
class Value:
    """`valid` is None when no row is null; what `data` holds where it is null means nothing, unless `nan`.

    nan: data is NaN wherever it is null. clean: it is never NaN where it is not null. near: the last bit may differ
    from polars'. double: the same integers as doubles, with NaN for null.
    """

    kind: str
    data: Term
    valid: Term | None = None
    nan: bool = False
    clean: bool = True
    near: bool = False
    double: Term | None = None

    @property
    def nan_when_null(self) -> bool:
        return self.valid is None or self.nan


def limits(kind: str) -> tuple[int, int]:
    """The smallest and the largest integer of a kind."""
    bits = _NARROW[kind][1] if kind in _NARROW else 64
    return (0, 2**bits - 1) if kind.startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def holds(kind: str, low: float, high: float) -> bool:
    """Whether an integer kind holds everything from low to high."""
    smallest, largest = limits(kind)
    return smallest <= low and high <= largest


def null(g: Terms, kind: str) -> Value:
    """A null of a kind, for every row."""
    never = g.constant(value=False, kind=BOOL)
    if kind in FLOATS:
        return Value(kind, g.constant(np.nan, FLOATS[kind]), never, nan=True)
    if kind not in HELD:
        raise NotFusable(f"features() makes a {kind}, which a graph does not hold")
    return Value(kind, g.constant("" if kind == "String" else 0, HELD[kind]), never)


def wrap(g: Terms, data: Term, kind: str) -> Term:
    """An overflow of a narrow integer begins anew at the other end, as it does in polars."""
    if kind not in _NARROW:
        return data
    narrow = _NARROW[kind][0]
    return g("Cast", g("Cast", data, kind=narrow, to=narrow), kind=INT64, to=INT64)


def valid(g: Terms, *values: Value) -> Term | None:
    """Where none of them is null."""
    found: Term | None = None
    for value in values:
        found = g.both(found, value.valid)
    return found


def exact(values: list[Value], what: str) -> None:
    """Raises NotFusable where a difference in the last bit could grow."""
    if any(value.near for value in values):
        raise NotFusable(
            f"features() uses {what} of a log or exp, whose last bit is not the same in a graph; it stays in Python"
        )


def number(g: Terms, value: Value, kind: str) -> Value:
    """The value as a number of `kind`, where polars converts without being asked."""
    if value.kind == kind:
        return value
    if value.kind == "Null":
        return null(g, kind)
    if value.kind == "Boolean" and (kind in INTS or kind in FLOATS):
        return Value(kind, g.cast(value.data, HELD[kind]), value.valid)
    if value.kind in INTS | TIMES and kind in FLOATS:
        if value.double is not None:
            return Value(kind, g.cast(value.double, FLOATS[kind]), value.valid, nan=True)
        return Value(kind, g.cast(value.data, FLOATS[kind]), value.valid)
    if value.kind in INTS and kind in INTS and holds(kind, *limits(value.kind)):
        return replace(value, kind=kind)
    raise NotFusable(f"features() mixes {value.kind} and {kind}; cast one of them")


def as_nan(g: Terms, value: Value) -> Term:
    """The data of a float with NaN for null."""
    if value.valid is None or value.nan:
        return value.data
    return g.where(value.valid, value.data, g.constant(np.nan, value.data.type))


def is_nan(g: Terms, value: Value) -> Term | None:
    """Where a float is NaN and not null; None when that cannot be."""
    return None if value.clean or value.kind not in FLOATS else g("IsNaN", value.data)


def equal(g: Terms, a: Value, b: Value) -> Term:
    """Where a == b; NaN equals NaN (https://docs.pola.rs/api/python/stable/reference/expressions/operators.html)."""
    same, left, right = g("Equal", a.data, b.data), is_nan(g, a), is_nan(g, b)
    if left is None or right is None:
        return same
    return g("Or", same, g("And", left, right))


def less(g: Terms, a: Value, b: Value) -> Term:
    """Where a < b; NaN is the largest of all."""
    if a.kind == "Boolean":
        return g("And", g("Not", a.data), b.data)
    smaller, left, right = g("Less", a.data, b.data), is_nan(g, a), is_nan(g, b)
    if right is None:
        return smaller
    return g("Or", smaller, right if left is None else g("And", right, g("Not", left)))


def text_codes(g: Terms, value: Value, texts: tuple[str, ...]) -> Term:
    """The place of each text in `texts`, and len(texts) for any other."""
    return g("LabelEncoder", value.data, kind=INT64, domain="ai.onnx.ml", texts=texts)


def invalid_as(g: Terms, value: Value, *, filler: bool) -> Term:
    """A Boolean's data with `filler` for null."""
    if value.valid is None:
        return value.data
    if filler:
        return g("Or", value.data, g("Not", value.valid))
    return g("And", value.data, value.valid)
