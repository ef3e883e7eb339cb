"""Which events there are: chosen by kind, person, time, what they are about, and the words in them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from arkwright.core.fulltext import match
from arkwright.core.rules import person

_HOLDS = "event.seq IN (SELECT rowid / 4 FROM words WHERE words MATCH ?)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events or nouns: by whom, from `since` on and before `until`, about what, with which words in its text."""

    kinds: tuple[str, ...] = ()
    who: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    about: str | None = None
    text: str | None = None


def keys(db: Any, wanted: Wanted, limit: int, before: int | None, after: int | None) -> list[tuple[int, str, str]]:
    """(seq, kind, key), the newest first; with `after` the oldest first."""
    where, values = _filter(db, wanted)
    if before is not None:
        where, values = [*where, "event.seq < ?"], [*values, before]
    if after is not None:
        where, values = [*where, "event.seq > ?"], [*values, after]
    source = "about JOIN event ON event.seq = about.seq" if wanted.about else "event"
    order = "about.seq" if wanted.about else "event.seq"  # of the index that is walked
    order += " DESC" if after is None else ""
    if wanted.text:
        where, values = [*where, _HOLDS], [*values, match(wanted.text, ())]
    query = f"SELECT event.seq, kind, key FROM {source} WHERE {' AND '.join(where) or 'TRUE'} "  # noqa: S608
    return list(db.execute(f"{query} ORDER BY {order} LIMIT ?", (*values, limit)))


def kinds(db: Any) -> list[str]:
    """By a walk from one to the next."""
    walk = "WITH RECURSIVE k (kind) AS (SELECT min(kind) FROM event UNION ALL SELECT (SELECT min(kind) FROM event "
    walk += "WHERE kind > k.kind) FROM k WHERE k.kind IS NOT NULL) SELECT kind FROM k WHERE kind IS NOT NULL"
    return [kind for (kind,) in db.execute(walk)]


def times(db: Any, who: str, kinds: tuple[str, ...], since: datetime) -> list[str]:
    """When this person did something of these kinds."""
    marks = ", ".join("?" * len(kinds))
    query = f"SELECT at FROM event WHERE kind IN ({marks}) AND person = ? AND at >= ? ORDER BY seq"  # noqa: S608
    return [at for (at,) in db.execute(query, (*kinds, person(who), stamp(since)))]


def stamp(at: datetime, *, end: bool = False) -> str:
    """As the ledger writes times; `end`: the last moment of its millisecond counts as it. UTC where no zone is said."""
    aware = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return aware.isoformat(timespec="milliseconds") + ("~" if end else "")


def _filter(db: Any, wanted: Wanted) -> tuple[list[str], list[Any]]:
    where: list[str] = []
    values: list[Any] = []
    if wanted.kinds:
        where, values = [f"kind IN ({', '.join('?' * len(wanted.kinds))})"], [*wanted.kinds]
    if wanted.who:
        where, values = [*where, "person = ?"], [*values, person(wanted.who)]
    if wanted.about:
        where, values = [*where, "about.ref = ?"], [*values, wanted.about]
    for bound, moment in ((True, wanted.since), (False, wanted.until)):
        if moment:
            where, values = [*where, f"at {'>=' if bound else '<'} ?"], [*values, stamp(moment)]
            clause, seq = _bound(db, moment, lower=bound)
            where, values = [*where, clause], [*values, seq]
    return where, values


def _bound(db: Any, moment: datetime, *, lower: bool) -> tuple[str, int]:
    """Times rise with seq, but for clocks that were set back, by at most `slip` seconds: so a time bounds seq."""
    (slip,) = db.execute("SELECT slip FROM place").fetchone()
    spot = stamp(moment if lower else moment + timedelta(seconds=slip + 0.002))
    (seq,) = db.execute("SELECT min(seq) FROM event WHERE high >= ?", (spot,)).fetchone()
    end = 1 << 62
    return ("event.seq >= ?", seq or end) if lower else ("event.seq < ?", seq or end)
