"""Rows of a table as the tensors that a graph takes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from arkwright.core.errors import Unknown, did_you_mean
from arkwright.core.signature import Tensor

Array = npt.NDArray[Any]
_NUMBERS = {"FP32": np.float32, "FP64": np.float64, "INT64": np.int64, "BOOL": np.bool_}


def feeds(table: pa.Table, tensors: Sequence[Tensor]) -> dict[str, Array]:
    """Input name -> (n, columns), or (n,) for a tensor without columns. A missing number is NaN.

    Dates are days and times microseconds since 1970-01-01 UTC. Raises Unknown for a column that is not there.
    """
    found = {}
    for tensor in tensors:
        parts = [_column(table, name, tensor.datatype) for name in tensor.columns or (tensor.name,)]
        found[tensor.name] = np.column_stack(parts) if tensor.columns else parts[0]
    return found


def _column(table: pa.Table, name: str, datatype: str) -> Array:
    if name not in table.column_names:
        raise Unknown(f"the model takes {name!r}, which is no column{did_you_mean(name, table.column_names)}")
    column = table.column(name)
    if datatype == "BYTES":
        return np.array(column.to_pylist(), dtype=object)
    if pa.types.is_date(column.type):
        column = column.cast(pa.int32())
    elif pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
    elif pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return np.asarray(
        column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
    ).astype(_NUMBERS[datatype])
