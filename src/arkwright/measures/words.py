"""Promises in plain words: `recall >= 0.7` -> "Of all real cases, at least 70 % are found".

How a measure is said stands where it is defined, as a template in `words`: `{limit}` is what is promised ("at least
70 %"), `{column}` or any other parameter what was given for it. What stands in [brackets] is said only where its
parameter was given. Behind a colon stands how a number is said: `share` in percent, `points` in percentage points,
`row` in rows, `row have` in rows that have something, of which one has it (with every noun that takes an s, and every
verb); and of another measure, `{score:said}`, that it is said with this promise's limit.
"""

import inspect
import re
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from string import Formatter

from arkwright.core.errors import ArkwrightError
from arkwright.core.promises import Bound, Call, Name, Promise, Value, parse
from arkwright.measures.registry import Measure, measures

_SAID = {">=": "at least", ">": "more than", "<=": "at most", "<": "less than", "==": "exactly"}
_HUNDREDTHS = ("share", "points")
_DOES = {"have": "has", "are": "is"}  # of one; every other verb takes an s
_OPTIONAL = re.compile(r"\[([^\]]*)\]")


@lru_cache(maxsize=2048)
def sentence(promise: str | Promise) -> str:
    """A promise in plain words; of a measure that nobody knows, its name and what it is asked about.

    Text that is no promise comes back as it is: there is nothing to be said of it.
    """
    try:
        read = parse(promise) if isinstance(promise, str) else promise
    except ArkwrightError:
        return str(promise)
    said = _said(read.call, read.bounds)
    return said[:1].upper() + said[1:]


def _said(call: Call, bounds: Sequence[Bound]) -> str:
    measure = measures().get(call.name)
    given = _given(measure, call) if measure and measure.words else None
    if measure is None or given is None:
        return f"{_phrase(call)} is {_limit(bounds, '')}"
    parts = _OPTIONAL.split(measure.words)  # every second one stood in brackets
    kept = (part for n, part in enumerate(parts) if n % 2 == 0 or all(word in given for word in fields(part)))
    return "".join(_filled(part, given, bounds) for part in kept)


def _filled(template: str, given: dict[str, Value], bounds: Sequence[Bound]) -> str:
    said = ""
    for text, word, how, _ in Formatter().parse(template):
        said += text
        if word == "limit":
            said += _limit(bounds, _how_differences(given) if how == "gap" else how or "")
        elif word is not None:
            said += _value(given[word], how or "", bounds)
    return said


def fields(template: str) -> list[str]:
    """The parameters that a template speaks of."""
    return [word for _, word, _, _ in Formatter().parse(template) if word is not None]


def _given(measure: Measure, call: Call) -> dict[str, Value] | None:
    """What was given for each parameter; None where it does not fit, so that only its own text says what it is."""
    signature = inspect.Signature(measure.parameters)
    try:
        return dict(signature.bind(*call.args, **dict(call.kwargs)).arguments)
    except TypeError:
        return None


def _how_differences(given: dict[str, Value]) -> str:
    """Shares differ by percentage points."""
    score = _call(given.get("score"))
    measure = measures().get(score.name) if score else None
    return "points" if measure and "{limit:share}" in measure.words else ""


def _call(value: Value | None) -> Call | None:
    return Call(value.text) if isinstance(value, Name) else value if isinstance(value, Call) else None


def _limit(bounds: Sequence[Bound], how: str) -> str:
    if [(bound.op, bound.limit) for bound in bounds] in ([("==", 0)], [("<=", 0)]) and " " in how:
        return f"no{_unit(how, one=True)}"
    early = how if how == "share" else ""  # what is counted is named once, behind the last number
    if [bound.op for bound in bounds] == [">=", "<="]:
        low, high = bounds
        return f"between {_number(low.limit, early)} and {_number(high.limit, how, of_one=False)}"
    *others, last = bounds
    said = [f"{_SAID[bound.op]} {_number(bound.limit, early)}" for bound in others]
    return " and ".join([*said, f"{_SAID[last.op]} {_number(last.limit, how)}"])


def _value(value: Value, how: str, bounds: Sequence[Bound]) -> str:
    score = _call(value)
    if how == "said" and score:
        return _said(score, bounds)
    if isinstance(value, Name):
        return value.text
    if isinstance(value, Call):
        return _phrase(value)
    if isinstance(value, tuple):
        last = " and " if how == "and" else " or "
        said = [_value(one, how, bounds) for one in value]
        return last.join([", ".join(said[:-1]), said[-1]]) if len(said) > 1 else "".join(said) or "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f'"{value}"' if isinstance(value, str) else _number(value, how)


def _phrase(call: Call) -> str:
    """`recall(at_precision=0.5)` -> "recall (at precision 0.5)"."""
    given = [_value(arg, "", ()) for arg in call.args]
    given += [f"{word.replace('_', ' ')} {_value(value, '', ())}" for word, value in call.kwargs]
    return call.name.replace("_", " ") + (f" ({', '.join(given)})" if given else "")


def _unit(how: str, *, one: bool) -> str:
    """The word for what is counted, and what it does: rows have, of one: row has."""
    if how == "share":
        return " %"
    thing, _, does = ("percentage point", "", "") if how == "points" else how.partition(" ")
    if not thing:
        return ""
    does = _DOES.get(does, f"{does}s") if does and one else does
    return f" {thing if one else thing + 's'} {does}".rstrip()


def _number(value: float, how: str, *, of_one: bool = True) -> str:
    """Every digit that was written, thousands apart. `of_one`: whether 1 means a single thing, no end of a range."""
    exact = Decimal(repr(value)) * (100 if how in _HUNDREDTHS else 1)
    unit = _unit(how, one=of_one and exact == 1)
    if exact and not Decimal("1e-9") < abs(exact) < Decimal("1e15"):
        return f"{exact.normalize():e}{unit}"
    return f"{exact.normalize():,f}{unit}".replace("-0 ", "0 ") if exact else f"0{unit}"
