"""Spans of time as people write them: 90d, 12h, 30m; windows may also be so many rows, or all of a release."""

import re

from arkwright.core.errors import Invalid
from arkwright.core.spelt import END

PATTERN = rf"^[1-9][0-9]{{0,4}}[smhdw]{END}"
RELEASE = "release"
WINDOW = rf"{PATTERN}|^[1-9][0-9]{{0,8}} rows{END}|^{RELEASE}{END}"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def rows(text: str) -> int | None:
    """`5000 rows` as a number; None for any other window."""
    number, _, unit = text.partition(" ")
    return int(number) if unit == "rows" else None


def seconds(text: str) -> int:
    """`90d` in seconds. Raises Invalid."""
    if not re.fullmatch(PATTERN, text):
        raise Invalid(f"{text[:40]!r} is no span of time; write a number and one of s, m, h, d, w, such as 90d or 12h")
    return int(text[:-1]) * _SECONDS[text[-1]]
