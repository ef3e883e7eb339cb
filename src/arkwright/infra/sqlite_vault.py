"""Private records in one SQLite file that only its owner may read."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2 as sqlite

from arkwright.core.errors import ArkwrightError, Corrupt

PATIENCE_S = 60
_TABLE = """
CREATE TABLE IF NOT EXISTS record (
    kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, expires REAL, PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID
"""
_GET = "SELECT body FROM record WHERE kind = ? AND key = ? AND (expires IS NULL OR expires > ?)"
_ADD = """
INSERT INTO record VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET body = excluded.body, expires = excluded.expires WHERE record.expires <= ? RETURNING 1
"""
_SWAP = """
UPDATE record SET body = ? WHERE kind = ? AND key = ? AND body = ? AND (expires IS NULL OR expires > ?) RETURNING 1
"""
_REMOVE = "DELETE FROM record WHERE kind = ? AND key = ? RETURNING expires IS NULL OR expires > ?"
_FIND = """
SELECT key, body FROM record
WHERE kind = ? AND key >= ? AND key < CAST(? AS TEXT) AND (expires IS NULL OR expires > ?) ORDER BY key
"""


class SqliteVault:
    """One connection, one thread at a time; other processes wait for their turn. Every write is on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # before SQLite makes it with everybody's rights
        try:
            self._db = sqlite.connect(str(path), PATIENCE_S, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA secure_delete = ON")  # what was forgotten is not left in the file
            self._db.execute(_TABLE)
        except sqlite.DatabaseError as error:
            raise Corrupt(f"the vault {path} cannot be opened: {error}; put a backup back") from None

    def get(self, kind: str, key: str) -> str | None:
        found = self._do(_GET, kind, key, time.time())
        return found[0][0] if found else None

    def put(self, kind: str, key: str, body: str, *, expires: float | None = None) -> None:
        self._do("INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?)", kind, key, body, expires)

    def add(self, kind: str, key: str, body: str, *, expires: float | None = None) -> bool:
        return bool(self._do(_ADD, kind, key, body, expires, time.time()))

    def swap(self, kind: str, key: str, old: str, new: str) -> bool:
        return bool(self._do(_SWAP, new, kind, key, old, time.time()))

    def remove(self, kind: str, key: str) -> bool:
        found = self._do(_REMOVE, kind, key, time.time())
        return bool(found and found[0][0])

    def find(self, kind: str, prefix: str = "") -> Iterator[tuple[str, str]]:
        yield from self._do(_FIND, kind, prefix, prefix.encode() + b"\xff", time.time())

    def sweep(self) -> int:
        return len(self._do("DELETE FROM record WHERE expires <= ? RETURNING 1", time.time()))

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _do(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return list(self._db.execute(statement, values))
            except sqlite.Error as error:
                raise ArkwrightError(f"the vault {self.path} cannot be used: {error}") from error
