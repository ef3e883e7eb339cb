"""SQLite, opened so that nothing about it can change: not the file, not one beside it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from arkwright.core.errors import Invalid, Unknown, did_you_mean
from arkwright.core.rows import Field
from arkwright.data.batch import Batch, require_unique
from arkwright.data.readers.sql_address import SqlAddress
from arkwright.data.readers.sql_rows import fetched

_ROWS = 8_192
_MAY = {20, 21, 31, 33}  # read, select, function, recursive: codes of sqlite3_set_authorizer
_DENY = 1


@dataclass(frozen=True)
class SqliteReader:
    """A table or query of one SQLite file. Values have types, columns have not."""

    path: Path
    address: SqlAddress
    sparse = False

    @property
    def what(self) -> str:
        return self.address.what

    def names(self) -> tuple[str, ...]:
        return self._names

    @cached_property
    def _names(self) -> tuple[str, ...]:
        with self._rows() as cursor:
            names = tuple(column[0] for column in cursor.description)
        require_unique(names, self.what)
        return names

    def fields(self) -> tuple[Field, ...] | None:
        return None

    def batches(self, wanted: Sequence[str] | None) -> Iterator[Batch]:  # noqa: ARG002 - a bad row is kept whole
        with self._rows() as cursor:
            yield from fetched(cursor, self.names(), _ROWS)

    @contextmanager
    def _rows(self) -> Iterator[Any]:
        """The running query. Raises Invalid, or Unknown for a table that is not there."""
        from pysqlite3 import dbapi2 as sqlite

        database = None
        try:
            database = sqlite.connect(f"file:{quote(str(self.path))}?mode=ro{self._still()}", uri=True)
            database.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
            tables = [
                name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type IN ('table','view')")
            ]
            database.set_authorizer(lambda action, *_: 0 if action in _MAY else _DENY)
            cursor = database.execute(self.address.sql)
            if cursor.description is None:
                raise Invalid(f"{self.what} gives no rows; write a SELECT")
            yield cursor
        except (sqlite.Error, sqlite.Warning) as error:
            said = str(error).splitlines()[0][:300]
            if said.startswith("no such table"):
                name = said.rpartition(": ")[2]
                raise Unknown(f"{self.path.name} has no table {name!r}{did_you_mean(name, tables)}") from None
            hint = "; a query only reads" if "authorized" in said or "prohibited" in said else ""
            raise Invalid(f"{self.what} cannot be read: {said}{hint}") from None
        finally:
            if database is not None:
                database.close()

    def _still(self) -> str:
        """A database in WAL mode that nobody has open is read as a file that does not change: opening it as a
        database would leave files beside it.
        """
        with self.path.open("rb") as file:
            header = file.read(20)
        is_wal = header[18:20] == b"\x02\x02"
        return "&immutable=1" if is_wal and not self.path.with_name(self.path.name + "-wal").exists() else ""
