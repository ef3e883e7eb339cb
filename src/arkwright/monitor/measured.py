"""What was found each time that an endpoint was watched: how long a promise has been broken, and how it went over time.

One SQLite file for an endpoint. What is older than `KEEP` goes.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from arkwright.monitor.database import Database

KEEP = 400 * 86_400  # seconds: a year ago can be seen
LAYOUT = 1
UNPROVEN = "unproven"
_TABLES = """
CREATE TABLE found (
    release TEXT NOT NULL, promise TEXT NOT NULL, until INTEGER NOT NULL, since INTEGER NOT NULL,
    verdict TEXT NOT NULL, value REAL, low REAL, high REAL, n INTEGER, note TEXT NOT NULL,
    PRIMARY KEY (release, promise, until)
) STRICT, WITHOUT ROWID;
"""
_PUT = "INSERT OR REPLACE INTO found VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_OF = "release = ? AND promise = ?"
_LAST = f"SELECT verdict, until FROM found WHERE {_OF} ORDER BY until DESC LIMIT 1"  # noqa: S608 - fixed text
_OTHER = f"SELECT max(until) FROM found WHERE {_OF} AND verdict NOT IN (?, '{UNPROVEN}')"  # noqa: S608
_BEGAN = f"SELECT min(until) FROM found WHERE {_OF} AND verdict = ? AND until > ?"  # noqa: S608
_LAST_OF = f"SELECT * FROM found WHERE {_OF} AND until >= ? AND until < ? ORDER BY until DESC LIMIT 1"  # noqa: S608
_NEXT = "SELECT release FROM found WHERE release > ? ORDER BY release LIMIT 1"  # a step for each, not a scan
_NEXT_PROMISE = "SELECT promise FROM found WHERE release = ? AND promise > ? ORDER BY promise LIMIT 1"
_TURNS = f"""
SELECT * FROM (
    SELECT *, lag(until) OVER w AS before, lag(verdict) OVER w AS was FROM found
    WHERE {_OF} AND until >= ? AND until < ? WINDOW w AS (ORDER BY until)
) WHERE was IS NULL OR was <> verdict OR until - before > ?
"""  # noqa: S608
_BETWEEN = f"SELECT * FROM found WHERE {_OF} AND until >= ? AND until < ? ORDER BY until"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of a promise in the window from `since` to `until`, seconds since 1970."""

    release: str
    promise: str
    until: int
    since: int
    verdict: str
    value: float | None
    low: float | None
    high: float | None
    n: int | None
    note: str


@dataclass(frozen=True, slots=True)
class Streak:
    """The last verdict on a promise, and the seconds from when it was first found, without its contrary since, to the
    last time. What was unproven in between ends nothing; a last time that is unproven is no streak of anything.
    """

    verdict: str
    lasts: int


class Streaks:
    """The same of looks that are gone through one after the other, and kept nowhere."""

    def __init__(self) -> None:
        self._began: dict[tuple[str, str], tuple[str, int]] = {}

    def stay(self, releases: Collection[str]) -> None:
        """Others left; who comes back begins anew."""
        self._began = {of: began for of, began in self._began.items() if of[0] in releases}

    def look(self, one: Found) -> Streak:
        """What the streak is with this look."""
        if one.verdict == UNPROVEN:
            return Streak(UNPROVEN, 0)
        verdict, since = self._began.get((one.release, one.promise), ("", one.until))
        since = since if verdict == one.verdict else one.until
        self._began[one.release, one.promise] = (one.verdict, since)
        return Streak(one.verdict, one.until - since)


class Measured:
    """What was found at one endpoint."""

    def __init__(self, path: Path) -> None:
        """Raises ArkwrightError or Corrupt when the file cannot be used."""
        self._db = Database(path, _TABLES, LAYOUT)
        self.close = self._db.close

    def put(self, found: Iterable[Found], now: int) -> None:
        """Keep it. What a clock that ran ahead has in the future is forgotten: it would be the last for long."""
        with self._db.transaction() as db:
            db.execute("DELETE FROM found WHERE until > ?", (now,))
            for one in found:
                row = (one.verdict, one.value, one.low, one.high, one.n, one.note)
                db.execute(_PUT, (one.release, one.promise, one.until, one.since, *row))
            db.execute("DELETE FROM found WHERE until < ?", (now - KEEP,))

    def streak(self, release: str, promise: str, since: int = 0) -> Streak | None:
        """Of windows that ended at `since`, seconds since 1970, or later. None before the first time."""
        last = self._db.run(_LAST, release, promise).fetchone()
        if last is None:
            return None
        verdict, until = str(last[0]), int(last[1])
        if verdict == UNPROVEN:
            return Streak(verdict, 0)
        (other,) = self._db.run(_OTHER, release, promise, verdict).fetchone()
        after = max(since - 1, -1 if other is None else other)
        (began,) = self._db.run(_BEGAN, release, promise, verdict, after).fetchone()
        return Streak(verdict, until - int(until if began is None else began))

    def thinned(self, release: str, promise: str, since: int, until: int, points: int) -> list[Found]:
        """The last of each of so many equal parts of the span, in the order of time: a few reads of very many."""
        step = max(1, -(-(until - since) // points))
        parts = ((at, min(at + step, until)) for at in range(since, until, step))
        rows = (self._db.run(_LAST_OF, release, promise, begin, end).fetchone() for begin, end in parts)
        return [Found(*row) for row in rows if row]

    def latest(self, release: str) -> dict[str, Found]:
        """What was found last of each promise, and of what is measured beside them."""
        found: dict[str, Found] = {}
        name = ""
        while row := self._db.run(_NEXT_PROMISE, release, name).fetchone():
            name = str(row[0])
            found[name] = Found(*self._db.run(_LAST_OF, release, name, 0, 1 << 62).fetchone())
        return found

    def releases(self) -> list[str]:
        """Every release that anything was found of."""
        found: list[str] = []
        while row := self._db.run(_NEXT, found[-1] if found else "").fetchone():
            found.append(str(row[0]))
        return found

    def between(self, release: str, promise: str, since: int, until: int) -> list[Found]:
        """In the order of time."""
        return [Found(*row) for row in self._db.run(_BETWEEN, release, promise, since, until).fetchall()]

    def turns(self, release: str, promise: str, since: int, until: int, gap: int) -> list[tuple[Found, int | None]]:
        """Where the verdict is another than the time before, or that was longer than `gap` seconds ago, in order; and
        when that was, None at first.
        """
        rows = self._db.run(_TURNS, release, promise, since, until, gap).fetchall()
        return [(Found(*row[:-2]), row[-2]) for row in rows]

    def last(self) -> int | None:
        """When the endpoint was watched last, seconds since 1970."""
        (found,) = self._db.run("SELECT max(until) FROM found").fetchone()
        return None if found is None else int(found)
