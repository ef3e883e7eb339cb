"""Private records in one table of a PostgreSQL schema."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from arkwright.infra.postgres_link import PostgresLink, anew, bound

LAYOUT = 1
_TABLE = """
CREATE TABLE {schema}.record (
    kind bytea NOT NULL, key bytea NOT NULL, body bytea NOT NULL, expires double precision, PRIMARY KEY (kind, key)
);
REVOKE ALL ON {schema}.record FROM PUBLIC;
"""


_LIVES = "(expires IS NULL OR expires > %s)"
_REPLACING = """
(%s, %s, %s, %s) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body, expires = excluded.expires
"""


class PostgresVault:
    """One connection, one thread at a time; texts as bytes, as in the ledger. Every write is on the server's disk.

    Raises ArkwrightError when the connection broke so that nobody can say whether a record was added, swapped or
    removed: nothing is guessed.
    """

    def __init__(self, url: str) -> None:
        self._link = PostgresLink(url, "vault")
        self._link.make("record", _TABLE, LAYOUT)
        self._table = f'"{self._link.address.schema}".record'

    def get(self, kind: str, key: str) -> str | None:
        query = f"SELECT body FROM {self._table} WHERE kind = %s AND key = %s AND {_LIVES}"  # noqa: S608
        found = self._link.rows(query, kind, key, time.time())
        return found[0][0].decode() if found else None

    def put(self, kind: str, key: str, body: str, *, expires: float | None = None) -> None:
        self._write(f"INSERT INTO {self._table} VALUES {_REPLACING}", kind, key, body, expires, landed=anew)  # noqa: S608

    def add(self, kind: str, key: str, body: str, *, expires: float | None = None) -> bool:
        over = f"{_REPLACING} WHERE there.expires <= %s RETURNING true"
        statement = f"INSERT INTO {self._table} AS there VALUES {over}"  # noqa: S608
        return bool(self._write(statement, kind, key, body, expires, time.time()))

    def swap(self, kind: str, key: str, old: str, new: str, *, expires: float | None = None) -> bool:
        which = f"kind = %s AND key = %s AND body = %s AND {_LIVES}"
        statement = f"UPDATE {self._table} SET body = %s, expires = coalesce(%s, expires) WHERE {which} RETURNING true"  # noqa: S608
        return bool(self._write(statement, new, expires, kind, key, old, time.time()))

    def remove(self, kind: str, key: str) -> bool:
        statement = f"DELETE FROM {self._table} WHERE kind = %s AND key = %s RETURNING {_LIVES}"  # noqa: S608
        found = self._write(statement, kind, key, time.time())
        return bool(found and found[0][0])

    def find(self, kind: str, prefix: str = "") -> Iterator[tuple[str, str]]:
        which = f"kind = %s AND key >= %s AND key < %s::bytea || '\\xff'::bytea AND {_LIVES}"
        query = f"SELECT key, body FROM {self._table} WHERE {which} ORDER BY key"  # noqa: S608
        for key, body in self._link.rows(query, kind, prefix, prefix, time.time()):
            yield key.decode(), body.decode()

    def sweep(self) -> int:
        statement = f"DELETE FROM {self._table} WHERE expires <= %s RETURNING true"  # noqa: S608
        return len(self._write(statement, time.time(), landed=anew))

    def alone(self, what: str) -> AbstractContextManager[Callable[[], bool] | None]:
        return self._link.alone(what)

    def stamp(self) -> None:
        """Only the server could tell, and it has to be waited for."""

    def close(self) -> None:
        self._link.close()

    def _write(self, statement: str, *values: Any, landed: Any = None) -> list[Any]:
        def run(db: Any) -> list[Any]:
            cursor = db.execute(statement, bound(values))
            return list(cursor.fetchall()) if cursor.description else []

        return self._link.change(run, landed)
