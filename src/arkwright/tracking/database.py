"""One SQLite file, one writer thread: requests that come together share one commit, and each is told when it is done.

Whatever is acknowledged is on the disk (WAL, synchronous=FULL). Readers have a connection for each thread and see the
last commit. Another process may write too; whoever comes second waits.
"""

import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Concatenate, ParamSpec, TypeVar

from pysqlite3 import dbapi2 as sqlite

from arkwright.core.errors import ArkwrightError, Corrupt, Full, Missing, Refused
from arkwright.tracking.layout import LAYOUT, STEPS

OLDEST_SQLITE = (3, 51, 3)  # before it, two connections could corrupt a database in WAL mode
PATIENCE_S = 60
TOGETHER = 256  # requests that share one commit
QUIET_S = 1.0  # without a request, after which what may wait is done
CHECKPOINT, PAGE = 4000, 4096  # pages of the log after which they are copied; bytes
OFTEN = 64  # commits after which a process is taken for one that goes on
ROOM, SPARE = (CHECKPOINT - 100) * PAGE, 1 << 30  # bytes: of the log then; of the disk that stay for others

P = ParamSpec("P")
T = TypeVar("T")
Job = tuple[Callable[[Any], Any], "Future[Any]"]


class Database:
    """Raises Missing, Refused (a newer layout) or Corrupt (no such database) when it is opened.

    `idle`: does a part of what may wait until nobody writes, and says whether there is more.
    """

    def __init__(self, path: Path, idle: Callable[[Any], bool] | None = None) -> None:
        if sqlite.sqlite_version_info < OLDEST_SQLITE:
            wanted = ".".join(map(str, OLDEST_SQLITE))
            raise Missing(f"SQLite {sqlite.sqlite_version} can corrupt a database; install pysqlite3 with >= {wanted}")
        self.path, self._idle = path, idle
        self._inherited: list[Any] = []
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._local = threading.local()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._writer: threading.Thread | None = None
        self._broken: str | None = None
        self._readers: list[Any] = []
        self._db = self._told(self._open)

    def read(self, operation: Callable[Concatenate[Any, P], T], *given: P.args, **named: P.kwargs) -> T:
        """`operation(connection, …)` on what was last committed, all of it in one snapshot."""
        self._own()
        db = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = self._told(self._connect)
            db.execute("PRAGMA query_only = ON")
            self._readers.append(db)

        def snapshot() -> T:
            db.execute("BEGIN")
            try:
                return operation(db, *given, **named)
            finally:
                db.execute("ROLLBACK")

        return self._told(snapshot)

    def write(self, operation: Callable[Concatenate[Any, P], T], *given: P.args, **named: P.kwargs) -> T:
        """`operation(connection, …)`, all of it or none, on the disk when this returns."""
        return self.submit(operation, *given, **named).result()

    def submit(self, operation: Callable[Concatenate[Any, P], T], *given: P.args, **named: P.kwargs) -> "Future[T]":
        """As `write`, without waiting: the future is done when it is on the disk."""
        self._own()
        future: Future[T] = Future()
        with self._lock:
            if self._writer is None:
                self._writer = threading.Thread(target=self._work, name="tracking", daemon=True)
                self._writer.start()
        self._jobs.put((lambda db: operation(db, *given, **named), future))
        return future

    def close(self) -> None:
        """Finish what was submitted, and let go of the file."""
        if self._process != os.getpid():
            return
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is not None:
            self._jobs.put(None)
            writer.join()
        for db in (*self._readers, self._db):
            db.close()

    def _own(self) -> None:
        """A forked process has none of our threads, and must not touch our connections: it opens its own."""
        if self._process != os.getpid():
            self._inherited.extend((self._db, self._readers, self._local))
            self._begin()

    def _connect(self) -> Any:
        return sqlite.connect(str(self.path), PATIENCE_S, isolation_level=None, check_same_thread=False)

    def _open(self) -> Any:
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        db = self._connect()
        db.execute("PRAGMA trusted_schema = OFF")
        (layout,) = db.execute("PRAGMA user_version").fetchone()
        if layout > LAYOUT:
            db.close()
            raise Refused(f"{self.path} was written by a newer Arkwright (layout {layout}); install that one")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")  # what is written again and again is copied once
        if layout < LAYOUT:
            db.execute("BEGIN IMMEDIATE")  # another process may be about to do the same
            (layout,) = db.execute("PRAGMA user_version").fetchone()
            for statement in (statement for step in STEPS[layout:] for statement in step):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {LAYOUT}")
            db.execute("COMMIT")
        return db

    def _work(self) -> None:
        jobs = self._jobs
        commits = 0
        while (first := self._next()) is not None:
            together, last = [first], False
            try:
                while len(together) < TOGETHER and not last:
                    job = jobs.get_nowait()
                    if job is None:
                        last = True
                    else:
                        together.append(job)
            except Empty:
                pass
            self._commit(together)
            if last:
                return
            commits += 1
            if commits == OFTEN:
                self._lengthen()

    def _lengthen(self) -> None:
        """Have the log as long as it will get: it grows with what is taken back, and from then on is written over. A
        sync that makes no file longer takes half the time, and does not wait for what others write to the same disk.
        """
        with suppress(sqlite.Error, OSError):  # then it grows as it goes
            if shutil.disk_usage(self.path.parent).free < SPARE:
                return
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("CREATE TABLE room (it BLOB)")
            self._db.execute("INSERT INTO room VALUES (zeroblob(?))", (ROOM,))
        self._roll_back()

    def _next(self) -> Job | None:
        """The next request; what may wait is done before it where it lets us."""
        more = self._idle
        while more:
            try:
                return self._jobs.get(timeout=QUIET_S)
            except Empty:
                waiting: Future[bool] = Future()
                self._commit([(more, waiting)])
                if waiting.exception() or not waiting.result():
                    break
        return self._jobs.get()

    def _commit(self, together: list[Job]) -> None:
        """One transaction for all; a request that fails takes nothing of the others with it."""
        done: list[tuple[Future[Any], Any]] = []
        failed: list[tuple[Future[Any], BaseException]] = []
        try:
            if self._broken:
                raise ArkwrightError(self._broken)  # noqa: TRY301
            self._told(lambda: self._db.execute("BEGIN IMMEDIATE"))
            if len(together) == 1:
                job, future = together[0]  # whatever fails here takes nobody with it
                done.append((future, self._told(lambda: job(self._db))))
            else:
                for job, future in together:
                    self._one(job, future, done, failed)
            self._told(lambda: self._db.execute("COMMIT"))
        except BaseException as error:  # noqa: BLE001 - whoever waits must be told
            self._roll_back()
            failed = [(future, error) for _, future in together]
            done = []
        for future, reason in failed:
            future.set_exception(reason)
        for future, result in done:
            future.set_result(result)

    def _one(
        self,
        job: Callable[[Any], Any],
        future: "Future[Any]",
        done: list[tuple["Future[Any]", Any]],
        failed: list[tuple["Future[Any]", BaseException]],
    ) -> None:
        self._db.execute("SAVEPOINT one")
        try:
            done.append((future, self._told(lambda: job(self._db))))
        except Exception as error:
            if not self._db.in_transaction:
                raise  # a full disk ends the whole transaction
            self._db.execute("ROLLBACK TO one")
            failed.append((future, error))
        self._db.execute("RELEASE one")

    def _roll_back(self) -> None:
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite.Error as error:
            self._broken = f"the tracking database {self.path} cannot go on: {error}; start again"

    def _told(self, act: Callable[[], T]) -> T:
        """SQLite's errors in words for people."""
        try:
            return act()
        except sqlite.Error as error:
            text, code = str(error), getattr(error, "sqlite_errorcode", None)
            base = (code or 0) & 0xFF
            if base == sqlite.SQLITE_FULL or "disk is full" in text:
                raise Full(f"the disk is full: nothing was written to {self.path}; make room and try again") from None
            if base in (sqlite.SQLITE_CORRUPT, sqlite.SQLITE_NOTADB) or "malformed" in text or "not a database" in text:
                raise Corrupt(f"{self.path} is damaged: {text}; put a backup back, or move it away") from None
            if base == sqlite.SQLITE_IOERR or "disk I/O" in text:
                # an fsync that failed is never tried again: what it should have written may be gone
                self._broken = f"the disk failed while {self.path} was written; check it, then start again"
                raise ArkwrightError(self._broken) from None
            if base in (sqlite.SQLITE_BUSY, sqlite.SQLITE_LOCKED) or "locked" in text:
                raise ArkwrightError(
                    f"{self.path} was held by another process for over {PATIENCE_S} seconds; try again"
                ) from None
            raise ArkwrightError(f"the tracking database {self.path} cannot be used: {text}") from error
