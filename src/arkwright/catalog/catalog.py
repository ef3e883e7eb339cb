"""The catalog: lists, filters and looks that are answered without the ledger. Every one of them first catches up."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from arkwright.catalog import releases, runs
from arkwright.catalog.evidence import Evidence, broken, decisions, evidence, findings_then
from arkwright.catalog.file import CatalogFile, Say
from arkwright.catalog.pages import Page, size
from arkwright.catalog.searching import Hit, search
from arkwright.core.errors import ArkwrightError
from arkwright.core.fulltext import match
from arkwright.core.nouns import Account, Artifact, Comment, Decision, Endpoint, Finding, Mark, Model, Release, Run
from arkwright.core.ports import Ledger, Store
from arkwright.core.record import decode, split_reference
from arkwright.core.rules import person

V = TypeVar("V", bound=Artifact | Run | Endpoint | Account)
LONGEST_CARD = 200_000  # bytes
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


@dataclass(frozen=True, slots=True)
class Said:
    """One event of a discussion, with what it says."""

    seq: int
    at: str
    noun: Comment | Mark


class Catalog:
    """Made from the ledger; `path` may be removed at any time."""

    def __init__(self, path: Path, ledger: Ledger, store: Store) -> None:
        self._store = store
        self._file = CatalogFile(path, ledger, self._card)

    def follow(self, say: Say | None = None) -> None:
        """Catch up with the ledger; `say` hears of the progress. Raises Corrupt naming a broken event."""
        with self._file.reading(say):
            pass

    def close(self) -> None:
        self._file.close()

    def keys(
        self, wanted: Wanted, limit: int, before: int | None = None, after: int | None = None
    ) -> list[tuple[int, str, str]]:
        """(seq, kind, key) of events, the newest first; with `after` the oldest first."""
        with self._db() as db:
            where, values = _events(db, wanted)
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

    def kinds(self) -> list[str]:
        """Every kind of event there is, by a walk from one to the next."""
        walk = "WITH RECURSIVE k (kind) AS (SELECT min(kind) FROM event UNION ALL SELECT (SELECT min(kind) FROM event "
        walk += "WHERE kind > k.kind) FROM k WHERE k.kind IS NOT NULL) SELECT kind FROM k WHERE kind IS NOT NULL"
        with self._db() as db:
            return [kind for (kind,) in db.execute(walk)]

    def runs(
        self,
        *,
        name: str | None,
        state: str | None,
        text: str | None,
        wanted: Wanted,
        sort: str,
        limit: int,
        after: str | None,
        number: str | None = None,
    ) -> Page[Run]:
        """Runs in a page; by a `number`, those that have it. Raises Invalid for a sort or a place that is none."""
        where: list[str] = ["noun.kind = 'run'"]
        values: list[Any] = []
        for clause, value in (("name = ?", name), ("state = ?", state)):
            if value:
                where, values = [*where, clause], [*values, value]
        if wanted.who:
            where, values = [*where, "person = ?"], [*values, person(wanted.who)]
        for clause, moment in (("at >= ?", wanted.since), ("at < ?", wanted.until)):
            if moment:
                where, values = [*where, clause], [*values, stamp(moment)]
        if text:
            said = "instr(lower(name || ' ' || person || ' ' || coalesce(json_extract(body, '$.error'), '')), ?)"
            where, values = [*where, said], [*values, text.lower()]
        with self._db() as db:
            return runs.listed(db, where, values, sort=sort, number=number, limit=limit, after=after)

    def releases(
        self,
        *,
        name: str | None,
        standing: str | None,
        among: Collection[str] | None,
        limit: int,
        after: str | None,
    ) -> Page[tuple[str, Release]]:
        """(when it was made, the release) in a page, the newest first. Raises Invalid for a place that is none."""
        with self._db() as db:
            return releases.listed(db, name=name, wanted=standing, among=among, limit=limit, after=after)

    def numbers(self, what: str, of: Sequence[Run]) -> dict[str, float]:
        """The number of each of these runs that has it, by reference."""
        with self._db() as db:
            return runs.numbers(db, what, of)

    def number_names(self) -> list[str]:
        """What there are numbers of, of runs that have ended."""
        with self._db() as db:
            return runs.names(db)

    def search(self, text: str, kinds: tuple[str, ...], limit: int, after: str | None) -> Page[Hit]:
        with self._db() as db:
            return search(db, text, kinds, size(limit), after)

    def names(self, kind: type[V]) -> list[str]:
        """Every name of this kind, in alphabetical order, by a walk from one to the next."""
        walk = "WITH RECURSIVE n (name) AS (SELECT min(name) FROM noun WHERE kind = :k "
        walk += "UNION ALL SELECT (SELECT min(name) FROM noun WHERE kind = :k AND name > n.name) "
        walk += "FROM n WHERE n.name IS NOT NULL) SELECT name FROM n WHERE name IS NOT NULL"
        with self._db() as db:
            return [name for (name,) in db.execute(walk, {"k": kind.KIND})]

    def newest(self, kind: type[V], limit: int = 50) -> tuple[V, ...]:
        """The newest version of each name, by name."""
        walk = "WITH RECURSIVE n (name) AS (SELECT min(name) FROM noun WHERE kind = :k "
        walk += "UNION ALL SELECT (SELECT min(name) FROM noun WHERE kind = :k AND name > n.name) "
        walk += "FROM n WHERE n.name IS NOT NULL) SELECT (SELECT body FROM noun WHERE kind = :k AND noun.name = n.name "
        walk += "ORDER BY version DESC LIMIT 1) FROM n WHERE name IS NOT NULL LIMIT :l"
        with self._db() as db:
            return tuple(decode(kind, body) for (body,) in db.execute(walk, {"k": kind.KIND, "l": limit}))

    def latest(self, kind: type[V], name: str) -> V | None:
        query = "SELECT body FROM noun WHERE kind = ? AND name = ? ORDER BY version DESC LIMIT 1"
        with self._db() as db:
            row = db.execute(query, (kind.KIND, name)).fetchone()
        return decode(kind, row[0]) if row else None

    def versions(self, kind: type[V], name: str, limit: int, before: int | None = None) -> list[tuple[str, V]]:
        """(when it was made, the noun) of one name, the newest first."""
        query = "SELECT at, body FROM noun WHERE kind = ? AND name = ? AND version < ? ORDER BY version DESC LIMIT ?"
        with self._db() as db:
            rows = db.execute(query, (kind.KIND, name, before or 1 << 62, limit)).fetchall()
        return [(at, decode(kind, body)) for at, body in rows]

    def measured(self, subject: str, promise: str, limit: int) -> list[tuple[int, int, str, float | None]]:
        """(seq, version, verdict, value) of a promise on every version of `dataset:flights`, the last ones in order."""
        query = "SELECT seq, version, verdict, value FROM measured WHERE subject = ? AND promise = ? "
        with self._db() as db:
            return list(db.execute(f"{query} ORDER BY seq DESC LIMIT ?", (subject, promise, limit)))[::-1]

    def promised(self, subject: str) -> list[str]:
        """Every promise that was ever measured on `dataset:flights`, by a walk from one to the next."""
        walk = "WITH RECURSIVE p (said) AS (SELECT min(promise) FROM measured WHERE subject = :s "
        walk += "UNION ALL SELECT (SELECT min(promise) FROM measured WHERE subject = :s AND promise > p.said) "
        walk += "FROM p WHERE p.said IS NOT NULL) SELECT said FROM p WHERE said IS NOT NULL"
        with self._db() as db:
            return [said for (said,) in db.execute(walk, {"s": subject})]

    def last_run(self, name: str, who: str) -> Run | None:
        """The newest run of this name by this person."""
        query = "SELECT body FROM noun WHERE kind = 'run' AND name = ? AND person = ? ORDER BY seq DESC LIMIT 1"
        with self._db() as db:
            row = db.execute(query, (name, person(who))).fetchone()
        return decode(Run, row[0]) if row else None

    def findings(self, digest: str) -> tuple[Finding, ...]:
        """The latest finding of each promise on these bytes."""
        with self._db() as db:
            rows = db.execute("SELECT body FROM finding WHERE digest = ? ORDER BY seq", (digest,)).fetchall()
        return tuple(decode(Finding, body) for (body,) in rows)

    def made_of(self, ref: str) -> list[str]:
        """References of what was made of this, the newest first."""
        with self._db() as db:
            return [made for (made,) in db.execute("SELECT ref FROM made WHERE parent = ? ORDER BY seq DESC", (ref,))]

    def evidence(self, releases: Sequence[Release]) -> list[Evidence]:
        """What each of these releases is judged by, in one look."""
        models = [split_reference(release.model, Model.KIND) for release in releases]
        wanted = [(name, version or 0, r.digest) for (name, version), r in zip(models, releases, strict=True)]
        with self._db() as db:
            return evidence(db, wanted)

    def broken(self, *kinds: type[V]) -> list[tuple[str, Finding]]:
        """(reference, finding) of each promise that the newest version of a name breaks."""
        with self._db() as db:
            return broken(db, [kind.KIND for kind in kinds])

    def findings_then(self, digest: str, at: datetime) -> list[tuple[str, str]]:
        """(kind, key) of the latest finding of each promise on these bytes, as it was at a time."""
        with self._db() as db:
            return findings_then(db, digest, stamp(at, end=True))

    def decisions(self, digest: str) -> tuple[Decision, ...]:
        """Every decision on these bytes that counts, in order."""
        with self._db() as db:
            return decisions(db)(digest)

    def digest(self, kind: str, name: str, version: int) -> str | None:
        query = "SELECT digest FROM noun WHERE kind = ? AND name = ? AND version = ?"
        with self._db() as db:
            row = db.execute(query, (kind, name, version)).fetchone()
        return row[0] if row else None

    def made_at(self, kind: str, name: str, version: int) -> str | None:
        """When this version came to be."""
        query = "SELECT at FROM noun WHERE kind = ? AND name = ? AND version = ?"
        with self._db() as db:
            row = db.execute(query, (kind, name, version)).fetchone()
        return row[0] if row else None

    def moves(self, name: str, at: datetime) -> tuple[list[tuple[str, str, Endpoint]], str | None]:
        """The move (at, by, endpoint) that counted at this time, if there was one; and when the next one came."""
        query = "SELECT at, person, body, version FROM noun WHERE kind = 'endpoint' AND name = ? "
        with self._db() as db:
            then = db.execute(
                f"{query} AND at <= ? ORDER BY version DESC LIMIT 1", (name, stamp(at, end=True))
            ).fetchone()
            version = then[3] if then else 0
            later = db.execute(f"{query} AND version > ? ORDER BY version LIMIT 1", (name, version)).fetchone()
        found = [(then[0], then[1], decode(Endpoint, then[2]))] if then else []
        return found, later[0] if later else None

    def threads(
        self,
        *,
        about: str | None,
        open_only: bool,
        limit: int,
        before: int | None,
        who: str | None = None,
        spoke: str | None = None,
    ) -> list[int]:
        """Threads, the newest first; `who`: only such as this person watches; `spoke`: said something in."""
        where: list[str] = ["id = thread"]
        values: list[Any] = []
        if about:
            where, values = [*where, "(about = ? OR about >= ? AND about < ? OR about >= ? AND about < ?)"], [
                about, f"{about}@", f"{about}A", f"{about}#", f"{about}$"
            ]  # fmt: skip
        if open_only:
            where = [*where, "open = 1"]
        if before is not None:
            where, values = [*where, "id < ?"], [*values, before]
        if who:
            watched = 'EXISTS (SELECT 1 FROM watching w WHERE w.about = comment.about AND w.person = ? AND w."on")'
            where, values = [*where, watched, "person <> ?"], [*values, person(who), person(who)]
        if spoke:
            said = "EXISTS (SELECT 1 FROM comment c WHERE c.thread = comment.id AND c.person = ?)"
            where, values = [*where, said], [*values, person(spoke)]
        with self._db() as db:
            query = f"SELECT id FROM comment WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?"  # noqa: S608
            return [number for (number,) in db.execute(query, (*values, size(limit)))]

    def thread(self, number: int) -> list[Said]:
        """Everything that was said in a thread, in order; nothing when there is none."""
        kinds: dict[str, type[Comment | Mark]] = {Comment.KIND: Comment, Mark.KIND: Mark}
        with self._db() as db:
            rows = db.execute(
                "SELECT seq, at, kind, body FROM talk WHERE thread = ? ORDER BY seq", (number,)
            ).fetchall()
        return [Said(seq, at, decode(kinds[kind], body)) for seq, at, kind, body in rows]

    def thread_of(self, comment: int) -> int | None:
        with self._db() as db:
            row = db.execute("SELECT thread FROM comment WHERE id = ?", (comment,)).fetchone()
        return row[0] if row else None

    def last_comment(self) -> int:
        with self._db() as db:
            return db.execute("SELECT coalesce(max(id), 0) FROM comment").fetchone()[0]  # type: ignore[no-any-return]

    def times(self, who: str, kinds: tuple[str, ...], since: datetime) -> list[str]:
        """When this person last did something of these kinds."""
        marks = ", ".join("?" * len(kinds))
        query = f"SELECT at FROM event WHERE kind IN ({marks}) AND person = ? AND at >= ? ORDER BY seq"  # noqa: S608
        with self._db() as db:
            return [at for (at,) in db.execute(query, (*kinds, person(who), stamp(since)))]

    def credits(self) -> list[tuple[str, str, str, int]]:
        """(whose comment, what it was marked, by whom, how often) of marks that stand on comments that stand."""
        query = (
            'SELECT c.person, m.what, m.person, count(*) FROM mark m JOIN comment c ON c.id = m.comment WHERE m."on" '
            "AND NOT EXISTS (SELECT 1 FROM talk t WHERE t.thread = c.thread AND t.kind = 'comment' AND "
            "json_extract(t.body, '$.id') = c.id AND json_extract(t.body, '$.deleted')) GROUP BY 1, 2, 3"
        )
        with self._db() as db:
            return list(db.execute(query))

    def notices(self, who: str, limit: int, before: int | None) -> list[tuple[int, str, str, str]]:
        """(seq, why, kind, key) of events, the newest first."""
        query = (
            "SELECT n.seq, why, kind, key FROM notice n JOIN event e ON e.seq = n.seq "
            "WHERE n.person = ? AND n.seq < ? ORDER BY n.seq DESC LIMIT ?"
        )
        with self._db() as db:
            return list(db.execute(query, (person(who), before or 1 << 62, size(limit))))

    def told(self, seq: int, people: Collection[str]) -> list[tuple[str, str]]:
        """(person, why) of those among these people who are told of this event."""
        marks = ", ".join("?" * len(people))
        query = f"SELECT person, why FROM notice WHERE person IN ({marks}) AND seq = ?"  # noqa: S608
        with self._db() as db:
            return list(db.execute(query, (*people, seq)))

    def watched(self, who: str) -> list[str]:
        query = 'SELECT about FROM watching WHERE person = ? AND "on" ORDER BY about'
        with self._db() as db:
            return [about for (about,) in db.execute(query, (person(who),))]

    def _db(self) -> AbstractContextManager[Any]:
        return self._file.reading()

    def _card(self, digest: str) -> str:
        try:
            with self._store.path(digest).open("rb") as file:
                return file.read(LONGEST_CARD).decode(errors="replace")
        except (ArkwrightError, OSError):
            return ""  # whoever needs these bytes is told; a list is not held up by them


def stamp(at: datetime, *, end: bool = False) -> str:
    """As the ledger writes times; `end`: the last moment of its millisecond counts as it. UTC where no zone is said."""
    aware = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return aware.isoformat(timespec="milliseconds") + ("~" if end else "")


def _events(db: Any, wanted: Wanted) -> tuple[list[str], list[Any]]:
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
