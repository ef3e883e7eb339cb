"""Times as people type them."""

import re
from datetime import UTC, datetime, timedelta

from arkwright.core import durations
from arkwright.core.errors import Invalid


def moment(text: str | None, now: datetime) -> datetime | None:
    """`1h` before now, or a time in UTC. Raises Invalid."""
    if text is None:
        return None
    if re.fullmatch(durations.PATTERN, text):
        return now - timedelta(seconds=durations.seconds(text))
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{text[:40]!r} is no time; write 1h, 7d or 2026-11-25T08:00") from None
    return at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
