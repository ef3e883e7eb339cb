"""replace, replace_strict and is_in with literals: the place of each value in a list, then a table."""

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from arkwright.optimize.fusion.plan import Step
from arkwright.optimize.fusion.refusal import NotFusable
from arkwright.optimize.fusion.terms import BOOL, DOUBLE, INT64, Term, Terms
from arkwright.optimize.fusion.values import FLOATS, HELD, INTS, Value, exact, number, text_codes

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - times are kept in UTC without a zone
_MICROSECOND = timedelta(microseconds=1)


def physical(value: Any, kind: str) -> Any:
    """A Python literal as what a column of `kind` holds: days, microseconds, or itself."""
    if kind == "Date" and type(value) is date:
        return (value - _EPOCH.date()).days
    if kind == "Datetime" and isinstance(value, datetime) and value.tzinfo is None:
        return (value - _EPOCH) // _MICROSECOND
    if kind == "Duration" and isinstance(value, timedelta):
        return value // _MICROSECOND
    if kind in HELD and isinstance(value, bool | int | float | str):
        return value
    raise NotFusable(f"features() uses the {kind} {value!r}, which a graph does not hold")


def is_in(g: Terms, step: Step, args: list[Value]) -> Value:
    """Null for null, or with nulls_equal whether null is in the list."""
    x, (nulls_equal,) = args[0], step.options
    exact([x], "is_in")
    listed = _literals(step.args[1], "is_in")
    keys = list(dict.fromkeys(value for value in listed if value is not None))
    there = None if nulls_equal else x.valid
    if not keys:
        data = g.constant(value=False, kind=BOOL)
    else:
        data = g("Less", _codes(g, x, keys, step.args[1].kind, step.op), g.constant(len(keys), INT64))
    if nulls_equal and x.valid is not None:
        data = g("Or", g("Not", x.valid), data) if None in listed else g("And", x.valid, data)
        if None in listed:
            return Value("Boolean", data)
    return Value("Boolean", data, there)


def replace_strict(g: Terms, step: Step, args: list[Value]) -> Value:
    """With a default, for a value that is not listed, or null."""
    if len(args) < 4:
        raise NotFusable(
            "features() uses replace_strict without a default, which fails on a value never seen; "
            "write default=None to make it missing"
        )
    return _replaced(g, step, args[0], args[3] if args[3].kind == step.kind else _fixed_default(g, step, args[3]))


def replace_some(g: Terms, step: Step, args: list[Value]) -> Value:
    """What is not listed stays."""
    if args[0].kind != step.kind:
        raise NotFusable(f"features() replaces {args[0].kind} by {step.kind}; use replace_strict with a default")
    return _replaced(g, step, args[0], args[0])


def _fixed_default(g: Terms, step: Step, default: Value) -> Value:
    """The default in the type of the outcome, into which polars casts it."""
    if default.data.array is not None and step.kind in INTS | set(FLOATS) and default.kind in INTS | set(FLOATS):
        value = default.data.value()
        if step.kind in FLOATS or float(value).is_integer():
            return Value(step.kind, g.constant(value, HELD[step.kind]), default.valid)
    return number(g, default, step.kind)


def _replaced(g: Terms, step: Step, x: Value, default: Value) -> Value:
    exact([x, default], step.op)
    old, new = _literals(step.args[1], step.op), _outcomes(step)
    if len(new) == 1:
        new *= len(old)
    pairs = dict(zip(old, new, strict=True))
    keys = [key for key in pairs if key is not None]
    if not keys:
        raise NotFusable(f"features() uses {step.op} of null alone; use fill_null")
    outcomes = [pairs[key] for key in keys] + ([pairs[None]] if None in pairs else [])
    others = len(outcomes)  # the code of the default
    codes = _codes(g, x, keys, step.args[1].kind, step.op)
    if None in pairs:  # its code comes after the keys'; the default's one later
        codes = g.where(g("Less", codes, g.constant(len(keys), INT64)), codes, g.constant(others, INT64))
    if x.valid is not None:
        codes = g.where(x.valid, codes, g.constant(len(keys) if None in pairs else others, INT64))
    gone = default.valid is not None and default.valid.is_constant(value=False)
    if gone or (default.data.array is not None and default.valid is None):
        last = None if gone else default.data.value()
        return _from_table(g, step.kind, [*outcomes, last], codes)
    mapped = _from_table(g, step.kind, [*outcomes, None], codes)
    listed = g("Less", codes, g.constant(others, INT64))
    always = g.constant(value=True, kind=BOOL)
    there = None
    if default.valid is not None or None in outcomes:
        there = g.where(listed, mapped.valid if None in outcomes and mapped.valid else always, default.valid or always)
    return Value(
        step.kind, g.where(listed, mapped.data, default.data), there, clean=mapped.clean and default.clean, near=False
    )


def _from_table(g: Terms, kind: str, outcomes: list[Any], codes: Term) -> Value:
    """The outcome with each code; None is null."""
    missing = [value is None for value in outcomes]
    filler: Any = np.nan if kind in FLOATS else "" if kind == "String" else 0
    filled = [filler if value is None else value for value in outcomes]
    data = g("Gather", g.constant(filled, HELD[kind]), codes, kind=HELD[kind])
    there = g("Gather", g.constant([not gone for gone in missing], BOOL), codes, kind=BOOL) if any(missing) else None
    if kind in FLOATS:
        clean = not any(value != value for value in outcomes if value is not None)  # noqa: PLR0124 - NaN
        return Value(kind, data, there, nan=there is not None, clean=clean)
    double = None
    if kind in INTS:
        doubles = [np.nan if value is None else float(value) for value in outcomes]
        double = g("Gather", g.constant(doubles, DOUBLE), codes, kind=DOUBLE)
    return Value(kind, data, there, double=double)


def _codes(g: Terms, x: Value, keys: list[Any], kinds: str, op: str) -> Term:
    """The place of each value in `keys`, or len(keys)."""
    if x.data.fixed:
        raise NotFusable(f"features() uses {op} of a literal; write the outcome")
    listed = kinds.removeprefix("List(").removesuffix(")")
    if listed != x.kind and not (listed in INTS and x.kind in INTS):
        raise NotFusable(f"features() uses {op} of {x.kind} with a list of {listed}; cast one of them")
    if len(set(keys)) != len(keys) and op != "is_in":
        raise NotFusable(f"features() uses {op} with a key that occurs twice")
    if x.kind == "String":
        return text_codes(g, x, tuple(keys))
    none = g.constant(len(keys), INT64)
    if x.kind == "Boolean":
        places = [keys.index(flag) if flag in keys else len(keys) for flag in (False, True)]
        return g("Gather", g.constant(places, INT64), g.cast(x.data, INT64), kind=INT64)
    held = [physical(key, listed) for key in keys]
    if any(key != key for key in held):  # noqa: PLR0124 - NaN
        raise NotFusable(f"features() uses {op} with NaN among the keys; it stays in Python")
    table = g.constant(held, HELD[x.kind])
    rows = g("Unsqueeze", x.data, g.constant([1], INT64), kind=x.data.type)
    # ArgMax and Gather: the first place where row and key are equal, and whether they are
    place = g("ArgMax", g.cast(g("Equal", rows, table), 6), kind=INT64, axis=1, keepdims=0)
    return g.where(g("Equal", g("Gather", table, place, kind=x.data.type), x.data), place, none)


def _literals(step: Step, op: str) -> list[Any]:
    if step.op != "literal":
        raise NotFusable(f"features() uses {op} with columns; write the values as a list")
    return list(step.value) if isinstance(step.value, list | tuple) else [step.value]


def _outcomes(step: Step) -> list[Any]:
    """The new values in the kind of the outcome; what does not fit in it is null, as in polars."""
    values = _literals(step.args[2], step.op)
    if step.kind not in INTS and step.kind not in FLOATS and step.kind not in ("Boolean", "String"):
        raise NotFusable(f"features() replaces by {step.kind}; it stays in Python")
    return pl.Series(values, strict=False).cast(getattr(pl, step.kind), strict=False).to_list()


HANDLERS = {"is_in": is_in, "replace_strict": replace_strict, "replace": replace_some}
