"""What people say, and who is told of it: threads and marks, and who is told of what."""

from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from arkwright.catalog import watching
from arkwright.catalog.file import CatalogFile
from arkwright.catalog.pages import size
from arkwright.core.nouns import Comment, Mark
from arkwright.core.record import decode
from arkwright.core.rules import person


@dataclass(frozen=True, slots=True)
class Said:
    """One event of a discussion, with what it says."""

    seq: int
    at: str
    noun: Comment | Mark


class Talk:
    """Of one catalog."""

    def __init__(self, file: CatalogFile) -> None:
        self._file = file

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
            watched = "EXISTS (SELECT 1 FROM watching w WHERE w.person = ? AND w.about = comment.about AND w.until = ?)"
            where, values = [*where, watched, "person <> ?"], [*values, person(who), watching.OPEN, person(who)]
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
        """Raises Full: what is behind would give a number twice."""
        with self._file.reading(all_of_it=True) as db:
            return db.execute("SELECT coalesce(max(id), 0) FROM comment").fetchone()[0]  # type: ignore[no-any-return]

    def credits(self) -> list[tuple[str, str, str, int]]:
        """(whose comment, what it was marked, by whom, how often) of marks that stand on comments that stand."""
        query = (
            'SELECT c.person, m.what, m.person, count(*) FROM mark m JOIN comment c ON c.id = m.comment WHERE m."on" '
            "AND NOT EXISTS (SELECT 1 FROM talk t WHERE t.thread = c.thread AND t.kind = 'comment' AND "
            "json_extract(t.body, '$.id') = c.id AND json_extract(t.body, '$.deleted')) GROUP BY 1, 2, 3"
        )
        with self._db() as db:
            return list(db.execute(query))

    def notices(
        self, who: str, limit: int, before: int | None = None, after: int = 0
    ) -> list[tuple[int, str, str, str]]:
        """(seq, why, kind, key) of events that somebody is told of, the newest first."""
        with self._db() as db:
            return watching.newest(db, who, limit, before, after)

    def told(self, seq: int, people: Collection[str]) -> dict[str, str]:
        """Who among these people is told of this event, and why. Raises Full."""
        with self._file.reading(all_of_it=True) as db:
            return watching.told(db, seq, people)

    def watched(self, who: str) -> list[str]:
        with self._db() as db:
            return watching.watched(db, who)

    def _db(self) -> AbstractContextManager[Any]:
        return self._file.reading()
