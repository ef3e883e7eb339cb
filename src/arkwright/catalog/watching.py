"""Who is told of what. An event is written once, under each thing that it is about; who watched that thing then hears
of it. So an event costs the same however many watch, and a watcher the same however much happens.
"""

from collections.abc import Collection, Iterable
from contextlib import closing
from typing import Any

from arkwright.catalog.pages import size
from arkwright.core.nouns import Event
from arkwright.core.rules import person

OPEN = 1 << 62  # the end of a span that goes on, behind every event

# What somebody is told of, from the newest event back. The recursion is an ordered queue: each span puts in the newest
# of its events, and whenever that is taken out, the one before it. So what is not asked for is not looked at.
_BACKWARDS = """
WITH RECURSIVE
span AS (SELECT about, max(since, :after) AS low, min(until, :before) AS high FROM watching WHERE person = :who),
turn (seq, rank, why, about, low) AS (
    SELECT * FROM (SELECT seq, 0, why, NULL, NULL FROM notice
        WHERE person = :who AND seq > :after AND seq < :before ORDER BY seq DESC LIMIT :limit)
    UNION ALL
    SELECT told.seq, 1, why, about, low FROM span CROSS JOIN told ON ref = about AND told.seq =
        (SELECT max(seq) FROM told WHERE ref = about AND seq > low AND seq < high AND by <> :who)
    UNION ALL
    SELECT told.seq, 1, told.why, about, low FROM turn CROSS JOIN told ON ref = about AND told.seq =
        (SELECT max(seq) FROM told WHERE ref = about AND seq > low AND seq < turn.seq AND by <> :who)
    ORDER BY 1 DESC, 2)
SELECT event.seq, why, kind, key FROM turn CROSS JOIN event ON event.seq = turn.seq
"""


def implied(db: Any, who: str, about: str, seq: int) -> None:
    """Somebody watches from this event on, by what they did; what they said about it before counts more."""
    query = "INSERT INTO watching SELECT :p, :a, :s, :o WHERE NOT EXISTS "
    query += "(SELECT 1 FROM watching WHERE person = :p AND about = :a)"
    db.execute(query, {"p": person(who), "a": about, "s": seq, "o": OPEN})


def said(db: Any, who: str, about: str, seq: int, *, on: bool) -> None:
    """Somebody says that they watch from this event on, or no longer; who never did has an empty span from then on."""
    span = {"p": person(who), "a": about, "s": seq, "o": OPEN}
    if on:
        query = "INSERT INTO watching SELECT :p, :a, :s, :o WHERE NOT EXISTS "
        query += "(SELECT 1 FROM watching WHERE person = :p AND about = :a AND until = :o)"
        db.execute(query, span)
    else:
        implied(db, who, about, seq)
        db.execute("UPDATE watching SET until = :s WHERE person = :p AND about = :a AND until = :o", span)


def tell(db: Any, event: Event, refs: Iterable[str], why: str) -> None:
    """Whoever watches one of these, but not who did it."""
    rows = [(ref, event.seq, person(event.by), why) for ref in dict.fromkeys(refs)]
    db.executemany("INSERT OR IGNORE INTO told VALUES (?, ?, ?, ?)", rows)


def notice(db: Any, event: Event, people: Iterable[str], why: str) -> None:
    """These people, by name, but not who did it; that counts before what they watch."""
    rows = [(name, event.seq, why) for who in people if (name := person(who)) != person(event.by)]
    db.executemany("INSERT OR IGNORE INTO notice VALUES (?, ?, ?)", rows)


def newest(db: Any, who: str, limit: int, before: int | None, after: int) -> list[tuple[int, str, str, str]]:
    """(seq, why, kind, key) of the events that somebody is told of, the newest first, each once."""
    words = {"who": person(who), "limit": size(limit), "before": before or OPEN, "after": after}
    found: dict[int, tuple[int, str, str, str]] = {}
    with closing(db.execute(_BACKWARDS, words)) as rows:
        for row in rows:
            if len(found) == limit:
                break
            found.setdefault(row[0], row)
    return list(found.values())


def told(db: Any, seq: int, people: Collection[str]) -> dict[str, str]:
    """Who among these people is told of this event, and why."""
    among = f"person IN ({', '.join('?' * len(people))})"
    watch = "SELECT person, why FROM told JOIN watching ON about = ref AND since < told.seq AND until > told.seq "
    watch += f"WHERE told.seq = ? AND person <> by AND {among}"
    by_name = f"SELECT person, why FROM notice WHERE seq = ? AND {among}"  # noqa: S608
    return {**dict(db.execute(watch, (seq, *people))), **dict(db.execute(by_name, (seq, *people)))}


def watched(db: Any, who: str) -> list[str]:
    """What somebody watches now."""
    query = "SELECT about FROM watching WHERE person = ? AND until = ? ORDER BY about"
    return [about for (about,) in db.execute(query, (person(who), OPEN))]
