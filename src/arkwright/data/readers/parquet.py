"""Parquet, a few thousand rows at a time whatever the size of its groups. Types are the file's own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from arkwright.core import arrow, rows
from arkwright.core.errors import Invalid
from arkwright.core.rows import Field
from arkwright.data.batch import Batch, require_unique
from arkwright.data.readers.streams import reading

_ROWS = 16_384
_BUFFER = 1 << 20  # bytes read ahead in each column; without it a whole column chunk is


@dataclass(frozen=True)
class ParquetReader:
    """One Parquet file. Columns that nobody asks for are not read."""

    path: Path
    what: str
    sparse = False

    def names(self) -> tuple[str, ...]:
        return tuple(self._schema().names)

    def fields(self) -> tuple[Field, ...]:
        """Every column may be null, whatever the file says. Raises Invalid for a nested one."""
        try:
            return rows.from_columns(tuple(replace(c, nullable=True) for c in arrow.columns(self._schema())))
        except Invalid as error:
            raise Invalid(f"{self.what}: {error}") from None

    def batches(self, wanted: Sequence[str] | None) -> Iterator[Batch]:
        names = self.names() if wanted is None else wanted
        last = 0
        with reading(self.what), pq.ParquetFile(self.path, buffer_size=_BUFFER, pre_buffer=False) as file:
            for batch in file.iter_batches(_ROWS, columns=list(names), use_threads=False):
                cells = {name: _storage(batch.column(name)) for name in names}
                yield Batch("typed", cells, np.arange(last + 1, last + 1 + len(batch)))
                last += len(batch)

    def _schema(self) -> pa.Schema:
        with reading(self.what):
            if not self.path.stat().st_size:
                raise Invalid(f"{self.what} is empty")
            schema = pq.read_schema(self.path)
        require_unique(schema.names, self.what)
        return pa.schema([(f.name, _plain(f.type)) for f in schema])


def _storage(cells: pa.Array) -> pa.Array:
    return cells.storage if isinstance(cells.type, pa.BaseExtensionType) else cells


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
