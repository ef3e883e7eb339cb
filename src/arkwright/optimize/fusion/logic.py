"""Comparisons, three-valued logic, nulls, choices and casts as polars does them."""

from dataclasses import replace

from arkwright.optimize.fusion.plan import NOT_STRICT, STRICT, Step
from arkwright.optimize.fusion.refusal import NotFusable
from arkwright.optimize.fusion.terms import BOOL, INT64, Term, Terms
from arkwright.optimize.fusion.values import (
    FLOATS,
    INTS,
    TIMES,
    Value,
    equal,
    exact,
    holds,
    invalid_as,
    less,
    limits,
    null,
    number,
    text_codes,
    valid,
    wrap,
)

DAY = 86_400_000_000  # microseconds
_SAME_HELD = {("Date", "Int32"), ("Date", "Int64"), ("Datetime", "Int64"), ("Duration", "Int64")} | {
    ("Int32", "Date"),
    ("Int64", "Datetime"),
    ("Int64", "Duration"),
}


def compare(g: Terms, step: Step, args: list[Value]) -> Value:
    """==, !=, <, <=, >, >= of columns; null when either is."""
    exact(args, "a comparison")
    return _compared(g, step.op, args[0], args[1])


def _compared(g: Terms, op: str, first: Value, second: Value) -> Value:
    a, b = _pair(g, first, second)
    if a.kind == "String":
        data = _same_text(g, op, a, b)
    elif op in ("eq", "not_eq"):
        data = equal(g, a, b)
    else:
        data = less(g, a, b) if op in ("lt", "gt_eq") else less(g, b, a)
    return Value("Boolean", g("Not", data) if op in ("not_eq", "gt_eq", "lt_eq") else data, valid(g, a, b))


def compare_missing(g: Terms, step: Step, args: list[Value]) -> Value:
    """eq_missing, ne_missing: null equals null and nothing else."""
    exact(args, "a comparison")
    found = _compared(g, "eq", args[0], args[1])
    data = found.data
    if found.valid is not None:
        data = g("And", data, found.valid)
        if args[0].valid is not None and args[1].valid is not None:
            data = g("Or", data, g("And", g("Not", args[0].valid), g("Not", args[1].valid)))
    return Value("Boolean", data if step.op == "eq_validity" else g("Not", data))


def _pair(g: Terms, a: Value, b: Value) -> tuple[Value, Value]:
    """Both in one kind."""
    if a.kind == b.kind:
        return a, b
    if {a.kind, b.kind} == {"Date", "Datetime"}:
        return moment(g, a), moment(g, b)
    if a.kind == "Null" or b.kind == "Null":
        return (number(g, a, b.kind), b) if a.kind == "Null" else (a, number(g, b, a.kind))
    if a.kind in INTS and b.kind in INTS:
        return replace(a, kind="Int64"), replace(b, kind="Int64")  # all are held in 64 bits
    if {a.kind, b.kind} <= INTS | set(FLOATS):
        return number(g, a, "Float64"), number(g, b, "Float64")
    raise NotFusable(f"features() compares {a.kind} with {b.kind}; cast one of them")


def _same_text(g: Terms, op: str, a: Value, b: Value) -> Term:
    if op not in ("eq", "not_eq"):
        raise NotFusable("features() asks which text is smaller; it stays in Python")
    column, text = (a, b) if b.data.array is not None else (b, a)
    if text.data.array is None or column.data.fixed:
        raise NotFusable("features() compares two text columns; only a column with a literal can go into the graph")
    return g("Equal", text_codes(g, column, (text.data.value(),)), g.constant(0, INT64))


def moment(g: Terms, value: Value) -> Value:
    """A date as the microsecond with which it begins."""
    if value.kind != "Date":
        return value
    return Value("Datetime", g("Mul", value.data, g.constant(DAY, INT64)), value.valid)


def both(g: Terms, step: Step, args: list[Value]) -> Value:
    """and: false beats null."""
    a, b = _booleans(step, args)
    data = g("And", invalid_as(g, a, filler=True), invalid_as(g, b, filler=True))
    there = valid(g, a, b)
    return Value("Boolean", data, None if there is None else g("Or", there, g("Not", data)))


def either(g: Terms, step: Step, args: list[Value]) -> Value:
    """or: true beats null."""
    a, b = _booleans(step, args)
    data = g("Or", invalid_as(g, a, filler=False), invalid_as(g, b, filler=False))
    there = valid(g, a, b)
    return Value("Boolean", data, None if there is None else g("Or", there, data))


def exclusive(g: Terms, step: Step, args: list[Value]) -> Value:
    a, b = _booleans(step, args)
    return Value("Boolean", g("Xor", a.data, b.data), valid(g, a, b))


def negation(g: Terms, step: Step, args: list[Value]) -> Value:
    (x,) = _booleans(step, args)
    return replace(x, data=g("Not", x.data))


def _booleans(step: Step, args: list[Value]) -> list[Value]:
    for value in args:
        if value.kind != "Boolean":
            raise NotFusable(f"features() uses bitwise {step.op} of {value.kind}; it stays in Python")
    return args


def between(g: Terms, step: Step, args: list[Value]) -> Value:
    exact(args, "is_between")
    x, low, high = args
    (closed,) = step.options
    lower = _compared(g, "gt_eq" if closed in ("both", "left") else "gt", x, low)
    upper = _compared(g, "lt_eq" if closed in ("both", "right") else "lt", x, high)
    return both(g, step, [lower, upper])


def is_null(g: Terms, step: Step, args: list[Value]) -> Value:
    there = args[0].valid or g.constant(value=True, kind=BOOL)
    return Value("Boolean", g("Not", there) if step.op == "is_null" else there)


def is_nan(g: Terms, step: Step, args: list[Value]) -> Value:
    """is_nan, is_not_nan, is_infinite, is_finite; null for null."""
    (x,) = args
    if x.kind not in FLOATS:
        raise NotFusable(f"features() uses {step.op} of {x.kind}; it stays in Python")
    nan, infinite = g("IsNaN", x.data), g("IsInf", x.data)
    data = {
        "is_nan": nan,
        "is_not_nan": g("Not", nan),
        "is_infinite": infinite,
        "is_finite": g("Not", g("Or", nan, infinite)),
    }[step.op]
    return Value("Boolean", data, x.valid)


def fill(g: Terms, step: Step, args: list[Value]) -> Value:
    """fill_null, coalesce: the first that is not null."""
    found = _in_kind(g, args[0], step.kind)
    for other in args[1:]:
        if found.valid is None:
            break
        found = _choice(g, found.valid, found, _in_kind(g, other, step.kind))
    return found


def when(g: Terms, step: Step, args: list[Value]) -> Value:
    """A null condition does not hold."""
    condition, yes, no = args
    holds_there = invalid_as(g, _booleans(step, [condition])[0], filler=False)
    return _choice(g, holds_there, _in_kind(g, yes, step.kind), _in_kind(g, no, step.kind))


def _choice(g: Terms, condition: Term, yes: Value, no: Value) -> Value:
    there: Term | None = None
    if yes.valid is not None or no.valid is not None:
        always = g.constant(value=True, kind=BOOL)
        if yes.valid is condition:  # fill_null
            there = None if no.valid is None else g("Or", condition, no.valid)
        else:
            there = g.where(condition, yes.valid or always, no.valid or always)
    return Value(
        yes.kind,
        g.where(condition, yes.data, no.data),
        there,
        nan=there is not None and yes.nan_when_null and no.nan_when_null,
        clean=yes.clean and no.clean,
        near=yes.near or no.near,
    )


def _in_kind(g: Terms, value: Value, kind: str) -> Value:
    return value if value.kind == kind else number(g, value, kind)


def cast(g: Terms, step: Step, args: list[Value]) -> Value:
    """Between numbers, booleans and times. A strict cast that can fail is refused: a graph cannot fail."""
    (x,) = args
    (option,), kind = step.options, step.kind
    made: Value | None = None
    if x.kind == kind or (x.kind, kind) in _SAME_HELD:
        made = replace(x, kind=kind)
    elif x.kind == "Null":
        made = null(g, kind)
    elif x.kind in INTS or x.kind in FLOATS or x.kind == "Boolean":
        made = _cast_number(g, x, kind, option)
    elif x.kind in TIMES and kind in FLOATS:
        made = number(g, x, kind)
    elif {x.kind, kind} == {"Date", "Datetime"}:
        made = moment(g, x) if kind == "Datetime" else date(g, x)
    if made is None:
        raise NotFusable(f"features() casts {x.kind} to {kind}; it stays in Python")
    return made


def _cast_number(g: Terms, x: Value, kind: str, option: int) -> Value | None:
    if kind == "Boolean":
        exact([x], "a cast to Boolean")
        return Value(kind, g("Not", g("Equal", x.data, g.constant(0, x.data.type))), x.valid)
    if x.kind in FLOATS and kind in FLOATS:
        return replace(x, kind=kind, data=g.cast(x.data, FLOATS[kind]))
    if kind in FLOATS or (x.kind == "Boolean" and kind in INTS):
        return number(g, x, kind)
    return _integer(g, x, kind, option) if kind in INTS else None


def date(g: Terms, value: Value) -> Value:
    """The day of a moment, rounded down."""
    if value.kind != "Datetime":
        return value
    day = g.constant(DAY, INT64)
    return Value("Date", g("Div", g("Sub", value.data, g("Mod", value.data, day)), day), value.valid)


def _integer(g: Terms, x: Value, kind: str, option: int) -> Value:
    """Cut towards zero; what does not fit becomes null."""
    exact([x], "a cast to an integer")
    low, high = limits(kind)
    if x.kind in INTS:
        if holds(kind, *limits(x.kind)) or (x.data.array is not None and holds(kind, x.data.value(), x.data.value())):
            return replace(x, kind=kind)
        if option not in (STRICT, NOT_STRICT):
            return Value(kind, wrap(g, x.data, kind), x.valid)
    if option != NOT_STRICT:
        raise NotFusable(
            f"features() casts {x.kind} to {kind}, which fails on some numbers, and a graph cannot fail; "
            f"write cast(pl.{kind}, strict=False)"
        )
    if x.kind in INTS:
        fits = g("And", g("Not", g("Less", x.data, g.constant(low, INT64))), _at_most(g, x.data, high))
        return Value(kind, x.data, g.both(x.valid, fits))
    zero = g.constant(0, x.data.type)
    cut = g.where(g("Less", x.data, zero), g("Ceil", x.data), g("Floor", x.data))
    above = g("Less", cut, g.constant(high + 1, x.data.type))  # a power of two, which a float holds
    fits = g("And", g("Not", g("Less", cut, g.constant(low, x.data.type))), above)
    return Value(kind, g.cast(g.where(fits, cut, zero), INT64), g.both(x.valid, fits))


def _at_most(g: Terms, data: Term, high: int) -> Term:
    return g("Not", g("Less", g.constant(high, INT64), data))


HANDLERS = {
    **dict.fromkeys(("eq", "not_eq", "lt", "lt_eq", "gt", "gt_eq"), compare),
    "eq_validity": compare_missing,
    "not_eq_validity": compare_missing,
    "and": both,
    "logical_and": both,
    "or": either,
    "logical_or": either,
    "xor": exclusive,
    "not": negation,
    "is_between": between,
    "is_null": is_null,
    "is_not_null": is_null,
    **dict.fromkeys(("is_nan", "is_not_nan", "is_infinite", "is_finite"), is_nan),
    "fill_null": fill,
    "coalesce": fill,
    "when": when,
    "cast": cast,
}
