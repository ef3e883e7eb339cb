"""Text from outside as it may be shown: what a terminal would obey, or turn round, is spelt out instead."""

import re
import unicodedata

_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # colours and the like, which a terminal does not show as letters


def visible(text: str) -> str:
    """The same text with control, invisible and direction characters spelt as Python spells them; line ends stay."""
    return "".join(c if c == "\n" or unicodedata.category(c)[0] != "C" else ascii(c)[1:-1] for c in text)


def printed(line: str) -> str:
    """A line that a program printed, as a terminal would have left it: of a bar that was drawn anew, its end."""
    return visible(_STYLE.sub("", line).rstrip("\r").rpartition("\r")[2].expandtabs())
