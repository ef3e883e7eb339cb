"""Rows that do not fit, kept with their number, the reason and all that was in them, and counted by reason."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from arkwright.core.arrow_arrays import integers, texts
from arkwright.data.batch import Bad
from arkwright.data.snapshot import Snapshot

SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("raw", pa.string(), nullable=False),
    ]
)
MOST_REASONS = 100
OTHERS = "other reasons"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A row that did not fit: its number in the source, why, and all that was in it."""

    row: int
    reason: str
    raw: str


def read(path: Path, text: str, skip: int, limit: int) -> list[Kept]:
    """Rows in the order of their source whose reason or content holds `text`; `skip` of those left out."""
    found: list[Kept] = []
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(8192):
            if text:
                batch = batch.filter(pc.or_(*(pc.match_substring(batch[name], text) for name in ("reason", "raw"))))  # noqa: PLW2901
            part = batch.slice(skip, limit - len(found))
            skip = max(0, skip - len(batch))
            found += [Kept(**row) for row in part.to_pylist()]
            if len(found) == limit:
                break
    return found


class Quarantine:
    """Writes `path` when the first bad row comes; no bad row, no file."""

    def __init__(self, path: Path) -> None:
        self.counts: Counter[str] = Counter()
        self._path = path
        self._file: Snapshot | None = None

    @property
    def rows(self) -> int:
        return self.counts.total()

    def add(self, bad: Sequence[Bad]) -> None:
        if not bad:
            return
        self._file = self._file or Snapshot(self._path, SCHEMA)
        self.counts.update(one.says for one in bad)
        columns = [
            integers(np.array([one.row for one in bad], np.int64)),
            texts([one.reason for one in bad]).cast(pa.string()),
            texts([one.raw for one in bad]).cast(pa.string()),
        ]
        self._file.add(pa.RecordBatch.from_arrays(columns, schema=SCHEMA))

    def reasons(self) -> dict[str, int]:
        """Reason -> rows, the commonest first; beyond a hundred reasons the rest are counted together."""
        ranked = sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0]))
        kept = dict(ranked[:MOST_REASONS])
        rest = sum(count for _, count in ranked[MOST_REASONS:])
        return kept | ({OTHERS: rest} if rest else {})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if self._file:
            self._file.__exit__(kind, *rest)
