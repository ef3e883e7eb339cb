"""What was counted, kept by slots of time: one SQLite file for an endpoint, small beside the predictions themselves.

A slot is a minute, and an hour once that is over, beside which its minutes stay for a day: a window may begin at any
of them. The hours of a day that is over are added up once, so that months are few reads. Counts and the mark (up to
when they are whole) are written together: who is killed on the way has neither, and counts the same again. Whatever is
acknowledged is on the disk.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from arkwright.monitor.counting import Counts, Reference
from arkwright.monitor.database import Database
from arkwright.monitor.packing import pack, unpack

MINUTE, HOUR, DAY = 60, 3600, 86_400  # seconds
MINUTES_STAY = 25 * HOUR  # a day, and the hour in which it begins
LAYOUT = 3
_TABLES = """
CREATE TABLE slot (
    release TEXT NOT NULL, begin INTEGER NOT NULL, seconds INTEGER NOT NULL, rows INTEGER NOT NULL,
    body BLOB NOT NULL, PRIMARY KEY (release, seconds, begin)
) STRICT;
CREATE TABLE day (
    release TEXT NOT NULL, begin INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (release, begin)
) STRICT;
CREATE TABLE mark (release TEXT PRIMARY KEY, until INTEGER NOT NULL, files TEXT NOT NULL) STRICT;
"""
_PUT = "INSERT OR REPLACE INTO slot VALUES (?, ?, ?, ?, ?)"
_OTHER = "SELECT 1 FROM slot AS other WHERE other.release = slot.release AND other.seconds"
_OF_HOUR = f"EXISTS ({_OTHER} = 3600 AND other.begin = slot.begin / 3600 * 3600"
_DIVIDED = f"EXISTS ({_OTHER} = 60 AND other.begin >= slot.begin AND other.begin < slot.begin + 3600)"
# each row once: hours that lie between as a whole, and minutes of the others
_BETWEEN = (
    "release = ?1 AND begin >= ?2 AND begin + seconds <= ?3 AND "
    f"(seconds = 3600 OR NOT {_OF_HOUR} AND other.begin >= ?2 AND other.begin + 3600 <= ?3))"
)
_FIND = f"SELECT begin, seconds, body FROM slot WHERE {_BETWEEN} ORDER BY begin"  # noqa: S608 - fixed text
_DROP = "DELETE FROM slot WHERE release = ? AND begin >= ? AND begin < ?"
_DROP_DAYS = "DELETE FROM day WHERE release = ? AND begin > ? AND begin < ?"
_UNTOLD = """
SELECT DISTINCT begin / 86400 * 86400 FROM slot WHERE release = ? AND seconds = 3600 AND begin < ? AND NOT EXISTS (
    SELECT 1 FROM day WHERE day.release = slot.release AND day.begin = slot.begin / 86400 * 86400)
"""
_MARK = "INSERT INTO mark VALUES (?, ?, '') ON CONFLICT DO UPDATE SET until = max(until, excluded.until)"
Slots = Mapping[tuple[int, int], Counts]  # (begin, seconds) -> counts


class Kept:
    """The slots of one endpoint; `reference`: of the release, in whose bins its counts are."""

    def __init__(self, path: Path) -> None:
        """Raises ArkwrightError or Corrupt when the file cannot be used."""
        self._db = Database(path, _TABLES, LAYOUT)
        self.close = self._db.close

    def mark(self, release: str) -> int | None:
        """Seconds since 1970 before which every row of this release is counted; None before the first count."""
        found = self._db.run("SELECT until FROM mark WHERE release = ?", release).fetchone()
        return int(found[0]) if found else None

    def files(self, release: str) -> set[str]:
        """The digests of the files that were looked at."""
        found = self._db.run("SELECT files FROM mark WHERE release = ?", release).fetchone()
        return set(str(found[0]).split()) if found else set()

    def put(self, release: str, slots: Slots, since: int, until: int) -> None:
        """Keep the counts between `since` and `until` in the place of those before, and move the mark up to it."""
        with self._db.transaction() as db:
            db.execute(_DROP, (release, since, until))
            db.execute(_DROP_DAYS, (release, since - DAY, until))
            db.executemany(_PUT, _packed(release, slots))
            db.execute(_MARK, (release, until))

    def undivided(self, release: str, since: int, until: int) -> list[int]:
        """The hours that only partly lie between and of which no minutes are kept."""
        sql = f"SELECT begin FROM slot WHERE release = ? AND seconds = 3600 AND begin = ? AND NOT {_DIVIDED}"  # noqa: S608 - fixed text
        cut = {end // HOUR * HOUR for end in (since, until) if end % HOUR}
        return [hour for hour in sorted(cut) if self._db.run(sql, release, hour).fetchone()]

    def divide(self, release: str, hour: int, minutes: Slots) -> None:
        """Keep these beside their hour, unless something else was counted of it."""
        with self._db.transaction() as db:
            sql = "SELECT rows FROM slot WHERE release = ? AND seconds = 3600 AND begin = ?"
            if db.execute(sql, (release, hour)).fetchone() == (sum(one.rows for one in minutes.values()),):
                db.executemany(_PUT, _packed(release, minutes))

    def looked(self, release: str, files: Iterable[str]) -> None:
        """These are the files by now, and all of them were looked at."""
        with self._db.transaction() as db:
            db.execute("UPDATE mark SET files = ? WHERE release = ?", (" ".join(sorted(files)), release))

    def rows(self, release: str, since: int, until: int) -> int:
        """How many rows are counted in the slots between."""
        sql = f"SELECT coalesce(sum(rows), 0) FROM slot WHERE {_BETWEEN}"  # noqa: S608 - fixed text
        return int(self._db.run(sql, release, since, until).fetchone()[0])

    def rows_by(self, release: str, seconds: int, since: int, until: int) -> dict[int, int]:
        """How many rows are counted in each span of so many seconds, hours or longer, by when it begins."""
        sql = f"SELECT begin / ?4 * ?4, sum(rows) FROM slot WHERE {_BETWEEN} GROUP BY 1"  # noqa: S608 - fixed text
        found = self._db.run(sql, release, since, until, seconds).fetchall()
        return {int(begin): int(rows) for begin, rows in found}

    def begins(self, release: str, rows: int, until: int) -> int:
        """Where the last so many rows before `until` begin, to the minute or, where none are kept, the hour; all that
        there are, where those are fewer.
        """
        counted, begin = 0, until
        finest = f"begin + seconds <= ? AND (seconds = 60 OR NOT {_DIVIDED})"
        sql = f"SELECT begin, rows FROM slot WHERE release = ? AND {finest} ORDER BY begin DESC"  # noqa: S608 - fixed text
        for slot, some in self._db.run(sql, release, until):
            counted, begin = counted + int(some), int(slot)
            if counted >= rows:
                break
        return begin

    def hours(self, release: str, reference: Reference, until: int) -> None:
        """Make one slot of the minutes of each hour that is over by then, and forget those of whatever release that are
        older than a day; add up each day that is over.
        """
        over, minutes = until // HOUR * HOUR, f"FROM slot WHERE seconds = 60 AND begin < ? AND {{}}{_OF_HOUR})"
        begun = f"SELECT DISTINCT begin / 3600 * 3600 {minutes.format('NOT ')} AND release = ?"
        for (hour,) in self._db.run(begun, over, release).fetchall():
            whole = self.window(release, reference, hour, hour + HOUR)
            with self._db.transaction() as db:
                db.execute(_PUT, (release, hour, HOUR, whole.rows, pack(whole)))
        with self._db.transaction() as db:
            db.execute(f"DELETE {minutes.format('')}", (over - MINUTES_STAY,))
        for (day,) in self._db.run(_UNTOLD, release, over // DAY * DAY).fetchall():
            whole = self.window(release, reference, day, day + DAY)
            with self._db.transaction() as db:
                if self.rows(release, day, day + DAY) == whole.rows:  # or another counts late rows of it just now
                    db.execute("INSERT OR REPLACE INTO day VALUES (?, ?, ?)", (release, day, pack(whole)))

    def slots(self, release: str, reference: Reference, since: int, until: int) -> Iterator[tuple[int, int, Counts]]:
        """(begin, seconds, counts) of the hours that lie between as a whole and of the minutes beside, in order."""
        for begin, seconds, body in self._db.run(_FIND, release, since, until).fetchall():
            yield int(begin), int(seconds), self._counts(body, reference)

    def window(self, release: str, reference: Reference, since: int, until: int) -> Counts:
        """All of them added up."""
        whole, done = Counts(), since
        sql = "SELECT begin, body FROM day WHERE release = ? AND begin >= ? AND begin <= ? ORDER BY begin"
        for begin, body in self._db.run(sql, release, since, until - DAY).fetchall():
            whole += self._slots_of(release, reference, done, int(begin)) + self._counts(body, reference)
            done = int(begin) + DAY
        return whole + self._slots_of(release, reference, done, until)

    def _slots_of(self, release: str, reference: Reference, since: int, until: int) -> Counts:
        return sum((counts for _, _, counts in self.slots(release, reference, since, until)), Counts())

    def _counts(self, body: bytes, reference: Reference) -> Counts:
        try:
            return unpack(bytes(body), reference)
        except ValueError as error:
            raise self._db.said(error) from None


def _packed(release: str, slots: Slots) -> Iterator[tuple[str, int, int, int, bytes]]:
    for (begin, seconds), counts in slots.items():
        yield release, begin, seconds, counts.rows, pack(counts)
