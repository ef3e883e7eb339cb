"""Whether the control room is ready, for whoever sends people and programs there: they need no login."""

import asyncio
import time
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from arkwright.core.errors import ArkwrightError, Refused
from arkwright.core.nouns import Endpoint
from arkwright.sites import Site
from arkwright.web import context, plane

PATIENCE = 2.0  # seconds in which the server of the endpoints tells what it answers with
SHARED = 1.0  # seconds for which what was seen is told to whoever asks
MOST, NAMED = 1000, 5  # endpoints that are looked at, and that are named


@dataclass(frozen=True, slots=True)
class Seen:
    """`waits`: for what the room is not ready; `short`: the endpoints that do not answer as they were promoted; `why`:
    what else is not as it should be, in words.
    """

    waits: tuple[str, ...] = ()
    short: tuple[str, ...] = ()
    why: tuple[str, ...] = ()


class Health:
    """One look at a time, on a thread of its own, whose result is everybody's for a while: strangers may ask, and
    however many do, pages lose no thread to them.
    """

    def __init__(self) -> None:
        self._look: asyncio.Task[Seen] | None = None
        self._until = 0.0

    async def answer(self, request: Request) -> Response:
        """Not ready (503): the records cannot be read, or no endpoint can be asked. Degraded (200): the room can be
        used, and something that was promoted does not answer, or there is no room on the disk: one endpoint that cannot
        be loaded must not take away the pages on which it is mended.
        """
        if self._look is None or (self._look.done() and time.monotonic() >= self._until):
            self._look = asyncio.create_task(self._fresh(context.context(request)))
        seen = await asyncio.shield(self._look)  # who leaves takes it from nobody
        if seen.waits:
            return _told(503, {"status": "not ready", "waits_for": seen.waits}, {"Retry-After": "1"})
        why = [*seen.why, *_said(seen.short, by_name=context.known(request) is not None)]
        return _told(200, {"status": "degraded", "why": "; ".join(why)} if why else {"status": "ready"}, {})

    async def _fresh(self, at: context.Context) -> Seen:
        seen = await asyncio.to_thread(look, at)
        self._until = time.monotonic() + SHARED
        return seen


def look(at: context.Context) -> Seen:
    waits = tuple(at.unready())
    try:
        at.site.ledger.head()
        newest = at.site.catalog.newest(Endpoint, limit=MOST)
    except Exception:  # noqa: BLE001 - whatever it is, the log of whoever reads the records tells of it
        return Seen((*waits, "records"))
    promoted = [one for one in newest if not one.stopped]
    full = ("the disk is full",) * _late(at.site)
    if waits or not promoted or at.endpoints is None:
        return Seen(waits, why=full)
    try:
        answering = _answering(at.endpoints)
    except Refused:
        return Seen(("endpoints",))
    if answering is None:
        return Seen(why=(*full, "the server of the endpoints does not say what it answers with; its log may tell why"))
    short = sorted(one.name for one in promoted if not one.shares.keys() <= answering.get(one.name, set()))
    return Seen((), tuple(short), full)


class _Answers(msgspec.Struct):
    releases: set[str]


class _Told(msgspec.Struct):
    endpoints: dict[str, _Answers]


def _answering(endpoints: str) -> dict[str, set[str]] | None:
    """The releases with which each endpoint answers; None where their server says something else, such as that it has
    too many connections. Raises Refused where it does not answer.
    """
    told = plane.ask(endpoints, "GET", "/", patience=PATIENCE)
    try:
        found = msgspec.json.decode(told.body, type=_Told) if told.status == 200 else None
    except msgspec.DecodeError:
        return None
    return {name: one.releases for name, one in found.endpoints.items()} if found else None


def _said(short: tuple[str, ...], *, by_name: bool) -> list[str]:
    """Who does not answer; to strangers, how many."""
    if not short:
        return []
    who = f"{len(short)} endpoint{'s' * (len(short) > 1)}"
    if by_name:
        who = ", ".join(short[:NAMED]) + (f" and {len(short) - NAMED} more" if len(short) > NAMED else "")
    verb = "does" if len(short) == 1 else "do"
    return [f"{who} {verb} not answer as promoted: not loaded yet, or it cannot be, which the server's log tells"]


def _told(status: int, said: dict[str, object], headers: dict[str, str]) -> Response:
    return Response(msgspec.json.encode(said), status, headers, media_type="application/json")


def _late(site: Site) -> bool:
    """Whether the disk has no room for what pages show: they go on with what was there before."""
    if site.catalog.behind is None:
        return False
    try:
        site.catalog.follow()
    except ArkwrightError:
        return True
    return False
