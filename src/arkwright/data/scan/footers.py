"""What Parquet footers say. Believed where Arkwright wrote the file; elsewhere a hint that is checked."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_CODED_BYTES = 8  # text that takes less per row is kept as a dictionary
_RAW = (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.date32(), pa.timestamp("us"))


class Footers:
    """The footers of the files that make up one dataset."""

    def __init__(self, files: Sequence[pq.FileMetaData]) -> None:
        self._files = files
        self.schema: pa.Schema = files[0].schema.to_arrow_schema()

    @property
    def rows(self) -> int:
        return sum(file.num_rows for file in self._files)

    def nulls(self, column: str) -> int | None:
        """Rows without a value; None when a footer does not say. Of fractions it cannot: they may be NaN."""
        if pa.types.is_floating(self.schema.field(column).type):
            return None
        counts = [s.null_count if s is not None and s.has_null_count else None for s in self._statistics(column)]
        return None if None in counts else sum(count for count in counts if count is not None)

    def span(self, column: str) -> tuple[int, int] | None:
        """The smallest and largest whole number, day or microsecond; None when a footer does not say."""
        if self.schema.field(column).type not in _RAW:
            return None
        low: list[int] = []
        high: list[int] = []
        for chunk, s in zip(self._chunks(column), self._statistics(column), strict=True):
            if s is None or not s.has_min_max:
                if s is not None and s.has_null_count and s.null_count == chunk.num_values:
                    continue  # nothing but nulls
                return None
            low.append(s.min_raw)
            high.append(s.max_raw)
        return (min(low), max(high)) if low else None

    def is_coded(self, column: str) -> bool:
        """Whether a text column is kept as a dictionary: worth reading as one."""
        if not pa.types.is_string(self.schema.field(column).type):
            return False
        chunks = list(self._chunks(column))
        size = sum(chunk.total_uncompressed_size for chunk in chunks)
        return all(chunk.has_dictionary_page for chunk in chunks) and size < _CODED_BYTES * self.rows

    def size(self, column: str) -> int:
        """Compressed bytes."""
        return sum(chunk.total_compressed_size for chunk in self._chunks(column))

    def width(self, columns: Sequence[str]) -> float:
        """Decoded bytes of one row, about."""
        size = sum(chunk.total_uncompressed_size for column in columns for chunk in self._chunks(column))
        return float(size / max(1, self.rows))

    def _statistics(self, column: str) -> Iterator[Any]:
        return (chunk.statistics if chunk.is_stats_set else None for chunk in self._chunks(column))

    def _chunks(self, column: str) -> Iterator[Any]:
        for file in self._files:
            leaves = [i for i in range(file.num_columns) if file.schema.column(i).path.partition(".")[0] == column]
            leaves = leaves or [i for i in range(file.num_columns) if file.schema.column(i).path == column]
            for group in range(file.num_row_groups):
                yield from (file.row_group(group).column(leaf) for leaf in leaves)
