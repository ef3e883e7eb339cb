"""What MLflow's clients say and hear: JSON in and out, and errors with the codes that they know.

The words are those of MLflow's REST API, https://mlflow.org/docs/latest/rest-api.html.
"""

import asyncio
import math
import re
from collections.abc import Callable, Coroutine, Sequence
from functools import cache, wraps
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from arkwright.core.errors import (
    ArkwrightError,
    Away,
    Corrupt,
    Forbidden,
    Full,
    Invalid,
    NotTaken,
    Refused,
    Throttled,
    Unknown,
    Unproven,
)
from arkwright.tracking import runs
from arkwright.tracking.searching import MOST
from arkwright.tracking.tracking import Tracking
from arkwright.web.context import context

PREFIX = "/api/2.0/mlflow"
TRACES = "/v1/traces"  # where OpenTelemetry's exporters send them
PLACES = ("/api/2.0/mlflow", "/api/3.0/mlflow", "/version", TRACES)  # errors are told as MLflow's clients know them
JSON = "application/json"
_TRACED = re.compile(r"/api/[23]\.0/mlflow/traces(/|$)")
STAGES = {
    "ACTIVE_ONLY": runs.ACTIVE, "DELETED_ONLY": runs.DELETED, "ALL": None, "1": runs.ACTIVE, "2": runs.DELETED,
    "3": None,
}  # fmt: skip
_CODES: dict[type[ArkwrightError], tuple[int, str]] = {
    Invalid: (400, "INVALID_PARAMETER_VALUE"),
    NotTaken: (400, "BAD_REQUEST"),
    Unknown: (404, "RESOURCE_DOES_NOT_EXIST"),
    Corrupt: (404, "RESOURCE_DOES_NOT_EXIST"),  # a file of which the bytes are lost or damaged
    Refused: (400, "RESOURCE_ALREADY_EXISTS"),
    Unproven: (401, "UNAUTHENTICATED"),
    Forbidden: (403, "PERMISSION_DENIED"),
    Throttled: (429, "REQUEST_LIMIT_EXCEEDED"),
    Away: (503, "TEMPORARILY_UNAVAILABLE"),
    Full: (507, "RESOURCE_LIMIT_EXCEEDED"),
}
Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
# what is beyond these is refused by whoever looks, in MLflow's words
Positive = Annotated[int, Meta(extra_json_schema={"minimum": 1})]
Many = Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": MOST})]
Handler = Callable[..., Coroutine[Any, Any, Response]]
P = ParamSpec("P")
T = TypeVar("T")
G = TypeVar("G", bound="Given")


class Given(Struct, kw_only=True):
    """What a request says. Words that are not known are left alone: newer clients say more."""


class Pair(Given):
    """A tag or a parameter."""

    key: str = ""
    value: str = ""


class OfRun(Given):
    """A request about one run; old clients say `run_uuid`."""

    run_id: str = ""
    run_uuid: str = ""

    @property
    def run(self) -> str:
        """Raises Invalid."""
        return must(self.run_id or self.run_uuid, "run_id")


def taken(handler: Handler) -> type[Given] | None:
    """The class of what a handler takes as `given`, if it takes anything."""
    return get_type_hints(handler).get("given")


def hearing(handler: Handler) -> Handler:
    """The handler of a route, given what the request says: after the `?` where one looks by GET, else in its body."""
    kind = taken(handler)
    if kind is None:
        return handler

    @wraps(handler)
    async def heard(request: Request) -> Response:
        given = query(request, kind) if request.method in ("GET", "HEAD") else await body(request, kind)
        return await handler(request, given)

    return heard


def must(value: T | None, name: str) -> T:
    """Raises Invalid where nothing was given."""
    if value is None or value == "":
        raise Invalid(f"Missing value for required parameter '{name}'")
    return value


async def body(request: Request, kind: type[G]) -> G:
    """The body, one JSON object. Raises NotTaken, Invalid."""
    said = request.headers.get("content-type", "")
    if said.partition(";")[0].strip().lower() != JSON:
        raise NotTaken("Bad Request. Content-Type must be 'application/json'")
    raw = await request.body()
    try:
        given: G = _decoder(kind).decode(raw or b"{}")
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(f"Invalid value in the request: {str(error)[:300]}") from None
    return given


def query(request: Request, kind: type[G]) -> G:
    """What stands after the `?`. Raises Invalid."""
    lists = _lists(kind)
    given: dict[str, Any] = {}
    for name, text in request.query_params.multi_items():
        if name in lists:
            given.setdefault(name, []).append(text)
        else:
            given[name] = text
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(f"Invalid value in the request: {str(error)[:300]}") from None


@cache
def _decoder(kind: type[G]) -> "msgspec.json.Decoder[G]":
    return msgspec.json.Decoder(kind, strict=False)  # numbers may be texts: so protobuf writes large ones, and NaN


@cache
def _lists(kind: type[Given]) -> frozenset[str]:
    return frozenset(name for name, hint in get_type_hints(kind).items() if get_origin(hint) is tuple)


def tracking(request: Request) -> Tracking:
    return context(request).site.tracking


async def written(
    request: Request, operation: Callable[Concatenate[Any, P], T], *given: P.args, **named: P.kwargs
) -> T:
    """Have it written; it is on the disk when this returns. Others that come meanwhile share the commit."""
    return await asyncio.wrap_future(tracking(request).submit(operation, *given, **named))


async def looked(work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """Have something looked up, aside from the loop."""
    return await run_in_threadpool(work, *given, **named)


def answer(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type=JSON)


DONE = b"{}"


def done() -> Response:
    return Response(DONE, media_type=JSON)


def number(value: float) -> float | str:
    """As JSON of protobuf says it: NaN and the infinities are texts."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


class Said(Struct, gc=False):
    """A pair in an answer. Long lists hold many: they must not keep the collector busy."""

    key: str
    value: str


def pairs(given: dict[str, str]) -> list[Said]:
    return [Said(key, value) for key, value in given.items()]


def short(given: Sequence[Pair], most: int) -> list[tuple[str, str]]:
    """Long values are cut, as MLflow's own server cuts them: libraries that log by themselves rely on it."""
    return [(pair.key, pair.value[:most]) for pair in given]


def stage(given: str | int | None) -> str | None:
    """What lists hold: active, deleted, or (None) both. Raises Invalid."""
    word = str(given or "ACTIVE_ONLY")
    if word not in STAGES:
        raise Invalid(f"Invalid view type {word[:40]!r}: ACTIVE_ONLY, DELETED_ONLY or ALL")
    return STAGES[word]


def experiment(text: str) -> int:
    """An experiment's number. Raises Invalid, Unknown."""
    must(text, "experiment_id")
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Unknown(f"No Experiment with id={text[:80]} exists")
    return int(text)


def told(error: ArkwrightError) -> Response:
    """An error as clients know it. Never 500 on purpose: they would send it again for minutes."""
    kind = next((kind for kind in type(error).__mro__ if kind in _CODES), ArkwrightError)
    status, code = _CODES.get(kind, (507 if error.status == 500 else error.status, "BAD_REQUEST"))
    headers = {"Retry-After": str(error.after)} if isinstance(error, Throttled) else {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="arkwright"'
    return _error(status, code, str(error), headers)


def instead(path: str) -> str:
    """What to do where clients send by themselves what is not kept here."""
    if path.startswith(TRACES) or _TRACED.match(path):
        kept = "traces are not kept, but all else of the run is"
        return f": {kept}; mlflow.tracing.disable() keeps a client from sending any"
    return ""


def nothing_here(status: int, text: str, headers: dict[str, str]) -> Response:
    """The answer where there is no such path (404) or method (405): clients try another way then, or do without."""
    return _error(status, "ENDPOINT_NOT_FOUND" if status == 404 else "BAD_REQUEST", text, headers)


def _error(status: int, code: str, text: str, headers: dict[str, str]) -> Response:
    value = {"error_code": code, "message": text}
    return Response(msgspec.json.encode(value), status, headers, media_type=JSON)
