"""The catalog: lists, filters and looks that are answered without the ledger. Every one of them first catches up."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from arkwright.catalog import events, releases, runs
from arkwright.catalog.events import Wanted, stamp
from arkwright.catalog.evidence import Evidence, broken, decisions, evidence, findings_then
from arkwright.catalog.file import CatalogFile, Say
from arkwright.catalog.pages import Page, size
from arkwright.catalog.searching import Hit, search
from arkwright.catalog.talk import Talk
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Account, Artifact, Decision, Endpoint, Finding, Model, Release, Run
from arkwright.core.ports import Ledger, Store
from arkwright.core.record import decode, split_reference
from arkwright.core.rules import person

V = TypeVar("V", bound=Artifact | Run | Endpoint | Account)
LONGEST_CARD = 200_000  # bytes


class Catalog:
    """Made from the ledger; `path` may be removed at any time."""

    def __init__(self, path: Path, ledger: Ledger, store: Store) -> None:
        self._store = store
        self._file = CatalogFile(path, ledger, self._card)
        self.talk = Talk(self._file)

    def follow(self, say: Say | None = None) -> None:
        """Catch up with the ledger; `say` hears of the progress. Raises Corrupt naming a broken event, Full."""
        with self._file.reading(say, all_of_it=True):
            pass

    def may_be_late(self) -> None:
        """On a full disk tell from now on what was there before, where Full is raised else: of whoever calls this,
        people hear by `behind` that it is not all.
        """
        self._file.be_late()

    @property
    def behind(self) -> int | None:
        """The last event that was read, where at the last look the disk had no room for what came later."""
        return self._file.behind

    def close(self) -> None:
        self._file.close()

    def keys(
        self, wanted: Wanted, limit: int, before: int | None = None, after: int | None = None
    ) -> list[tuple[int, str, str]]:
        """(seq, kind, key) of events, the newest first; with `after` the oldest first."""
        with self._db() as db:
            return events.keys(db, wanted, limit, before, after)

    def kinds(self) -> list[str]:
        """Every kind of event there is, by a walk from one to the next."""
        with self._db() as db:
            return events.kinds(db)

    def times(self, who: str, kinds: tuple[str, ...], since: datetime) -> list[str]:
        """When this person last did something of these kinds. Raises Full: limits count all of it."""
        with self._file.reading(all_of_it=True) as db:
            return events.times(db, who, kinds, since)

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

    def count(self, kind: type[V]) -> int:
        """How many versions there are of all that is of this kind."""
        with self._db() as db:
            return int(db.execute("SELECT count(*) FROM noun WHERE kind = ?", (kind.KIND,)).fetchone()[0])

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

    def _db(self) -> AbstractContextManager[Any]:
        return self._file.reading()

    def _card(self, digest: str) -> str:
        try:
            with self._store.path(digest).open("rb") as file:
                return file.read(LONGEST_CARD).decode(errors="replace")
        except (ArkwrightError, OSError):
            return ""  # whoever needs these bytes is told; a list is not held up by them
