"""What a thread says, folded from its events; who helped, in points. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from arkwright.core.nouns import Comment, Mark
from arkwright.core.rules import person

WORTH = {"accepted": 3, "helpful": 1}
MOST_BETWEEN = 10  # marks from one person to another that count: two friends do not make an expert


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A comment as it stands. `edits`: what it said before, with the time of it; a deleted one says nothing."""

    id: int
    by: str
    at: str
    text: str
    mentions: tuple[str, ...]  # whom it tells
    version: int
    proven: bool
    deleted: bool = False
    accepted: bool = False
    helpful: tuple[str, ...] = ()  # to whom
    edits: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """Comments about one noun. `answered`: of a question, by an accepted answer or because somebody said so."""

    id: int
    about: str
    by: str
    at: str
    question: bool
    answered: bool
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Helper:
    """How much a person helped: 3 points for an accepted answer, 1 for each person to whom something was helpful."""

    name: str
    points: int
    accepted: int
    helpful: int


def fold(events: Iterable[tuple[str, Comment | Mark]]) -> Thread:
    """(at, what was said), in order, of one thread that was begun."""
    versions: dict[int, list[tuple[str, Comment]]] = {}
    marks: dict[tuple[int, str, str], bool] = {}
    for at, said in events:
        if isinstance(said, Comment):
            versions.setdefault(said.id, []).append((at, said))
        else:
            marks[said.comment, said.what, person(said.by)] = said.on
    standing = [key for key, on in marks.items() if on]
    at, first = next(iter(versions.values()))[0]
    remarks = tuple(_remark(told, standing) for told in versions.values())
    closed = any(what == "answered" for _, what, _ in standing) or any(r.accepted for r in remarks)
    question = versions[first.id][-1][1].question
    return Thread(
        id=first.id, about=first.about, by=first.by, at=at, question=question, answered=closed, remarks=remarks
    )


def _remark(told: list[tuple[str, Comment]], standing: list[tuple[int, str, str]]) -> Remark:
    at, (_, now) = told[0][0], told[-1]
    of = [(what, by) for number, what, by in standing if number == now.id]
    return Remark(
        id=now.id,
        by=now.by,
        at=at,
        text="" if now.deleted else now.text,
        mentions=now.mentions,
        version=now.version,
        proven=now.proven,
        deleted=now.deleted,
        accepted=not now.deleted and any(what == "accepted" for what, _ in of),
        helpful=tuple(by for what, by in of if what == "helpful" and by != person(now.by)),
        edits=tuple((when, before.text) for when, before in told[:-1]),
    )


def helpers(given: Iterable[tuple[str, str, str, int]]) -> tuple[Helper, ...]:
    """Of (whose comment, the mark, by whom, how often): who helped most. What one says of oneself never counts."""
    counts: dict[str, dict[str, int]] = {}
    for whose, what, by, often in given:
        if what in WORTH and whose != by:
            mine = counts.setdefault(whose, dict.fromkeys(WORTH, 0))
            mine[what] += min(often, MOST_BETWEEN)
    made = [Helper(name=n, points=sum(WORTH[w] * c for w, c in of.items()), **of) for n, of in counts.items()]
    return tuple(sorted(made, key=lambda one: (-one.points, one.name)))
