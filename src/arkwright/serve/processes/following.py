"""Releases on their way into the traffic. Each endpoint's are tried by themselves, so none waits for what another has
to try; then the workers make one move after the other, and what hangs in one of them holds up those behind it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from arkwright.core.ports import Routing, Served, Traffic
from arkwright.serve.processes import control
from arkwright.serve.processes.trial import attempt

log = logging.getLogger("arkwright.serve")
AGAIN = 60.0  # seconds until what had no process is followed once more
_Identity = tuple[str, str, str]


@dataclass(eq=False, slots=True)
class _Way:
    """An endpoint on its way to `routing`. `is_tried`: from here on it is not called off. `later`: when it is followed
    once more.
    """

    routing: Routing | None
    task: asyncio.Task[None] | None = None
    is_tried: bool = False
    later: asyncio.TimerHandle | None = None

    def call_off(self) -> None:
        if self.task and not self.is_tried:
            self.task.cancel()
        if self.later:
            self.later.cancel()


class Following:
    """Tries what was never loaded here, and has `apply` do the rest; what is newer takes the place of what is tried."""

    def __init__(self, seconds: float, apply: Callable[[str, Routing | None], Awaitable[None]]) -> None:
        """`seconds`: how long a release may take to load."""
        self._seconds, self._apply = seconds, apply
        self._known: set[_Identity] = set()
        self._newest: dict[str, _Way] = {}  # of each endpoint
        self._under_way: dict[asyncio.Task[None], _Way] = {}  # older ones, too, that could not be called off

    @property
    def releases(self) -> set[str]:
        """What is on its way."""
        ways = (*self._newest.values(), *self._under_way.values())
        return control.releases(way.routing for way in ways if way.routing)

    def loaded(self, traffic: Traffic) -> None:
        """All of this was loaded by the workers."""
        self._known |= {_identity(name, share.served) for name, r in traffic.items() for share in r.shares}

    def follow(self, name: str, routing: Routing | None) -> None:
        """Have the endpoint answer so, when all its releases can be loaded; None: it is gone. What is tried for it is
        no longer wanted.
        """
        if before := self._newest.get(name):
            before.call_off()
        self._newest[name] = way = _Way(routing)
        way.task = asyncio.create_task(self._follow(name, way))
        self._under_way[way.task] = way
        way.task.add_done_callback(partial(self._done, name))

    async def settled(self) -> None:
        """Until all that is on its way now has arrived, or was refused."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def close(self) -> None:
        for way in self._newest.values():
            way.call_off()
        tasks = tuple(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, name: str, way: _Way) -> None:
        routing = way.routing
        try:
            why = await self._why_not(name, routing) if routing else None
            way.is_tried = True
            if routing and why:
                refused(name, routing, why)
            else:
                await self._apply(name, routing)
        except Exception as error:  # noqa: BLE001 - no process, no file more or a mistake of ours: not the release's
            if self._newest.get(name) is way:
                said = str(error) if isinstance(error, OSError) else repr(error)
                log.error("endpoint:%s is not followed: %s; again in %g s", name, said, AGAIN)  # noqa: TRY400
                way.later = asyncio.get_running_loop().call_later(AGAIN, self.follow, name, routing)

    def _done(self, name: str, task: asyncio.Task[None]) -> None:
        way = self._under_way.pop(task)
        if self._newest.get(name) is way and not way.later:
            del self._newest[name]

    async def _why_not(self, name: str, routing: Routing) -> str | None:
        for served in (share.served for share in routing.shares):
            if _identity(name, served) in self._known:
                continue
            if why := await attempt(name, served, self._seconds):
                return why
            self._known.add(_identity(name, served))
        return None


def refused(name: str, routing: Routing, why: str) -> None:
    """Tell the operator, in one line."""
    log.error("endpoint:%s@%d cannot be served: %s; what is served stays as it was", name, routing.version, why)


def _identity(name: str, served: Served) -> _Identity:
    return name, served.release, served.digest
