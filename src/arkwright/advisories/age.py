"""How old what was brought here may be."""

from datetime import datetime

from arkwright.core.durations import seconds


def stale(what: str, at: datetime, now: datetime, max_age: str) -> str:
    """Why what is as of `at` is not to be trusted any more; empty while it is."""
    if (now - at).total_seconds() <= seconds(max_age):
        return ""
    return f"the {what} are {(now - at).days} days old, at most {max_age} may be: put today's in their place"
