"""The routes of jobs: list, look, follow by server-sent events, fetch the answer, stop."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from arkwright.api.jobs import jobs
from arkwright.core.errors import ArkwrightError, Invalid, Throttled, Unknown
from arkwright.core.record import now
from arkwright.rest import answers, given
from arkwright.rest.calls import body
from arkwright.rest.once import once
from arkwright.web import context, problems
from arkwright.web.routes import route

HEARTBEAT, LOOK = 15.0, 0.2  # seconds between two signs of life; between two looks at what happened
QUIET = 2.0  # seconds between two looks whether it is over, while nothing happens
MOST_FOLLOWERS = 64
SSE = "text/event-stream"
PAGES = given.pages()


def routes(turns: Any) -> Sequence[Route]:
    return [
        route("/api/jobs", partial(_list, turns), "look"),
        route("/api/jobs/{id}", partial(_one, turns), "look"),
        route("/api/jobs/{id}/answer", partial(_answer, turns), "look"),
        route("/api/jobs/{id}/events", Followers().follow, "look"),
        route("/api/jobs/{id}/stop", partial(_stop, turns), "work", ["POST"]),
    ]


async def _list(turns: Any, request: Request) -> Response:
    answers.chosen(request, (answers.JSON,))
    taken = PAGES.from_query(request.query_params.multi_items())
    found = await turns(partial(_do, jobs.jobs, request))
    return answers.paged(request, found, taken["after"], taken["limit"])


async def _one(turns: Any, request: Request) -> Response:
    _plain(request)
    return answers.looked(request, await turns(partial(_do, jobs.job, request, id=request.path_params["id"])))


async def _answer(turns: Any, request: Request) -> Response:
    _plain(request)
    try:
        return answers.looked(request, await turns(partial(_do, jobs.answer, request, id=request.path_params["id"])))
    except ArkwrightError as error:
        if type(error) is not ArkwrightError:
            raise
        return problems.problem(
            409, ArkwrightError.__name__, str(error)
        )  # the project's code failed, and not the server


async def _stop(turns: Any, request: Request) -> Response:
    answers.chosen(request, (answers.JSON,))
    raw = await body(request)
    given.NOTHING.from_json(raw)

    def act() -> Response:
        return answers.acted(_do(jobs.stop_job, request, id=request.path_params["id"]))

    return await once(request, raw, act, turns)


def _plain(request: Request) -> None:
    answers.chosen(request, (answers.JSON,))
    given.NOTHING.from_query(request.query_params.multi_items())


def _do(verb: Any, request: Request, **words: Any) -> Any:
    at = context.context(request)
    return verb(at.site, context.actor(request), at.project, **words)


class Followers:
    """What happens in a job, as it happens: what was, then what comes, until it is over or the reader leaves.

    It is read from the job's own file as fast as the reader takes it, so no reader is waited for and none is in the
    way. `Last-Event-ID` goes on behind that one.
    """

    def __init__(self) -> None:
        self._followers = 0

    async def follow(self, request: Request) -> Response:
        answers.chosen(request, (SSE,))
        given.NOTHING.from_query(request.query_params.multi_items())
        found = await run_in_threadpool(_do, jobs.job, request, id=request.path_params["id"])
        after = _last(request)
        if self._followers >= MOST_FOLLOWERS:
            raise Throttled(f"{MOST_FOLLOWERS} readers follow jobs already", after=10)
        site = context.context(request).site
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._counted(_events(request, site, found.id, after)), 200, headers, media_type=SSE)

    async def _counted(self, events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        self._followers += 1
        try:
            async for piece in events:
                yield piece
        finally:
            self._followers -= 1


def _last(request: Request) -> int:
    text = request.headers.get("last-event-id", "0")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Invalid("Last-Event-ID is the number of an event")
    return int(text)


async def _events(request: Request, site: Any, name: str, after: int) -> AsyncIterator[bytes]:
    loop, following = asyncio.get_running_loop(), jobs.Following(site, name, after)
    yield b"retry: 1000\n\n"
    said = looked = loop.time()
    while not getattr(request.app.state, "stopping", False):
        found = await run_in_threadpool(following.more)
        if not found and loop.time() - looked > QUIET:
            found, looked = await run_in_threadpool(_untold, site, name, following, after), loop.time()
        for told in found:
            yield b"id: %d\nevent: %b\ndata: %b\n\n" % (told.id, told.kind.encode(), msgspec.json.encode(told))
            after, said = told.id, loop.time()
            if told.kind == "end":
                return
        if not found:
            if loop.time() - said > HEARTBEAT:
                yield b": still here\n\n"
                said = loop.time()
            await asyncio.sleep(LOOK)


def _untold(site: Any, name: str, following: jobs.Following, after: int) -> list[jobs.Told]:
    """The end of a job that is over, where whoever should have told it was killed before."""
    try:
        found = jobs.job(site, jobs.NOBODY, site.folder, id=name)
    except Unknown:  # it is no longer remembered
        return [jobs.Told(id=after + 1, kind="end", text="forgotten", at=now())]
    if not found.over:
        return []
    if more := following.more():
        return more
    told = jobs.told_last(site, name)
    if told and told[-1].kind == "end":
        return told[-1:]  # to whoever heard of it, or asks for what is behind it: as the number that it has
    text = found.state if found.problem is None else f"{found.state}: {found.problem}"
    number = told[-1].id + 1 if told else 1
    return [jobs.Told(id=number, kind="end", text=text, at=found.ended or now())]
