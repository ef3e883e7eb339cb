"""From steps to terms: raw columns, literals, and a handler for each operation that a graph does exactly."""

from collections.abc import Callable, Mapping

from arkwright.core.rows import Field
from arkwright.optimize.fusion import logic, mapping, numbers, times
from arkwright.optimize.fusion.plan import Step
from arkwright.optimize.fusion.refusal import NotFusable
from arkwright.optimize.fusion.terms import BOOL, DOUBLE, INT64, STRING, Term, Terms
from arkwright.optimize.fusion.values import FLOATS, HELD, INTS, TIMES, Value, as_nan, null

_Handler = Callable[[Terms, Step, list[Value]], Value]
_HANDLERS: Mapping[str, _Handler] = numbers.HANDLERS | logic.HANDLERS | times.HANDLERS | mapping.HANDLERS
_TIMED = ("plus", "minus", "multiply", "true_divide", "floor_divide", "modulus")
_KINDS = {
    "int": "Int64",
    "float": "Float64",
    "str": "String",
    "bool": "Boolean",
    "date": "Date",
    "datetime": "Datetime",
}


class Translator:
    """Translates steps over the raw columns `fields`; a step that several columns share is translated once."""

    def __init__(self, g: Terms, fields: Mapping[str, Field]) -> None:
        self._g, self._fields = g, fields
        self._done: dict[int, tuple[Step, Value]] = {}

    def value(self, step: Step) -> Value:
        """Raises NotFusable naming what a graph does not do exactly."""
        if id(step) not in self._done:
            self._done[id(step)] = (step, self._value(step))  # the step is kept so that its id stays its own
        return self._done[id(step)][1]

    def _value(self, step: Step) -> Value:
        if step.op == "column":
            return raw(self._g, self._fields[step.value])
        if step.op == "literal":
            return _literal(self._g, step)
        if step.op not in _HANDLERS:
            raise NotFusable(f"features() uses {step.op}(), which a graph does not do exactly; it stays in Python")
        args = [self.value(arg) for arg in step.args]
        timed = times.binary(self._g, step, args) if step.op in _TIMED else None
        made = timed or _HANDLERS[step.op](self._g, step, args)
        if made.kind != step.kind or made.kind not in HELD:
            raise NotFusable(f"features() uses {step.op} that makes {step.kind}, which a graph does not hold")
        return made


def datatype(field: Field) -> tuple[str, int]:
    """The tensor in which a raw column travels, as the Open Inference Protocol and as ONNX name it.

    A nullable number is FP64 with NaN for null, and so are a nullable bool, a nullable date (days since 1970-01-01)
    and a nullable datetime (microseconds since then, UTC). An integer beyond 2^53 is rounded then, and so is the last
    digit of a microsecond before 1684 or after 2255.
    """
    if field.type == "bytes":
        raise NotFusable(f"features() uses {field.name!r}, which is bytes, and no tensor holds them")
    if field.type == "str":
        if field.nullable:
            raise NotFusable(
                f"features() uses {field.name!r}, a text that may be missing, and a tensor has no missing text"
            )
        return "BYTES", STRING
    if field.type == "float" or field.nullable:
        return "FP64", DOUBLE
    return ("BOOL", BOOL) if field.type == "bool" else ("INT64", INT64)


def raw(g: Terms, field: Field) -> Value:
    """A raw column as it comes in."""
    kind = _KINDS.get(field.type, field.type)
    data = g.input(field.name, datatype(field)[1])
    if not field.nullable:
        return Value(kind, data)
    there = g("Not", g("IsNaN", data))
    if kind in FLOATS:
        return Value(kind, data, there, nan=True)
    zero = g.constant(0.0, DOUBLE)
    filled = g.where(there, data, zero)
    return Value(kind, g.cast(filled, HELD[kind]), there, double=data if kind != "Boolean" else None)


def output(g: Terms, name: str, value: Value, element: int) -> Term:
    """A final column as the model takes it: `element` is FLOAT or DOUBLE, null is NaN."""
    if value.kind == "Null":
        value = null(g, "Float64")
    if value.kind == "String" or value.kind in TIMES:
        raise NotFusable(f"features() makes {name!r} a {value.kind}; a model takes numbers")
    if value.near and element == DOUBLE:
        raise NotFusable(f"features() makes {name!r} from a log or exp, whose last bit is not the same in a graph")
    if value.kind in INTS and value.double is not None:
        return g.cast(value.double, element)
    if value.kind in FLOATS:
        return g.cast(as_nan(g, value), element)
    return as_nan(g, Value("Float", g.cast(value.data, element), value.valid))


def _literal(g: Terms, step: Step) -> Value:
    if step.kind.startswith("List("):
        return Value("List", g.constant(0, INT64))  # read by the handlers that know lists
    if step.value is None:
        return (
            Value("Null", g.constant(0, INT64), g.constant(value=False, kind=BOOL))
            if step.kind == "Null"
            else null(g, step.kind)
        )
    held = mapping.physical(step.value, step.kind)
    clean = not (isinstance(held, float) and held != held)  # noqa: PLR0124 - NaN
    return Value(step.kind, g.constant(held, HELD[step.kind]), clean=clean)
