"""A part of a page whose file is lost: it says so in its place, and all the rest is shown, with its buttons."""

from collections.abc import Callable
from typing import TypeVar

from starlette.requests import Request

from arkwright.core.errors import Corrupt
from arkwright.web import context

T = TypeVar("T")


def part(request: Request, work: Callable[[], T]) -> tuple[T | None, str]:
    """What the part shows; or nothing, and why."""
    try:
        return work(), ""
    except Corrupt as error:
        return None, context.placeless(str(error), context.context(request))
