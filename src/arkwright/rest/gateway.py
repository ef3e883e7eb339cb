"""The way to the endpoints: whoever proved who they are asks them here, and their name goes with the question.

What belongs to the caller's connection or proves who asks goes no further; errors are told as everywhere in REST, and
those of the Open Inference Protocol in its own words.
"""

import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from arkwright.core.errors import (
    ArkwrightError,
    Full,
    Invalid,
    NotOffered,
    NotTaken,
    Refused,
    Throttled,
    TooLarge,
    TooSlow,
    Unknown,
    did_you_mean,
)
from arkwright.core.nouns import Endpoint
from arkwright.rest.upstream import Answer, Gone, Late, Upstream
from arkwright.web import context, problems
from arkwright.web.routes import route

PASSED = frozenset(
    b"accept accept-encoding arkwright-key arkwright-release arkwright-timeout-ms content-encoding content-length "
    b"content-type inference-header-content-length traceparent tracestate".split()
)
KEPT_BACK = frozenset(
    b"connection keep-alive proxy-authenticate proxy-connection set-cookie te trailer transfer-encoding upgrade "
    b"date server x-request-id".split()
)
ID = re.compile(r"[\x21-\x7e]{1,128}")
CALLER = b"arkwright-caller"
AT_ONCE = 512  # questions
LONGEST_ERROR = 1 << 16  # bytes
UNKNOWN = "no endpoint is called"  # what the server says of a name that it does not serve
STOPPED = " is stopped by "  # and of one that a person stopped
LATE = "the endpoint took too long to answer"
CUT = "the server of the endpoints ended while it was asked, or is being started; try again in a moment"
Tell = Callable[[int, str, dict[str, str]], Response]


def routes() -> list[Route]:
    gateway = Gateway()
    ours, theirs = partial(gateway.ask, problem), partial(gateway.ask, protocol)
    return [
        route("/endpoints/{name}/predict", ours, "talk", ["POST"]),
        route("/endpoints/{name}/labels", ours, "work", ["POST"]),
        route("/v2", theirs, "look"),
        route("/v2/health/live", theirs, "look"),
        route("/v2/health/ready", theirs, "look"),
        *(
            route(f"/v2/models/{{name}}{version}{what}", theirs, right, [method])
            for version in ("", "/versions/{version}")
            for what, right, method in (("", "look", "GET"), ("/ready", "look", "GET"), ("/infer", "talk", "POST"))
        ),
    ]


_KINDS: dict[int, type[ArkwrightError]] = {
    400: Invalid,
    504: TooSlow,
    **{
        kind.status: kind
        for kind in (Full, Invalid, NotOffered, NotTaken, Refused, Throttled, TooLarge, TooSlow, Unknown)
    },
}


def problem(status: int, detail: str, headers: dict[str, str]) -> Response:
    """Of the kind that it would be if the verb had been said here, whatever the status."""
    kind = Refused if status == 503 and STOPPED in detail else _KINDS.get(status, ArkwrightError)
    return problems.problem(status, problems.title(kind, status), detail, headers)


def spoken(path: str) -> bool:
    """Whether the protocol's clients ask there: they read errors in its own words only."""
    return path == "/v2" or path.startswith("/v2/")


def protocol(status: int, detail: str, headers: dict[str, str]) -> Response:
    return Response(msgspec.json.encode({"error": detail}), status, headers, media_type="application/json")


class Gateway:
    """Of one control room."""

    def __init__(self) -> None:
        self._upstream: Upstream | None = None
        self._asked = 0

    async def ask(self, tell: Tell, request: Request) -> Response:
        path = context.context(request).endpoints
        if path is None:
            return tell(503, "no endpoints are served here", {})
        if self._asked >= AT_ONCE:
            return tell(503, "too many ask at once; try again", {"Retry-After": "1"})
        self._upstream = self._upstream or Upstream(path)
        self._asked += 1
        try:
            return await self._ask(self._upstream, tell, request)
        except Gone:
            return await _nobody(tell, request, CUT)
        except Late:
            return tell(504, LATE, {})
        except ClientDisconnect:
            return Response(None, 499)
        finally:
            self._asked -= 1

    async def _ask(self, upstream: Upstream, tell: Tell, request: Request) -> Response:
        headers = [(name, value) for name, value in request.headers.raw if name in PASSED]
        headers.append((CALLER, context.actor(request).name.encode()))
        headers.append((b"x-request-id", _id(request)))
        body = _pieces(request) if request.method == "POST" else None
        target = request.scope.get("raw_path") or request.url.path.encode()
        answer = await upstream.ask(request.method, target, headers, body, partial(_left, request))
        if answer.status >= 400:
            return await _refused(answer, tell, request)
        response = StreamingResponse(_going_on(answer), answer.status)
        response.raw_headers = [*_passed(answer), (b"cache-control", b"no-store")]
        return response


def _id(request: Request) -> bytes:
    """By which the prediction is found again: the caller's own, or ours. The answer has it, whoever gives it."""
    own = request.headers.get("x-request-id", "")
    if ID.fullmatch(own):
        request.scope["arkwright.request"] = own
    return str(request.scope["arkwright.request"]).encode()


def _passed(answer: Answer) -> list[tuple[bytes, bytes]]:
    named = b",".join(value for name, value in answer.headers if name == b"connection").lower().split(b",")
    left = KEPT_BACK | {name.strip() for name in named}
    return [(name, value) for name, value in answer.headers if name not in left]


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    async for piece in request.stream():
        yield piece


async def _left(request: Request) -> None:
    """Until the caller went away. Raises ClientDisconnect."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    raise ClientDisconnect


async def _going_on(answer: Answer) -> AsyncIterator[bytes]:
    """Cut off in the middle, the caller sees it too: fewer bytes come than were said."""
    async for piece in answer.pieces():
        yield piece


async def _refused(answer: Answer, tell: Tell, request: Request) -> Response:
    """Its reason, told as errors are told here."""
    body = await answer.body(LONGEST_ERROR)
    detail = HTTPStatus(answer.status).phrase
    with contextlib.suppress(ValueError, KeyError, TypeError):
        detail = str(json.loads(body)["error"])
    if answer.status == 404:
        return await _nobody(tell, request, detail)
    kept = (b"retry-after", b"allow")
    headers = {name.decode(): value.decode("latin-1") for name, value in answer.headers if name in kept}
    return tell(answer.status, detail, headers)


async def _nobody(tell: Tell, request: Request, detail: str) -> Response:
    """Nobody answers: because there is no such endpoint, or because it is not served just now."""
    name: Any = request.path_params.get("name")
    if detail != CUT and not detail.startswith(UNKNOWN):
        return tell(404, detail, {})
    if name is None:
        return tell(503, CUT, {"Retry-After": "1"})
    try:
        names = await run_in_threadpool(context.context(request).site.catalog.names, Endpoint)
    except ArkwrightError:
        return tell(503, CUT, {"Retry-After": "1"})
    if name not in names:
        return tell(404, f"no endpoint is called {name[:80]!r}{did_you_mean(name[:80], names)}", {})
    if detail == CUT:
        return tell(503, CUT, {"Retry-After": "1"})
    return tell(503, f"{name} is not served just now; the server's log says why", {})
