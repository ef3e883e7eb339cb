"""The catalog's file: followed by many threads and processes, made anew when it is damaged or of another ledger."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2 as sqlite

from arkwright.catalog.following import Card, Following
from arkwright.catalog.layout import LAYOUT, TABLES
from arkwright.core import locks
from arkwright.core.errors import ArkwrightError, Full
from arkwright.core.ports import Ledger
from arkwright.core.record import GENESIS

BATCH = 5_000  # events in one transaction: what a kill loses, and what is held in memory
PATIENCE_S = 60
ROOM = 64 << 10  # bytes that SQLite wants beside its file
AGAIN_S = 1.0  # a full disk is not tried at every look
Say = Callable[[str], None]


class Stale(Exception):
    """The file cannot be followed on: it is of another layout or of another ledger."""


class CatalogFile:
    """A read model in one SQLite file beside the ledger; without loss to be removed at any time."""

    def __init__(self, path: Path, ledger: Ledger, card: Card) -> None:
        self.path, self._ledger, self._card = path, ledger, card
        self.late = False  # whoever sets it tells people of `behind`
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock, self._idle_lock = threading.Lock(), threading.Lock()
        self._inherited = getattr(self, "_idle", [])  # after a fork the parent's connections are left alone
        self._idle: list[tuple[int, Any]] = []
        self._seen: tuple[int, str] | None = None  # the file, and the head of the ledger that it has
        self.behind: int | None = None  # the last event that it has, where the disk has no room for what came later
        self._again = 0.0

    def be_late(self) -> None:
        """Be read as far as it came where the disk is full. It is opened now: later there may be no room to begin."""
        self.late = True
        with suppress(Stale, OSError, sqlite.DatabaseError), self._connection():
            pass

    @contextmanager
    def reading(self, say: Say | None = None, *, all_of_it: bool = False) -> Iterator[Any]:
        """A connection to a catalog that has all that was on record when it was asked for. Raises Full where the disk
        has no room for that; with `late` it is read as far as it came then, unless `all_of_it` is needed.
        """
        if self._process != os.getpid():
            self._begin()
        late = self.late and not all_of_it
        error = self._caught_up(say, late=late)
        if error and not late:
            raise error
        with self._connection() as (_, db):
            yield db

    def close(self) -> None:
        with self._idle_lock:
            for _, db in self._idle:
                db.close()
            self._idle.clear()
        self._seen = None

    def _caught_up(self, say: Say | None, *, late: bool) -> Full | None:
        if self._seen == (self._inode(), self._ledger.head()):
            return None
        if late and self.behind is not None and time.monotonic() < self._again:
            return None
        for _ in range(3):
            file = None
            try:
                with self._lock, self._connection() as (file, db):
                    return self._moved(file, db, say or (lambda _: None))
            except (Stale, sqlite.DatabaseError) as error:
                if self._full(error):
                    raise self._no_room() from error
                if not isinstance(error, Stale) and not _damaged(error):
                    raise ArkwrightError(f"the catalog {self.path} cannot be used: {error}") from error
                self._renew(file)
        raise ArkwrightError(f"the catalog {self.path} cannot be made; remove it, and look at the disk")

    def _moved(self, file: int, db: Any, say: Say) -> Full | None:
        """Follow as far as there is room; the connection stays, for a new one may find no room to begin."""
        try:
            self._seen = (file, self._follow(db, say))
        except sqlite.DatabaseError as error:
            if not self._full(error):
                raise
            self.behind, self._again = _place(db)[0], time.monotonic() + AGAIN_S
            return self._no_room()
        self.behind = None
        return None

    def _full(self, error: Exception) -> bool:
        name = getattr(error, "sqlite_errorname", "") or ""
        return name == "SQLITE_FULL" or (
            name.startswith("SQLITE_IOERR") and shutil.disk_usage(self.path.parent).free < ROOM
        )

    def _no_room(self) -> Full:
        return Full(f"the disk is full: the catalog {self.path} cannot follow the ledger; make room")

    def _follow(self, db: Any, say: Say) -> str:
        """The head of the ledger up to which the catalog has everything. Raises Stale."""
        seq, seal, _, _ = _place(db)
        head = self._ledger.head()  # looked up later than the place, which others move on: so it is not behind it
        last = int(head.partition(":")[0])
        if seq > last:
            raise Stale
        if head == f"{seq}:{seal}":
            return head
        events = self._ledger.find(after=max(seq - 1, 0))
        if seq and ((known := next(events, None)) is None or (known.seq, known.seal) != (seq, seal)):
            raise Stale
        while batch := list(islice(events, BATCH)):
            db.execute("BEGIN IMMEDIATE")
            try:
                at, _, high, slip = _place(db)  # another process may have been here
                following = Following(db, self._card, high, slip)
                fresh = [event for event in batch if event.seq > at]
                for event in fresh:
                    following.take(event)
                if fresh:
                    following.flush()
                    there = (fresh[-1].seq, fresh[-1].seal, following.high, following.slip)
                    db.execute("UPDATE place SET seq = ?, seal = ?, newest = ?, slip = ?", there)
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
            if last - seq > BATCH:
                say(f"reading the record: event {batch[-1].seq:,} of {last:,}")
        return head

    @contextmanager
    def _connection(self) -> Iterator[tuple[int, Any]]:
        """One to oneself; connections to a file that was replaced are forgotten."""
        inode = self._inode()
        with self._idle_lock:
            found = self._idle.pop() if self._idle else None
        if found and found[0] != inode:
            found[1].close()
            found = None
        file, db = found or self._open()
        try:
            yield file, db
        except BaseException:
            db.close()
            raise
        with self._idle_lock:
            self._idle.append((file, db))

    def _open(self) -> tuple[int, Any]:
        with self._guarded():
            db = sqlite.connect(str(self.path), PATIENCE_S, isolation_level=None, check_same_thread=False)
            try:
                (layout,) = db.execute("PRAGMA user_version").fetchone()
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = NORMAL")
                if layout == 0:
                    first = f"INSERT INTO place VALUES (1, 0, '{GENESIS}', '', 0);"  # noqa: S608 - fixed texts only
                    db.executescript(f"BEGIN IMMEDIATE; {TABLES} {first} PRAGMA user_version = {LAYOUT}; COMMIT;")
                elif layout != LAYOUT:
                    raise Stale  # noqa: TRY301
            except BaseException:
                db.close()
                raise
            return self._inode(), db

    def _renew(self, bad: int | None) -> None:
        """Begin anew, unless somebody else did so meanwhile."""
        with self._guarded():
            if bad is None or bad == self._inode():
                for ending in ("", "-wal", "-shm"):
                    with suppress(FileNotFoundError):
                        os.unlink(f"{self.path}{ending}")  # noqa: PTH108 - three names, one file
        self.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        handle = locks.opened(Path(f"{self.path}.lock"))
        try:
            locks.lock(handle, wait=True)
            yield
        finally:
            os.close(handle)

    def _inode(self) -> int:
        try:
            return self.path.stat().st_ino
        except FileNotFoundError:
            return 0


def _place(db: Any) -> tuple[int, str, str, float]:
    found = db.execute("SELECT seq, seal, newest, slip FROM place").fetchone()
    if found is None:
        raise Stale
    return found  # type: ignore[no-any-return]


def _damaged(error: Exception) -> bool:
    name = getattr(error, "sqlite_errorname", "") or ""
    text = str(error)
    return name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or "malformed" in text or "no such table" in text
