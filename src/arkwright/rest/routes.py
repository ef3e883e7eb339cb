"""The routes of REST: one for each verb that is no matter of the caller's own machine, the jobs, the description."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api.verbs import VERBS
from arkwright.rest import answers, calls, gateway, health, jobs, openapi
from arkwright.web import context, cookies
from arkwright.web.routes import PUBLIC, route


def routes(*others: tuple[dict[str, Any], openapi.Paths]) -> Sequence[Route]:
    """`others`: what else programs may ask here, for the description."""
    turns = calls.Turns()
    verbs = [
        route(f"/api/{name}", calls.handler(name, verb, turns), verb.right, ["POST" if verb.acts else "GET"])
        for name, verb in VERBS.items()
        if not verb.here
    ]
    return [
        route("/health", health.Health().answer, PUBLIC),
        route("/api/openapi.json", Described(others).answer, "look"),
        *jobs.routes(turns),
        *gateway.routes(),
        *verbs,
    ]


class Described:
    """What all this is, as OpenAPI 3.1. Made when it is first asked for."""

    def __init__(self, others: Sequence[tuple[dict[str, Any], openapi.Paths]]) -> None:
        self._others = others
        self._document = b""

    def answer(self, request: Request) -> Response:
        answers.chosen(request, (answers.JSON,))
        if not self._document:
            session = cookies.name(context.context(request).address, cookies.SESSION)
            self._document = msgspec.json.encode(openapi.document(self._others, cookie=session))
        return Response(self._document, media_type=answers.JSON)
