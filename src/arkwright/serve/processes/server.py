"""The listening server inside one event loop: what it answers can be replaced while it answers."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from socket import AF_UNIX, socket
from typing import TypeVar

from arkwright.core.errors import ArkwrightError, Invalid
from arkwright.core.ports import Routing, Share, Traffic
from arkwright.core.usercode import describe
from arkwright.serve.model.loaded import load_served
from arkwright.serve.observer.observer import Observer
from arkwright.serve.processes import control
from arkwright.serve.processes.adopter import Adopter
from arkwright.serve.processes.starved import starved
from arkwright.serve.rest.app import App
from arkwright.serve.rest.repository import Repository
from arkwright.serve.traffic.lane import Lane
from arkwright.serve.traffic.mirror import Mirror
from arkwright.serve.traffic.poison import Page
from arkwright.serve.traffic.route import Route
from arkwright.serve.wire.front import Front
from arkwright.serve.wire.http import Connection
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.quota import Quota
from arkwright.serve.wire.unread import show_unread

log = logging.getLogger("arkwright.serve")
T = TypeVar("T")
LEAVE = 1.0  # seconds in which a busy client sends its next request, whose answer says that the connection ends
_LEFT = 1.0  # seconds that a move waits for the answers of what it leaves; the next move may be the way back from it


class Server:
    """One App behind one listening socket."""

    def __init__(
        self,
        limits: Limits,
        repository: Repository | None = None,
        *,
        loopback: bool = True,
        gateway: bool = False,
        mirror: Mirror | None = None,
        shadow: bool = False,
        page: Page | None = None,
        standing: memoryview | None = None,
        observer: Observer | None = None,
        quota: Quota | None = None,
    ) -> None:
        """`mirror` takes the copies for shadows; with `shadow` this server is where they go."""
        self._observer = observer
        self.limits, self._shadow, self._page = limits, shadow, page
        self.app = App(limits.body, repository or Repository(None), mirror, observer, limits.queue_time)
        self.front = Front(self.app, limits, loopback=loopback, way=self.app.way, standing=standing, quota=quota)
        self.app.aside.given = self.front.freed
        self.front.gateway = gateway
        self.front.crowded = self.app.crowded
        self.front.limited = observer.limited if observer else None
        self.front.refusals = observer.answered if observer else None
        self.loads: Callable[[str, str], Awaitable[None]] | None = None  # told what is loaded just now, or ""
        self.hung: Callable[[], None] | None = None  # what to do when a model never ends
        self.beside: list[Callable[[], Awaitable[None]]] = []  # how what shares the queues stops
        self._halted: dict[str, tuple[int, str]] = {}  # until a later version of each is served
        self._lacking: Collection[str] = ()  # endpoints of which nothing can be loaded
        self._untold: Collection[str] = ()  # endpoints of which no version is told: the next may be older than a stop
        self._retiring: set[asyncio.Task[None]] = set()
        self._serving = 0  # moves that are being made
        self._listener: asyncio.Server | None = None
        self._adopter: Adopter | None = None

    @property
    def listening(self) -> bool:
        return self._listener is not None

    async def start(self, listening: socket, passed: socket | None = None) -> None:
        """Accept on a bound socket. On `passed` come connections that another server had."""
        loop = asyncio.get_running_loop()
        show_unread(listening)
        create = loop.create_unix_server if listening.family == AF_UNIX else loop.create_server
        self._listener = await create(partial(Connection, self.front), sock=listening)
        self._adopter = Adopter(self.front, passed) if passed else None

    async def serve(
        self,
        traffic: Traffic,
        lacking: Collection[str] = (),
        unloaded: Sequence[str] = (),
        *,
        question: bool = False,
        overtaken: Callable[[], bool] = lambda: False,
    ) -> dict[str, str]:
        """Answer by `traffic` from now on; endpoint -> why not, for those that cannot be loaded: nothing answers there,
        but where it was only a `question` what did before. A question that was `overtaken`, when at last all is loaded,
        was refused, so it changes nothing. Where no thread or file was left for it that says nothing of it: `Again`.

        `lacking`: endpoints whose callers are told that they cannot be served here; `unloaded`: that they are unloaded.
        Returns when nothing of what left is at work any more, or after a second: what it was asked may take longer.
        """
        self._serving += 1
        try:
            return await self._serve(traffic, lacking, unloaded, question=question, overtaken=overtaken)
        finally:
            self._serving -= 1
            self._settle()

    async def _serve(
        self,
        traffic: Traffic,
        lacking: Collection[str],
        unloaded: Sequence[str],
        *,
        question: bool,
        overtaken: Callable[[], bool],
    ) -> dict[str, str]:
        routes: dict[str, Route] = {}
        failed: dict[str, str] = {}
        dropped: list[Route] = []
        due = [name for name, one in traffic.items() if any(share.shadow == self._shadow for share in one.shares)]
        while True:
            known = {_identity(lane): lane for route in (*self.app.routes.values(), *dropped) for lane in route.lanes}
            for name in due:
                try:
                    routes[name] = await self._route(name, traffic[name], known)
                except Exception as error:  # noqa: BLE001 - whatever it is, what is served stays
                    why = str(error) if isinstance(error, ArkwrightError) else describe(error)
                    failed[name] = control.Again(why) if starved(error) else why
                    log.error("%s cannot be served: %s", name, failed[name])  # noqa: TRY400 - the message says it all
                    if question and name in self.app.routes:
                        routes[name] = self.app.routes[name]
            if self.loads:
                await self.loads("", "")
            due = [name for name, route in routes.items() if self._was_halted(route, traffic[name])]
            if not due:
                break
            dropped += [routes.pop(name) for name in due]
        if question and overtaken():
            await self._retire((*routes.values(), *dropped), self.app.routes)
            return failed
        before = (*self.app.routes.values(), *routes.values(), *dropped)
        self._lacking = {*failed, *lacking} - routes.keys()
        told = {name: (r.version, r.stopped) for name, r in traffic.items() if r.stopped}
        self._halted = told | {name: one for name, one in self._halted.items() if _still(one, traffic.get(name))}
        self._untold = {*unloaded, *lacking, *(self._halted.keys() - traffic.keys())}
        self.app.repository.unloaded = tuple(unloaded)
        self._install(routes)
        await asyncio.wait((self._leave(before),), timeout=_LEFT)
        return failed

    def halt(self, stopped: Mapping[str, tuple[int, str]]) -> None:
        """Nothing answers for these endpoints from now on: name -> (version, by whom and why)."""
        before = self.app.routes
        self._halted |= stopped
        self._install(before)
        self._leave(before.values())

    def _install(self, routes: Mapping[str, Route]) -> None:
        answering = {name: route for name, route in routes.items() if name not in self._halted}
        stopped = dict.fromkeys(self._lacking, "not loaded here; the server's log says why")
        stopped |= dict.fromkeys(self.app.repository.unloaded, "unloaded; load it over the repository")
        stopped |= {name: why for name, (_, why) in self._halted.items() if name not in self._untold}
        self.app.install(answering, stopped)
        self.app.lacking = bool(self._lacking)
        self.front.heads.clear()  # they know the short ways of before

    async def stop(self, *, hurried: bool = False) -> None:
        """Not ready from now on; accept for `drain_delay` more, unless hurried; then finish what is in flight."""
        self.app.stopping = self.front.draining = True
        await asyncio.sleep(0 if hurried else self.limits.drain_delay)
        self._close()
        await self._end()

    async def leave(self) -> None:
        """Another server accepts on the same socket now: what is connected is answered, and told to come anew."""
        self._close()
        self.front.draining = True
        await asyncio.sleep(LEAVE)
        await self._end()

    def _close(self) -> None:
        """Nobody new."""
        assert self._listener
        self._listener.close()
        if self._adopter:
            self._adopter.close()

    async def _end(self) -> None:
        await asyncio.gather(self.front.drain(), *(stop() for stop in self.beside))
        for route in self.app.routes.values():
            for lane in route.lanes:
                lane.close()

    async def _route(self, name: str, routing: Routing, known: Mapping[tuple[str, str, str], Lane]) -> Route:
        """The endpoint's releases that are at work here: the shadows or the others."""
        lanes, fresh = list[tuple[Lane, float]](), list[Lane]()
        try:
            for share in (share for share in routing.shares if share.shadow == self._shadow):
                lane = known.get((name, share.served.release, share.served.digest))
                if lane is None or lane.closed:
                    lane = await self._lane(name, share)
                    fresh.append(lane)
                lanes.append((lane, share.part))
            if self._observer:
                self._observer.follow(name, routing, [lane for lane, _ in lanes])
        except BaseException:
            for lane in fresh:
                lane.close()
            raise
        shadows = [share.served.release for share in routing.shares if share.shadow and not self._shadow]
        return Route(name, lanes, shadows)

    async def _lane(self, name: str, share: Share) -> Lane:
        """Load aside: a session takes a while to make, and the loop goes on answering."""
        served = share.served
        if self.loads:
            await self.loads(served.release, name)
        loaded = await aside(partial(load_served, served, name))
        lane = Lane(loaded, self.limits, page=self._page, shadow=self._shadow)
        lane.batcher.when_hung = self.hung
        return lane

    def _leave(self, before: Iterable[Route]) -> asyncio.Task[None]:
        """What does not answer any more ends when everything that it was asked is answered."""
        retiring = asyncio.create_task(self._retire(before, self.app.routes))
        self._retiring.add(retiring)
        retiring.add_done_callback(self._left)
        return retiring

    def _left(self, retired: asyncio.Task[None]) -> None:
        self._retiring.discard(retired)
        self._settle()

    def _settle(self) -> None:
        """Not while something is still asked, or is to be served soon: it would be noted nowhere."""
        if self._observer and not self._retiring and not self._serving:
            self._observer.settled(self.app.routes)

    async def _retire(self, before: Iterable[Route], now: Mapping[str, Route]) -> None:
        kept = {id(lane) for route in now.values() for lane in route.lanes}
        leaving = {id(lane): lane for route in before for lane in route.lanes if id(lane) not in kept}
        await asyncio.gather(*map(self._let_go, leaving.values()))

    async def _let_go(self, lane: Lane) -> None:
        await lane.idle()
        if not any(lane is one for route in self.app.routes.values() for one in route.lanes):
            lane.close()  # else a move that was being made as it was stopped has it at work again

    def _was_halted(self, route: Route, routing: Routing) -> bool:
        """Whether it was, since, as an earlier version, and what it needs is let go of."""
        halted = self._halted.get(route.name)
        again = halted is None or not _still(halted, routing)
        return again and any(lane.closed for lane in route.lanes)


def _still(halted: tuple[int, str], routing: Routing | None) -> bool:
    """Whether what is told now is no later than that it was stopped: that it is gone may be older, too."""
    return routing is None or routing.version <= halted[0]


async def aside(make: Callable[[], T]) -> T:
    """What `make` makes, on a thread that ends with the process, wherever it is: nobody can call off what it does."""
    loop, made = asyncio.get_running_loop(), Future[T]()

    def run() -> None:
        try:
            made.set_result(make())
        except Exception as error:  # noqa: BLE001 - it is raised where it is awaited
            made.set_exception(error)
        except BaseException as error:  # noqa: BLE001 - the same raised there would end the loop
            told = Invalid(describe(error))
            told.__cause__ = error
            made.set_exception(told)

    threading.Thread(target=run, daemon=True, name="load").start()
    return await asyncio.wrap_future(made, loop=loop)


def _identity(lane: Lane) -> tuple[str, str, str]:
    return lane.loaded.endpoint, lane.loaded.release, lane.loaded.digest
