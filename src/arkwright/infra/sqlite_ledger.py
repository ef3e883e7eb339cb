"""Records in one SQLite file: one append-only table of events, each sealed to the one before.

Every acknowledged append is on the disk (WAL, synchronous=FULL). Each event's seal is checked whenever it is read.
"""

import os
import threading
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pysqlite3 import dbapi2 as sqlite

from arkwright.core.durable import writing
from arkwright.core.errors import ArkwrightError, Corrupt, Invalid, Missing, Refused
from arkwright.core.nouns import Event
from arkwright.core.ports import Entry, Taken
from arkwright.core.record import GENESIS, now, seal
from arkwright.infra.head_file import HeadFile, parse_head
from arkwright.infra.sealed import behind, checked, not_cut_back, walk
from arkwright.infra.sqlite_errors import PATIENCE_S, Failed, explained
from arkwright.infra.sqlite_stamp import stamp_of

OLDEST_SQLITE = (3, 51, 3)  # before it, two connections could corrupt a database in WAL mode
LAYOUT = 1
PAGE = 500

_TABLE = """
CREATE TABLE IF NOT EXISTS event (
    seq INTEGER PRIMARY KEY, at TEXT NOT NULL, "by" TEXT NOT NULL,
    kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, seal TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS event_key ON event (kind, key);
CREATE TRIGGER IF NOT EXISTS event_no_update BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS event_no_delete BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""
_EVENT = """
SELECT e.seq, e.at, e."by", e.kind, e.key, e.body, e.seal, p.seal FROM event e LEFT JOIN event p ON p.seq = e.seq - 1
"""
T = TypeVar("T")


class SqliteLedger:
    """One connection, one thread at a time; other processes wait up to `PATIENCE_S` for their turn.

    Raises Missing when the SQLite library is too old, Refused for a ledger of a newer layout, Corrupt for what is no
    ledger. Beside `path` lies `path`.head, see `HeadFile`.
    """

    def __init__(self, path: Path) -> None:
        if sqlite.sqlite_version_info < OLDEST_SQLITE:
            wanted = ".".join(map(str, OLDEST_SQLITE))
            raise Missing(f"SQLite {sqlite.sqlite_version} can corrupt a ledger; install pysqlite3 with >= {wanted}")
        self.path = path
        self._head = HeadFile(path.with_name(path.name + ".head"))
        self._inherited: list[Any] = []
        self._start()

    def _start(self) -> None:
        self._lock = threading.RLock()
        self._broken: str | None = None
        self._process = os.getpid()
        self._db: Any = None
        self._guard(self._open)

    def append(self, by: str, entries: Sequence[Entry]) -> int:
        """Append all or none, durably; the last `seq`.

        Raises Taken when a (kind, key) exists, Refused when the ledger was cut back, ArkwrightError when the disk is
        full or fails (after a failed write nothing more is written until the ledger is opened again).
        """
        return self._guard(lambda: self._append(by, entries))

    def get(self, kind: str, key: str) -> Event | None:
        """The event under exactly this key. Raises Corrupt when it is not what was sealed."""
        return self._guard(lambda: self._one("WHERE e.kind = ? AND e.key = ?", kind, key))

    def last(self, kind: str, prefix: str) -> Event | None:
        """The newest event of this kind whose key starts with `prefix`. Raises Corrupt."""
        # the plus keeps SQLite from walking the whole table backwards for a name that does not exist
        newest = "(SELECT max(+seq) FROM event WHERE kind = ? AND key >= ? AND key < CAST(? AS TEXT))"
        return self._guard(lambda: self._one(f"WHERE e.seq = {newest}", kind, prefix, behind(prefix)))

    def find(self, kind: str | None = None, prefix: str = "", after: int = 0) -> Iterator[Event]:
        """Events in the order of writing, as there are when the first is asked for. Raises Corrupt."""
        clauses: list[str] = ["seq > ?"]
        values: list[Any] = [after]
        if kind is not None:
            clauses, values = [*clauses, "kind = ?"], [*values, kind]
        if prefix:
            clauses, values = [*clauses, "key >= ? AND key < CAST(? AS TEXT)"], [*values, prefix, behind(prefix)]
        query = f"SELECT seq FROM event WHERE {' AND '.join(clauses)} ORDER BY seq"  # noqa: S608 - fixed texts only
        found = array("q", self._guard(lambda: [seq for (seq,) in self._db.execute(query, values)]))
        for start in range(0, len(found), PAGE):
            yield from self._guard(lambda start=start: self._page(found[start : start + PAGE]))  # type: ignore[misc]

    def head(self) -> str:
        """`seq:seal` of the last event: the anchor to keep elsewhere and to give to `verify`."""
        return "{}:{}".format(*self._guard(self._end))

    def verify(self, against: str | None = None) -> int:
        """Compute every seal again; the number of events. Raises Corrupt naming the first bad one.

        Found by the chain alone: a changed, removed, inserted or moved event. Found by the anchor in the head file: a
        tail cut off, an older copy put back. Found only with an anchor that was kept elsewhere (`against`, from
        `head`): a ledger written anew with matching seals. Not to be found at all: an event added behind the anchor.
        """
        given = [("the given anchor", parse_head(against))] if against else []
        with self._lock:
            # the anchor is read first: an append in between only makes the ledger longer
            beside = self._head.read()
            end = self._guard(self._end)
            if end[0] and beside is None:
                raise Corrupt(f"{self._head.path} is missing, so a cut-off tail would not show; compare with an anchor")
            anchors = [*given, *([(self._head.path.name, beside)] if beside else [])]
            count = self._guard(lambda: walk(self._rows(), anchors, f"the ledger {self.path}"))
            self._guard(self._check_pages)
            return count

    def stamp(self) -> object | None:
        return stamp_of(self._db, self._lock) if self._process == os.getpid() else None

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _open(self) -> None:
        # check_same_thread: our own lock keeps threads apart
        self._db = sqlite.connect(str(self.path), PATIENCE_S, isolation_level=None, check_same_thread=False)
        self._db.text_factory = lambda text: text.decode(errors="replace")  # what is no text fails its seal
        with (
            writing(f"the ledger {self.path}"),
            self._head.locked() as handle,
        ):  # switching to WAL does not wait for its turn
            self._db.execute("PRAGMA trusted_schema = OFF")
            self._db.execute("PRAGMA cell_size_check = ON")
            (layout,) = self._db.execute("PRAGMA user_version").fetchone()
            if layout > LAYOUT:
                raise Refused(f"{self.path} was written by a newer Arkwright (layout {layout}); install that one")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            if layout < LAYOUT:
                self._head.begin(handle)
                self._db.executescript(f"BEGIN IMMEDIATE; {_TABLE} PRAGMA user_version = {LAYOUT}; COMMIT;")

    def _append(self, by: str, entries: Sequence[Entry]) -> int:
        if self._broken:
            raise ArkwrightError(f"{self._broken}; nothing more is written until the ledger is opened again")
        if not entries:
            return self._end()[0]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            seq, mark = self._end()
            not_cut_back(self._head, seq)
            for entry in entries:
                seq, at = seq + 1, now()
                mark = seal(mark, seq, at, by, entry.kind, entry.key, entry.body)
                row = (seq, at, by, entry.kind, entry.key, entry.body, mark)
                self._db.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            self._db.execute("COMMIT")
        except sqlite.IntegrityError as error:
            if "UNIQUE" in str(error):  # this driver does not give the extended code
                raise Taken(f"{entry.kind} {entry.key} exists") from None
            raise
        except UnicodeEncodeError:
            raise Invalid(f"the {entry.kind} cannot be kept: it holds half a character (a lone surrogate)") from None
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        self._head.advance(seq, mark)
        return seq

    def _end(self) -> tuple[int, str]:
        row = self._db.execute("SELECT seq, seal FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        return (row[0], row[1]) if row else (0, GENESIS)

    def _one(self, where: str, *values: Any) -> Event | None:
        row = self._db.execute(f"{_EVENT} {where}", values).fetchone()
        return checked(row) if row else None

    def _page(self, seqs: Sequence[int]) -> list[Event]:
        marks = ", ".join("?" * len(seqs))
        return [checked(row) for row in self._db.execute(f"{_EVENT} WHERE e.seq IN ({marks}) ORDER BY e.seq", seqs)]

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        """Every event as it is stored."""
        seq = 0
        try:
            for row in self._db.execute(f"{_EVENT} ORDER BY e.seq"):
                seq = row[0]
                yield row
        except sqlite.DatabaseError as error:
            raise Corrupt(f"event {seq + 1} of the ledger {self.path} cannot be read: {error}") from None

    def _check_pages(self) -> None:
        (said,) = self._db.execute("PRAGMA integrity_check(1)").fetchone()
        if said != "ok":
            raise Corrupt(f"every event of the ledger {self.path} is right, but its index is damaged: {said}")

    def _guard(self, work: Callable[[], T]) -> T:
        """One thread at a time, and SQLite's errors in our words."""
        if self._process != os.getpid():  # after a fork SQLite wants a new connection, and the old one left alone
            self._inherited.append(self._db)
            self._start()
        with self._lock:
            if self._db is None and work != self._open:
                raise ArkwrightError(f"the ledger {self.path} is closed")
            try:
                return work()
            except sqlite.Error as error:
                told = explained("ledger", self.path, error)
                self._broken = str(told) if isinstance(told, Failed) else self._broken
                raise told from error
            except UnicodeDecodeError as error:  # what SQLite says of a damaged file quotes from it
                raise Corrupt(f"the ledger {self.path} is damaged ({error.reason}); put a backup back") from error
