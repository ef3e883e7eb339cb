"""A route that says what one must be allowed to do. There is no other kind, so none can forget it."""

from collections.abc import Awaitable, Callable, Sequence
from inspect import iscoroutinefunction
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

PUBLIC = "public"


def route(path: str, handler: Callable[..., Any], right: str, methods: Sequence[str] = ("GET",)) -> Route:
    """`right`: one of `govern.roles.RIGHTS`, or PUBLIC. Handlers that are no coroutines run in a thread."""
    made = Route(path, handler, methods=list(methods))
    if iscoroutinefunction(handler):
        made.app = _plain(handler)
    made.right = right  # type: ignore[attr-defined]
    return made


def _plain(handler: Callable[[Request], Awaitable[Response]]) -> ASGIApp:
    """Without Starlette's own wrapping for errors: the application has the same one around all routes, and once is
    enough for what is asked thousands of times a second.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        answer = await handler(Request(scope, receive, send))
        await answer(scope, receive, send)

    return app


def allowed(routes: Sequence[BaseRoute], scope: Scope) -> list[str]:
    """The methods that are answered at a path: of all the routes that are spelt as the first one that it fits, of which
    Starlette would tell the first one's alone.
    """
    fits = (route for route in routes if isinstance(route, Route) and route.matches(scope)[0] != Match.NONE)
    path = next((route.path for route in fits), None)
    same = (route for route in routes if isinstance(route, Route) and route.path == path)
    return sorted({method for route in same for method in route.methods or ()})


class Index:
    """Routes by their paths: what has no variable in its path is found at once, where trying each in turn would cost
    more than most answers.
    """

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._all = routes
        self._exact: dict[str, list[Route]] = {}
        for route in routes:
            if isinstance(route, Route) and "{" not in route.path:
                self._exact.setdefault(route.path, []).append(route)

    def near(self, scope: Scope) -> Sequence[BaseRoute]:
        """The route that answers, where the path alone says it; else all."""
        if scope["type"] == "http":
            for route in self._exact.get(scope["path"], ()):
                if route.methods and scope["method"] in route.methods:
                    return [route]
        return self._all


class Quick(Router):
    """Starlette's router, where the guard has not found the route already."""

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        near = scope.get("arkwright.near", ())
        if len(near) != 1:
            await super().app(scope, receive, send)
            return
        scope["route"] = near[0]
        scope.update(near[0].matches(scope)[1])
        await near[0].handle(scope, receive, send)
