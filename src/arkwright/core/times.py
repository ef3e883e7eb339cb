"""Times as people and programs write them, to every face alike: so long ago, a day, a time in UTC or with its zone."""

import math
import re
from datetime import UTC, datetime, timedelta

from arkwright.core import durations
from arkwright.core.errors import ArkwrightError, Invalid

PATTERN = (
    rf"{durations.PATTERN}|"
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?)?$"
)
AHEAD = 60.0  # seconds that the clocks of two machines may differ
SET = 946_684_800.0  # 2000-01-01; a clock that nobody set yet begins in 1970, or there
SPELLING = "write 1h or 7d (so long ago), or a time in UTC such as 2026-03-31T08:00"


def utc(seconds: float) -> str:
    """Seconds since 1970 as a time with its zone, to the second."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def must_be_set(now: float) -> None:
    """Raises ArkwrightError where this machine does not know the time yet: what is on record would be of the future."""
    if now < SET:
        raise ArkwrightError(f"the clock of this machine says {utc(now)[:16]} UTC; set it, and try again")


def zoned(at: datetime) -> datetime:
    """A time that says no zone is one in UTC."""
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def ago(at: str, now: float) -> float:
    """How many seconds before `now` (seconds since 1970) a time on record is. What a clock put there that ran ahead, by
    more than two machines may differ, or before our own went back, is so long ago that no word waits for it.
    """
    since = now - datetime.fromisoformat(at).timestamp()
    return since if since >= -AHEAD else math.inf


def moment(text: str | None, now: datetime | None = None) -> datetime | None:
    """In UTC, without a zone; None for None. `now`: from when on back; by default it is. Raises Invalid."""
    if text is None:
        return None
    if re.fullmatch(durations.PATTERN, text):
        return (now or datetime.now(UTC)).replace(tzinfo=None) - timedelta(seconds=durations.seconds(text))
    if not re.fullmatch(PATTERN, text):
        raise Invalid(f"{text[:40]!r} is no time; {SPELLING}")
    try:
        at = datetime.fromisoformat(text.upper())
        return at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise Invalid(f"{text[:40]!r} is no time: there is none such in UTC") from None
