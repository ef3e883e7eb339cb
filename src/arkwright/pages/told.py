"""Events in words: what each is about, and what somebody did."""

from collections.abc import Mapping
from typing import Any

import msgspec

from arkwright.core.nouns import VERSIONED, Event
from arkwright.core.versions import ENDED

_MADE = {"dataset": "made", "model": "made", "release": "made", "account": "changed"}
_ABOUT = {"finding": "subject", "decision": "release", "comment": "about", "mark": "about", "watch": "about"}
LONGEST = 160


def body(event: Event) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(event.body)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def subject(event: Event) -> str | None:
    """The reference of what the event is about; None where that is no noun."""
    if event.kind in VERSIONED:
        return f"{event.kind}:{event.key.removeprefix(ENDED)}"
    found = body(event).get(_ABOUT.get(event.kind, ""))
    return found if isinstance(found, str) else None


def says(event: Event) -> str:
    """What was done, shortly."""
    said = body(event)
    reason = said.get("reason") or said.get("text") or said.get("error") or ""
    text = f"{_verb(event, said)}{': ' if reason else ''}{reason}"
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _verb(event: Event, said: Mapping[str, Any]) -> str:
    on = said.get("on")
    known = {
        "run": str(said.get("state", "ran")) if event.key.startswith(ENDED) else "started",
        "finding": f"found {said.get('promise')} {said.get('verdict')}",
        "decision": f"{'signed' if said.get('yes') else 'refused'} as {said.get('role')}",
        "comment": "deleted a comment" if said.get("deleted") else "asked" if said.get("question") else "said",
        "mark": f"marked a comment {said.get('what')}" if on else f"took back {said.get('what')}",
        "watch": "watches it" if on else "no longer watches it",
        "endpoint": "stopped" if said.get("stopped") else "moved",
        **_MADE,
    }
    return known.get(event.kind, f"wrote a {event.kind}")
