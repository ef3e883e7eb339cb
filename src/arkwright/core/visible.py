"""Text from outside as it may be shown: what a terminal would obey, or turn round, is spelt out instead."""

import unicodedata


def visible(text: str) -> str:
    """The same text with control, invisible and direction characters spelt as Python spells them; line ends stay."""
    return "".join(c if c == "\n" or unicodedata.category(c)[0] != "C" else ascii(c)[1:-1] for c in text)
