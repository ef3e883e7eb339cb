"""One path that takes requests for releases: which one answers, and how a request comes to it."""

from collections.abc import Callable, Mapping
from functools import partial
from math import inf
from typing import NamedTuple

from arkwright.serve.observer.observer import Observer
from arkwright.serve.rest.apart import apart, told
from arkwright.serve.rest.aside import Aside
from arkwright.serve.rest.heads import seconds
from arkwright.serve.traffic.job import Job
from arkwright.serve.traffic.lane import Lane
from arkwright.serve.traffic.mirror import Mirror
from arkwright.serve.traffic.route import Route
from arkwright.serve.wire.messages import Reply, Request

TIMEOUT = b"arkwright-timeout-ms"  # after which the caller has no use for the answer
Headers = Mapping[bytes, bytes]
Work = Callable[[Lane, Request, bytes, Reply, float], Job]


class Around(NamedTuple):
    """What all such paths share. `refused` is told on which of them a request found no place."""

    aside: Aside
    mirror: Mirror | None
    observer: Observer | None
    refused: Callable[[str], None]


class Post:
    """`work` makes a job of a request of this `kind`."""

    def __init__(self, around: Around, route: Route, kind: str, work: Work, lane: Lane | None = None) -> None:
        """`lane`: who answers, where the path says so; then no header counts."""
        self._aside, self._mirror, self._observer, self._refused = around
        self._route, self._kind, self._work = route, kind, work
        self._pick: Callable[[Headers], Lane] = route.pick if lane is None else lambda _: lane
        self._testable = bool(lane is None and route.shadows and self._mirror)

    def act(self, request: Request, body: bytes, reply: Reply) -> None:
        """Give it to its release, which replies. Raises Problem when there is none."""
        if self._testable and (shadow := self._route.shadow(request.headers)):
            self._aside.start(self._ask_shadow(shadow, request, body, reply))
            return
        lane, reply, deadline = self._begun(request, body, reply)
        try:
            lane.batcher.add(self._work(lane, request, body, reply, deadline))
        except Exception as error:  # noqa: BLE001 - an answer is due, whatever it is
            self._refuse(request, reply, error)
        else:
            self._given(lane, request, body)

    async def act_aside(self, request: Request, body: bytes, reply: Reply) -> None:
        """The same, the body read on a thread."""
        if self._testable and (shadow := self._route.shadow(request.headers)):
            await self._ask_shadow(shadow, request, body, reply)
            return
        lane, reply, deadline = self._begun(request, body, reply)
        lane.reading += 1
        try:
            job = await self._aside.run(partial(self._work, lane, request, body, reply, deadline))
            job.long = True
            lane.batcher.add(job)
        except Exception as error:  # noqa: BLE001 - as above
            self._refuse(request, reply, error)
        else:
            self._given(lane, request, body)
        finally:
            lane.reading -= 1

    async def _ask_shadow(self, shadow: str, request: Request, body: bytes, reply: Reply) -> None:
        """A tester asked for it: its process answers, and notes it. Never raises."""
        try:
            assert self._mirror
            response = await self._mirror.ask(request, self._path(), body, shadow)
        except Exception as error:  # noqa: BLE001 - an answer is due, whatever it is
            response = told(error)
        apart(self._observer, request, reply, response)

    def _begun(self, request: Request, body: bytes, reply: Reply) -> tuple[Lane, Reply, float]:
        headers = request.headers
        lane = request.lane or self._pick(headers)  # to pick twice would change the shares
        deadline = inf if TIMEOUT not in headers else request.received + seconds(headers[TIMEOUT])
        if self._observer:
            reply = self._observer.began(lane, self._kind, request, body, reply)
        return lane, reply, deadline

    def _refuse(self, request: Request, reply: Reply, error: Exception) -> None:
        reply(told(error))
        self._refused(request.path)

    def _given(self, lane: Lane, request: Request, body: bytes) -> None:
        """It is the release's from now on."""
        if self._observer and request.call.span:
            self._observer.decoded(request)
        if self._route.shadows and self._mirror:
            path = self._path()
            for release in self._route.shadows:
                taken = self._mirror.send(request, path, body, release)
                if self._observer:
                    self._observer.mirrored(lane, dropped=not taken)

    def _path(self) -> str:
        """Where a shadow takes such requests."""
        name = self._route.name
        return f"/v2/models/{name}/infer" if self._kind == "infer" else f"/endpoints/{name}/predict"
