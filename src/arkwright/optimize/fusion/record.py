"""A stand-in for the user's data frame: it notes what is asked of it instead of doing it.

What works row by row on expressions is passed on to a lazy frame without rows. Anything else a frame can do could look
at other rows, or at their number, and is refused by name.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

import polars as pl

from arkwright.core import frames, rowwise
from arkwright.core.errors import ArkwrightError
from arkwright.core.rows import Field
from arkwright.core.usercode import describe
from arkwright.optimize.fusion.refusal import NotFusable

_DTYPES: dict[str, pl.DataType] = {
    "int": pl.Int64(),
    "float": pl.Float64(),
    "str": pl.String(),
    "bool": pl.Boolean(),
    "date": pl.Date(),
    "datetime": pl.Datetime("us"),
    "bytes": pl.Binary(),
}
_RECORDED = (
    "select", "with_columns", "select_seq", "with_columns_seq", "drop", "rename", "cast", "fill_null", "fill_nan",
)  # fmt: skip
_SCHEMA = ("columns", "dtypes", "schema", "width", "collect_schema")  # known without rows
_CLOCKS = frozenset(
    {
        "now",
        "today",
        "utcnow",
        "time",
        "localtime",
        "gmtime",
        "strftime",
        "ctime",
        "time_ns",
        "perf_counter",
        "monotonic",
        "random",
        "randint",
        "urandom",
    }
)


def schema(fields: Sequence[Field]) -> dict[str, pl.DataType]:
    """The polars type of each raw column, as training and serving hand them over."""
    return {field.name: _DTYPES[field.type] for field in fields}


def record(function: Callable[..., Any], fields: Sequence[Field]) -> pl.LazyFrame:
    """What `features` does to a frame, as a lazy frame over one without rows.

    Raises NotFusable when it does more than expressions can say, or raises itself.
    """
    try:
        taken = list(frames.kinds(function).values())
        by_row = rowwise.kind(function)
    except ArkwrightError as error:
        raise NotFusable(str(error)) from None
    if by_row:
        raise NotFusable("features() takes one row at a time; only polars expressions on a frame can go into the graph")
    if taken and taken != ["polars"]:
        raise NotFusable(f"features() takes {taken[0]} frames; only polars expressions can go into the graph")
    for name in _names(function):
        if name in _CLOCKS:
            raise NotFusable(
                f"features() asks the clock or for chance ({name}), and a graph cannot; it stays in Python"
            )
    first, again = (_recorded(function, fields) for _ in range(2))
    if first.explain(optimized=False) != again.explain(optimized=False):
        raise NotFusable("features() does not do the same twice; it stays in Python")
    return first


def _recorded(function: Callable[..., Any], fields: Sequence[Field]) -> pl.LazyFrame:
    refused: list[str] = []
    given = _Recorder(pl.LazyFrame(schema=schema(fields)), refused)
    try:
        made = function(given)
        if isinstance(made, _Recorder):
            plan: pl.LazyFrame = object.__getattribute__(made, "_plan")
            plan.collect_schema()
    except NotFusable:
        raise
    except Exception as error:  # noqa: BLE001 - the user's code can raise anything
        if not refused:
            raise NotFusable(f"features() could not be followed: {describe(error)}") from None
    if refused:  # even when the function caught it
        raise NotFusable(refused[0])
    if not isinstance(made, _Recorder):
        raise NotFusable(
            f"features() returns a {type(made).__name__} made apart from the frame it is given; it stays in Python"
        )
    return plan


class _Recorder(pl.DataFrame):
    """Is a DataFrame to isinstance, and holds no rows."""

    def __init__(self, plan: pl.LazyFrame, refused: list[str]) -> None:
        object.__setattr__(self, "_plan", plan)
        object.__setattr__(self, "_refused", refused)

    def __getattribute__(self, name: str) -> Any:
        plan: pl.LazyFrame = object.__getattribute__(self, "_plan")
        refused: list[str] = object.__getattribute__(self, "_refused")
        if name in _RECORDED:
            return lambda *args, **kwargs: _Recorder(getattr(plan, name)(*args, **kwargs), refused)
        if name == "pipe":
            return lambda function, *args, **kwargs: function(self, *args, **kwargs)
        if name in ("clone", "lazy", "collect"):
            return lambda: self
        if name in _SCHEMA:
            return getattr(pl.DataFrame(schema=plan.collect_schema()), name)
        if name == "__class__":
            return _Recorder
        return _refuse(refused, name)


def _refuse(refused: list[str], name: str) -> Any:
    what = {"__getitem__": 'DataFrame[…] (write pl.col("…"))', "_df": "the frame in a call of polars'"}.get(name)
    refused.append(f"features() uses {what or f'DataFrame.{name}'}; it stays in Python")
    raise NotFusable(refused[-1])


def _refusing(name: str) -> Callable[..., Any]:
    """Python looks double-underscore methods up on the class, past __getattribute__."""
    return lambda self, *_, **__: _refuse(object.__getattribute__(self, "_refused"), name)


for _name in vars(pl.DataFrame):
    if _name.startswith("__") and callable(getattr(pl.DataFrame, _name)) and _name not in vars(_Recorder):
        setattr(_Recorder, _name, _refusing(_name))


def _names(function: Callable[..., Any]) -> Iterator[str]:
    """Every name that the function loads, and the functions that it calls in files beside its own."""
    start = inspect.unwrap(function)
    waiting, seen = [start], set()
    home = _folder(start)
    while waiting:
        current = waiting.pop()
        if not isinstance(current, FunctionType) or current in seen or _folder(current) != home:
            continue
        seen.add(current)
        waiting += [cell.cell_contents for cell in current.__closure__ or () if cell != CellType()]
        for code in _codes(current.__code__):
            yield from code.co_names
            found = [current.__globals__.get(name) for name in code.co_names]
            modules = [module for module in found if isinstance(module, ModuleType)]
            waiting += found + [vars(module).get(name) for module in modules for name in code.co_names]


def _folder(function: Any) -> Path | None:
    code = getattr(function, "__code__", None)
    return Path(code.co_filename).parent if code else None


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
