"""Releases on their way into the traffic. Each endpoint goes by itself, so none waits for what another has to load."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from arkwright.core.ports import Routing, Served, Traffic
from arkwright.serve.processes import control
from arkwright.serve.processes.trial import attempt

log = logging.getLogger("arkwright.serve")
AGAIN = 60.0  # seconds until what had no process is followed once more
_Identity = tuple[str, str, str]


class Following:
    """Tries what was never loaded here, and has `apply` do the rest; what is newer takes the place of what is tried."""

    def __init__(self, seconds: float, apply: Callable[[str, Routing | None], Awaitable[None]]) -> None:
        """`seconds`: how long a release may take to load."""
        self._seconds, self._apply = seconds, apply
        self._known: set[_Identity] = set()
        self._tried: dict[str, asyncio.Task[None]] = {}
        self._tasks: dict[asyncio.Task[None], Routing | None] = {}
        self._newest: dict[str, asyncio.Task[None]] = {}
        self._later: dict[str, tuple[asyncio.TimerHandle, Routing | None]] = {}

    @property
    def releases(self) -> set[str]:
        """What is on its way."""
        again = (routing for _, routing in self._later.values())
        return control.releases(routing for routing in (*self._tasks.values(), *again) if routing)

    def loaded(self, traffic: Traffic) -> None:
        """All of this was loaded by the workers."""
        self._known |= {_identity(name, share.served) for name, r in traffic.items() for share in r.shares}

    def follow(self, name: str, routing: Routing | None) -> None:
        """Have the endpoint answer so, when all its releases can be loaded; None: it is gone. What is tried for it is
        no longer wanted.
        """
        if name in self._tried:
            self._tried.pop(name).cancel()
        if name in self._later:
            self._later.pop(name)[0].cancel()
        task = asyncio.create_task(self._follow(name, routing))
        self._newest[name] = self._tried[name] = task
        self._tasks[task] = routing
        task.add_done_callback(self._done)

    async def settled(self) -> None:
        """Until all that is on its way now has arrived, or was refused."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        for later, _ in self._later.values():
            later.cancel()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, name: str, routing: Routing | None) -> None:
        try:
            why = await self._why_not(name, routing) if routing else None
            del self._tried[name]  # from here on it is not called off
            if routing and why:
                refused(name, routing, why)
            else:
                await self._apply(name, routing)
        except OSError as error:  # which says nothing of the release: there is no process, or no file more
            if self._newest[name] is asyncio.current_task():
                log.error("endpoint:%s is not followed: %s; again in %g s", name, error, AGAIN)  # noqa: TRY400
                self._later[name] = asyncio.get_running_loop().call_later(AGAIN, self.follow, name, routing), routing

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        if not task.cancelled() and (error := task.exception()):
            log.error("an endpoint is not followed: %r", error)

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
