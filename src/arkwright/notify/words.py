"""What happened, in words for people: one line, and perhaps a text below it."""

from collections.abc import Callable
from dataclasses import dataclass

from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import (
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
)
from arkwright.core.record import decode
from arkwright.core.rules import found
from arkwright.core.visible import visible

LONGEST_TITLE, LONGEST_TEXT = 200, 2000
Link = Callable[[str], str | None]  # a noun's reference -> the address of its page


@dataclass(frozen=True, slots=True)
class Told:
    """`about`: the noun's reference. Whatever people wrote is on one line in `title`, and visible everywhere."""

    title: str
    text: str
    about: str


def told(event: Event) -> Told:
    """Any event; of a kind that is not known here, its kind and key."""
    make = _KINDS.get(event.kind, _other)
    try:
        title, text, about = make(event)
    except ArkwrightError:  # a later version wrote it
        title, text, about = _other(event)
    return Told(_cut(" ".join(visible(title).split()), LONGEST_TITLE), _cut(visible(text).strip(), LONGEST_TEXT), about)


def _release(event: Event) -> tuple[str, str, str]:
    noun = decode(Release, event.body)
    waits = f"it asks for the signatures of {', '.join(noun.gate.signed_by)}" if noun.gate.signed_by else ""
    return f"{event.by} made {noun.ref}", waits, noun.ref


def _decision(event: Event) -> tuple[str, str, str]:
    noun = decode(Decision, event.body)
    how = "" if noun.proven else " (declared, not proven)"
    return (
        f"{noun.by} {'signed' if noun.yes else 'refused'} {noun.release} as {noun.role}{how}",
        noun.reason,
        noun.release,
    )


def _endpoint(event: Event) -> tuple[str, str, str]:
    noun = decode(Endpoint, event.body)
    if noun.stopped:
        return f"{noun.stopped} stopped endpoint:{noun.name}: nothing answers", noun.reason, f"endpoint:{noun.name}"
    by_share = sorted(noun.shares.items(), key=lambda one: -one[1])
    shares = ", ".join(f"{ref} {share:.4g}" if share < 1 else ref for ref, share in by_share)
    return f"{event.by} moved endpoint:{noun.name} to {shares or 'nothing'}", noun.reason, f"endpoint:{noun.name}"


def _finding(event: Event) -> tuple[str, str, str]:
    noun = decode(Finding, event.body)
    return f"{noun.subject}: {noun.promise} is {noun.verdict}", found(noun), noun.subject


def _run(event: Event) -> tuple[str, str, str]:
    noun = decode(Run, event.body)
    return f"{noun.ref} by {noun.author} {noun.state}", noun.error or "", noun.ref


def _comment(event: Event) -> tuple[str, str, str]:
    noun = decode(Comment, event.body)
    did = (
        "deleted a comment"
        if noun.deleted
        else "changed a comment"
        if noun.version > 1
        else "asked"
        if noun.question
        else "said"
    )
    return f"{event.by} {did} about {noun.about}", noun.text, noun.about


def _mark(event: Event) -> tuple[str, str, str]:
    noun = decode(Mark, event.body)
    did = f"marked comment {noun.comment} as {noun.what}"
    return f"{noun.by} {did if noun.on else f'took back: {did}'}, about {noun.about}", "", noun.about


def _proposal(event: Event) -> tuple[str, str, str]:
    noun = decode(Proposal, event.body)
    did = {"open": "proposes" if noun.version == 1 else "changed"}.get(noun.state, noun.state)
    what = f"{noun.before or ''} -> {noun.after or 'nothing'}" if noun.before else str(noun.after)
    about = f"proposal:{noun.id}"
    return f"{event.by} {did} {about} in {noun.section}.{noun.name}: {what}", noun.answer or noun.reason, about


def _reminder(event: Event) -> tuple[str, str, str]:
    noun = decode(Reminder, event.body)
    days = f"{noun.days} day{'s' if noun.days > 1 else ''}"
    lacks = "a review" if noun.about.startswith("proposal:") else "a signature"
    text = f"{', '.join(noun.people)} can give it"
    return f"{noun.about} has waited {days} for {lacks} as {' and '.join(noun.roles)}", text, noun.about


def _account(event: Event) -> tuple[str, str, str]:
    noun = decode(Account, event.body)
    signs = f" who signs as {', '.join(noun.signs)}" if noun.signs else ""
    return f"{event.by} made {noun.name} a {noun.role}{signs}", noun.reason, f"account:{noun.name}"


def _other(event: Event) -> tuple[str, str, str]:
    about = f"{event.kind}:{event.key}"
    return f"{event.by} wrote {about}", "", about


_KINDS: dict[str, Callable[[Event], tuple[str, str, str]]] = {
    Release.KIND: _release,
    Decision.KIND: _decision,
    Endpoint.KIND: _endpoint,
    Finding.KIND: _finding,
    Run.KIND: _run,
    Comment.KIND: _comment,
    Mark.KIND: _mark,
    Account.KIND: _account,
    Proposal.KIND: _proposal,
    Reminder.KIND: _reminder,
}


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 2] + " …"
