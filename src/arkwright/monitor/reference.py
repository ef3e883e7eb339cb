"""The file `reference.parquet` of a release: the columns on which it was judged, as sketches. One row for a column."""

from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from arkwright.core.errors import Corrupt
from arkwright.measures.sketch import Sketch
from arkwright.monitor.counting import Sketches

FILE = "reference.parquet"
_SCHEMA = pa.schema(
    [
        ("column", pa.string()),
        ("counts", pa.list_(pa.int64())),
        ("edges", pa.list_(pa.float64())),
        ("values", pa.list_(pa.string())),
        ("missing", pa.int64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
    ]
)


def save(path: Path, sketches: Sketches) -> None:
    """Write it; the same sketches make the same bytes."""
    rows = [
        {
            "column": name,
            "counts": one.counts,
            "edges": one.edges,
            "values": one.values,
            "missing": one.missing,
            "low": one.low,
            "high": one.high,
        }
        for name, one in sketches.items()
    ]
    pq.write_table(pa.Table.from_pylist(rows, _SCHEMA), path, compression="zstd")


def load(path: Path) -> dict[str, Sketch]:
    """Raises Corrupt for a file that is no reference."""
    try:
        rows = msgspec.convert(pq.read_table(path, schema=_SCHEMA).to_pylist(), list[_Row])
        return {row.column: _sketch(row) for row in rows}
    except (pa.ArrowException, OSError, ValueError, msgspec.ValidationError) as error:
        raise Corrupt(f"{path} is no reference of a release: {str(error)[:200]}") from None


class _Row(msgspec.Struct):
    column: str
    counts: list[Annotated[int, msgspec.Meta(ge=0)]]
    edges: list[float] | None
    values: list[str] | None
    missing: Annotated[int, msgspec.Meta(ge=0)]
    low: float
    high: float


def _sketch(row: _Row) -> Sketch:
    bins = row.values or [] if row.edges is None else row.edges
    if len(row.counts) != len(bins) + 1:
        raise ValueError(f"{row.column} has {len(row.counts)} counts for {len(bins) + 1} bins")
    return Sketch(
        counts=np.array(row.counts, np.int64),
        missing=row.missing,
        edges=None if row.edges is None else np.array(row.edges, np.float64),
        values=tuple(row.values or ()),
        low=row.low,
        high=row.high,
    )
