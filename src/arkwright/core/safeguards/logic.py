"""Conditions as closures over a row's values, with SQL's three-valued logic: what is missing is None, a comparison with
it is neither true nor false, and a number that arithmetic cannot say (a division by zero, an overflow) is missing.

Each closure takes the row's values in one sequence. The commonest form, a column against a constant, has closures of
its own: a call costs about 50 ns, which is what a rule costs.
"""

import math
import operator
from collections.abc import Callable, Collection, Sequence
from typing import Any

Values = Sequence[Any]
Run = Callable[[Values], Any]
Operation = Callable[[Any, Any], Any]

COMPARE: dict[str, Operation] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
ARITHMETIC: dict[str, Operation] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
}
_BEYOND = 10**300  # integers grow without end in Python; beyond this nothing compares them with a float


def constant(value: Any) -> Run:
    return lambda _: value


def compare(op: str, left: Run, right: Run) -> Run:
    said = COMPARE[op]

    def run(values: Values) -> Any:
        a, b = left(values), right(values)
        return None if a is None or b is None else said(a, b)

    return run


def compare_slot(op: str, at: int, limit: Any) -> Run:
    """`column op constant`."""
    said = COMPARE[op]

    def run(values: Values) -> Any:
        value = values[at]
        return None if value is None else said(value, limit)

    return run


def contained(inner: Run, among: Collection[Any], *, negated: bool) -> Run:
    def run(values: Values) -> Any:
        value = inner(values)
        return None if value is None else (value in among) is not negated

    return run


def negation(inner: Run) -> Run:
    def run(values: Values) -> Any:
        said = inner(values)
        return None if said is None else not said

    return run


def every(parts: Sequence[Run]) -> Run:
    """`and`: false as soon as one is, however little is known of the others."""

    def run(values: Values) -> Any:
        said: bool | None = True
        for part in parts:
            one = part(values)
            if one is False:
                return False
            if one is None:
                said = None
        return said

    return run


def some(parts: Sequence[Run]) -> Run:
    """`or`: true as soon as one is."""

    def run(values: Values) -> Any:
        said: bool | None = False
        for part in parts:
            one = part(values)
            if one is True:
                return True
            if one is None:
                said = None
        return said

    return run


def arithmetic(op: str, left: Run, right: Run) -> Run:
    said = ARITHMETIC[op]

    def run(values: Values) -> Any:
        a, b = left(values), right(values)
        if a is None or b is None:
            return None
        try:
            return number(said(a, b))
        except (ZeroDivisionError, OverflowError):
            return None

    return run


def number(value: Any) -> Any:
    """A number that can be said, or None."""
    return value if (math.isfinite(value) if isinstance(value, float) else -_BEYOND < value < _BEYOND) else None


def applied(function: Callable[..., Any], parts: Sequence[Run]) -> Run:
    """A function of values of which none is missing."""

    def run(values: Values) -> Any:
        given = [part(values) for part in parts]
        return None if None in given else function(*given)

    return run


def any_missing(places: Sequence[int]) -> Run:
    def run(values: Values) -> bool:
        return any(values[at] is None for at in places)

    return run


def any_unseen(known: Sequence[tuple[int, Collection[Any]]]) -> Run:
    def run(values: Values) -> bool:
        return any(values[at] not in among for at, among in known)

    return run


def any_outside(known: Sequence[tuple[Run, Any, Any]]) -> Run:
    def run(values: Values) -> bool:
        for get, low, high in known:
            value = get(values)
            if value is not None and not low <= value <= high:
                return True
        return False

    return run
