"""The calls' way into the App that answers over REST: the same releases, the same queues, the same quotas."""

import asyncio
from collections.abc import Mapping, Sequence

from arkwright.core.errors import did_you_mean
from arkwright.serve.observer.observer import Observer
from arkwright.serve.rest import oip
from arkwright.serve.rest.app import App
from arkwright.serve.traffic.lane import Lane
from arkwright.serve.traffic.mirror import Mirror
from arkwright.serve.traffic.route import Route
from arkwright.serve.wire.messages import Problem, Reply, Request, Response, come_again
from arkwright.serve.wire.quota import Quota


class AppDoor:
    def __init__(
        self, app: App, quota: Quota | None = None, observer: Observer | None = None, mirror: Mirror | None = None
    ) -> None:
        self._app, self._quota, self._observer, self._mirror = app, quota, observer, mirror
        self.aside, self.repository = app.aside, app.repository.on

    def names(self) -> Sequence[str]:
        return list(self._app.routes)

    def ready(self, name: str | None) -> bool:
        if name in self._app.stopped:
            return False
        if name is not None:
            self._route(name)
        return not self._app.stopping and not (name is None and self._app.lacking)

    def versions(self, name: str) -> Sequence[str]:
        return [lane.loaded.version for lane in self._route(name).lanes]

    def speaking(self, name: str) -> str:
        return self._route(name).first.loaded.version

    def pick(self, name: str, version: str | None, request: Request) -> Lane:
        if self._quota:
            meant = self._app.routes.get(name)
            request.lane = meant.first if meant else None  # whose refusal it is, if it is one
            self._quota.check(request.caller, request.received)
        route = self._route(name)
        if version:
            return route.version(version)
        if shadow := route.shadow(request.headers).removeprefix("release:"):
            there = f"ask it over HTTP, with the header Arkwright-Release: {shadow}"
            raise Problem(501, f"{shadow} is a shadow of {name}; {there}")
        return route.pick(request.headers)

    def noted(self, lane: Lane, request: Request, reply: Reply) -> Reply:
        """What to reply through, so that it is noted."""
        return self._observer.began(lane, "grpc", request, request.body, reply) if self._observer else reply

    def told(self, request: Request, response: Response) -> None:
        """It is answered: note it, unless a release that it was given to does."""
        if self._observer and request.call is None:
            (self._observer.limited if response.status == 429 else self._observer.answered)(request, response)

    def keeps(self, lane: Lane) -> bool:
        """Whether the request is to be kept as REST has it, which the log and the shadows read."""
        return bool(self._shadows(lane) or (lane.watched and lane.watched.tap))

    def asked(self, lane: Lane, request: Request, *, kept: bool) -> None:
        """The request is read: send it to the shadows."""
        if self._observer:
            self._observer.decoded(request)
        for release in self._shadows(lane) if kept else ():
            headers = {b"content-type": oip.OCTETS, oip.HEADER: b"%d" % request.json}
            copy = Request("POST", "", headers, request.body, id=request.id)
            path = f"/v2/models/{lane.loaded.endpoint}/infer"
            taken = self._mirror.send(copy, path, request.body, release) if self._mirror else False
            if self._observer:
                self._observer.mirrored(lane, dropped=not taken)

    def _shadows(self, lane: Lane) -> Sequence[str]:
        route = self._app.routes.get(lane.loaded.endpoint) if self._mirror else None
        return route.shadows if route else ()

    def index(self) -> Sequence[Mapping[str, str]]:
        """What is in the repository. Raises Problem (403) when it is off."""
        self._app.repository.must_be_on()
        return self._app.repository.index(self._app.routes)

    async def move(self, verb: str, name: str) -> None:
        """Have an endpoint loaded or unloaded. Raises Problem: 403, or 400 with the reason why not."""
        done: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._app.repository.move(verb, name, lambda why_not: None if done.done() else done.set_result(why_not))
        if why_not := await done:
            raise Problem(400, why_not)

    def _route(self, name: str) -> Route:
        found = self._app.routes.get(name)
        if found is None:
            if name in self._app.stopped:
                raise Problem(503, f"{name} is {self._app.stopped[name]}", come_again())
            raise Problem(404, f"no endpoint is called {name[:80]!r}{did_you_mean(name[:80], self._app.routes)}")
        return found
