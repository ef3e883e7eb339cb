"""Which events a subscriber hears of, by words that people choose from."""

from collections.abc import Iterable

import msgspec

from arkwright.core.alarms import Alarm, Reacted
from arkwright.core.errors import Invalid, did_you_mean
from arkwright.core.ignored import Ignored
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

EVERYTHING, ALARMS = "everything", "alarms"
KINDS: dict[str, tuple[str, ...]] = {
    "releases": (Release.KIND,),
    "decisions": (Decision.KIND, Ignored.KIND),
    "moves": (Endpoint.KIND,),
    "proposals": (Proposal.KIND,),
    "reminders": (Reminder.KIND,),
    "runs": (Run.KIND,),
    "findings": (Finding.KIND,),
    "talk": (Comment.KIND, Mark.KIND),
    "people": (Account.KIND,),
}
WORDS = (*KINDS, ALARMS, EVERYTHING)
USUAL = ("releases", "decisions", "moves", ALARMS)


def known(words: Iterable[str]) -> tuple[str, ...]:
    """The words, each once; what is usual where there are none. Raises Invalid."""
    chosen = tuple(dict.fromkeys(words)) or USUAL
    for word in chosen:
        if word not in WORDS:
            raise Invalid(f"nothing that happens is called {word[:40]!r}{did_you_mean(word[:40], WORDS)}")
    return chosen


def wants(words: Iterable[str], event: Event) -> bool:
    """`alarms`: a promise that is not kept, a run that failed, an alarm and what is done about it."""
    for word in words:
        if word == EVERYTHING or event.kind in KINDS.get(word, ()):
            return True
        if word == ALARMS and _alarming(event):
            return True
    return False


def _alarming(event: Event) -> bool:
    if event.kind == Finding.KIND:
        return _field(event, "verdict") != "kept"
    if event.kind == Run.KIND:
        return _field(event, "state") == "failed"
    return event.kind in (Alarm.KIND, Reacted.KIND)


def _field(event: Event, name: str) -> object:
    try:
        return msgspec.json.decode(event.body).get(name)
    except (msgspec.DecodeError, AttributeError):
        return None
