"""Calling the project's functions on tables: by frames, or row by row, as their type hints say."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from arkwright.core import frames, rowwise
from arkwright.core.errors import Invalid
from arkwright.core.usercode import call, where


def apply(function: Callable[..., Any], inputs: dict[str, pa.Table]) -> pa.Table:
    """Call the user's function with frames of the kind its type hints ask for; its answer as an Arrow table."""
    kinds = frames.kinds(function)
    for name in inputs:
        if name not in kinds:
            hint = f"{function.__name__}({name}: pl.DataFrame)"
            raise Invalid(f"{where(function)}: say what kind of table {name} is, like {hint}")
    given = {name: frames.to_frame(table, kinds[name]) for name, table in inputs.items()}
    return frames.to_arrow(call(function, **given), function.__name__)


def apply_features(function: Callable[..., Any], dataset: str, table: pa.Table) -> pa.Table:
    """The features of a dataset's rows, without the target: from the whole frame, or from one row after the other.

    Raises Invalid, with file and line, when the type hint is neither a frame nor a row class.
    """
    if rowwise.kind(function):
        return rowwise.to_table(function, table)
    if dataset not in frames.kinds(function):
        raise Invalid(
            f"{where(function)}: say what {dataset} is: a frame, like {function.__name__}({dataset}: pl.DataFrame) (or "
            "pd.DataFrame, or pa.Table), or a row class, for one row at a time (a dataclass, a Struct or a TypedDict)"
        )
    return apply(function, {dataset: table})
