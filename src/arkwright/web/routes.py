"""A route that says what one must be allowed to do. There is no other kind, so none can forget it."""

from collections.abc import Callable, Sequence
from typing import Any

from starlette.routing import Route

PUBLIC = "public"


def route(path: str, handler: Callable[..., Any], right: str, methods: Sequence[str] = ("GET",)) -> Route:
    """`right`: one of `govern.roles.RIGHTS`, or PUBLIC. Handlers that are no coroutines run in a thread."""
    made = Route(path, handler, methods=list(methods))
    made.right = right  # type: ignore[attr-defined]
    return made
