"""The routes of REST: one for each verb that is no matter of the caller's own machine, the jobs, the description."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api.verbs import VERBS
from arkwright.core.errors import ArkwrightError
from arkwright.rest import answers, calls, gateway, jobs, openapi
from arkwright.sites import Site
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
        route("/health", health, PUBLIC),
        route("/api/openapi.json", Described(others).answer, "look"),
        *jobs.routes(turns),
        *gateway.routes(),
        *verbs,
    ]


def health(request: Request) -> Response:
    """Ready when all is: the records can be read, and whatever was promoted can be asked. Degraded: only read."""
    at = context.context(request)
    waits = list(at.unready())
    try:
        at.site.ledger.head()
    except Exception:  # noqa: BLE001 - whatever it is, the log of whoever reads the records tells of it
        waits.append("records")
    if not waits and _late(at.site):
        return Response(b'{"status":"degraded","why":"the disk is full"}', media_type="application/json")
    if not waits:
        return Response(b'{"status":"ready"}', media_type="application/json")
    body = msgspec.json.encode({"status": "not ready", "waits_for": waits})
    return Response(body, 503, {"Retry-After": "1"}, media_type="application/json")


def _late(site: Site) -> bool:
    """Whether the disk has no room for what pages show: they go on with what was there before."""
    if site.catalog.behind is None:
        return False
    try:
        site.catalog.follow()
    except ArkwrightError:
        return True
    return False


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
