"""Tables become the row groups of a Parquet file."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROW_GROUP, GROUP_BYTES = 131_072, 32 << 20  # so many rows, or bytes of them in memory, are written at once
DICTIONARY = 256 << 10  # bytes; a column with more in its dictionary is smaller without, and written faster
LOOKED = 8192  # rows in which is looked for values that come again


class Groups:
    """Of one file. What is given waits until it is a row group.

    Columns whose values hardly come again have no dictionary: it would be made in vain for the first values of each
    group. Only `at` has its least and greatest value told, by which `scan` finds a minute's groups.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path, self._schema = path, schema
        self._writer: pq.ParquetWriter | None = None
        self._tables, self._rows, self._size = list[pa.Table](), 0, 0

    def add(self, table: pa.Table) -> None:
        """Rows of this schema."""
        self._tables.append(table)
        self._rows += len(table)
        self._size += table.get_total_buffer_size()
        if self._rows >= ROW_GROUP or self._size >= GROUP_BYTES:
            self._write()

    def close(self) -> None:
        """The file is whole then."""
        if self._rows or self._writer is None:
            self._write()
        assert self._writer
        self._writer.close()

    def _write(self) -> None:
        tables = self._tables or [self._schema.empty_table()]
        whole = pa.concat_tables(tables).combine_chunks()  # hundreds of pieces of a column take longer
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._path,
                self._schema,
                compression="zstd",
                version="2.6",
                use_dictionary=_repeating(whole.slice(0, LOOKED)),
                dictionary_pagesize_limit=DICTIONARY,
                write_statistics=["at"],
            )
        self._writer.write_table(whole, ROW_GROUP)
        self._tables, self._rows, self._size = [], 0, 0


def _repeating(table: pa.Table) -> list[str]:
    """The columns of which at least a tenth of the values were there before."""
    most = 0.9 * len(table)
    return [name for name in table.column_names if pc.count_distinct(table.column(name)).as_py() <= most]
