"""Paths to answers. Every path is known when the server starts, so a request costs one dictionary look-up."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache, partial
from math import inf
from operator import attrgetter
from typing import Any

import orjson

from arkwright.core.errors import did_you_mean
from arkwright.core.record import NAME
from arkwright.core.usercode import frames
from arkwright.serve.model.arrow import answer
from arkwright.serve.model.arrow.rows import ARROW
from arkwright.serve.model.arrow.wanted import asks_for_arrow
from arkwright.serve.model.loaded import Loaded
from arkwright.serve.observer import Observer, known_classes
from arkwright.serve.rest import oip, openapi
from arkwright.serve.rest.aside import LARGE, Aside
from arkwright.serve.rest.heads import check_type, seconds
from arkwright.serve.rest.predict import predict
from arkwright.serve.rest.repository import PREFIX, Repository
from arkwright.serve.traffic.batch import Job
from arkwright.serve.traffic.lane import Lane
from arkwright.serve.traffic.mirror import Mirror
from arkwright.serve.traffic.route import WANTED, Route
from arkwright.serve.traffic.shed import Shed
from arkwright.serve.traffic.together import Together
from arkwright.serve.wire.inflate import decoded_body, soon_decoded
from arkwright.serve.wire.messages import JSON, Problem, Reply, Request, Response, Sender, Way, json_response

log = logging.getLogger("arkwright.serve")

TIMEOUT = b"arkwright-timeout-ms"  # after which the caller has no use for the answer
Pick = Callable[[Mapping[bytes, bytes]], Lane]
Work = Callable[[Lane, Request, bytes, Reply, float], Job]
Act = Callable[[Request, bytes, Reply], None]
ActAside = Callable[[Request, bytes, Reply], Awaitable[None]]
_OCTETS = b"application/octet-stream"
# heads that ask for more than an answer, each told what is wrong with it on the long way
_NOT_PLAIN = frozenset((TIMEOUT, WANTED, b"content-encoding", b"inference-header-content-length"))
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")
_HTML_HEADERS = (
    b"Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\nX-Content-Type-Options: nosniff\r\n"
    b"Vary: Accept\r\n"
)


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
        self._body_limit, self._mirror, self._observer = body_limit, mirror, observer
        self.aside = Aside(2 * body_limit, longest)
        self._gets: dict[str, Callable[[Request], Response]] = {}
        self._posts: dict[str, tuple[Act, tuple[bytes, ...], ActAside]] = {}
        self._ways: dict[str, Way] = {}
        self._sheds: dict[str, Shed] = {}
        self.crowded: dict[
            str, Callable[[Mapping[bytes, bytes]], bytes | None]
        ] = {}  # for paths whose queue was full when it was looked at last

    def install(self, routes: Mapping[str, Route], stopped: Mapping[str, str] | None = None) -> None:
        """Answer by these routes from the next request on. What was asked before is answered by the old ones."""
        self.stopped = dict(stopped or {})
        self._gets, self._posts, self._ways, self._sheds = {}, {}, {}, {}
        self.crowded.clear()
        self.routes = dict(routes)
        for route in routes.values():
            self._add(route)
        if len(routes) == 1 and not self.stopped:  # never another one in the place of a stopped one
            full = f"/endpoints/{route.name}/predict"
            self._posts["/predict"] = self._posts[full]
            if full in self._ways:
                self._ways["/predict"] = self._ways[full]
            if full in self._sheds:
                self._sheds["/predict"] = self._sheds[full]
        self._add_server([route.first.loaded for route in routes.values()])

    def way(self, request: Request) -> Way | None:
        """The short way of a request with such a head, if it has one: nothing about it is out of the ordinary."""
        headers = request.headers
        found = self._ways.get(request.path) if request.method == "POST" else None
        if found is None or headers.get(b"content-type", JSON) != JSON or not _NOT_PLAIN.isdisjoint(headers):
            return None
        return None if b"accept" in headers and asks_for_arrow(headers) else found

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
                self._look(request, partial(self._apart, request, reply))
        except Exception as error:  # noqa: BLE001
            self._apart(request, reply, _told(error))

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
            self._apart(request, reply, _told(error))

    def _act_of(self, path: str) -> ActAside:
        """Raises Problem when it went while the request waited."""
        if path not in self._posts:
            raise self._nothing(path)
        return self._posts[path][2]

    def _apart(self, request: Request, reply: Reply, response: Response) -> None:
        """Answer what was given to no release."""
        if self._observer:
            self._observer.apart(request, reply, response)
        else:
            reply(response)

    def _look(self, request: Request, reply: Reply) -> None:
        """Answer what asks about the server. Raises Problem."""
        method, path = request.method, request.path
        if path == "/metrics" and method in ("GET", "HEAD") and self._observer:
            task = asyncio.create_task(self._observer.metrics(request))
            task.add_done_callback(lambda made: reply(_told(e) if (e := made.exception()) else made.result()))
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
        """400 for a path that can name nothing, 404 with what there is for one that might."""
        parts = path.split("/")
        if parts[0] or any(part in (".", "..") or not _plain(part) for part in parts[1:]):
            return Problem(400, "this is no path of this server; see GET /")
        if stopped := self._stopped(parts[1:]):
            return Problem(503, f"{stopped} is {self.stopped[stopped]}")
        match parts[1:]:
            case ["v2", "models", name, *_] | ["endpoints", name, *_] if name not in self.routes:
                if not NAME.fullmatch(name):
                    return Problem(400, "an endpoint's name has letters, digits, _ and -, at most 64")
                return Problem(404, f"no endpoint is called {name!r}{did_you_mean(name, self.routes)}")
            case ["v2", "models", name, "versions", wanted, *_]:
                self.routes[name].version(wanted)
            case ["predict"]:
                return Problem(404, f"say which endpoint: /endpoints/NAME/predict{did_you_mean('', self.routes)}")
        return Problem(404, f"there is nothing at {path[:80]}{did_you_mean(path, [*self._gets, *self._posts])}")

    def _stopped(self, parts: Sequence[str]) -> str:
        """The stopped endpoint that a path means, or nothing."""
        match parts:
            case ["v2", "models", name, *_] | ["endpoints", name, *_] if name in self.stopped:
                return name
            case ["predict"] if len(self.stopped) == 1 and not self.routes:
                return next(iter(self.stopped))
        return ""

    def _add(self, route: Route) -> None:
        base = f"/v2/models/{route.name}"
        versions = [lane.loaded.version for lane in route.lanes]
        self._describe(base, route.first.loaded, versions)
        self._posts[f"{base}/infer"] = self._post(route, route.pick, "infer", oip.infer, (JSON, _OCTETS))
        self._posts[f"/endpoints/{route.name}/predict"] = self._post(
            route, route.pick, "predict", predict, (JSON, ARROW)
        )
        if len(route.lanes) == 1:  # of several one may have room
            self._add_sheds(base, route.name, route.first)
        if self._observer:
            labels = partial(self._observer.labels, route)
            self._posts[f"/endpoints/{route.name}/labels"] = (
                labels,
                (JSON,),
                partial(self._observer.labels_aside, self.aside.run, route),
            )
        if not route.shadows:
            for path, kind in ((f"{base}/infer", "infer"), (f"/endpoints/{route.name}/predict", "predict")):
                self._add_way(path, route, attrgetter(kind))
        for lane in route.lanes:
            at = f"{base}/versions/{lane.loaded.version}"
            self._describe(at, lane.loaded, versions)
            self._posts[f"{at}/infer"] = self._post(route, _always(lane), "infer", oip.infer, (JSON, _OCTETS))

    def _add_sheds(self, base: str, name: str, lane: Lane) -> None:
        """Where code of the user's runs, it runs for rows only; else all of a heavy model's requests wait together."""
        paths = {f"/endpoints/{name}/predict": "predict"}
        if lane.loaded.fast:
            paths[f"{base}/infer"] = "infer"
        for path, kind in paths.items():
            noted = partial(self._observer.shed, lane, kind) if self._observer else lambda: True
            self._sheds[path] = Shed(lane.batcher, noted, heavy_only=lane.loaded.fast)

    def _post(
        self, route: Route, pick: Pick, kind: str, work: Work, kinds: tuple[bytes, ...]
    ) -> tuple[Act, tuple[bytes, ...], ActAside]:
        words = route, pick, kind, work
        return partial(self._act, *words), kinds, partial(self._act_aside, *words)

    def _add_way(self, path: str, route: Route, kind: Callable[[Lane], Together | None]) -> None:
        if len(route.lanes) > 1:
            self._ways[path] = partial(_shortly, route.pick, kind)
        elif (together := kind(route.first)) is not None:
            self._ways[path] = together.take

    def _act(
        self, route: Route, pick: Pick, kind: str, work: Work, request: Request, body: bytes, reply: Reply
    ) -> None:
        if route.shadows and self._mirror and route.shadow(request.headers):
            self.aside.start(self._shadowed(route, kind, request, body, reply))
            return
        lane, reply, deadline = self._begun(pick, kind, request, body, reply)
        try:
            lane.batcher.add(work(lane, request, body, reply, deadline))
        except Exception as error:  # noqa: BLE001 - an answer is due, whatever it is
            self._refuse(request, reply, error)
        else:
            self._given(route, lane, kind, request, body)

    async def _act_aside(
        self, route: Route, pick: Pick, kind: str, work: Work, request: Request, body: bytes, reply: Reply
    ) -> None:
        """The same, the body read on a thread."""
        if route.shadows and self._mirror and route.shadow(request.headers):
            await self._shadowed(route, kind, request, body, reply)
            return
        lane, reply, deadline = self._begun(pick, kind, request, body, reply)
        lane.reading += 1
        try:
            job = await self.aside.run(partial(work, lane, request, body, reply, deadline))
            job.long = True
            lane.batcher.add(job)
        except Exception as error:  # noqa: BLE001 - as above
            self._refuse(request, reply, error)
        else:
            self._given(route, lane, kind, request, body)
        finally:
            lane.reading -= 1

    async def _shadowed(self, route: Route, kind: str, request: Request, body: bytes, reply: Reply) -> None:
        """A tester asked for a shadow: its process answers, and notes it. Never raises."""
        try:
            assert self._mirror
            response = await self._mirror.ask(request, _path(route, kind), body, route.shadow(request.headers))
        except Exception as error:  # noqa: BLE001 - an answer is due, whatever it is
            response = _told(error)
        self._apart(request, reply, response)

    def _begun(self, pick: Pick, kind: str, request: Request, body: bytes, reply: Reply) -> tuple[Lane, Reply, float]:
        headers = request.headers
        lane = request.lane or pick(headers)  # to pick twice would change the shares
        deadline = inf if TIMEOUT not in headers else request.received + seconds(headers[TIMEOUT])
        if self._observer:
            reply = self._observer.began(lane, kind, request, body, reply)
        return lane, reply, deadline

    def _refuse(self, request: Request, reply: Reply, error: Exception) -> None:
        reply(_told(error))
        shed = self._sheds.get(request.path)
        if shed and shed.full():
            self.crowded[request.path] = shed

    def _given(self, route: Route, lane: Lane, kind: str, request: Request, body: bytes) -> None:
        """It is the release's from now on."""
        if self._observer and request.call.span:
            self._observer.decoded(request)
        if route.shadows and self._mirror:
            path = _path(route, kind)
            for release in route.shadows:
                taken = self._mirror.send(request, path, body, release)
                if self._observer:
                    self._observer.mirrored(lane, dropped=not taken)

    def _describe(self, base: str, one: Loaded, versions: Sequence[str]) -> None:
        described = json_response(oip.metadata(one) | {"versions": versions}, headers=one.headers)
        self._gets[base] = lambda _: described
        self._gets[f"{base}/ready"] = lambda _: self._ready({"name": one.endpoint})

    def _add_server(self, loaded: Sequence[Loaded]) -> None:
        live = json_response({"live": True})
        versions = {r.name: [lane.loaded.version for lane in r.lanes] for r in self.routes.values()}

        @cache  # what few ask for is made when somebody does: a server answers sooner
        def about() -> Response:
            return json_response(oip.about(repository=self.repository.on))

        @cache
        def document() -> Response:
            classes = {r.name: known_classes(r) for r in self.routes.values()} if self._observer else None
            said = openapi.document(loaded, versions, classes=classes, repository=self.repository.on)
            return Response(200, orjson.dumps(said))

        def index(request: Request) -> Response:
            sent = request.headers.get(b"host", b"").decode("latin-1")
            host = sent if _HOST.fullmatch(sent) else "HOST"
            if b"text/html" in request.headers.get(b"accept", b""):
                return Response(200, openapi.page(loaded, host).encode(), b"text/html; charset=utf-8", _HTML_HEADERS)
            return json_response(openapi.index(loaded, host))

        self._gets |= {
            "/v2": lambda _: about(),
            "/v2/health/live": lambda _: live,
            "/v2/health/ready": lambda _: self._ready({}),
            "/openapi.json": lambda _: document(),
            "/": index,
        }

    def _ready(self, about: dict[str, Any]) -> Response:
        ready = not self.stopping and not (self.lacking and not about)
        return json_response(about | {"ready": ready}, 200 if ready else 503)


def _shortly(pick: Pick, kind: Callable[[Lane], Together | None], request: Request, sender: Sender) -> bool:
    request.lane = pick(request.headers)
    together = kind(request.lane)
    return together is not None and together.take(request, sender)


def _told(error: BaseException) -> Response:
    if isinstance(error, Problem):
        return error.response()
    log.error("a request failed: %s", frames(error))
    return Problem(500, "the server failed on this request; its log says why").response()


def _path(route: Route, kind: str) -> str:
    return f"/v2/models/{route.name}/infer" if kind == "infer" else f"/endpoints/{route.name}/predict"


def _always(lane: Lane) -> Pick:
    return lambda _: lane


def _plain(part: str) -> bool:
    return part.isascii() and all(c.isalnum() or c in "._-" for c in part)
