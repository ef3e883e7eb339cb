"""What may be said, and how often. Pure."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta

from arkwright.core.errors import Invalid, Throttled

LONGEST, MOST_LINES, MOST_MENTIONS = 10_000, 1_000, 20
WINDOW = timedelta(hours=1)
MOST = ((timedelta(minutes=1), 20), (WINDOW, 200))  # things said by one person


def checked(text: str) -> str:
    """The text as it goes on record: line ends are one character, nothing else is changed. Raises Invalid."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not any(c.isprintable() and not c.isspace() for c in text):
        raise Invalid("a comment says something; this one is empty")
    if len(text) > LONGEST or text.count("\n") > MOST_LINES:
        raise Invalid(f"a comment has at most {LONGEST:,} characters in {MOST_LINES:,} lines; link to what is longer")
    for c in text:
        if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cs"):
            raise Invalid(f"a comment cannot hold the character {c!a}; remove it")
    return text


def in_time(times: Sequence[str], now: datetime) -> None:
    """`times`: when this person said something in the last WINDOW. Raises Throttled."""
    for span, most in MOST:
        recent = [at for at in map(datetime.fromisoformat, times) if at > now - span]
        if len(recent) >= most:
            wait = max(1, int((recent[-most] + span - now).total_seconds()) + 1)
            minutes = int(span.total_seconds() // 60)
            raise Throttled(f"one person says at most {most} things in {minutes} min; try again in {wait} s", wait)
