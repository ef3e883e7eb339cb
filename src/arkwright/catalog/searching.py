"""Full text: what people type as FTS5 wants it, and the hits."""

import re
from dataclasses import dataclass
from typing import Any

from arkwright.catalog.pages import Page, cursor, place
from arkwright.core.errors import Invalid

NEWEST = 2_000  # matches that are ranked: the newest; a word that is everywhere costs no more than that
LONGEST, MOST_WORDS = 400, 20
OPEN, CLOSE = "\ue000", "\ue001"  # of private use: around a match, until the snippet is cut at them
_WORD = re.compile(r'"([^"]*)"|(\S+)')


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One thing found. `snippet`: text that does not match and text that does, in turns, plain first."""

    kind: str
    ref: str
    title: str
    snippet: tuple[str, ...]
    at: str
    by: str
    seq: int


def match(text: str, kinds: tuple[str, ...]) -> str:
    """Every word must be there, what stands in quotes as it stands; the last word may go on. Raises Invalid."""
    words = [phrase or word for phrase, word in _WORD.findall(text[:LONGEST])]
    words = [clean for word in words if re.search(r"\w", clean := word.replace('"', " ").replace("\0", " "))]
    if not words or len(text) > LONGEST or len(words) > MOST_WORDS:
        raise Invalid(f"search for 1 to {MOST_WORDS} words, together at most {LONGEST} characters")
    quoted = [f'"{word}"' for word in words]
    if not text.rstrip().endswith('"') and len(words[-1]) > 1:
        quoted[-1] += "*"
    asked = f"{{title text}} : ({' AND '.join(quoted)})"
    for kind in kinds:  # one that is left out would find everything
        if not re.fullmatch(r"\w{1,40}", kind):
            raise Invalid(f"{kind[:40]!r} is no kind of thing; write one such as release or comment")
    some = " OR ".join(f'"{kind}"' for kind in kinds)
    return f"kind : ({some}) AND {asked}" if some else asked


def search(db: Any, text: str, kinds: tuple[str, ...], limit: int, after: str | None) -> Page[Hit]:
    """The best first, of the newest that match."""
    asked, (skip,) = match(text, kinds), place(after, int) if after else (0,)
    newest = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?"
    (oldest,) = db.execute(f"SELECT min(rowid) FROM ({newest})", (asked, NEWEST)).fetchone()  # noqa: S608
    rows = db.execute(
        "SELECT rowid, kind, ref, title, snippet(words, 2, ?, ?, ' … ', 24) FROM words "
        "WHERE words MATCH ? AND rowid >= ? ORDER BY bm25(words, 0, 4, 1), rowid DESC LIMIT ? OFFSET ?",
        (OPEN, CLOSE, asked, oldest or 0, limit + 1, max(skip, 0)),
    ).fetchall()
    hits = tuple(_hit(db, row) for row in rows[:limit])
    return Page(items=hits, next=cursor(skip + limit) if len(rows) > limit else None)


def _hit(db: Any, row: tuple[Any, ...]) -> Hit:
    place_, kind, ref, title, snippet = row
    seq = place_ // 4
    at, by = db.execute("SELECT at, person FROM event WHERE seq = ?", (seq,)).fetchone()
    parts = tuple(re.split(f"[{OPEN}{CLOSE}]", snippet))
    return Hit(kind=kind, ref=ref, title=title, snippet=parts, at=at, by=by, seq=seq)
