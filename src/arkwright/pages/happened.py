"""What happened, in the words of somebody who tells it: one event, one sentence."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from arkwright.core.nouns import VERSIONED, Account, Comment, Decision, Endpoint, Event, Mark, Run
from arkwright.core.record import decode
from arkwright.core.versions import ENDED

TELLING = (*VERSIONED, Decision.KIND, Comment.KIND, Mark.KIND)  # kinds of events that people caused
_MADE = {"dataset": "made", "model": "made", "release": "made", "run": "started"}
_MARKED = {"accepted": "accepted an answer about", "answered": "closed a question about"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One event. `says`: the verb; `ref`: the noun; `then`: what else there is to say; `place`: a page of its own."""

    by: str
    says: str
    ref: str
    at: str
    then: str = ""
    place: str | None = None


def told(events: Iterable[Event]) -> Iterator[Happened]:
    """Those of the events that tell something, in their order."""
    for event in events:
        tell = _TELL.get(event.kind)
        found = tell(event) if tell else None
        if found:
            yield found


def _endpoint(event: Event) -> Happened:
    noun = decode(Endpoint, event.body)
    says = "stopped" if noun.stopped else "put up" if noun.version == 1 else "moved"
    return Happened(by=event.by, says=says, ref=noun.ref, at=event.at, then=noun.reason)


def _noun(event: Event) -> Happened:
    key = event.key.removeprefix(ENDED)
    says = decode(Run, event.body).state if key != event.key else _MADE.get(event.kind, "changed")
    return Happened(by=event.by, says=says, ref=f"{event.kind}:{key}", at=event.at)


def _account(event: Event) -> Happened:
    noun = decode(Account, event.body)
    if noun.version == 1 and noun.reason == "invited":
        return Happened(by=event.by, says="invited", ref=noun.ref, at=event.at)
    return Happened(
        by=event.by, says="changed" if noun.version > 1 else "made", ref=noun.ref, at=event.at, then=noun.reason
    )


def _decision(event: Event) -> Happened:
    noun = decode(Decision, event.body)
    then = f"as {noun.role}" + (f": {noun.reason}" if noun.reason else "")
    return Happened(by=noun.by, says="signed" if noun.yes else "refused", ref=noun.release, at=event.at, then=then)


def _comment(event: Event) -> Happened:
    noun = decode(Comment, event.body)
    if noun.version > 1:
        says = "took back what was said about" if noun.deleted else "changed what was said about"
    else:
        says = "asked about" if noun.question else "spoke about"
    return Happened(by=event.by, says=says, ref=noun.about, at=event.at, place=f"/comments/{noun.id}")


def _mark(event: Event) -> Happened | None:
    noun = decode(Mark, event.body)
    if not noun.on or noun.what not in _MARKED:
        return None
    place = f"/comments/{noun.comment}"
    return Happened(by=noun.by, says=_MARKED[noun.what], ref=noun.about, at=event.at, place=place)


_TELL: dict[str, Callable[[Event], Happened | None]] = {
    **dict.fromkeys(VERSIONED, _noun),
    Endpoint.KIND: _endpoint,
    Account.KIND: _account,
    Decision.KIND: _decision,
    Comment.KIND: _comment,
    Mark.KIND: _mark,
}
