"""PostgreSQL: a server-side cursor in one read-only transaction, so that a table is read as it stood at one moment."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from arkwright.core import rows
from arkwright.core.errors import ArkwrightError, Invalid, Missing, Unknown, did_you_mean
from arkwright.core.nouns import Column
from arkwright.core.rows import Field
from arkwright.data.batch import Batch, require_unique
from arkwright.data.readers.sql_address import SqlAddress
from arkwright.data.readers.sql_rows import fetched

_ROWS = 8_192
# the order of a heap scan is its own only when it begins at the beginning, alone
_SETTINGS = (
    "TimeZone = 'UTC'",
    "DateStyle = 'ISO'",
    "synchronize_seqscans = off",
    "max_parallel_workers_per_gather = 0",
)
_AS_TEXT = ("date", "timestamp", "timestamptz", "time", "timetz", "interval", "uuid", "json", "jsonb", "inet", "cidr")
_TYPES = {"int2": "int", "int4": "int", "int8": "int", "oid": "int", "float4": "float", "float8": "float",
          "numeric": "float", "bool": "bool", "bytea": "bytes", "date": "date", "timestamp": "datetime",
          "timestamptz": "datetime", "text": "str", "varchar": "str", "bpchar": "str", "name": "str", "char": "str",
          "uuid": "str", "json": "str", "jsonb": "str", "time": "str", "timetz": "str", "interval": "str",
          "inet": "str", "cidr": "str"}  # fmt: skip


@dataclass(frozen=True)
class PostgresReader:
    """A table or query of a PostgreSQL database."""

    address: SqlAddress
    sparse = False

    @property
    def what(self) -> str:
        return self.address.what

    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self._columns)

    def fields(self) -> tuple[Field, ...]:
        """Every column may be null. Raises Invalid for a type that no column holds."""
        for name, kind in self._columns:
            if kind not in _TYPES:
                raise Invalid(
                    f"{self.what}: the column {name!r} is {kind}, which no column holds; cast it: {name}::text"
                )
        return rows.from_columns(tuple(Column(name=n, type=_TYPES[kind], nullable=True) for n, kind in self._columns))

    @cached_property
    def _columns(self) -> tuple[tuple[str, str], ...]:
        """Names and types; an enumeration is a text."""
        with self._rows() as (database, cursor):
            names = [column.name for column in cursor.description]
            require_unique(names, self.what)
            codes = [column.type_code for column in cursor.description]
            asked = "SELECT oid, CASE typtype WHEN 'e' THEN 'text' ELSE typname END FROM pg_type WHERE oid = ANY(%s)"
            kinds = dict(database.execute(asked, [codes]).fetchall())
        return tuple((name, kinds[code]) for name, code in zip(names, codes, strict=True))

    def batches(self, wanted: Sequence[str] | None) -> Iterator[Batch]:  # noqa: ARG002 - a bad row is kept whole
        with self._rows() as (_, cursor):
            yield from fetched(cursor, self.names(), _ROWS)

    @contextmanager
    def _rows(self) -> Iterator[tuple[Any, Any]]:
        """The connection and the running query. Raises ArkwrightError when there is no server."""
        try:
            import psycopg
        except ImportError:
            raise Missing("reading from PostgreSQL needs psycopg; install: pip install 'arkwright[postgres]'") from None
        try:
            database = psycopg.connect(self.address.address, connect_timeout=10, application_name="arkwright")
        except psycopg.Error as error:
            raise ArkwrightError(f"{self.what} cannot be reached: {_line(error)}") from None
        try:
            with database:
                _prepare(database, psycopg)
                with database.cursor(name="arkwright") as cursor:
                    cursor.execute(self.address.sql)
                    yield database, cursor
        except psycopg.errors.UndefinedTable as error:
            raise Unknown(f"{self.what}: {_line(error)}{self._near(psycopg)}") from None
        except psycopg.OperationalError as error:
            raise ArkwrightError(f"{self.what}: the connection broke: {_line(error)}") from None
        except psycopg.Error as error:
            raise Invalid(f"{self.what} cannot be read: {_line(error)}") from None

    def _near(self, psycopg: Any) -> str:
        asked = (
            "SELECT schemaname || '.' || relname FROM pg_stat_user_tables UNION SELECT relname FROM pg_stat_user_tables"
        )
        with psycopg.connect(self.address.address, connect_timeout=10) as database:
            return did_you_mean(self.address.table, [name for (name,) in database.execute(asked)])


def _prepare(database: Any, psycopg: Any) -> None:
    """Read only, one moment; times come as texts, which cover what Python's calendar does not."""
    database.read_only = True
    database.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    for name in _AS_TEXT:
        database.adapters.register_loader(name, psycopg.types.string.TextLoader)
    for setting in _SETTINGS:
        database.execute(f"SET {setting}")


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
