"""Predictions read through once, in the order of the files: columns of their rows, typed, without a query.

What is still in segments is not read: a minute later it is in a part.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from arkwright.core.ports import Store
from arkwright.serve.tap.index_lock import reading
from arkwright.serve.tap.parts import Index, Part
from arkwright.serve.tap.segment import segments

MICRO = 1_000_000
LATE_S = 5  # a segment is begun so long after its first answer at most


def settled(folder: Path, now: int) -> int:
    """Before when, in seconds since 1970, all that was answered is in parts: earlier than what waits in segments."""
    with reading(folder):
        done = Index(folder).segments
        waiting = [int(path.name.partition("-")[0]) // 10**9 for path in segments(folder) if path.name not in done]
    return min([now, *waiting]) - LATE_S


def parts(folder: Path, release: str) -> list[Part]:
    """Those in which this release has rows."""
    with reading(folder):
        return [part for part in Index(folder).parts if release in part.releases]


def scan(
    folder: Path, store: Store, since: int, until: int, release: str, columns: Sequence[str]
) -> Iterator[pa.Table]:
    """Rows that a release answered well from `since` on and before `until` (seconds since 1970), block by block.

    `columns`: those wanted, of which a table has what there is, with `at` before them; texts as dictionaries. A column
    that was redacted is in none.
    """
    if not folder.is_dir():
        return
    with reading(folder):
        for part in Index(folder).parts:
            if release in part.releases and part.since < until * 10**9 and part.until >= since * 10**9:
                with _opened(store.path(part.digest), columns) as file:
                    yield from _blocks(
                        file, since * MICRO, until * MICRO, release, columns, alone=len(part.releases) == 1
                    )


def _opened(path: Path, columns: Sequence[str]) -> pq.ParquetFile:
    """Texts come as codes into a dictionary, as the file has them: much less to decode, and to count."""
    with pq.ParquetFile(path) as file:
        schema, metadata = file.schema_arrow, file.metadata
    texts = [name for name in columns if name in schema.names and _is_text(schema.field(name).type)]
    return pq.ParquetFile(path, metadata=metadata, read_dictionary=texts)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _blocks(
    file: pq.ParquetFile, since: int, until: int, release: str, columns: Sequence[str], *, alone: bool
) -> Iterator[pa.Table]:
    names = file.schema_arrow.names
    wanted = [name for name in columns if name in names]
    place = names.index("at")
    for number in range(file.num_row_groups):
        at = file.metadata.row_group(number).column(place).statistics
        low, high = (int(edge.replace(tzinfo=UTC).timestamp()) * MICRO for edge in (at.min, at.max))  # whole seconds
        if low >= until or high + MICRO <= since:
            continue
        told = ["status"] if alone else ["status", "release"]
        table = file.read_row_group(number, ["at", *told, *wanted])
        good = pc.equal(table.column("status"), 200)
        if not alone:
            good = pc.and_(good, pc.equal(table.column("release"), release))
        if low < since or high + MICRO > until:
            moment = table.column("at").cast(pa.int64())
            good = pc.and_(good, pc.and_(pc.greater_equal(moment, since), pc.less(moment, until)))
        if not pc.all(good).as_py():
            table = table.filter(good)
        if len(table):
            yield table.select(["at", *wanted])
