"""What was counted, kept by slots of time: one SQLite file for an endpoint, small beside the predictions themselves.

A slot is a minute, or an hour once that is over. Counts and the mark (up to when they are whole) are written together:
who is killed on the way has neither, and counts the same again. Whatever is acknowledged is on the disk.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from arkwright.monitor.counting import Counts, Reference
from arkwright.monitor.database import Database
from arkwright.monitor.packing import pack, unpack

MINUTE, HOUR = 60, 3600  # seconds
LAYOUT = 1
_TABLES = """
CREATE TABLE slot (
    release TEXT NOT NULL, begin INTEGER NOT NULL, seconds INTEGER NOT NULL, rows INTEGER NOT NULL,
    body BLOB NOT NULL, PRIMARY KEY (release, begin)
) STRICT;
CREATE TABLE mark (release TEXT PRIMARY KEY, until INTEGER NOT NULL, files TEXT NOT NULL) STRICT;
"""
_PUT = "INSERT OR REPLACE INTO slot VALUES (?, ?, ?, ?, ?)"
_BETWEEN = "release = ? AND begin >= ? AND begin < ?"
_SPANNED = "release = ?1 AND begin >= ?2 AND begin < ?3"
_FIND = f"SELECT begin, seconds, body FROM slot WHERE {_BETWEEN} ORDER BY begin"  # noqa: S608 - fixed text
_DROP = f"DELETE FROM slot WHERE {_BETWEEN}"  # noqa: S608
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
            for (begin, seconds), counts in slots.items():
                db.execute(_PUT, (release, begin, seconds, counts.rows, pack(counts)))
            db.execute(_MARK, (release, until))

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
        sql = f"SELECT begin / ?4 * ?4, sum(rows) FROM slot WHERE {_SPANNED} GROUP BY 1"  # noqa: S608 - fixed text
        found = self._db.run(sql, release, since, until, seconds).fetchall()
        return {int(begin): int(rows) for begin, rows in found}

    def begins(self, release: str, rows: int, until: int) -> int:
        """Where the last so many rows before `until` begin, to the slot; where there are fewer, all of them."""
        counted, begin = 0, until
        sql = "SELECT begin, rows FROM slot WHERE release = ? AND begin < ? ORDER BY begin DESC"
        for slot, some in self._db.run(sql, release, until):
            counted, begin = counted + int(some), int(slot)
            if counted >= rows:
                break
        return begin

    def hours(self, release: str, reference: Reference, until: int) -> None:
        """Make one slot of the minutes of each hour that is over by then."""
        begun = self._db.run(
            "SELECT DISTINCT begin / ?2 * ?2 FROM slot WHERE release = ?1 AND seconds < ?2 AND begin < ?3 / ?2 * ?2",
            release, HOUR, until,
        ).fetchall()  # fmt: skip
        for (hour,) in begun:
            whole = self.window(release, reference, hour, hour + HOUR)
            with self._db.transaction() as db:
                db.execute(_DROP, (release, hour, hour + HOUR))
                db.execute(_PUT, (release, hour, HOUR, whole.rows, pack(whole)))

    def slots(self, release: str, reference: Reference, since: int, until: int) -> Iterator[tuple[int, int, Counts]]:
        """(begin, seconds, counts) that begin from `since` on and before `until`, in order."""
        for begin, seconds, body in self._db.run(_FIND, release, since, until).fetchall():
            try:
                yield int(begin), int(seconds), unpack(bytes(body), reference)
            except ValueError as error:
                raise self._db.said(error) from None

    def window(self, release: str, reference: Reference, since: int, until: int) -> Counts:
        """All of them added up."""
        whole = Counts()
        for _, _, counts in self.slots(release, reference, since, until):
            whole += counts
        return whole
