"""Runs in lists, and the numbers by which they are put in order: of the models that each made or took."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from arkwright.catalog.pages import Page, cursor, place, size
from arkwright.core.errors import ArkwrightError, Invalid, did_you_mean
from arkwright.core.nouns import Model, Run
from arkwright.core.promises import parse
from arkwright.core.record import decode, split_reference

NUMBER = "number"
SORTS = {"started": "noun.seq", "seconds": "seconds", "name": "name", NUMBER: "value"}
MOST_NAMES = 200  # of numbers that are offered


def listed(
    db: Any, where: list[str], values: list[Any], *, sort: str, number: str | None, limit: int, after: str | None
) -> Page[Run]:
    """Those that fit, in a page; by a number, those that have it. Raises Invalid for a sort or a place that is none."""
    column = SORTS.get(sort.removeprefix("-"))
    if column is None:
        raise Invalid(f"runs are not sorted by {sort[:40]!r}{did_you_mean(sort.removeprefix('-'), SORTS)}")
    source, down = "noun", sort.startswith("-")
    if column == "value":
        if not number:
            raise Invalid("say by which number runs are sorted")
        source = "number JOIN noun ON noun.kind = 'run' AND noun.seq = number.seq"
        where, values = ["what = ?", *where], [number, *values]
    if after:
        spot = place(after, str if column == "name" else float, int)
        where, values = [*where, f"({column}, noun.seq) {'<' if down else '>'} (?, ?)"], [*values, *spot]
    way = "DESC" if down else "ASC"
    query = f"SELECT {column}, noun.seq, body FROM {source} WHERE {' AND '.join(where)} "  # noqa: S608
    query += f"ORDER BY {column} {way}, noun.seq {way} LIMIT ?"
    rows = db.execute(query, (*values, size(limit) + 1)).fetchall()
    found = tuple(decode(Run, body) for _, _, body in rows[:limit])
    return Page(items=found, next=cursor(*rows[limit - 1][:2]) if len(rows) > limit else None)


def numbers(db: Any, what: str, runs: Sequence[Run]) -> dict[str, float]:
    """The number of each of the runs that has it, by reference."""
    query = "SELECT value FROM number JOIN noun ON noun.seq = number.seq WHERE what = ? AND kind = 'run' "
    query += "AND name = ? AND version = ?"
    found = {run.ref: db.execute(query, (what, run.name, run.version)).fetchone() for run in runs}
    return {ref: row[0] for ref, row in found.items() if row}


def names(db: Any) -> list[str]:
    """What there are numbers of, by a walk from one to the next."""
    walk = "WITH RECURSIVE n (what) AS (SELECT min(what) FROM number UNION ALL SELECT (SELECT min(what) FROM number "
    walk += "WHERE what > n.what) FROM n WHERE n.what IS NOT NULL LIMIT ?) SELECT what FROM n WHERE what IS NOT NULL"
    return [what for (what,) in db.execute(walk, (MOST_NAMES,))]


def ended(db: Any, seq: int, body: Mapping[str, Any]) -> None:
    """Note the numbers of a run that has ended; `seq`: of its row."""
    rows = [(what, value, seq) for what, value in _measured(db, body).items()]
    db.executemany("INSERT OR REPLACE INTO number (what, value, seq) VALUES (?, ?, ?)", rows)


def _measured(db: Any, body: Mapping[str, Any]) -> dict[str, float]:
    """What was found for each promise, and what models say of themselves; of several models with the model's name."""
    found: dict[str, dict[str, float]] = {}
    stem = f"{Model.KIND}:"
    for ref in [ref for word in ("made", "reused") for ref in body.get(word) or () if str(ref).startswith(stem)]:
        with suppress(ArkwrightError):  # a later version wrote it
            name, version = split_reference(str(ref), Model.KIND)
            for what, value in _of_model(db, name, version or 0):
                found.setdefault(what, {})[name] = value
    return {
        what if len(values) == 1 else f"{name}: {what}": value
        for what, values in found.items()
        for name, value in values.items()
    }


def _of_model(db: Any, name: str, version: int) -> Iterator[tuple[str, float]]:
    """What it says of itself; then the measure of each promise, as it is written, with its latest value at last."""
    query = "SELECT digest, body FROM noun WHERE kind = ? AND name = ? AND version = ?"
    row = db.execute(query, (Model.KIND, name, version)).fetchone()
    if row is None:
        return
    for what, value in decode(Model, row[1]).facts.items():
        if not isinstance(value, str):
            yield what, float(value)
    query = "SELECT promise, value FROM measured WHERE digest = ? AND value IS NOT NULL ORDER BY seq"
    for text, value in db.execute(query, (row[0],)).fetchall():
        yield parse(text).measure, value
