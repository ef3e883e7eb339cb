"""A SQLite file of the watch: opened, written all or nothing, and its errors in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2 as sqlite

from arkwright.core.errors import ArkwrightError, Corrupt


class Database:
    """Whatever is acknowledged is on the disk. A file of an older layout is begun anew: nothing in it is not known from
    elsewhere.
    """

    def __init__(self, path: Path, tables: str, layout: int) -> None:
        """Raises ArkwrightError or Corrupt when the file cannot be used."""
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._db = sqlite.connect(str(path), isolation_level=None, timeout=10, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._begin(tables, layout)
        except sqlite.DatabaseError as error:
            raise self.said(error) from None

    def _begin(self, tables: str, layout: int) -> None:
        with self.transaction() as db:
            (found,) = db.execute("PRAGMA user_version").fetchone()
            if found == layout:
                return
            if found > layout:
                raise Corrupt(f"{self._path} has layout {found}, and this version reads {layout}; upgrade Arkwright")
            for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
                db.execute(f'DROP TABLE "{name}"')
            for statement in tables.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {layout}")

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """All of it or none."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite.DatabaseError as error:
            raise self.said(error) from None

    def forget_hours(self, before: int) -> None:
        """What the table `hour` has that began earlier."""
        if self.run("SELECT 1 FROM hour WHERE begin < ? LIMIT 1", before).fetchone():
            with self.transaction() as db:
                db.execute("DELETE FROM hour WHERE begin < ?", (before,))

    def run(self, sql: str, *given: Any) -> Any:
        try:
            return self._db.execute(sql, given)
        except sqlite.DatabaseError as error:
            raise self.said(error) from None

    def said(self, error: Exception) -> ArkwrightError:
        if isinstance(error, sqlite.OperationalError):
            return ArkwrightError(f"{self._path} cannot be used: {error}")
        return Corrupt(f"{self._path} is not what was kept: {error}; remove it, and it is begun anew")
