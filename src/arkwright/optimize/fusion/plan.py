"""The recorded frame as one tree of steps per column, with the types that polars itself resolved.

polars lets other engines walk its resolved plan (`LazyFrame._ldf.visit`, by which cudf-polars works): selectors are
expanded, types and casts are settled. It is no public interface, so whatever looks unfamiliar is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from arkwright.core.usercode import describe
from arkwright.optimize.fusion.refusal import NotFusable

STRICT, NOT_STRICT, WRAPS = 0, 1, 2  # a cast's options
_FAMILIES = {"TemporalFunction": "dt.", "StringFunction": "str.", "BooleanFunction": "", "Operator": ""}


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One operation: `column` and `literal` have a `value`, all others arguments. `kind` is polars' name of the type.

    `rowless` when it is made of literals alone: polars then keeps one value for all rows.
    """

    op: str
    kind: str
    args: tuple["Step", ...] = ()
    options: tuple[Any, ...] = ()
    value: Any = None
    rowless: bool = False


def columns(plan: pl.LazyFrame) -> dict[str, Step]:
    """The final columns of a recorded frame. Raises NotFusable naming what is not done row by row."""
    try:
        flags = pl.QueryOptFlags.none()._pyoptflags  # noqa: SLF001 - the door for other engines, see above
        visitor = plan._ldf.with_optimizations(flags).visit()  # noqa: SLF001
        return _frame(visitor)
    except NotFusable:
        raise
    except RecursionError:
        raise NotFusable("features() nests its expressions too deeply for a graph") from None
    except NotImplementedError as error:
        raise NotFusable(f"features() uses {_named(str(error))}; it stays in Python") from None
    except Exception as error:  # noqa: BLE001 - polars raises what it likes
        raise NotFusable(f"features() could not be read: {describe(error)}") from None


def _named(said: str) -> str:
    return "a Python function (map_elements, map_batches)" if "anonymous" in said else said


def _frame(visitor: Any) -> dict[str, Step]:
    """The columns of the plan's current node."""
    node, schema = visitor.view_current_node(), visitor.get_schema()
    match type(node).__name__:
        case "DataFrameScan":
            return {name: Step("column", _kind(dtype), value=name) for name, dtype in schema.items()}
        case "Select":
            before = _input(visitor, node)
            made = _made(visitor, node.expr, before)
            if made and all(step.rowless for step in made.values()):
                raise NotFusable("features() selects only literals, which makes one row of many; it stays in Python")
        case "HStack":
            before = _input(visitor, node)
            made = before | _made(visitor, node.exprs, before)
        case other:
            raise NotFusable(f"features() uses {other.lower()}, which is not done row by row; it stays in Python")
    return {name: made[name] for name in schema}


def _input(visitor: Any, node: Any) -> dict[str, Step]:
    visitor.set_node(node.input)  # expressions are read in sight of the node they work on, so it stays there
    here = visitor.get_node()
    found = _frame(visitor)
    visitor.set_node(here)
    return found


def _made(visitor: Any, expressions: Any, before: Mapping[str, Step]) -> dict[str, Step]:
    return {made.output_name: _expression(visitor, made.node, before) for made in expressions}


def _expression(visitor: Any, at: int, before: Mapping[str, Step]) -> Step:
    node, kind = visitor.view_expression(at), _kind(visitor.get_dtype(at))

    def step(op: str, *inner: int, options: tuple[Any, ...] = ()) -> Step:
        args = tuple(_expression(visitor, i, before) for i in inner)
        return Step(op, kind, args, options, rowless=all(arg.rowless for arg in args))

    match type(node).__name__:
        case "Column":
            return before[node.name]
        case "Literal":
            if type(node.value).__name__ == "PySeries":
                raise NotFusable("features() uses a Series as a column; it stays in Python")
            return Step("literal", kind, value=node.value, rowless=True)
        case "Cast":
            return step("cast", node.expr, options=(node.options,))
        case "BinaryExpr":
            return step(_word(node.op), node.left, node.right)
        case "Ternary":
            return step("when", node.predicate, node.truthy, node.falsy)
        case "Function":
            name, *options = node.function_data
            return step(_word(name), *node.input, options=tuple(options))
        case other:
            name = f"{node.name}()" if other == "Agg" else "over()" if other == "Window" else f"{other.lower()}()"
            raise NotFusable(f"features() uses {name}, which looks at other rows; it stays in Python")


def _word(name: Any) -> str:
    """`TemporalFunction.TotalDays` as `dt.total_days`, `Operator.Plus` as `plus`, `fill_null` as it is."""
    if isinstance(name, str):
        return name
    family, _, word = repr(name).rpartition(".")
    word = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower()
    return _FAMILIES.get(family, family.lower().removesuffix("function") + ".") + word


def _kind(dtype: Any) -> str:
    """`Int64`, `List(String)`; a time without a zone and in microseconds is `Datetime`, a span `Duration`."""
    if dtype == pl.Datetime("us"):
        return "Datetime"
    if isinstance(dtype, pl.List):
        return f"List({_kind(dtype.inner)})"
    return "Duration" if dtype == pl.Duration("us") else str(dtype)
