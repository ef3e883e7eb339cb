"""What was answered of the rows of each hour, kept so that an hour is asked once: one SQLite file for an endpoint."""

import json
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from arkwright.monitor.database import Database

LAYOUT = 1
_TABLES = """
CREATE TABLE hour (
    release TEXT NOT NULL, asked TEXT NOT NULL, begin INTEGER NOT NULL, made_of TEXT NOT NULL, answer TEXT NOT NULL,
    PRIMARY KEY (release, asked, begin)
) STRICT, WITHOUT ROWID;
"""
_FIND = "SELECT begin, made_of, answer FROM hour WHERE release = ? AND asked = ? AND begin >= ? AND begin < ?"


class Asked:
    """The hours of one endpoint, each of a release; what is asked is told by its words."""

    def __init__(self, path: Path) -> None:
        """Raises ArkwrightError or Corrupt when the file cannot be used."""
        self._db = Database(path, _TABLES, LAYOUT)
        self.close = self._db.close

    def answers(self, release: str, asked: str, since: int, until: int) -> dict[int, tuple[str, Any]]:
        """Of the hours that begin between -> (what it was made of, the answer)."""
        found = self._db.run(_FIND, release, asked, since, until).fetchall()
        return {int(begin): (str(made_of), json.loads(answer)) for begin, made_of, answer in found}

    def put(self, release: str, hours: Iterable[tuple[int, str, Mapping[str, Any]]]) -> None:
        """Keep (when an hour begins, what it was made of, asked -> answer) in the place of what was answered before."""
        with self._db.transaction() as db:
            for begin, made_of, answers in hours:
                given = [(release, asked, begin, made_of, json.dumps(one)) for asked, one in answers.items()]
                db.executemany("INSERT OR REPLACE INTO hour VALUES (?, ?, ?, ?, ?)", given)

    def forget(self, before: int) -> None:
        """The hours of every release that began earlier."""
        with self._db.transaction() as db:
            db.execute("DELETE FROM hour WHERE begin < ?", (before,))


def file(watched: Path, endpoint: str) -> Path:
    return watched / f"{endpoint}.rows.db"


def forget(watched: Path, endpoint: str, before: int) -> None:
    """What was answered of older hours of an endpoint."""
    if (path := file(watched, endpoint)).exists():
        with closing(Asked(path)) as asked:
            asked.forget(before)
