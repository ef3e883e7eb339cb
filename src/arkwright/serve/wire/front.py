"""What the connections of a server share: clocks, limits, known heads, and the end."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from math import inf
from time import monotonic
from typing import Any, Protocol

from arkwright.core.usercode import frames
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.memory import give_back
from arkwright.serve.wire.messages import Handler, Problem, Request, Response, Way
from arkwright.serve.wire.parted import Rest
from arkwright.serve.wire.quota import Quota
from arkwright.serve.wire.standing import noting

log = logging.getLogger("arkwright.serve")

SWEEP = 0.25  # seconds between two looks at the clocks of all connections
LARGE = 2**18  # bytes of a body that are worth giving back
SETTLED = 1.0  # seconds after which nobody, not even the log, holds what was large
REST = 2.0  # seconds between two times that memory is given back, each of which takes milliseconds
TURN = 0.002  # seconds for those who sent more than one request at once, before new ones are looked at


@dataclass(frozen=True, slots=True)
class Head:
    """A request's head that was parsed before: the same bytes mean the same again. `headers` lacks those that were
    parted from it.
    """

    method: str
    path: str
    headers: dict[bytes, bytes]
    length: int
    keep_alive: bool
    old: bool
    way: Way | None
    # what takes requests with it that are plain, or finds that among several releases' by the headers; see `native`
    turn: Any = None
    timeout: float = inf  # seconds that its callers give themselves


class Taker(Protocol):
    """Who takes answers, as the front sees it."""

    def unread(self) -> int: ...

    def pace(self, now: float) -> float: ...

    def abort(self) -> None: ...


class Client(Taker, Protocol):
    """A connection, as the front sees it."""

    def go_on(self) -> None: ...

    def look_at_the_clock(self, now: float) -> None: ...

    def close_if_idle(self) -> None: ...


class Front:
    """What all connections of one server share."""

    def __init__(
        self,
        handler: Handler,
        limits: Limits,
        *,
        loopback: bool,
        way: Callable[[Request], Way | None] = lambda _: None,
        standing: memoryview | None = None,
        quota: Quota | None = None,
    ) -> None:
        """`way` finds the short way of a request by its head; when its answers change, `heads` must be forgotten.
        `standing`: where each connection notes how it stands, for somebody else to read.
        """
        self.handler, self.limits, self.loopback, self.way = handler, limits, loopback, way
        self.quota = quota
        self.gateway = False  # whether who comes says for whom it asks
        self.limited: Callable[[Request, Response], None] | None = None  # who is told of a refusal for the quota
        # who is told of what was refused before there was a request to handle
        self.refusals: Callable[[Request, Response], None] | None = None
        self.crowded: dict[str, Callable[[Mapping[bytes, bytes]], bytes | None]] = {}  # path -> a refusal, or none
        self.loop = asyncio.get_running_loop()
        self.standing = noting() if standing is None else standing
        self.connections: set[Client] = set()
        self.behind: set[Taker] = set()  # who has not taken what it was answered
        self.bodies = 0  # bytes that came and are not answered
        self._freed, self._given_back = -inf, 0.0  # when something large ended, and when its memory was given back
        self._turns: deque[Client] = deque()
        self._turning = False
        self.draining = False
        self.date = b""
        self.now = 0.0  # the loop's time, as of the last sweep
        self.heads: dict[bytes | Rest, Head] = {}
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

    def soon(self, client: Client) -> None:
        """Let it go on when those who wait already, and whoever sends something now, had their turn."""
        self._turns.append(client)
        if not self._turning:
            self._turning = True
            self.loop.call_soon(self._turn)

    def _turn(self) -> None:
        end = monotonic() + TURN
        for _ in range(len(self._turns)):
            client = self._turns.popleft()
            try:
                client.go_on()
            except Exception as error:  # noqa: BLE001 - a mistake of ours must not end the turns of all others
                log.error("a connection failed: %s", frames(error))  # noqa: TRY400 - not what it says
                client.abort()
            if monotonic() > end:
                break
        self._turning = bool(self._turns)
        if self._turning:
            self.loop.call_soon(self._turn)

    def freed(self) -> None:
        """Something large has ended, which may have left much free memory behind."""
        self._freed = self.now

    def _sweep(self) -> None:
        self.date = b"Date: " + formatdate(usegmt=True).encode() + b"\r\n"
        self.now = now = self.loop.time()
        for connection in tuple(self.connections):
            connection.look_at_the_clock(now)
        if self.behind:
            self._cut_off(now)
        if self._given_back < self._freed + SETTLED and self.bodies < LARGE and now > self._given_back + REST:
            self._given_back = now
            give_back()
        self._timer = self.loop.call_later(SWEEP, self._sweep)

    def _cut_off(self, now: float) -> None:
        """Keep no more unread answers than may be kept: who takes them slowest is cut off first."""
        left = sum(client.unread() for client in self.behind)
        if left > self.limits.unread:
            for client in sorted(self.behind, key=lambda client: client.pace(now)):
                left -= client.unread()
                client.abort()
                if left <= self.limits.unread:
                    break

    async def drain(self) -> None:
        """Close what is idle, wait for what is in flight, at most `drain_time`, in which a halt counts as a look."""
        self.draining, left = True, self.limits.drain_time
        for connection in tuple(self.connections):
            connection.close_if_idle()
        while self.connections and left > 0:
            before = self.loop.time()
            await asyncio.sleep(0.02)
            left -= min(self.loop.time() - before, SWEEP)
        for connection in tuple(self.connections):
            connection.abort()
        self._timer.cancel()
