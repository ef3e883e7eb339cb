"""What a value has to be, in words for people: msgspec names the types of a program."""

import re

_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "nothing",
    "datetime": "a date with a time",
    "date": "a date",
    "time": "a time",
}
_TOML = _WORDS | {"object": "a table"}
_NAMED = re.compile(r"(Expected|got) `([a-z]+(?: \| [a-z]+)*)`")


def in_words(message: str) -> str:
    """Expected `int | null`, got `str`  ->  Expected a whole number or nothing, got text."""
    return _NAMED.sub(lambda found: f"{found[1]} {_either(found[2], _WORDS)}", message)


def in_toml(message: str) -> str:
    """The same of a file that has tables, and no word for nothing."""
    return _NAMED.sub(lambda found: f"{found[1]} {_either(found[2].removesuffix(' | null'), _TOML)}", message)


def _either(names: str, words: dict[str, str]) -> str:
    *first, last = [words.get(name, name) for name in names.split(" | ")]
    return f"{', '.join(first)} or {last}" if first else last
