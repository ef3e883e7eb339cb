"""Rows as one Parquet file whose bytes depend on the rows alone, not on how they were cut when they were read."""

from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

LARGEST = 131_072  # rows in a group
_STEP = 4_096  # a group ends at a multiple of this, so that its end is decided by rows and nothing else
_BYTES = 64 << 20  # decoded bytes after which a group ends


class Snapshot:
    """Writes `path`: zstd, dictionaries, statistics, at most 131,072 rows or about 64 MiB in a group."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.rows = 0
        self._schema = schema
        self._waiting: list[pa.Table] = []  # whole steps of the next group
        self._waiting_rows = self._waiting_bytes = 0
        self._step: list[pa.RecordBatch] = []  # rows of the next step
        self._step_rows = 0
        self._writer: Any = pq.ParquetWriter(path, schema, compression="zstd", version="2.6")

    def add(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        self.rows += len(batch)
        while len(batch):
            part = batch.slice(0, _STEP - self._step_rows)
            batch = batch.slice(len(part))
            self._step.append(part)
            self._step_rows += len(part)
            if self._step_rows == _STEP:
                self._end_step()
                if self._waiting_rows >= LARGEST or self._waiting_bytes >= _BYTES:
                    self._write()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Write what waits and close the file; only close it after an error."""
        try:
            if kind is None:
                self._end_step()
                self._write()
        finally:
            self._close(quiet=kind is not None)

    def _end_step(self) -> None:
        if not self._step_rows:
            return
        step = pa.Table.from_batches(self._step, self._schema)
        self._waiting.append(step)
        self._waiting_rows += len(step)
        self._waiting_bytes += _size(step)
        self._step, self._step_rows = [], 0

    def _write(self) -> None:
        if not self._waiting:
            return
        group = pa.concat_tables(self._waiting).combine_chunks()
        self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0  # let go before as much again is needed
        self._writer.write_table(group, row_group_size=LARGEST)

    def _close(self, *, quiet: bool) -> None:
        try:
            self._writer.close()
        except (OSError, pa.ArrowException):
            if not quiet:
                raise


def _size(table: pa.Table) -> int:
    """Bytes of the values: from the values alone, whatever the buffers hold besides."""
    size = 0
    for field, column in zip(table.schema, table.columns, strict=True):
        if pa.types.is_string(field.type) or pa.types.is_binary(field.type):
            size += pc.sum(pc.binary_length(column)).as_py() or 0
        size += 8 * len(table)
    return size
