"""Private records in one SQLite file that only its owner may read."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pysqlite3 import dbapi2 as sqlite

from arkwright.core.durable import writing
from arkwright.core.errors import ArkwrightError, Corrupt, Invalid, Refused
from arkwright.infra import lock
from arkwright.infra.sqlite_errors import PATIENCE_S, Failed, explained
from arkwright.infra.sqlite_stamp import stamp_of

LAYOUT = 1
OWNER_ONLY = 0o600
_TABLE = """
CREATE TABLE IF NOT EXISTS record (
    kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, expires REAL, PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID
"""
_GET = "SELECT body FROM record WHERE kind = ? AND key = ? AND (expires IS NULL OR expires > ?)"
_PUT = "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?)"
_ADD = """
INSERT INTO record VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET body = excluded.body, expires = excluded.expires WHERE record.expires <= ? RETURNING 1
"""
_SWAP = """
UPDATE record SET body = ?, expires = coalesce(?, expires)
WHERE kind = ? AND key = ? AND body = ? AND (expires IS NULL OR expires > ?) RETURNING 1
"""
_REMOVE = "DELETE FROM record WHERE kind = ? AND key = ? RETURNING expires IS NULL OR expires > ?"
_SWEEP = "DELETE FROM record WHERE expires <= ? RETURNING 1"
_FIND = """
SELECT key, body FROM record
WHERE kind = ? AND key >= ? AND key < CAST(? AS TEXT) AND (expires IS NULL OR expires > ?) ORDER BY key
"""


class SqliteVault:
    """One connection, one thread at a time; other processes wait for their turn. Every write is on the disk.

    Raises Refused for a vault of a newer layout, Corrupt for what is no vault.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._inherited: list[Any] = []
        self._start()

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._broken: str | None = None
        self._process = os.getpid()
        self._db: Any = None
        try:
            with writing(f"the vault {self.path}"):
                self._open()
        except sqlite.Error as error:
            self.close()
            raise explained("vault", self.path, error) from None

    def _open(self) -> None:
        # made here, for SQLite would give everybody the right to read it; what lies beside it gets the same rights
        try:
            handle = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, OWNER_ONLY)
        except FileNotFoundError:
            raise ArkwrightError(f"the vault {self.path} cannot be made: there is no folder for it") from None
        try:
            os.fchmod(handle, OWNER_ONLY)  # a backup was put back with the rights that it had elsewhere
        finally:
            os.close(handle)
        self._db = sqlite.connect(str(self.path), PATIENCE_S, isolation_level=None, check_same_thread=False)
        (layout,) = self._db.execute("PRAGMA user_version").fetchone()
        if layout > LAYOUT:
            self.close()
            raise Refused(f"{self.path} was written by a newer Arkwright (layout {layout}); install that one")
        for setting in ("trusted_schema = OFF", "cell_size_check = ON", "synchronous = FULL"):
            self._db.execute(f"PRAGMA {setting}")
        self._db.execute("PRAGMA secure_delete = ON")  # what was forgotten is not left in the file
        self._db.execute("PRAGMA journal_mode = WAL")
        if layout < LAYOUT:
            self._db.executescript(f"BEGIN IMMEDIATE; {_TABLE}; PRAGMA user_version = {LAYOUT}; COMMIT;")
        (said,) = self._db.execute("PRAGMA integrity_check(1)").fetchone()  # a lost record must not look like none
        if said != "ok":
            self.close()
            raise Corrupt(f"the vault {self.path} is damaged ({said}); put a backup back")

    def get(self, kind: str, key: str) -> str | None:
        found = self._do(_GET, kind, key, time.time())
        return found[0][0] if found else None

    def put(self, kind: str, key: str, body: str, *, expires: float | None = None) -> None:
        self._write(_PUT, kind, key, body, expires)

    def add(self, kind: str, key: str, body: str, *, expires: float | None = None) -> bool:
        return bool(self._write(_ADD, kind, key, body, expires, time.time()))

    def swap(self, kind: str, key: str, old: str, new: str, *, expires: float | None = None) -> bool:
        return bool(self._write(_SWAP, new, expires, kind, key, old, time.time()))

    def remove(self, kind: str, key: str) -> bool:
        found = self._write(_REMOVE, kind, key, time.time())
        return bool(found and found[0][0])

    def find(self, kind: str, prefix: str = "") -> Iterator[tuple[str, str]]:
        yield from self._do(_FIND, kind, prefix, _encoded(prefix) + b"\xff", time.time())

    def sweep(self) -> int:
        return len(self._write(_SWEEP, time.time()))

    @contextmanager
    def alone(self, what: str) -> Iterator[Callable[[], bool] | None]:
        with lock.alone(self.path.with_name("turns") / quote(what, safe=" "), wait=False) as got:
            yield (lambda: True) if got else None

    def stamp(self) -> object | None:
        return stamp_of(self._db, self._lock) if self._process == os.getpid() else None

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _write(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        if self._broken:
            raise ArkwrightError(f"{self._broken}; nothing more is written until the vault is opened again")
        return self._do(statement, *values)

    def _do(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """One statement, which is one transaction, and SQLite's errors in our words."""
        if self._process != os.getpid():  # after a fork SQLite wants a new connection, and the old one left alone
            self._inherited.append(self._db)
            self._start()
        with self._lock:
            if self._db is None:
                raise ArkwrightError(f"the vault {self.path} is closed")
            try:
                return list(self._db.execute(statement, values))
            except UnicodeEncodeError:
                raise _half() from None
            except sqlite.Error as error:
                told = explained("vault", self.path, error)
                self._broken = str(told) if isinstance(told, Failed) else self._broken
                raise told from error


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise _half() from None


def _half() -> Invalid:
    return Invalid("the vault cannot keep it: it holds half a character (a lone surrogate)")
