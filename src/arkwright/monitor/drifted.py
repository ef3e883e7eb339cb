"""How far each column was from its reference in each slot of time: kept, so that a look at a month reads a few rows.

One SQLite file for an endpoint, of hours, quarters of a day and days. It may be removed: it is made anew of the counts.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from arkwright.measures.drift import holm, significance
from arkwright.measures.evaluation import Undefined
from arkwright.measures.window import Window
from arkwright.monitor.counting import Counts, Reference
from arkwright.monitor.database import Database
from arkwright.monitor.kept import HOUR, Kept

DAY = 24 * HOUR
KEEP = {HOUR: 2 * DAY, 6 * HOUR: 8 * DAY, DAY: 400 * DAY}  # seconds of a slot -> how far back
LAYOUT = 1
_TABLES = """
CREATE TABLE slot (
    release TEXT NOT NULL, seconds INTEGER NOT NULL, begin INTEGER NOT NULL, rows INTEGER NOT NULL,
    body BLOB NOT NULL, PRIMARY KEY (release, seconds, begin)
) STRICT, WITHOUT ROWID;
"""
_OF = "release = ? AND seconds = ? AND begin >= ? AND begin < ?"
_PUT = "INSERT OR REPLACE INTO slot VALUES (?, ?, ?, ?, ?)"
_DROP = "DELETE FROM slot WHERE seconds = ? AND begin < ?"


@dataclass(frozen=True, slots=True)
class Moved:
    """One column in one slot: `effect` 0 to 1 of the test that fits it, and the p-value, adjusted for their number."""

    effect: float
    chance: float


@dataclass(frozen=True, slots=True)
class Slot:
    """What came in the seconds from `begin` on: `rows`, and of each column how far it was from its reference."""

    begin: int
    seconds: int
    rows: int
    columns: Mapping[str, Moved]


class Drifted:
    """The slots of one endpoint."""

    def __init__(self, path: Path) -> None:
        """Raises ArkwrightError or Corrupt when the file cannot be used."""
        self._db = Database(path, _TABLES, LAYOUT)
        self.close = self._db.close

    def follow(
        self, kept: Kept, release: str, reference: Reference, now: int, moving: frozenset[str] = frozenset()
    ) -> int:
        """Look again at every slot whose number of rows is another by now; how many those were. `moving`: columns that
        always move, and are left out.
        """
        stale = {seconds: self._stale(kept, release, seconds, now) for seconds in KEEP}
        days = sorted({begin // DAY * DAY for slots in stale.values() for begin in slots})
        for day in days:
            made: dict[tuple[int, int], Counts] = {}
            for begin, _, counts in kept.slots(release, reference, day, day + DAY):
                for seconds, slots in stale.items():
                    key = (seconds, begin // seconds * seconds)
                    if key[1] in slots:
                        made[key] = made[key] + counts if key in made else counts
            self._put(release, reference, made, moving)
        with self._db.transaction() as db:
            for seconds, back in KEEP.items():
                db.execute(_DROP, (seconds, now - back - seconds))
        return sum(map(len, stale.values()))

    def between(self, release: str, seconds: int, since: int, until: int) -> list[Slot]:
        """In the order of time."""
        sql = f"SELECT begin, rows, body FROM slot WHERE {_OF} ORDER BY begin"  # noqa: S608 - fixed text
        found = self._db.run(sql, release, seconds, since, until).fetchall()
        return [Slot(int(begin), seconds, int(rows), self._read(body)) for begin, rows, body in found]

    def _stale(self, kept: Kept, release: str, seconds: int, now: int) -> set[int]:
        since = (now - KEEP[seconds]) // seconds * seconds
        there = kept.rows_by(release, seconds, since, now)
        sql = f"SELECT begin, rows FROM slot WHERE {_OF}"  # noqa: S608 - fixed text
        known = {int(begin): int(rows) for begin, rows in self._db.run(sql, release, seconds, since, now).fetchall()}
        return {begin for begin, rows in there.items() if known.get(begin) != rows}

    def _put(
        self, release: str, reference: Reference, made: Mapping[tuple[int, int], Counts], moving: frozenset[str]
    ) -> None:
        rows = []
        for (seconds, begin), counts in made.items():
            window = replace(reference.window(counts), moving=moving)
            rows.append((release, seconds, begin, counts.rows, msgspec.msgpack.encode(dict(moved(window)))))
        with self._db.transaction() as db:
            db.executemany(_PUT, rows)

    def _read(self, body: bytes) -> Mapping[str, Moved]:
        try:
            return {name: Moved(*pair) for name, pair in msgspec.msgpack.decode(body, type=_BODY).items()}
        except msgspec.MsgspecError as error:
            raise self._db.said(error) from None


_BODY = dict[str, tuple[float, float]]


def moved(window: Window) -> Iterator[tuple[str, tuple[float, float]]]:
    """(column, (effect, adjusted p-value)) of each that can be compared."""
    tried = dict(_tried(window, (column for column in window.columns if column not in window.moving)))
    adjusted = holm([chance for chance, _ in tried.values()])
    for (column, (_, effect)), chance in zip(tried.items(), adjusted, strict=True):
        yield column, (effect, chance)


def _tried(window: Window, columns: Iterable[str]) -> Iterator[tuple[str, tuple[float, float]]]:
    for column in columns:
        with suppress(Undefined):
            yield column, significance(window, column)
