"""Before a fused graph is believed, it is compared with the function itself, bit by bit, on difficult made-up rows."""

import itertools
import math
import random
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import polars as pl

from arkwright.core.errors import ArkwrightError
from arkwright.core.rows import Field
from arkwright.core.usercode import call
from arkwright.optimize.fusion.plan import Step
from arkwright.optimize.fusion.record import schema
from arkwright.optimize.fusion.refusal import NotFusable

ROWS = 512
Array = np.ndarray[Any, Any]
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - times are kept in UTC without a zone
_TEXTS = ["", "a", "A", " a", "Ω", "null", "some longer text"]


def prove(
    graph: onnx.ModelProto,
    function: Callable[..., Any],
    fields: Sequence[Field],
    used: Sequence[Field],
    columns: Sequence[str],
    steps: Sequence[Step],
) -> None:
    """Raises NotFusable where `graph`, which takes the raw columns `used`, and `function` give different numbers."""
    literals = list(_literals(steps))
    frame = frame_of(fields, literals)
    try:
        made = call(function, frame)
    except ArkwrightError as error:
        raise NotFusable(f"features() fails on made-up rows: {error}") from None
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, tensors(frame, used))
    for place, name in enumerate(columns):
        wanted = expected(made[name], found.dtype)
        if wanted.shape != found[:, place].shape:
            raise NotFusable(f"features() makes {len(wanted)} rows of {len(frame)}; it stays in Python")
        differ = ~((wanted == found[:, place]) | (np.isnan(wanted) & np.isnan(found[:, place])))
        if differ.any():
            row = int(differ.argmax())
            shown = f"{wanted[row]!r} and {found[row, place]!r}"
            raise NotFusable(f"the graph does not make {name!r} as features() does: {shown}; it stays in Python")


def expected(column: pl.Series, dtype: Any) -> Array:
    """A feature column as the server hands it to a model: NaN for null."""
    if column.null_count():
        column = column.cast(pl.Float64).fill_null(math.nan)
    with np.errstate(over="ignore"):
        return column.to_numpy().astype(dtype)


def tensors(frame: pl.DataFrame, used: Iterable[Field]) -> dict[str, Array]:
    """The raw columns as the server hands them to the graph, each of shape (rows,)."""
    found: dict[str, Array] = {}
    for field in used:
        column = frame[field.name]
        if field.type in ("date", "datetime"):
            column = column.to_physical().cast(pl.Int64)
        if field.type == "str":
            found[field.name] = np.array(column.to_list(), dtype=object)
        elif field.nullable or field.type == "float":
            found[field.name] = column.cast(pl.Float64).fill_null(math.nan).to_numpy()
        else:
            found[field.name] = column.to_numpy()
    return found


def frame_of(fields: Sequence[Field], literals: Sequence[Any] = (), rows: int = ROWS, seed: int = 0) -> pl.DataFrame:
    """Rows of edges, halves, negative and large numbers, nulls, and whatever lies around the function's literals."""
    chance = random.Random(seed)  # noqa: S311 - made-up rows
    data = {}
    for field in fields:
        choices = list(field.allowed) or _choices(field.type, literals, chance)
        picked = [chance.choice(choices) for _ in range(rows)]
        if field.nullable:
            picked = [None if chance.random() < 0.2 else value for value in picked]
        data[field.name] = picked
    return pl.DataFrame(data, schema=schema(fields))


def _literals(steps: Iterable[Step]) -> Iterable[Any]:
    """Every literal in the steps, those in lists too."""
    waiting, seen = list(steps), set()
    while waiting:
        step = waiting.pop()
        if id(step) in seen:
            continue
        seen.add(id(step))
        waiting.extend(step.args)
        if step.op == "literal":
            yield from step.value if isinstance(step.value, list) else [step.value]


def _choices(kind: str, literals: Sequence[Any], chance: random.Random) -> list[Any]:
    numbers = [float(value) for value in literals if isinstance(value, int | float) and math.isfinite(value)]
    match kind:
        case "bool":
            return [True, False]
        case "str":
            return _TEXTS + [value for value in literals if isinstance(value, str)]
        case "bytes":
            return [b"", b"a"]
        case "int":
            close = [int(n) + step for n, step in itertools.product(numbers, (-1, 0, 1)) if abs(n) < 2**53]
            far = [chance.randint(-(10**k), 10**k) for k in range(1, 16) for _ in range(4)]
            return [*range(-12, 13), *close, *far, 2**31, -(2**31) - 1, 2**53, -(2**53)]
        case "float":
            around = [n + step for n, step in itertools.product(numbers, (-1.0, -0.5, 0.0, 0.5, 1.0))]
            nearby = [math.nextafter(n, side) for n, side in itertools.product(numbers, (-math.inf, math.inf))]
            halves = [n / 2 for n in range(-9, 10)] + [n / 1000 for n in range(-2500, 2500, 125)]
            wide = [chance.gauss(0, 10.0**k) for k in range(-4, 12) for _ in range(4)]
            return [-0.0, *around, *nearby, *halves, *wide, 1e300, -1e300, 1e-300]
        case _:
            return _moments(kind, literals, chance)


def _moments(kind: str, literals: Sequence[Any], chance: random.Random) -> list[Any]:
    """Around the literals, the turns of years and months, the epoch, and the first and last day that Python knows."""
    known = [value for value in literals if isinstance(value, date)]
    days = [date(year, *day) for year in (1900, 1999, 2000, 2023, 2024) for day in ((1, 1), (12, 31), (3, 1), (2, 28))]
    days += [date(2000, 2, 29), date(2024, 2, 29)]
    turns = [datetime.fromordinal(day.toordinal()) for day in days]
    around = [v.replace(tzinfo=None) if isinstance(v, datetime) else datetime.fromordinal(v.toordinal()) for v in known]
    steps = (timedelta(0), timedelta(microseconds=1), timedelta(hours=25), -timedelta(microseconds=1))
    wide = [_EPOCH + timedelta(microseconds=chance.randint(-4 * 10**15, 8 * 10**15)) for _ in range(60)]
    ends = [datetime.fromordinal(1), datetime.fromordinal(date.max.toordinal())]
    found = [moment + step for moment in (*around, *turns, _EPOCH) for step in steps] + wide + ends
    return [moment.date() for moment in found] if kind == "date" else found
