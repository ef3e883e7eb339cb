"""What the connections of a server share: clocks, limits, known heads, and the end."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Protocol

from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.messages import Handler, Problem, Request, Response, Way
from arkwright.serve.wire.quota import Quota

SWEEP = 0.25  # seconds between two looks at the clocks of all connections


@dataclass(frozen=True, slots=True)
class Head:
    """A request's head that was parsed before: the same bytes mean the same again."""

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    length: int
    keep_alive: bool
    old: bool
    way: Way | None


class Client(Protocol):
    """A connection, as the front sees it."""

    def look_at_the_clock(self, now: float) -> None: ...

    def close_if_idle(self) -> None: ...

    def abort(self) -> None: ...


class Front:
    """What all connections of one server share."""

    def __init__(
        self, handler: Handler, limits: Limits, *, loopback: bool, way: Callable[[Request], Way | None]
    ) -> None:
        """`way` finds the short way of a request by its head; when its answers change, `heads` must be forgotten."""
        self.handler, self.limits, self.loopback, self.way = handler, limits, loopback, way
        self.quota = Quota(limits.rate) if limits.rate else None
        self.limited: Callable[[Request, Response], None] | None = None  # who is told of a refusal for the quota
        self.loop = asyncio.get_running_loop()
        self.connections: set[Client] = set()
        self.bodies = 0
        self.draining = False
        self.date = b""
        self.now = 0.0  # the loop's time, as of the last sweep
        self.heads: dict[bytes, Head] = {}
        self._sweep()

    def refused(self, request: Request) -> Response | None:
        """The answer to a client that has used up its quota. Only what costs something counts: POST."""
        if self.quota is None or request.method != "POST":
            return None
        try:
            self.quota.check(request.caller, request.received)
        except Problem as problem:
            response = problem.response()
        else:
            return None
        if self.limited:
            self.limited(request, response)
        return response

    def _sweep(self) -> None:
        self.date = b"Date: " + formatdate(usegmt=True).encode() + b"\r\n"
        self.now = now = self.loop.time()
        for connection in tuple(self.connections):
            connection.look_at_the_clock(now)
        if self.quota:
            self.quota.forget(now)
        self._timer = self.loop.call_later(SWEEP, self._sweep)

    async def drain(self) -> None:
        """Close what is idle, wait for what is in flight, at most `drain_time`."""
        self.draining = True
        end = self.loop.time() + self.limits.drain_time
        for connection in tuple(self.connections):
            connection.close_if_idle()
        while self.connections and self.loop.time() < end:  # noqa: ASYNC110 - only while stopping
            await asyncio.sleep(0.02)
        for connection in tuple(self.connections):
            connection.abort()
        self._timer.cancel()
