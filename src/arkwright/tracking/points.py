"""Metric points: the one road that must be fast."""

import math
from collections.abc import Sequence
from typing import Any

from arkwright.tracking.layout import NAN

Point = tuple[str, int, int, float]  # key, step, milliseconds since 1970, value
_FIND = "SELECT id, step, at, value FROM series WHERE owner = ? AND key = ?"
_NEW = "INSERT INTO series (owner, key, step, at, value) VALUES (?, ?, ?, ?, ?) RETURNING id"
_ADD = "INSERT OR IGNORE INTO point VALUES (?, ?, ?, ?)"
_HISTORY = """
SELECT p.step, p.at, p.value FROM point p JOIN series s ON s.id = p.series WHERE s.owner = ? AND s.key = ?
ORDER BY p.at, p.step, p.value LIMIT ? OFFSET ?
"""


def add(db: Any, run: int, points: Sequence[Point]) -> None:
    """Keep these points; one that is there already stays once. The caller has checked names and numbers."""
    grouped: dict[str, list[tuple[int, int, float | str]]] = {}
    for key, step, at, value in points:
        row = (step, at, value if value == value else NAN)  # noqa: PLR0124 - only NaN differs from itself
        if key in grouped:
            grouped[key].append(row)
        else:
            grouped[key] = [row]
    rows: list[tuple[int, int, int, float | str]] = []
    for key, found in grouped.items():
        series = _series(db, run, key, found)
        rows += [(series, *row) for row in found]
    db.executemany(_ADD, rows)


def _series(db: Any, run: int, key: str, rows: list[tuple[int, int, float | str]]) -> int:
    """The series of this metric, its latest point brought up to date: the greatest by step, then time, then value."""
    last = max(rows, key=_order)
    known = db.execute(_FIND, (run, key)).fetchone()
    if known is None:
        return int(db.execute(_NEW, (run, key, *last)).fetchone()[0])
    if _order(last) > _order(known[1:]):
        db.execute("UPDATE series SET step = ?, at = ?, value = ? WHERE id = ?", (*last, known[0]))
    return int(known[0])


def _order(row: Sequence[Any]) -> tuple[int, int, bool, Any]:
    return row[0], row[1], row[2] == NAN, 0.0 if row[2] == NAN else row[2]


def number(value: float | str) -> float:
    """As it was before it was kept."""
    return float("nan") if value == NAN else float(value)


def history(db: Any, run: int, key: str, limit: int, offset: int = 0) -> list[tuple[int, int, float]]:
    """(step, milliseconds, value) in the order of time."""
    return [(step, at, number(value)) for step, at, value in db.execute(_HISTORY, (run, key, limit, offset))]


def names(db: Any, most: int) -> list[str]:
    """The first metrics by name that any run has, by a walk from one to the next."""
    walk = "WITH RECURSIVE n (key) AS (SELECT min(key) FROM series UNION ALL SELECT (SELECT min(key) FROM series "
    walk += "WHERE key > n.key) FROM n WHERE n.key IS NOT NULL LIMIT ?) SELECT key FROM n WHERE key IS NOT NULL"
    return [key for (key,) in db.execute(walk, (most,))]


def curve(
    db: Any, run: int, key: str, *, low: int | None = None, high: int | None = None, most: int = 1000
) -> list[tuple[int, int, float]]:
    """The points between two steps in the order of steps, at most about `most` of them, evenly thinned.

    The first and the last are always there.
    """
    bounds = (run, key, -(2**63) if low is None else low, 2**63 - 1 if high is None else high)
    within = "FROM point p JOIN series s ON s.id = p.series WHERE s.owner = ? AND s.key = ? AND p.step BETWEEN ? AND ?"
    (count,) = db.execute(f"SELECT count(*) {within}", bounds).fetchone()
    found = db.execute(f"SELECT p.step, p.at, p.value {within} ORDER BY p.step, p.at, p.value", bounds)
    stride = max(1, -(-count // max(1, most)))
    return [
        (step, at, number(value))
        for place, (step, at, value) in enumerate(found)
        if place % stride == 0 or place == count - 1
    ]


def ending(db: Any, run: int, key: str) -> tuple[int, set[float]] | None:
    """(step, values) from which on no value is finite, and which ones they are; None where the last is."""
    rows = db.execute(
        "SELECT p.step, p.value FROM point p JOIN series s ON s.id = p.series WHERE s.owner = ? AND s.key = ? "
        "ORDER BY p.step DESC, p.at DESC, p.value DESC",
        (run, key),
    )
    began, which = None, set()
    for step, kept in rows:
        value = number(kept)
        if math.isfinite(value):
            break
        began = step
        which.add(math.nan if math.isnan(value) else value)
    return None if began is None else (began, which)
