"""A route that says what one must be allowed to do. There is no other kind, so none can forget it."""

from collections.abc import Callable, Sequence
from typing import Any

from starlette.routing import BaseRoute, Match, Route, Router
from starlette.types import Receive, Scope, Send

PUBLIC = "public"


def route(path: str, handler: Callable[..., Any], right: str, methods: Sequence[str] = ("GET",)) -> Route:
    """`right`: one of `govern.roles.RIGHTS`, or PUBLIC. Handlers that are no coroutines run in a thread."""
    made = Route(path, handler, methods=list(methods))
    made.right = right  # type: ignore[attr-defined]
    return made


class Index:
    """Routes by their paths: what has no variable in its path is found at once, where trying each in turn would cost
    more than most answers.
    """

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._all = routes
        self._exact: dict[str, list[BaseRoute]] = {}
        for route in routes:
            if isinstance(route, Route) and "{" not in route.path:
                self._exact.setdefault(route.path, []).append(route)

    def near(self, scope: Scope) -> Sequence[BaseRoute]:
        """The route that answers, where the path alone says it; else all."""
        if scope["type"] == "http":
            for route in self._exact.get(scope["path"], ()):
                if route.matches(scope)[0] == Match.FULL:
                    return [route]
        return self._all


class Quick(Router):
    """Starlette's router, with a look into the index first."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        super().__init__(routes)
        self._index = Index(routes)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        near = self._index.near(scope)
        if len(near) != 1:
            await super().app(scope, receive, send)
            return
        scope["route"] = near[0]
        scope.update(near[0].matches(scope)[1])
        await near[0].handle(scope, receive, send)
