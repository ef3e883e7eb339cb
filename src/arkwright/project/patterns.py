"""Texts that match a regular expression, for made-up rows: `[A-Z]{2}[0-9]+` gives `QX407`."""

import re
from collections.abc import Callable
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import numpy as np

_LONGEST_REPEAT = 6  # of `*`, `+` and `{2,}`
_TRIES = 50
_ALPHABET = "abcxyzABCXYZ0123456789 _-.é"


def matching(pattern: str, sound: Callable[[str], bool], rng: np.random.Generator) -> str | None:
    """A text in which the pattern is found and which `sound` accepts; None when none is hit upon."""
    found = re.compile(pattern)
    try:
        parsed = parser.parse(pattern)
        for _ in range(_TRIES):
            text = _text(parsed, rng, {})
            if found.search(text) and sound(text):
                return text
    except NotImplementedError:
        return None
    return None


def _text(parsed: Any, rng: np.random.Generator, groups: dict[int, str]) -> str:
    return "".join(_part(kind, value, rng, groups) for kind, value in parsed)


def _part(kind: Any, value: Any, rng: np.random.Generator, groups: dict[int, str]) -> str:
    made = ""  # of `^`, `$`, lookaheads: the match afterwards tells whether they hold
    match kind:
        case sre.LITERAL:
            made = chr(value)
        case sre.NOT_LITERAL | sre.ANY | sre.IN:
            within = [(kind, value)] if kind != sre.IN else value
            candidates = [c for c in _characters(within) if _allowed(within, c)]
            made = candidates[int(rng.integers(len(candidates)))] if candidates else ""
        case sre.MAX_REPEAT | sre.MIN_REPEAT | sre.POSSESSIVE_REPEAT:
            least, most, inner = value
            times = int(rng.integers(least, min(int(most), least + _LONGEST_REPEAT) + 1))
            made = "".join(_text(inner, rng, groups) for _ in range(times))
        case sre.SUBPATTERN:
            made = groups[value[0]] = _text(value[-1], rng, groups)
        case sre.ATOMIC_GROUP:
            made = _text(value, rng, groups)
        case sre.BRANCH:
            made = _text(value[1][int(rng.integers(len(value[1])))], rng, groups)
        case sre.GROUPREF:
            made = groups.get(value, "")
        case sre.AT | sre.ASSERT | sre.ASSERT_NOT:
            pass
        case _:
            raise NotImplementedError(kind)
    return made


def _characters(within: Any) -> list[str]:
    """Characters to choose from: of every range some, and the usual ones."""
    found = list(_ALPHABET)
    for kind, value in within:
        if kind == sre.LITERAL:
            found.append(chr(value))
        elif kind == sre.RANGE:
            low, high = value
            found += [chr(code) for code in range(low, min(high, low + 25) + 1)]
    return sorted(set(found))


def _allowed(within: Any, character: str) -> bool:
    """Whether the set of characters holds this one."""
    hit = False
    for kind, value in within:
        match kind:
            case sre.LITERAL:
                hit |= ord(character) == value
            case sre.NOT_LITERAL:
                hit |= ord(character) != value
            case sre.RANGE:
                hit |= value[0] <= ord(character) <= value[1]
            case sre.CATEGORY:
                hit |= bool(_CATEGORIES[value].fullmatch(character))
            case sre.ANY:
                hit |= character != "\n"
    return hit != any(kind == sre.NEGATE for kind, _ in within)


_CATEGORIES = {
    sre.CATEGORY_DIGIT: re.compile(r"\d"),
    sre.CATEGORY_NOT_DIGIT: re.compile(r"\D"),
    sre.CATEGORY_SPACE: re.compile(r"\s"),
    sre.CATEGORY_NOT_SPACE: re.compile(r"\S"),
    sre.CATEGORY_WORD: re.compile(r"\w"),
    sre.CATEGORY_NOT_WORD: re.compile(r"\W"),
}
