"""Full text over runs and registered models: what `stale` names is read anew, before somebody searches or when nobody
writes. Every function works on a connection, see `Database`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from arkwright.core.fulltext import BEST_FIRST, NEWEST_THAT_MATCH, SNIPPET, match, turns
from arkwright.tracking import registry, runs
from arkwright.tracking.layout import REGISTERED, RUN, VERSION

TRACKED = "tracked"  # in a reference to a run: tracked:0f3a…
KINDS = (TRACKED, registry.KIND)
TOGETHER = 100  # read anew in one commit: others wait some milliseconds for it
LONGEST = 20_000  # characters that are searched of one thing
_LEFT_OUT = (runs.NAME, runs.LOGGED, registry.PROMPT)  # tags that repeat the name or say what everybody sees
Page = tuple[int, str, str, str, str, int]  # number, reference, title, text, person, milliseconds since 1970


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One thing found. `at`: milliseconds since 1970; `snippet`: what does not match and what does, in turns."""

    kind: str
    ref: str
    title: str
    snippet: tuple[str, ...]
    at: int
    by: str


def search(db: Any, text: str, kinds: Sequence[str], limit: int, skip: int) -> tuple[tuple[Hit, ...], bool]:
    """The best first, of the newest that match; whether there is more. Raises Invalid."""
    asked = match(text, tuple(kinds))
    (oldest,) = db.execute(NEWEST_THAT_MATCH, (asked,)).fetchone()
    rows = db.execute(
        f"SELECT kind, ref, title, {SNIPPET}, at, person FROM words WHERE words MATCH ? AND rowid >= ? "  # noqa: S608
        f"{BEST_FIRST} LIMIT ? OFFSET ?",
        (asked, oldest or 0, limit + 1, skip),
    ).fetchall()
    found = tuple(
        Hit(kind=kind, ref=ref, title=title, snippet=turns(snippet), at=at, by=by)
        for kind, ref, title, snippet, at, by in rows[:limit]
    )
    return found, len(rows) > limit


def behind(db: Any) -> bool:
    """Whether there is anything that was not read yet."""
    return db.execute("SELECT 1 FROM stale LIMIT 1").fetchone() is not None


def follow(db: Any) -> bool:
    """Read anew what changed, a part of it; whether there is more."""
    rows = db.execute("SELECT kind, id FROM stale LIMIT ?", (TOGETHER,)).fetchall()
    db.executemany("DELETE FROM stale WHERE kind = ? AND id = ?", rows)
    db.executemany("DELETE FROM words WHERE rowid = ?", [(_place(*row),) for row in rows])
    for kind, (word, read) in _READ.items():
        given = "[" + ",".join(str(id_) for one, id_ in rows if one == kind) + "]"
        pages = [
            (_place(kind, number), word, title, text, ref, person, at)
            for number, ref, title, text, person, at in read(db, given)
        ]
        db.executemany("INSERT INTO words (rowid, kind, title, text, ref, person, at) VALUES (?,?,?,?,?,?,?)", pages)
    return len(rows) == TOGETHER


def _place(kind: int, number: int) -> int:
    return number * 4 + kind


def _runs(db: Any, given: str) -> Iterator[Page]:
    """Of those that are not deleted."""
    rows = db.execute(
        "SELECT r.id, r.uid, r.name, r.user, r.started, e.name FROM run r JOIN experiment e ON e.id = r.experiment "
        "WHERE r.id IN (SELECT value FROM json_each(?)) AND r.stage = ?",
        (given, runs.ACTIVE),
    ).fetchall()
    tags, params = runs.pairs_of(db, "run_tag", rows), runs.pairs_of(db, "param", rows)
    for number, uid, name, user, started, experiment in rows:
        logged = db.execute("SELECT uid, name FROM model WHERE run = ? AND stage = ?", (uid, runs.ACTIVE))
        said = [*_pairs(params[number]), *_pairs(tags[number]), *(" ".join(row) for row in logged)]
        yield number, f"{TRACKED}:{uid}", name, _text((experiment, user), said, uid), user, started


def _registered(db: Any, given: str) -> Iterator[Page]:
    query = f"SELECT {registry.COLUMNS} FROM registered m WHERE m.id IN (SELECT value FROM json_each(?))"  # noqa: S608
    for one in registry.filled(db, db.execute(query, (given,)).fetchall()):
        said = [one.description, *_pairs(one.tags), *one.aliases]
        yield one.id, registry.reference(one.name), one.name, _text((), said), "", one.made


def _versions(db: Any, given: str) -> Iterator[Page]:
    rows = db.execute(
        "SELECT v.id, m.name, v.number, v.user, v.description, v.run, v.model, v.made FROM version v "
        "JOIN registered m ON m.id = v.registered WHERE v.id IN (SELECT value FROM json_each(?))",
        (given,),
    ).fetchall()
    tags = runs.pairs_of(db, "version_tag", rows)
    for row, name, number, user, description, run, model, made in rows:
        text = _text((user,), [description, *_pairs(tags[row])], run, model)
        yield row, registry.reference(name, number), f"{name}@{number}", text, user, made


_READ = {RUN: (TRACKED, _runs), REGISTERED: (registry.KIND, _registered), VERSION: (registry.KIND, _versions)}


def _pairs(said: dict[str, str]) -> Iterator[str]:
    return (f"{key}: {value}" for key, value in said.items() if key not in _LEFT_OUT)


def _text(first: Iterable[str], said: Iterable[str], *ids: str) -> str:
    """The shortest first: no long one crowds out the others, and none what it is called by."""
    text = "\n".join(filter(None, (*first, *sorted(said, key=len))))
    return "\n".join(filter(None, (text[:LONGEST], *ids)))
