"""Events in the words of somebody who tells them: one vocabulary for pages, messages and letters."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from arkwright.core.alarms import Alarm, Reacted
from arkwright.core.counted import many
from arkwright.core.errors import ArkwrightError
from arkwright.core.ignored import Ignored
from arkwright.core.nouns import (
    VERSIONED,
    Account,
    Comment,
    Decision,
    Endpoint,
    Event,
    Finding,
    Mark,
    Proposal,
    Release,
    Reminder,
    Run,
    Watch,
    Webhook,
)
from arkwright.core.record import decode
from arkwright.core.rules import alarmed, found
from arkwright.core.versions import ENDED, TURN

FIRST = "owner"  # what the first account is called until its owner says otherwise
CALLED = "the first owner is called "  # why that one ended then


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One event: `by`, `says`, what it is `about` and `then`, one after the other, are a sentence.

    `about`: a noun's reference, empty where it is about none; `then` begins with its own space or stop. `text`: what
    somebody wrote with it. `comment`: the one that it is or is about. `aside`: of no interest to whoever asks what
    happened lately.
    """

    by: str
    says: str
    about: str = ""
    then: str = ""
    text: str = ""
    comment: int | None = None
    aside: bool = False

    @property
    def sentence(self) -> str:
        return f"{self.by} {self.says} {named(self.about)}".rstrip() + self.then


def tell(event: Event) -> Told:
    """Any event; of a kind that is not known here, or that a later version wrote, only what kind it is."""
    try:
        return _TELL.get(event.kind, _other)(event)
    except ArkwrightError:
        return _other(event)


def tell_you(event: Event, why: str) -> Told:
    """An event as it is told to somebody whom it concerns, for what reason; `why` as the inbox has it."""
    told = tell(event)
    return replace(told, says=_TO_YOU.get(why, told.says))


def named(reference: str) -> str:
    """What something is about, as people say it: an account by its name alone, a proposal by its number."""
    kind, _, name = reference.partition(":")
    return name if kind == Account.KIND else f"{kind} {name}" if kind == Proposal.KIND else reference


def replaced(noun: Account) -> bool:
    """Whether it is the first account, which ended when its owner chose another name: nobody was shut out."""
    return noun.name == FIRST and noun.role == "none" and noun.reason.startswith(CALLED)


def kind(word: str) -> str:
    """A kind of event as people call it."""
    return _CALLED.get(word, word)


def sought(kinds: Iterable[str], asked: str = "") -> list[str]:
    """Those that people look for; `asked`: the one that somebody looks for now."""
    return [word for word in kinds if word not in _BESIDE or word == asked]


def _made(event: Event) -> Told:
    return Told(by=event.by, says="made", about=f"{event.kind}:{event.key}")


def _release(event: Event) -> Told:
    noun = decode(Release, event.body)
    waits = f"It asks for the signatures of {', '.join(noun.gate.signed_by)}." if noun.gate.signed_by else ""
    return Told(by=event.by, says="made", about=noun.ref, text=waits)


def _run(event: Event) -> Told:
    noun = decode(Run, event.body)
    if not event.key.startswith(ENDED):
        return Told(by=event.by, says="started", about=noun.ref)
    return Told(by=event.by, says="ran", about=noun.ref, then=f" and it {noun.state}", text=noun.error or "")


def _endpoint(event: Event) -> Told:
    noun = decode(Endpoint, event.body)
    about = f"{noun.KIND}:{noun.name}"
    if noun.stopped:
        return Told(by=noun.stopped, says="stopped", about=about, then=": nothing answers", text=noun.reason)
    if noun.resumed:
        text = noun.reason.removeprefix("resumed").removeprefix(": ")
        return Told(by=event.by, says="let", about=about, then=" answer again", text=text)
    by_share = sorted(noun.shares.items(), key=lambda one: -one[1])
    shares = [f"{ref} {100 * share:.4g} %" if share < 1 else ref for ref, share in by_share]
    shares += [f"{ref} as a shadow" for ref in noun.shadows]
    says, joint = ("put up", "with") if noun.version == 1 else ("moved", "to")
    return Told(
        by=event.by, says=says, about=about, then=f" {joint} {', '.join(shares) or 'nothing'}", text=noun.reason
    )


def _account(event: Event) -> Told:
    noun = decode(Account, event.body)
    about = f"{noun.KIND}:{noun.name}"
    if replaced(noun) and noun.reason == f"{CALLED}{event.by}":
        return Told(by=event.by, says="took the place of", about=about)
    if noun.role == "none":
        return Told(by=event.by, says="shut out", about=about, text=noun.reason)
    a = "an" if noun.role[0] in "aeiou" else "a"
    signs = f" who signs as {' and '.join(noun.signs)}" if noun.signs else ""
    invited = noun.version == 1 and noun.reason == "invited"
    says, joint = ("invited", " as") if invited else ("made", "")
    text = "" if invited else noun.reason
    return Told(by=event.by, says=says, about=about, then=f"{joint} {a} {noun.role}{signs}", text=text)


def _finding(event: Event) -> Told:
    noun = decode(Finding, event.body)
    then = f": {noun.promise} is {noun.verdict}"
    return Told(by=event.by, says="measured", about=noun.subject, then=then, text=found(noun), aside=True)


def _decision(event: Event) -> Told:
    noun = decode(Decision, event.body)
    then = f" as {noun.role}" + ("" if noun.proven else " (declared, not proven)")
    return Told(by=noun.by, says="signed" if noun.yes else "refused", about=noun.release, then=then, text=noun.reason)


def _comment(event: Event) -> Told:
    noun = decode(Comment, event.body)
    says = "asked about" if noun.question else "spoke about"
    if noun.version > 1:
        says = "took back what was said about" if noun.deleted else "changed what was said about"
    return Told(by=event.by, says=says, about=noun.about, text=noun.text, comment=noun.id)


_MARKED = {  # what was done, and what was taken back
    "accepted": ("accepted an answer about", "no longer accepts an answer about"),
    "answered": ("closed a question about", "opened a question again about"),
    "helpful": ("was helped by what was said about", "was not helped, after all, by what was said about"),
}


def _mark(event: Event) -> Told:
    noun = decode(Mark, event.body)
    says = _MARKED.get(noun.what, ("marked what was said about", "took back a mark about"))[0 if noun.on else 1]
    aside = not noun.on or noun.what == "helpful"
    return Told(by=noun.by, says=says, about=noun.about, comment=noun.comment, aside=aside)


def _watch(event: Event) -> Told:
    noun = decode(Watch, event.body)
    return Told(by=noun.by, says="watches" if noun.on else "no longer watches", about=noun.about, aside=True)


def _proposal(event: Event) -> Told:
    noun = decode(Proposal, event.body)
    says = ("made" if noun.version == 1 else "changed") if noun.state == "open" else noun.state
    what = noun.after or f"no more {noun.before}"
    instead = f" instead of {noun.before}" if noun.before and noun.after else ""
    then = f" for {noun.section}.{noun.name}: {what}{instead}"
    return Told(by=event.by, says=says, about=f"{noun.KIND}:{noun.id}", then=then, text=noun.answer or noun.reason)


def _reminder(event: Event) -> Told:
    noun = decode(Reminder, event.body)
    lacks = "a review" if noun.about.startswith(f"{Proposal.KIND}:") else "a signature"
    then = f": it has waited {many(noun.days, 'day')} for {lacks} as {' and '.join(noun.roles)}"
    text = f"{', '.join(noun.people)} can give it."
    return Told(by=event.by, says="reminds of", about=noun.about, then=then, text=text)


def _alarm(event: Event) -> Told:
    noun = decode(Alarm, event.body)
    if noun.state == "left":
        why = f"{noun.release} left" if noun.release else "this is not watched any more"
        return Told(by=event.by, says="closed", about=noun.ref, then=f": {why}")
    is_ = "broken" if noun.state == "raised" else "kept again"
    says = "raised" if noun.state == "raised" else "ended"
    then = f": {noun.promise} is {is_} by {noun.breaker}"
    return Told(by=event.by, says=says, about=noun.ref, then=then, text=alarmed(noun))


_DID = {
    "refused": "could not do what it would about",
    "dry-run": "only tries what it would do about",
    "withheld": "holds back what it would do about",
}


def _reacted(event: Event) -> Told:
    noun = decode(Reacted, event.body)
    says = _DID.get(noun.outcome, "did something about")
    return Told(by=event.by, says=says, about=noun.alarm, then=f": {noun.do}: {noun.says}")


def _webhook(event: Event) -> Told:
    noun = decode(Webhook, event.body)
    says = ("set up" if noun.version == 1 else "changed") if noun.active else "removed"
    then = f": {noun.to} hears of {', '.join(noun.on)}" if noun.active else ""
    return Told(by=event.by, says=says, about=f"{noun.KIND}:{noun.name}", then=then, aside=True)


def _ignored(event: Event) -> Told:
    noun = decode(Ignored, event.body)
    ended = noun.until[:16] <= event.at[:16]
    says, then = ("no longer ignores", "") if ended else ("ignores", f" until {noun.until[:16]} UTC")
    return Told(by=event.by, says=f"{says} the advisory {noun.name}", then=then, text=noun.reason)


# what stands on record beside an event, so that two who act at once cannot both be first, or so that bytes are known
_BESIDE = {
    TURN: "took the next turn in which a release is decided on",
    "owners": "took the next turn in which an owner changes, so that one remains",
    "recipe": "noted how something was made, so that it is not made twice",
    "signature": "noted the seal of a release's files",
}


def _beside(event: Event) -> Told:
    return Told(by=event.by, says=_BESIDE[event.kind], aside=True)


def _other(event: Event) -> Told:
    return Told(by=event.by, says=f"wrote something of the kind {event.kind}", about=f"{event.kind}:{event.key}")


_TELL: dict[str, Callable[[Event], Told]] = {
    **dict.fromkeys(VERSIONED, _made),
    **dict.fromkeys(_BESIDE, _beside),
    Release.KIND: _release,
    Run.KIND: _run,
    Endpoint.KIND: _endpoint,
    Account.KIND: _account,
    Finding.KIND: _finding,
    Decision.KIND: _decision,
    Comment.KIND: _comment,
    Mark.KIND: _mark,
    Watch.KIND: _watch,
    Proposal.KIND: _proposal,
    Reminder.KIND: _reminder,
    Webhook.KIND: _webhook,
    Alarm.KIND: _alarm,
    Reacted.KIND: _reacted,
    Ignored.KIND: _ignored,
}
LATELY = (
    *VERSIONED,
    *(noun.KIND for noun in (Decision, Comment, Mark, Proposal, Alarm, Reacted, Ignored)),
)  # kinds of what people do
_CALLED = {
    TURN: "turn to decide",
    "owners": "turn of owners",
    "mark": "mark on a comment",
    Ignored.KIND: "ignored advisory",
    "signature": "seal of files",
    "watch": "watching",
    "tracked": "run of a client",  # these two are what clients log, beside the record
    "registered": "registered model",
}
_TO_YOU = {"mentioned": "mentioned you, speaking about", "accepted": "accepted your answer about"}
