"""Full text over what is on record."""

from dataclasses import dataclass
from typing import Any

from arkwright.catalog.pages import Page, cursor, place
from arkwright.core.fulltext import BEST_FIRST, NEWEST_THAT_MATCH, SNIPPET, match, turns


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One thing found. `snippet`: text that does not match and text that does, in turns, plain first.

    `seq`: the event that says it; None for what clients logged, which is not in the ledger.
    """

    kind: str
    ref: str
    title: str
    snippet: tuple[str, ...]
    at: str
    by: str
    seq: int | None


def search(db: Any, text: str, kinds: tuple[str, ...], limit: int, after: str | None) -> Page[Hit]:
    """The best first, of the newest that match."""
    asked, (skip,) = match(text, kinds), place(after, int) if after else (0,)
    (oldest,) = db.execute(NEWEST_THAT_MATCH, (asked,)).fetchone()
    rows = db.execute(
        f"SELECT rowid, kind, ref, title, {SNIPPET} FROM words WHERE words MATCH ? AND rowid >= ? "  # noqa: S608
        f"{BEST_FIRST} LIMIT ? OFFSET ?",
        (asked, oldest or 0, limit + 1, max(skip, 0)),
    ).fetchall()
    hits = tuple(_hit(db, row) for row in rows[:limit])
    return Page(items=hits, next=cursor(skip + limit) if len(rows) > limit else None)


def _hit(db: Any, row: tuple[Any, ...]) -> Hit:
    place_, kind, ref, title, snippet = row
    seq = place_ // 4
    at, by = db.execute("SELECT at, person FROM event WHERE seq = ?", (seq,)).fetchone()
    return Hit(kind=kind, ref=ref, title=title, snippet=turns(snippet), at=at, by=by, seq=seq)
