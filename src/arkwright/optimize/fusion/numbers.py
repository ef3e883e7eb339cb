"""Arithmetic as polars does it, in the type in which polars does it; every rule was compared with polars bit by bit."""

from dataclasses import replace

import numpy as np

from arkwright.optimize.fusion.plan import Step
from arkwright.optimize.fusion.refusal import NotFusable
from arkwright.optimize.fusion.terms import BOOL, DOUBLE, INT64, Term, Terms
from arkwright.optimize.fusion.values import FLOATS, INTS, TIMES, Value, exact, number, valid, wrap

_OPERATORS = {"plus": "Add", "minus": "Sub", "multiply": "Mul"}
_MOST_DIGITS = 15


def arithmetic(g: Terms, step: Step, args: list[Value]) -> Value:
    """Sum, difference, product: integers wrap around."""
    if step.kind not in INTS and step.kind not in FLOATS:
        raise NotFusable(f"features() uses {step.op} that makes {step.kind}; it stays in Python")
    a, b = (number(g, value, step.kind) for value in args)
    scales = step.op == "multiply" and (_finite(a) or _finite(b))
    if not scales:
        exact(args, "a sum or product")
    if step.kind in INTS:
        return Value(step.kind, wrap(g, g(_OPERATORS[step.op], a.data, b.data), step.kind), valid(g, a, b))
    data = _summed(g, step, a.data, b.data)
    keeps = scales or (step.op != "multiply" and (_finite(a) or _finite(b)))
    return _joined(g, step.kind, data, a, b, clean=a.clean and b.clean and keeps)


def _summed(g: Terms, step: Step, a: Term, b: Term) -> Term:
    """For polars a literal 0 changes nothing, not even the sign of a zero."""
    by_left, by_right = (arg.rowless for arg in step.args)
    if step.op != "multiply" and by_right and not by_left and b.is_constant(0.0):
        return a
    if step.op != "multiply" and by_left and not by_right and a.is_constant(0.0):
        return b if step.op == "plus" else g("Neg", b)
    return g(_OPERATORS[step.op], a, b)


def divide(g: Terms, step: Step, args: list[Value]) -> Value:
    a, b = (number(g, value, step.kind) for value in args)
    if not _finite(b):
        exact(args, "a quotient")
    exact([b], "a quotient")
    return _joined(g, step.kind, quotient(g, step, a.data, b.data), a, b, clean=a.clean and _finite(b))


def quotient(g: Terms, step: Step, a: Term, b: Term) -> Term:
    """By a literal polars multiplies by its inverse (in frames of more than one row: what a model learns from)."""
    by_left, by_right = (arg.rowless for arg in step.args)
    if by_right and not by_left:
        return g("Mul", a, inverse(g, b))
    if a.is_constant(1.0) and not b.fixed:
        return g("Reciprocal", b)  # ONNX Runtime rewrites (1 / x) · y as y / x, which rounds otherwise
    return g("Div", a, b)


def inverse(g: Terms, literal: Term) -> Term:
    assert literal.array is not None
    with np.errstate(all="ignore"):
        return g.constant(literal.array.dtype.type(1) / literal.array, literal.type)


def floor_divide(g: Terms, step: Step, args: list[Value]) -> Value:
    a, b = (number(g, value, step.kind) for value in args)
    exact(args, "// or %")
    if step.kind in FLOATS:
        floored = g("Floor", quotient(g, step, a.data, b.data))
        data = floored if step.op == "floor_divide" else g("Sub", a.data, g("Mul", floored, b.data))
        return _joined(g, step.kind, data, a, b, clean=False)
    floored, rest = _floored(g, a.data, b.data)
    data = wrap(g, floored, step.kind) if step.op == "floor_divide" else rest
    return Value(step.kind, data, g.both(valid(g, a, b), _not_zero(g, b.data)))


def _not_zero(g: Terms, divisor: Term) -> Term | None:
    if divisor.array is None:
        return g("Not", g("Equal", divisor, g.constant(0, INT64)))
    return None if divisor.value() else g.constant(value=False, kind=BOOL)


def _floored(g: Terms, a: Term, b: Term) -> tuple[Term, Term]:
    """Quotient, rounded down, and rest of integers. What a processor traps (x / 0, smallest / -1) never reaches it."""
    zero, one, minus = (g.constant(n, INT64) for n in (0, 1, -1))
    inverted: Term | None = None
    if b.array is not None:
        inverted = g.constant(value=True, kind=BOOL) if b.value() == -1 else None
        safe = one if b.value() in (0, -1) else b
    else:
        inverted = g("Equal", b, minus)
        safe = g.where(g("Or", g("Equal", b, zero), inverted), one, b)
    cut = g("Div", a, safe)
    if a.is_constant(1):  # ONNX Runtime rewrites (1 / x) · y as y / x even for integers
        cut = g.where(g("Equal", g("Abs", safe), one), safe, zero)
    rest = g("Sub", a, g("Mul", cut, safe))
    if b.array is not None and b.value() > 0:
        low = g("Less", rest, zero)
    else:
        low = g("And", g("Not", g("Equal", rest, zero)), g("Xor", g("Less", rest, zero), g("Less", safe, zero)))
    whole = g("Sub", cut, g.cast(low, INT64))
    rest = g("Add", rest, g.where(low, safe, zero))
    if inverted is not None:
        whole = g.where(inverted, g("Sub", zero, a), whole)
    return whole, rest


def negate(g: Terms, step: Step, args: list[Value]) -> Value:
    return _mapped(g, step, args[0], "Neg")


def absolute(g: Terms, step: Step, args: list[Value]) -> Value:
    return args[0] if step.kind.startswith("U") else _mapped(g, step, args[0], "Abs")


def _mapped(g: Terms, step: Step, x: Value, op: str) -> Value:
    """An operator that never makes a NaN of a number."""
    _numeric(step, x)
    return replace(x, data=wrap(g, g(op, x.data), x.kind), double=None)


def to_whole(g: Terms, step: Step, args: list[Value]) -> Value:
    """floor, ceil; integers stay as they are."""
    exact(args, step.op)
    return args[0] if args[0].kind in INTS else _mapped(g, step, args[0], step.op.capitalize())


def sign(g: Terms, step: Step, args: list[Value]) -> Value:
    (x,) = args
    _numeric(step, x)
    exact(args, "sign")
    made = _sign(g, x.data) if x.kind in FLOATS else g("Sign", x.data)
    return replace(x, data=made, double=None)


def _sign(g: Terms, x: Term) -> Term:
    """1, -1, or NaN and both zeros as they are, which ONNX's Sign does not keep apart."""
    zero, one, minus = (g.constant(n, x.type) for n in (0.0, 1.0, -1.0))
    return g.where(g("Less", x, zero), minus, g.where(g("Less", zero, x), one, x))


def rounded(g: Terms, step: Step, args: list[Value]) -> Value:
    """To digits behind the point; a Float32 is rounded as a double, as polars does."""
    (x,) = args
    digits, mode = step.options
    exact(args, "round")
    if x.kind in INTS and digits >= 0:
        return x
    _numeric(step, x)
    if not 0 <= digits <= _MOST_DIGITS:
        raise NotFusable(f"features() rounds to {digits} digits; a graph does 0 to {_MOST_DIGITS}")
    nearest = {"half_to_even": _half_to_even, "half_away_from_zero": _half_away}.get(mode)
    if nearest is None:
        raise NotFusable(f"features() rounds by {mode!r}; it stays in Python")
    if digits == 0:
        return replace(x, data=nearest(g, x.data))
    wide, power = g.cast(x.data, DOUBLE), g.constant(10.0**digits, DOUBLE)
    made = g("Div", nearest(g, g("Mul", wide, power)), power)
    made = g.where(g("IsInf", made), wide, made)  # a number too large to have digits stays as it is
    return replace(x, data=g.cast(made, FLOATS[x.kind]))


def _half_to_even(g: Terms, x: Term) -> Term:
    return g("Round", x)


def _half_away(g: Terms, x: Term) -> Term:
    size = g("Abs", x)
    down = g("Floor", size)
    half, one = g.constant(0.5, x.type), g.constant(1.0, x.type)
    up = g.where(g("Less", g("Sub", size, down), half), down, g("Add", down, one))
    return g("Mul", up, _sign(g, x))


def square_root(g: Terms, step: Step, args: list[Value]) -> Value:
    x = number(g, args[0], step.kind)
    exact(args, "sqrt")
    return replace(x, data=g("Sqrt", x.data), clean=False)


def power(g: Terms, step: Step, args: list[Value]) -> Value:
    """Small whole powers and square roots: the others have another last bit in every library."""
    exact(args, "a power")
    exponent = args[1].data.value() if args[1].data.array is not None and args[1].valid is None else None
    if step.kind in FLOATS and exponent == 0.5:
        return square_root(g, step, args[:1])
    most = 3 if step.kind in FLOATS else 8
    if exponent is None or isinstance(exponent, bool) or exponent not in range(1, most + 1):
        shown = "a column" if exponent is None else exponent
        raise NotFusable(f"features() raises to the power {shown}; a graph does 0.5 and 1 to 3 exactly")
    x = number(g, args[0], step.kind)
    data = x.data
    for _ in range(int(exponent) - 1):
        data = wrap(g, g("Mul", data, x.data), step.kind)
    return replace(x, data=data, double=None)


def logarithm(g: Terms, step: Step, args: list[Value]) -> Value:
    """Nearly: libraries differ in the last bit of a double, which is gone once it becomes a float32."""
    exact(args, "a log")
    x = _double(g, step, args[0])
    made = g("Log", x.data)
    if step.args[1].op != "literal" or step.args[1].value is None:
        raise NotFusable("features() takes a log whose base is a column; it stays in Python")
    if step.args[1].value != np.e:
        made = g("Div", made, g.constant(np.log(float(step.args[1].value)), DOUBLE))
    return replace(x, data=made, near=True, clean=False)


def exponential(g: Terms, step: Step, args: list[Value]) -> Value:
    exact(args, "exp")
    x = _double(g, step, args[0])
    return replace(x, data=g("Exp", x.data), near=True)


def _double(g: Terms, step: Step, x: Value) -> Value:
    if step.kind != "Float64":
        raise NotFusable(f"features() uses {step.op} of a {x.kind}; cast it to Float64 first")
    return number(g, x, "Float64")


def clipped(g: Terms, step: Step, args: list[Value]) -> Value:
    """A null bound does not bind; what is below the lower one becomes it, however they lie."""
    x, bounds = args[0], list(args[1:])
    _numeric(step, x)
    exact(bounds, "clip")
    data = x.data
    has_low, has_high = step.options
    if has_high:
        upper = _bound(g, bounds.pop(), x.kind)
        data = g.where(_binds(g, g("Less", upper.data, x.data), upper), upper.data, data)
    if has_low:
        lower = _bound(g, bounds.pop(), x.kind)
        data = g.where(_binds(g, g("Less", x.data, lower.data), lower), lower.data, data)
    return replace(x, data=data, double=None)


def _binds(g: Terms, beyond: Term, bound: Value) -> Term:
    return beyond if bound.valid is None else g("And", beyond, bound.valid)


def _bound(g: Terms, bound: Value, kind: str) -> Value:
    """A bound in the type of what it bounds, into which polars casts it."""
    if bound.data.array is not None and bound.kind in INTS | set(FLOATS):
        value = bound.data.value()
        if value != value:  # noqa: PLR0124 - NaN
            raise NotFusable("features() clips at NaN; leave the bound out")
        if kind in FLOATS or float(value).is_integer():
            return Value(kind, g.constant(value, FLOATS.get(kind, INT64)), bound.valid)
    if bound.kind != kind or not bound.clean:
        raise NotFusable(f"features() clips {kind} at {bound.kind}; cast the bound")
    return bound


def extreme(g: Terms, step: Step, args: list[Value]) -> Value:
    """min_horizontal, max_horizontal: null and NaN count only when there is nothing else."""
    exact(args, step.op)
    found = number(g, args[0], step.kind)
    for other in args[1:]:
        found = _better(g, found, number(g, other, step.kind), largest=step.op == "max_horizontal")
    return found


def _better(g: Terms, a: Value, b: Value, *, largest: bool) -> Value:
    if a.kind not in INTS | TIMES | set(FLOATS):
        raise NotFusable(f"features() uses min or max_horizontal of {a.kind}; it stays in Python")
    take = g("LessOrEqual", *((a.data, b.data) if largest else (b.data, a.data)))  # of 0.0 and -0.0 the second
    if not a.clean:
        take = g("Or", take, g("IsNaN", a.data))
    if b.valid is not None:
        take = g("And", take, b.valid)
    if a.valid is not None:
        take = g("Or", take, g("Not", a.valid))
    there = g("Or", a.valid, b.valid) if a.valid is not None and b.valid is not None else None
    clean = (a.clean and b.clean) or any(value.clean and value.valid is None for value in (a, b))
    return Value(a.kind, g.where(take, b.data, a.data), there, nan=there is not None and b.nan, clean=clean)


def total(g: Terms, step: Step, args: list[Value]) -> Value:
    """sum_horizontal: null counts as 0. More than two floats are added in an order of polars' own."""
    (ignores,) = step.options
    if step.kind in FLOATS and len(args) > 2:
        raise NotFusable("features() uses sum_horizontal of more than two floats; add the columns with +")
    exact(args, "sum_horizontal")
    values = [number(g, value, step.kind) for value in args]
    if not ignores:
        raise NotFusable("features() uses sum_horizontal(ignore_nulls=False); add the columns with +")
    zero = g.constant(0, values[0].data.type)
    parts = [value.data if value.valid is None else g.where(value.valid, value.data, zero) for value in values]
    data = parts[0]
    for part in parts[1:]:
        data = wrap(g, g("Add", data, part), step.kind)
    return Value(step.kind, data, clean=step.kind in INTS or (len(values) == 1 and values[0].clean))


def _numeric(step: Step, x: Value) -> None:
    if x.kind not in INTS and x.kind not in FLOATS and x.kind != "Duration":
        raise NotFusable(f"features() uses {step.op} of a {x.kind}; it stays in Python")


def _finite(value: Value) -> bool:
    """A finite literal that is not zero: adding it to a number, or scaling by it, makes no NaN."""
    array = value.data.array
    return array is not None and value.valid is None and bool(np.isfinite(array) and array != 0)


def _joined(g: Terms, kind: str, data: Term, a: Value, b: Value, *, clean: bool) -> Value:
    """The outcome of two floats of which either makes NaN of NaN."""
    there = valid(g, a, b)
    nan = there is not None and a.nan_when_null and b.nan_when_null
    return Value(kind, data, there, nan=nan, clean=clean, near=a.near or b.near)


HANDLERS = {
    "plus": arithmetic,
    "minus": arithmetic,
    "multiply": arithmetic,
    "true_divide": divide,
    "floor_divide": floor_divide,
    "modulus": floor_divide,
    "negate": negate,
    "abs": absolute,
    "floor": to_whole,
    "ceil": to_whole,
    "sign": sign,
    "round": rounded,
    "sqrt": square_root,
    "pow": power,
    "log": logarithm,
    "exp": exponential,
    "clip": clipped,
    "min_horizontal": extreme,
    "max_horizontal": extreme,
    "sum_horizontal": total,
}
