"""What was tried and not allowed: one SQLite file of its own, which no flood can fill.

The same attempt from the same address is one line an hour, with a count. For each account, and for all that nobody
knows together, an hour has at most `AN_HOUR` lines; what comes on top is counted without its address. At most `MOST`
lines are kept, the newest ones: at most some 80 MB. Whatever is acknowledged is on the disk (synchronous=FULL).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2 as sqlite

from arkwright.core.errors import ArkwrightError, Corrupt

LAYOUT = 1
WINDOW = 3600  # seconds
AN_HOUR, MOST = 200, 100_000  # lines
LONGEST = 120  # characters of one text
PATIENCE_S = 10
_TABLE = """
CREATE TABLE denied (
    number INTEGER PRIMARY KEY, hour INTEGER NOT NULL,
    who TEXT NOT NULL, proven INTEGER NOT NULL, via TEXT NOT NULL, what TEXT NOT NULL, right TEXT NOT NULL,
    why TEXT NOT NULL, status INTEGER NOT NULL, address TEXT NOT NULL,
    first REAL NOT NULL, last REAL NOT NULL, count INTEGER NOT NULL, request TEXT NOT NULL,
    UNIQUE (hour, who, proven, via, what, right, why, status, address)
) STRICT;
"""
_KEY = "hour = ? AND who = ? AND proven = ? AND via = ? AND what = ? AND right = ? AND why = ? AND status = ?"
_THERE = f"SELECT 1 FROM denied WHERE {_KEY} AND address = ?"  # noqa: S608 - fixed text
_PUT = """
INSERT INTO denied (hour, who, proven, via, what, right, why, status, address, first, last, count, request)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET last = excluded.last, count = count + excluded.count, request = excluded.request
"""
_OLD = "DELETE FROM denied WHERE number <= (SELECT max(number) FROM denied) - ?"
_FIND = """
SELECT who, proven, via, what, right, why, status, address, first, last, count, request FROM denied
WHERE (?1 IS NULL OR who = ?1) AND last >= ?2 AND last < ?3 ORDER BY last DESC, number DESC LIMIT ?4
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """`who`: the account, as it was proven or only claimed; empty: none that there is. `via`: what was shown for it.
    `right`: what it needs. Never a secret, never a body, never the part of an address that people fill in.
    """

    who: str
    proven: bool
    via: str  # nothing | session | token | password
    what: str  # such as POST /api/promote
    right: str
    why: str
    status: int
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """An attempt, and how often it happened between two times. `request`: the id of the last one."""

    who: str
    proven: bool
    via: str
    what: str
    right: str
    why: str
    status: int
    address: str
    first: float  # seconds since 1970
    last: float
    count: int
    request: str


Seen = tuple[float, float, int, str]  # first and last, in seconds since 1970; how often; the last request's id


class Denials:
    """Attempts are taken first and written then: those that come together share one commit. What cannot be written
    waits for whoever writes next: the newest `AN_HOUR`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writing, self._taking = threading.Lock(), threading.Lock()
        self._waiting: dict[Attempt, Seen] = {}
        self._failed = False

    def take(self, attempt: Attempt, request: str) -> None:
        """Have it written by whoever writes next. `request`: its id."""
        now = time.time()
        with self._taking:
            self._add(attempt, (now, now, 1, request))

    def write(self) -> None:
        """What was taken is on the disk then. Raises ArkwrightError when it cannot be written."""
        with self._writing:  # whoever comes second finds its own written
            with self._taking:
                taken, self._waiting = self._waiting, {}
            if not taken:
                return
            try:
                # after somebody waited in vain nobody else does, however many came meanwhile
                with self._file(0) if self._failed else self._file() as db, db:
                    for one, seen in taken.items():
                        _put(db, one, seen)
                    db.execute(_OLD, (MOST,))
            except BaseException:
                self._failed = True
                self._take_back(taken)
                raise
            self._failed = False

    def _take_back(self, taken: dict[Attempt, Seen]) -> None:
        with self._taking:
            since, self._waiting = self._waiting, taken
            for one, seen in since.items():
                self._add(one, seen)
            for one in list(self._waiting)[:-AN_HOUR]:
                del self._waiting[one]

    def _add(self, one: Attempt, seen: Seen) -> None:
        first, last, count, request = seen
        before = self._waiting.get(one, (first, last, 0, request))
        self._waiting[one] = (before[0], last, before[2] + count, request)

    def find(self, who: str | None, since: float, until: float, limit: int) -> list[Denied]:
        """The newest first."""
        if not self.path.exists():
            return []
        names = Denied.__dataclass_fields__
        with self._file() as db:
            rows = db.execute(_FIND, (who, since, until, limit)).fetchall()
        return [Denied(**dict(zip(names, row, strict=True)) | {"proven": bool(row[1])}) for row in rows]

    @contextmanager
    def _file(self, patience: float = PATIENCE_S) -> Iterator[Any]:
        """Opened for each use: there are few, and no process inherits a connection."""
        try:
            self.path.touch(0o600)
            with closing(sqlite.connect(str(self.path), patience)) as db:
                db.execute("PRAGMA synchronous = FULL")
                (layout,) = db.execute("PRAGMA user_version").fetchone()
                if layout < LAYOUT:
                    db.executescript(f"BEGIN IMMEDIATE; {_TABLE} PRAGMA user_version = {LAYOUT}; COMMIT;")
                elif layout > LAYOUT:
                    raise ArkwrightError(f"{self.path} was written by a newer Arkwright (layout {layout})")
                yield db
        except sqlite.DatabaseError as error:
            if (getattr(error, "sqlite_errorname", "") or "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
                raise Corrupt(f"{self.path} is damaged ({error}); put it aside, and a new one is begun") from None
            raise ArkwrightError(f"{self.path} cannot be used: {error}") from None
        except OSError as error:
            raise ArkwrightError(f"{self.path} cannot be used: {error.strerror}") from None


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _put(db: Any, one: Attempt, seen: Seen) -> None:
    first, last, count, request = seen
    hour = int(last // WINDOW)
    texts = (one.who[:LONGEST], one.proven, one.via, one.what[:LONGEST], one.right, _short(one.why), one.status)
    address = one.address[:LONGEST]
    if not db.execute(_THERE, (hour, *texts, address)).fetchone():
        (lines,) = db.execute("SELECT count(*) FROM denied WHERE hour = ? AND who = ?", (hour, texts[0])).fetchone()
        address = address if lines < AN_HOUR else ""
    db.execute(_PUT, (hour, *texts, address, first, last, count, request))
