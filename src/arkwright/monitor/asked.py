"""What was told of the rows of each hour, kept so that an hour is read once: one SQLite file for an endpoint."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from pathlib import Path

from arkwright.core.errors import ArkwrightError
from arkwright.monitor.database import Database

LAYOUT = 2
_TABLES = """
CREATE TABLE hour (
    release TEXT NOT NULL, asked TEXT NOT NULL, begin INTEGER NOT NULL, made_of TEXT NOT NULL, answer BLOB NOT NULL,
    PRIMARY KEY (release, asked, begin)
) STRICT;
"""
_THERE = "SELECT begin, made_of FROM hour WHERE release = ? AND asked = ?"
_ANSWERS = "SELECT begin, answer FROM hour WHERE release = ? AND asked = ? AND begin >= ? AND begin <= ? ORDER BY begin"


class Asked:
    """The hours of one endpoint, each of a release; what is asked is told by its words."""

    def __init__(self, path: Path) -> None:
        """Raises ArkwrightError or Corrupt when the file cannot be used."""
        self._db = Database(path, _TABLES, LAYOUT)
        self._db.run("PRAGMA secure_delete = ON")  # what is forgotten is not left in the file
        self.close, self.forget = self._db.close, self._db.forget_hours

    def there(self, release: str, asked: str) -> dict[int, str]:
        """When each hour began that is kept -> what it was made of."""
        found = self._db.run(_THERE, release, asked).fetchall()
        return {int(begin): str(made_of) for begin, made_of in found}

    def answers(self, release: str, asked: str, hours: Collection[int]) -> Iterator[bytes]:
        """Of those of these hours that are kept, in their order, one after the other."""
        if hours:
            for begin, answer in self._db.run(_ANSWERS, release, asked, min(hours), max(hours)):
                if begin in hours:
                    yield answer

    def put(self, release: str, asked: str, hours: Iterable[tuple[int, str, bytes]]) -> None:
        """Keep (when an hour begins, what it was made of, the answer) in the place of what was answered before."""
        given = ((release, asked, begin, made_of, answer) for begin, made_of, answer in hours)
        with self._db.transaction() as db:
            db.executemany("INSERT OR REPLACE INTO hour VALUES (?, ?, ?, ?, ?)", given)

    def damaged(self, error: Exception) -> ArkwrightError:
        """Of an answer that makes no sense."""
        return self._db.said(error)


def file(watched: Path, endpoint: str) -> Path:
    return watched / f"{endpoint}.rows.db"


def forget(watched: Path, endpoint: str, before: int) -> None:
    """What was answered of older hours of an endpoint."""
    if (path := file(watched, endpoint)).exists():
        with closing(Asked(path)) as asked:
            asked.forget(before)
