"""How names and texts are written in SQL, whatever is in them (ISO/IEC 9075: a quote within is said twice)."""


def quoted_name(word: str) -> str:
    """Of a column or a table."""
    return '"' + word.replace('"', '""') + '"'


def quoted_text(value: str) -> str:
    """A value of characters."""
    return "'" + value.replace("'", "''") + "'"
