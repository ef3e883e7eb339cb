"""A request to a verb, and what the verb gives to an answer. The same for every verb."""

import re
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from arkwright.api.jobs import jobs
from arkwright.api.verbs import Verb
from arkwright.core.errors import ArkwrightError, Invalid, NotTaken
from arkwright.rest import answers, given
from arkwright.rest.answers import ARROW, JSON, PARQUET
from arkwright.rest.once import once
from arkwright.web import context, problems

MOST_BODY = 1 << 20  # bytes
AT_ONCE = 8  # verbs that run at the same time, on threads of their own: pages never wait for them
_VERSION = re.compile(r'"([1-9][0-9]{0,8})"')
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass
class Turns:
    """Whose turn it is. Made in the loop that runs it."""

    limiter: anyio.CapacityLimiter | None = None

    async def __call__(self, work: Callable[[], Any]) -> Any:
        if self.limiter is None:
            self.limiter = anyio.CapacityLimiter(AT_ONCE)
        return await anyio.to_thread.run_sync(work, limiter=self.limiter)


def handler(name: str, verb: Verb, turns: Turns) -> Handler:
    words = given.words_of(verb)
    if verb.job:
        return partial(_begin, name, words, turns)
    return partial(_act if verb.acts else _look, verb, words, turns)


async def _look(verb: Verb, words: given.Words, turns: Turns, request: Request) -> Response:
    kind = answers.chosen(request, offered(verb))
    taken = words.from_query(request.query_params.multi_items())
    if verb.saving and kind != JSON:
        found: Response = await turns(partial(_saved, verb, request, taken, kind))
        return found
    if verb.saving and not 0 < (taken.get("limit") or given.LIMIT) <= given.MOST_LIMIT:
        raise Invalid(f"limit: JSON has at most {given.MOST_LIMIT} rows; ask for {ARROW} or {PARQUET}")
    after, limit = (taken.pop("after"), taken.pop("limit")) if words.pages else (0, 0)
    value = await turns(partial(_called, verb.function, verb, request, taken))
    if words.pages:
        return answers.paged(request, value, after, limit)
    if "last" in words.names():
        return answers.followed(request, value, taken["last"])
    return answers.looked(request, value.to_pylist() if verb.saving else value)


def _saved(verb: Verb, request: Request, taken: dict[str, Any], kind: str) -> Response:
    """All rows in a file first, so that a mistake can still be told."""
    assert verb.saving
    with ExitStack() as held:
        out = held.enter_context(context.context(request).site.scratch("answer")) / "rows.parquet"
        _called(verb.saving, verb, request, taken | {"out": out})
        return answers.file(out, kind, held.pop_all())
    raise AssertionError


async def _act(verb: Verb, words: given.Words, turns: Turns, request: Request) -> Response:
    answers.chosen(request, (JSON,))
    raw = await body(request)
    taken = _if_match(request, words, words.from_json(raw))

    def act() -> Response:
        try:
            return answers.acted(_called(verb.function, verb, request, taken))
        except ArkwrightError as error:
            return problems.of(context.without_places(error, context.context(request)))

    return await once(request, raw, act, turns)


async def _begin(name: str, words: given.Words, turns: Turns, request: Request) -> Response:
    """Have it done aside; where to look for it."""
    answers.chosen(request, (JSON,))
    raw = await body(request)
    taken = words.from_json(raw)

    def act() -> Response:
        at = context.context(request)
        try:
            job = jobs.begin(at.site, context.actor(request), at.project, verb=name, words=taken)
        except ArkwrightError as error:
            return problems.of(context.without_places(error, at))
        return answers.acted(job, 202, {"Location": f"/api/jobs/{job.id}"})

    return await once(request, raw, act, turns)


def offered(verb: Verb) -> tuple[str, ...]:
    return (JSON, ARROW, PARQUET) if verb.saving else (JSON,)


def _called(function: Callable[..., Any], verb: Verb, request: Request, taken: dict[str, Any]) -> Any:
    at, by = context.context(request), context.actor(request)
    if verb.as_role:
        taken = dict(taken)
        by = replace(by, role=taken.pop("role", None))  # the verb says whether that was proven
    try:
        return function(at.site, by, at.project, **taken)
    except ArkwrightError as error:
        raise context.without_places(error, at) from error


async def body(request: Request) -> bytes:
    """The whole body, JSON by its own word. Raises NotTaken, Invalid."""
    kind, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    charset = parameters.strip().removeprefix("charset=").strip('"')
    if "content-type" in request.headers and (kind.strip() != JSON or charset not in ("", "utf-8")):
        raise NotTaken("send JSON in UTF-8, with the header Content-Type: application/json")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise NotTaken("send the body as it is, not compressed")
    taken = bytearray()
    async for piece in request.stream():
        taken += piece
        if len(taken) > MOST_BODY:
            raise Invalid(f"the body is larger than {MOST_BODY >> 20} MiB")
    if taken and "content-type" not in request.headers:
        raise NotTaken("say what it is: Content-Type: application/json")
    return bytes(taken)


def _if_match(request: Request, words: given.Words, taken: dict[str, Any]) -> dict[str, Any]:
    """The version that it must be at, by the header If-Match. Raises Invalid."""
    header = request.headers.get("if-match")
    if header is None or "version" not in words.names() or header.strip() == "*":
        return taken
    found = _VERSION.fullmatch(header.strip())
    if not found or taken.get("version") not in (None, int(found[1])):
        raise Invalid('If-Match: has one version, as the header ETag of its last answer says: "3"')
    return taken | {"version": int(found[1])}
