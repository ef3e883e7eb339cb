"""Paths to answers. Every path is known when the server starts, so a request costs one dictionary look-up."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from operator import attrgetter
from typing import Any

from arkwright.serve.model.arrow import answer
from arkwright.serve.model.arrow.rows import ARROW
from arkwright.serve.model.arrow.wanted import asks_for_arrow
from arkwright.serve.observer.observer import Observer
from arkwright.serve.rest import about, oip
from arkwright.serve.rest.apart import apart, told
from arkwright.serve.rest.aside import LARGE, Aside
from arkwright.serve.rest.heads import check_type, seconds
from arkwright.serve.rest.nothing import nothing
from arkwright.serve.rest.post import TIMEOUT, Around, Headers, Post, Work
from arkwright.serve.rest.predict import predict
from arkwright.serve.rest.repository import PREFIX, Repository
from arkwright.serve.traffic.lane import Lane
from arkwright.serve.traffic.mirror import Mirror
from arkwright.serve.traffic.route import WANTED, Route
from arkwright.serve.traffic.shed import Shed
from arkwright.serve.traffic.together import Together
from arkwright.serve.wire.inflate import decoded_body, soon_decoded
from arkwright.serve.wire.messages import JSON, Problem, Reply, Request, Response, Sender, Way, json_response

Act = Callable[[Request, bytes, Reply], None]
ActAside = Callable[[Request, bytes, Reply], Awaitable[None]]
_OCTETS = b"application/octet-stream"
# heads that ask for more than an answer, each told what is wrong with it on the long way
_NOT_PLAIN = frozenset((WANTED, b"content-encoding", b"inference-header-content-length"))


class App:
    """Answers requests for the routes that are installed. `stopping` and `lacking` turn readiness off."""

    def __init__(
        self,
        body_limit: int,
        repository: Repository,
        mirror: Mirror | None = None,
        observer: Observer | None = None,
        longest: float = 5.0,
    ) -> None:
        """`longest`: seconds for which a large request waits for room."""
        self.repository = repository
        self.routes: dict[str, Route] = {}
        self.stopped: dict[str, str] = {}  # endpoint -> by whom and why nothing answers
        self.stopping = self.lacking = False
        self._body_limit, self._observer = body_limit, observer
        self.aside = Aside(2 * body_limit, longest)
        self._around = Around(self.aside, mirror, observer, self._look_for_crowd)
        self._gets: dict[str, about.Get] = {}
        self._posts: dict[str, tuple[Act, tuple[bytes, ...], ActAside]] = {}
        self._ways: dict[str, Way] = {}
        self._sheds: dict[str, Shed] = {}
        # for paths whose queue was full when it was looked at last
        self.crowded: dict[str, Callable[[Headers], bytes | None]] = {}

    def install(self, routes: Mapping[str, Route], stopped: Mapping[str, str] | None = None) -> None:
        """Answer by these routes from the next request on. What was asked before is answered by the old ones."""
        self.stopped = dict(stopped or {})
        self._posts, self._ways, self._sheds = {}, {}, {}
        self.crowded.clear()
        self.routes = dict(routes)
        labels, repository = self._observer is not None, self.repository.on
        self._gets = about.answers(self.routes, self._ready, labels=labels, repository=repository)
        for route in routes.values():
            self._add(route)
        if len(routes) == 1 and not self.stopped:  # never another one in the place of a stopped one
            full = f"/endpoints/{route.name}/predict"
            self._posts["/predict"] = self._posts[full]
            if full in self._ways:
                self._ways["/predict"] = self._ways[full]
            if full in self._sheds:
                self._sheds["/predict"] = self._sheds[full]

    def way(self, request: Request) -> Way | None:
        """The short way of a request with such a head, if it has one: nothing about it is out of the ordinary."""
        headers = request.headers
        found = self._ways.get(request.path) if request.method == "POST" else None
        if found is None or headers.get(b"content-type", JSON) != JSON or not _NOT_PLAIN.isdisjoint(headers):
            return None
        if b"accept" in headers and asks_for_arrow(headers):
            return None
        if TIMEOUT not in headers:
            return found
        with suppress(Problem):  # told on the long way
            return Within(seconds(headers[TIMEOUT]), found)
        return None

    def __call__(self, request: Request, reply: Reply) -> None:
        """Answer now or later, always once. Never raises."""
        found = self._posts.get(request.path) if request.method == "POST" else None
        try:
            if found:
                act, kinds, _ = found
                headers = request.headers
                body: bytes | None = request.body
                if headers.get(b"content-type") not in kinds:
                    check_type(request, kinds)
                if b"content-encoding" in headers:
                    body = soon_decoded(request, LARGE)
                if (
                    body is None
                    or len(body) > LARGE
                    or (b"accept" in headers and asks_for_arrow(headers) and not answer.loaded())
                ):
                    self.aside.start(self._largely(request, body, reply))
                else:
                    act(request, body, reply)
            else:
                self._look(request, partial(apart, self._observer, request, reply))
        except Exception as error:  # noqa: BLE001
            apart(self._observer, request, reply, told(error))

    async def _largely(self, request: Request, body: bytes | None, reply: Reply) -> None:
        """The same for a request that takes long to read; without a body it is to be inflated. Never raises."""
        try:
            async with self.aside.place(self._body_limit if body is None else len(body)) as place:
                if request.gone:
                    raise Problem(request.gone, "nobody waits any more")  # noqa: TRY301 - noted below
                if body is None:
                    body = await self.aside.run(partial(decoded_body, request, self._body_limit))
                    place.shrink(len(body))
                answered = asyncio.get_running_loop().create_future()

                def say(response: Response) -> None:
                    if not answered.done():
                        answered.set_result(None)
                    reply(response)

                await self._act_of(request.path)(request, body, say)
                await answered
        except Exception as error:  # noqa: BLE001 - an answer is due, whatever it is
            apart(self._observer, request, reply, told(error))

    def _act_of(self, path: str) -> ActAside:
        """Raises Problem when it went while the request waited."""
        if path not in self._posts:
            raise self._nothing(path)
        return self._posts[path][2]

    def _look(self, request: Request, reply: Reply) -> None:
        """Answer what asks about the server. Raises Problem."""
        method, path = request.method, request.path
        if path == "/metrics" and method in ("GET", "HEAD") and self._observer:
            task = asyncio.create_task(self._observer.metrics(request))
            task.add_done_callback(lambda made: reply(told(e) if (e := made.exception()) else made.result()))
            return
        if path.startswith(PREFIX):
            self.repository.answer(request, self.routes, reply)
            return
        allowed = self._allowed(path)
        if method in ("GET", "HEAD") and path in self._gets:
            reply(self._gets[path](request))
        elif not allowed:
            raise self._nothing(path)
        elif method == "OPTIONS":
            reply(Response(200, b"", headers=f"Allow: {allowed}\r\n".encode()))
        else:
            raise Problem(405, f"{path} answers {allowed}", f"Allow: {allowed}\r\n".encode())

    def _allowed(self, path: str) -> str:
        if path == "*" or path in self._gets or (path == "/metrics" and self._observer):
            return "GET, HEAD, OPTIONS"
        return "POST, OPTIONS" if path in self._posts else ""

    def _nothing(self, path: str) -> Problem:
        return nothing(path, self.routes, self.stopped, [*self._gets, *self._posts])

    def _add(self, route: Route) -> None:
        base, full = f"/v2/models/{route.name}", f"/endpoints/{route.name}"
        self._posts[f"{base}/infer"] = self._post(route, "infer", oip.infer, (JSON, _OCTETS))
        self._posts[f"{full}/predict"] = self._post(route, "predict", predict, (JSON, ARROW))
        for lane in route.lanes:
            at = f"{base}/versions/{lane.loaded.version}/infer"
            self._posts[at] = self._post(route, "infer", oip.infer, (JSON, _OCTETS), lane)
            self._ways.pop(at, None)  # of another release with that version
            if lane.infer is not None and not route.shadows:
                self._ways[at] = lane.infer
        if len(route.lanes) == 1:  # of several one may have room
            self._add_sheds(base, route.name, route.first)
        if self._observer:
            act, aside = self._observer.labels.take, self._observer.labels.take_aside
            self._posts[f"{full}/labels"] = partial(act, route), (JSON,), partial(aside, self.aside.run, route)
        if not route.shadows:
            for path, kind in ((f"{base}/infer", "infer"), (f"{full}/predict", "predict")):
                self._add_way(path, route, attrgetter(kind))

    def _add_sheds(self, base: str, name: str, lane: Lane) -> None:
        """Where code of the user's runs, it runs for rows only; else all of a heavy model's requests wait together."""
        paths = {f"/endpoints/{name}/predict": "predict"}
        if lane.loaded.fast:
            paths[f"{base}/infer"] = "infer"
        for path, kind in paths.items():
            noted = partial(self._observer.shed, lane, kind) if self._observer else lambda: True
            self._sheds[path] = Shed(lane.batcher, noted, heavy_only=lane.loaded.fast)

    def _look_for_crowd(self, path: str) -> None:
        """A request was refused there."""
        shed = self._sheds.get(path)
        if shed and shed.full():
            self.crowded[path] = shed

    def _post(
        self, route: Route, kind: str, work: Work, kinds: tuple[bytes, ...], lane: Lane | None = None
    ) -> tuple[Act, tuple[bytes, ...], ActAside]:
        post = Post(self._around, route, kind, work, lane)
        return post.act, kinds, post.act_aside

    def _add_way(self, path: str, route: Route, kind: Callable[[Lane], Together | None]) -> None:
        if len(route.lanes) > 1:
            self._ways[path] = Among(route, kind)
        elif (together := kind(route.first)) is not None:
            self._ways[path] = together

    def _ready(self, beside: dict[str, Any]) -> Response:
        ready = not self.stopping and not (self.lacking and not beside)
        return json_response(beside | {"ready": ready}, 200 if ready else 503)


class Within:
    """The short way of requests whose callers wait so many seconds."""

    def __init__(self, timeout: float, way: Way) -> None:
        self.timeout, self._way = timeout, way
        self.turn = getattr(way, "turn", None)

    def __call__(self, request: Request, sender: Sender) -> bool:
        request.deadline = request.received + self.timeout
        return self._way(request, sender)


class Among:
    """The short way to one of several releases."""

    def __init__(self, route: Route, kind: Callable[[Lane], Together | None]) -> None:
        self._pick, self._kind = route.pick, kind
        turns = [together.turn for lane in route.lanes if (together := kind(lane)) is not None]
        self.turn = self._turn if any(turn is not None for turn in turns) else None

    def __call__(self, request: Request, sender: Sender) -> bool:
        request.lane = request.lane or self._pick(request.headers)  # to pick twice would change the shares
        together = self._kind(request.lane)
        return together is not None and together(request, sender)

    def _turn(self, headers: Headers) -> tuple[Lane, Any]:
        lane = self._pick(headers)
        together = self._kind(lane)
        return lane, together and together.turn
