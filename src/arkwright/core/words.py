"""The keywords of what people call from Python: a wrong one is told with its near miss, as every other mistake is."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from arkwright.core.errors import Invalid, did_you_mean

P = ParamSpec("P")
R = TypeVar("R")


class WrongWord(Invalid, TypeError):
    """What Python itself calls a TypeError."""


def bound(name: str, signature: inspect.Signature, args: tuple[Any, ...], words: Mapping[str, Any]) -> dict[str, Any]:
    """What each parameter is given, by its name. Raises WrongWord."""
    known = [one for one in signature.parameters if one != "self"]
    every = any(one.kind is one.VAR_KEYWORD for one in signature.parameters.values())
    for word in words:
        if word not in known and not every:
            raise WrongWord(f"{name} knows no {word[:40]!r}{did_you_mean(word[:40], known)}")
    try:
        return signature.bind(*args, **words).arguments
    except TypeError as error:
        raise WrongWord(f"{name}: {error}{did_you_mean('', known)}") from None


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, which says plainly what it was called with wrongly."""
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: P.args, **words: P.kwargs) -> R:
        bound(function.__name__, signature, args, words)
        return function(*args, **words)

    return call
