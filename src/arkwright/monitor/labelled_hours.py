"""Rows whose labels have come, kept by the hour: one SQLite file for an endpoint, so that an hour about which nothing
new is known is not joined again.

What changes is written together with the place in the labels up to which all are worked in.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from arkwright.core.errors import Away
from arkwright.core.locks import locked
from arkwright.measures.evaluation import Array
from arkwright.monitor.database import Database

LAYOUT = 3
ALIKE = "rows that are alike"  # beside columns of callers, none of which has such a name
_TABLES = """
CREATE TABLE hour (
    release TEXT NOT NULL, begin INTEGER NOT NULL, made_of TEXT NOT NULL, columns TEXT NOT NULL, rows INTEGER NOT NULL,
    requests BLOB NOT NULL, alike BLOB NOT NULL, again BLOB NOT NULL, every BLOB NOT NULL, earlier BLOB NOT NULL,
    PRIMARY KEY (release, begin)
) STRICT;
CREATE TABLE mark (release TEXT PRIMARY KEY, place TEXT NOT NULL) STRICT;
"""
_PUT = "INSERT OR REPLACE INTO hour VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """`made_of`: the parts that it was read from, commas between, with these columns; `rows`: how many came, with a
    label or without; `requests`: (n,) 64-bit numbers of their ids, ascending. `every`: the labelled ones; of them
    `alike`: those that were answered once, counted; `again`: those that were answered again. `earlier`: the same as
    `every` with the labels that others took the place of.
    """

    begin: int
    made_of: str
    columns: tuple[str, ...]
    rows: int
    requests: Array
    alike: pa.Table
    again: pa.Table
    every: pa.Table
    earlier: pa.Table


class LabelledHours:
    """The hours of one endpoint, each of a release."""

    def __init__(self, path: Path) -> None:
        """Raises ArkwrightError or Corrupt when the file cannot be used."""
        self._db = Database(path, _TABLES, LAYOUT)
        self._db.run("PRAGMA secure_delete = ON")  # what is forgotten is not left in the file
        self.close, self.forget = self._db.close, self._db.forget_hours

    def mark(self, release: str) -> str:
        """The place in the labels up to which all are worked in; empty before the first."""
        found = self._db.run("SELECT place FROM mark WHERE release = ?", release).fetchone()
        return str(found[0]) if found else ""

    def there(self, release: str) -> dict[int, tuple[str, tuple[str, ...]]]:
        """Hour -> (what it was made of, its columns)."""
        found = self._db.run("SELECT begin, made_of, columns FROM hour WHERE release = ?", release).fetchall()
        return {int(begin): (str(made_of), tuple(json.loads(columns))) for begin, made_of, columns in found}

    def about(self, release: str, requests: Array) -> list[int]:
        """The hours in which one of these (n,) may be."""
        found = self._db.run("SELECT begin, requests FROM hour WHERE release = ?", release)
        return [int(begin) for begin, known in found if _any_in(np.frombuffer(known, np.uint64), requests)]

    def rows(self, release: str, hours: Collection[int]) -> int:
        """How many came in these hours."""
        found = self._db.run("SELECT begin, rows FROM hour WHERE release = ?", release)
        return sum(int(rows) for begin, rows in found if begin in hours)

    def hour(self, release: str, begin: int) -> Hour:
        """One that is there."""
        names = "made_of, columns, rows, requests, alike, again, every, earlier"
        sql = f"SELECT {names} FROM hour WHERE release = ? AND begin = ?"  # noqa: S608 - fixed text
        made_of, columns, rows, requests, *tables = self._db.run(sql, release, begin).fetchone()
        alike, again, every, earlier = map(self._unpacked, tables)
        return Hour(
            begin=begin,
            made_of=made_of,
            columns=tuple(json.loads(columns)),
            rows=rows,
            requests=np.frombuffer(requests, np.uint64),
            alike=alike,
            again=again,
            every=every,
            earlier=earlier,
        )

    def counted(self, release: str, begin: int) -> tuple[pa.Table, pa.Table]:
        """(those alike, those that were answered again) of an hour that is there."""
        sql = "SELECT alike, again FROM hour WHERE release = ? AND begin = ?"
        alike, again = map(self._unpacked, self._db.run(sql, release, begin).fetchone())
        return alike, again

    def every(self, release: str, begin: int, columns: Sequence[str]) -> pa.Table:
        """These columns of the labelled rows of an hour that is there."""
        (body,) = self._db.run("SELECT every FROM hour WHERE release = ? AND begin = ?", release, begin).fetchone()
        return self._unpacked(body, columns)

    def earlier(self, release: str, begin: int, columns: Sequence[str]) -> pa.Table:
        """The same with the labels that others took the place of."""
        (body,) = self._db.run("SELECT earlier FROM hour WHERE release = ? AND begin = ?", release, begin).fetchone()
        return self._unpacked(body, columns)

    def put(self, release: str, hours: Iterable[Hour], without: Collection[int], place: str) -> None:
        """Keep these in the place of those before and forget others; all labels up to this place are worked in."""
        with self._db.transaction() as db:
            db.executemany("DELETE FROM hour WHERE release = ? AND begin = ?", [(release, hour) for hour in without])
            for hour in hours:
                told = hour.begin, hour.made_of, json.dumps(hour.columns), hour.rows, hour.requests.tobytes()
                db.execute(_PUT, (release, *told, *map(packed, (hour.alike, hour.again, hour.every, hour.earlier))))
            db.execute("INSERT OR REPLACE INTO mark VALUES (?, ?)", (release, place))

    def _unpacked(self, body: bytes, columns: Sequence[str] | None = None) -> pa.Table:
        try:
            return unpacked(body, columns)
        except (pa.ArrowException, OSError) as error:
            raise self._db.said(error) from None


@contextmanager
def alone(watched: Path, endpoint: str, within: float) -> Iterator[LabelledHours]:
    """Those of an endpoint, which one process has at a time. Raises Away where another has them for so many seconds."""
    watched.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = watched / f"{endpoint}.labelled.lock"
    with locked(lock, within=within) as got:
        if not got:
            raise Away(
                f"a process has joined rows of {endpoint} with labels for {within:.0f} seconds and goes on; where it "
                f"stands still, end it (fuser -v {lock}), and try again"
            )
        with closing(LabelledHours(_file(watched, endpoint))) as kept:
            yield kept


def forget(watched: Path, endpoint: str, before: int) -> None:
    """What is older, nothing of which is left in the file. The next time, where another process has the hours."""
    if _file(watched, endpoint).exists():
        with suppress(Away), alone(watched, endpoint, within=0) as kept:
            kept.forget(before)


def _file(watched: Path, endpoint: str) -> Path:
    return watched / f"{endpoint}.labelled.db"


def counted(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """The rows that are alike in these columns as one, with their number ALIKE."""
    made = table.select(columns).group_by(columns, use_threads=False).aggregate([([], "count_all")])
    return made.rename_columns([*columns, ALIKE])


def summed(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """The same of what was counted apart."""
    made = table.group_by(columns, use_threads=False).aggregate([(ALIKE, "sum")])
    return made.rename_columns([*columns, ALIKE])


def packed(table: pa.Table) -> bytes:
    """As it is kept."""
    made = pa.BufferOutputStream()
    with pa.ipc.new_file(made, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as file:
        file.write_table(table)
    found: bytes = made.getvalue().to_pybytes()
    return found


def unpacked(body: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """A table that was packed, or some columns of it. Raises ArrowException or OSError where it is damaged."""
    found = pa.ipc.open_file(pa.py_buffer(body))
    if columns is not None:
        wanted = [found.schema.get_field_index(name) for name in columns]
        found = pa.ipc.open_file(pa.py_buffer(body), options=pa.ipc.IpcReadOptions(included_fields=wanted))
    return found.read_all()


def _any_in(known: Array, wanted: Array) -> bool:
    """Whether an ascending array has one of these."""
    if not len(known):
        return False
    places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return bool((known[places] == wanted).any())
