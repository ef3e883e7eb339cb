"""What a server tells of itself and of what it serves: all that GET answers."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

import orjson

from arkwright.serve.model.loaded import Loaded
from arkwright.serve.observer.labelling import known_classes
from arkwright.serve.rest import oip, openapi
from arkwright.serve.traffic.route import Route
from arkwright.serve.wire.messages import Request, Response, json_response

Get = Callable[[Request], Response]
Ready = Callable[[dict[str, Any]], Response]  # whether it is ready, beside what is said already
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")
_HTML_HEADERS = (
    b"Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\nX-Content-Type-Options: nosniff\r\n"
    b"Vary: Accept\r\n"
)


def answers(routes: Mapping[str, Route], ready: Ready, *, labels: bool, repository: bool) -> dict[str, Get]:
    """By path. `labels`: whether they are taken. `repository`: whether clients may load and unload."""
    found: dict[str, Get] = {}
    for route in routes.values():
        base, versions = f"/v2/models/{route.name}", [lane.loaded.version for lane in route.lanes]
        found |= _of_release(base, route.first.loaded, versions, ready)
        for lane in route.lanes:
            found |= _of_release(f"{base}/versions/{lane.loaded.version}", lane.loaded, versions, ready)
    return found | _of_server(routes, ready, labels=labels, repository=repository)


def _of_release(base: str, one: Loaded, versions: Sequence[str], ready: Ready) -> dict[str, Get]:
    described = json_response(oip.metadata(one) | {"versions": versions}, headers=one.headers)
    return {base: lambda _: described, f"{base}/ready": lambda _: ready({"name": one.endpoint})}


def _of_server(routes: Mapping[str, Route], ready: Ready, *, labels: bool, repository: bool) -> dict[str, Get]:
    live = json_response({"live": True})
    loaded = [route.first.loaded for route in routes.values()]
    answering = {route.name: [lane.loaded.release for lane in route.lanes] for route in routes.values()}
    versions = {route.name: [lane.loaded.version for lane in route.lanes] for route in routes.values()}

    @cache  # what few ask for is made when somebody does: a server answers sooner
    def about() -> Response:
        return json_response(oip.about(repository=repository))

    @cache
    def document() -> Response:
        classes = {route.name: known_classes(route) for route in routes.values()} if labels else None
        said = openapi.document(loaded, versions, classes=classes, repository=repository)
        return Response(200, orjson.dumps(said))

    @lru_cache(4)  # by the names that callers know this server by: it takes milliseconds where much is served
    def index(host: str) -> Response:
        return json_response(openapi.index(loaded, host, answering))

    @lru_cache(4)
    def page(host: str) -> Response:
        said = openapi.page(loaded, host, answering)
        return Response(200, said.encode(), b"text/html; charset=utf-8", _HTML_HEADERS)

    def welcome(request: Request) -> Response:
        sent = request.headers.get(b"host", b"").decode("latin-1")
        host = sent if _HOST.fullmatch(sent) else "HOST"
        return page(host) if b"text/html" in request.headers.get(b"accept", b"") else index(host)

    return {
        "/v2": lambda _: about(),
        "/v2/health/live": lambda _: live,
        "/v2/health/ready": lambda _: ready({}),
        "/openapi.json": lambda _: document(),
        "/": welcome,
    }
