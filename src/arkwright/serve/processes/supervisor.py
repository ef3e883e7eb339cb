"""The process that people start: it holds the sockets, keeps the workers alive, and tells them what to serve.

The listening sockets are its own, one for each worker on the same port (SO_REUSEPORT): when a worker dies, whoever
waits to be accepted is answered by the next one. It parses no request and imports no runtime, so nothing that a caller
sends can end it.
"""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from arkwright.core.errors import ArkwrightError, Invalid, did_you_mean
from arkwright.core.ports import Routing, Serving, Traffic, Watch
from arkwright.serve.processes import control
from arkwright.serve.processes.birth import Nursery
from arkwright.serve.processes.files import Room, raised, room
from arkwright.serve.processes.following import Following, refused, releases
from arkwright.serve.processes.process import Worker, how
from arkwright.serve.processes.sockets import address, listen, processors, reserve, unix
from arkwright.serve.processes.trial import late
from arkwright.serve.processes.waits import first_of, unless
from arkwright.serve.telemetry import otlp
from arkwright.serve.telemetry.access_log import AccessLog
from arkwright.serve.telemetry.counters import Counters
from arkwright.serve.telemetry.minutes import Minutes
from arkwright.serve.traffic.poison import Register
from arkwright.serve.wire.address import check_host, is_loopback, shown
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.quota import Quota

log = logging.getLogger("arkwright.serve")
LOOK = 0.25  # seconds between two looks at what is to be served
_MOST_STILLBORN = 5


def serve(watch: Watch, serving: Serving, ready: Callable[[str], None]) -> None:
    """Serve what `watch` says until SIGTERM or SIGINT; `ready` gets the address, like `http://127.0.0.1:8000`.

    SIGHUP replaces the workers one after the other. Raises Refused for an address that other machines reach: there is
    no authentication yet. Raises Invalid when the port is taken, the access log cannot be written or the first
    releases cannot be served; Missing where traces need the extra.
    """
    check_host(serving.host, allow_remote=False)
    if serving.access_log:
        AccessLog(serving.access_log).close()  # said once, here: each worker would find it out for itself
    if serving.traces:
        otlp.must_be_possible(serving.traces)
    fits = room(raised(), calls=serving.grpc_port is not None)
    with contextlib.ExitStack() as held:
        listening = [held.enter_context(sock) for sock in listen(serving, fits.waiting)]
        folder = Path(held.enter_context(TemporaryDirectory(prefix="arkwright-")))
        aside = held.enter_context(unix(folder / "shadows", fits.waiting))
        if serving.grpc_port is not None:
            reserved = held.enter_context(reserve(serving.host, serving.grpc_port))
            serving = replace(serving, grpc_port=reserved.getsockname()[1])
        held.enter_context(Minutes(Counters.create(folder, serving.workers + 1), serving.minutes))
        if serving.rate:
            Quota.create(folder)
        asyncio.run(Supervisor(watch, serving, fits, listening, aside, folder, ready).run())


class Supervisor:
    """Keeps a worker for each socket, and one more for the shadows as soon as there are any."""

    def __init__(
        self,
        watch: Watch,
        serving: Serving,
        fits: Room,
        listening: Sequence[socket.socket],
        aside: socket.socket,
        folder: Path,
        ready: Callable[[str], None],
    ) -> None:
        self._watch, self._ready, self._serving = watch, ready, serving
        self._limits = Limits(
            connections=fits.connections, refused=fits.refused, queue=serving.queue, queue_time=serving.queue_time,
            drain_delay=serving.drain_delay, answer_time=serving.answer_time,
        )  # fmt: skip
        self._listening, self._aside, self._folder = listening, aside, folder
        self._passes = [socket.socketpair() for _ in listening]  # on which a dead worker's connections go to the next
        self._traffic: dict[str, Routing] = {}
        self._unloaded: set[str] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._register = Register()
        self._following = Following(serving.load_time, self._apply)
        self._wanted: dict[str, Routing] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._failed: BaseException | None = None
        self._is_ready = False
        self._sign = signal.SIGTERM

    async def run(self) -> None:
        """Until a signal, or a worker that cannot live."""
        self._stopped, self._restart, self._served = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._applying = asyncio.Lock()
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, self._stop, sign)
        loop.add_signal_handler(signal.SIGHUP, self._restart.set)
        self._nursery = Nursery()
        cpus = processors(len(self._listening), pin=self._serving.pin)
        self._workers = [self._worker(sock, cpu) for sock, cpu in zip(self._listening, cpus, strict=True)]
        try:
            await asyncio.gather(*(worker.start() for worker in self._workers))  # they import while we verify
            for place in range(len(self._workers)):
                self._have_kept(place)
            await unless(self._stopped, self._begin())
            while not self._stopped.is_set():
                await self._look()
        finally:
            for keeper in self._keepers:
                keeper.cancel()
            await self._following.close()
            for sock in (*self._listening, self._aside, *chain(*self._passes)):
                sock.close()  # the workers have theirs; who comes when they close them is refused, not left waiting
            stops = (worker.stop(self._sign) for worker in self._workers)
            await asyncio.gather(*stops, *self._leaving, self._nursery.close())
        if self._failed:
            raise self._failed

    def _stop(self, sign: signal.Signals) -> None:
        """On Ctrl-C no load balancer has to notice."""
        self._sign = sign
        self._stopped.set()

    async def _begin(self) -> None:
        first = self._watch(())
        assert first is not None
        if self._serving.gateway is None:
            self._traffic, self._wanted = dict(first), dict(first)
            await self._shadows()
            for name, why in (await self._tell()).items():
                raise Invalid(f"{name} cannot be served: {why}")
            self._following.loaded(first)
        else:
            await self._tell()
            await self._follow(first)
            await self._following.settled()
        while not all(worker.served for worker in self._workers) and not self._stopped.is_set():
            await first_of(self._served, self._stopped)  # one died at once; its keeper tries again
            self._served.clear()
        if not self._stopped.is_set():
            self._is_ready = True
            self._ready(address(self._listening[0]))
            if self._serving.grpc_port is not None:
                host = self._listening[0].getsockname()[0]
                self._ready(f"grpc://{shown(host, self._serving.grpc_port)}")
            log.info("serving %s at %s", ", ".join(sorted(self._traffic)), address(self._listening[0]))

    async def _look(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(first_of(self._stopped, self._restart), LOOK)
        for place, worker in enumerate(tuple(self._workers)):
            worker.look()
            if worker.lost_its_keeper():
                log.warning("the keeper of a worker ended; others take their places")
                await self._replace(place, wait=False)
        self._without_shadows()
        if self._restart.is_set():
            self._restart.clear()
            await self._replace_all()
        try:
            changed = self._watch(releases(self._traffic.values()) | self._following.releases)
        except Exception as error:  # noqa: BLE001 - a full disk or a locked ledger must not end what answers
            said = str(error) if isinstance(error, ArkwrightError) else repr(error)
            log.error("what is to be served cannot be read: %s; what is served stays", said)  # noqa: TRY400
            return
        if changed is not None:
            await self._follow(changed)

    async def _follow(self, changed: Traffic) -> None:
        before, self._wanted = self._wanted, dict(changed)
        self._halt({name: r for name, r in changed.items() if r.stopped and before.get(name) != r})
        for name, routing in changed.items():
            if before.get(name) != routing:
                self._following.follow(name, routing)
        gone = self._traffic.keys() - changed.keys()
        for name in before.keys() - changed.keys():
            self._following.drop(name)
        if gone:
            async with self._applying:
                self._traffic = {name: routing for name, routing in self._traffic.items() if name not in gone}
                await self._tell()

    def _halt(self, stopped: Mapping[str, Routing]) -> None:
        """At once, whatever the workers are busy with; for good it goes the way of all moves."""
        for name, routing in stopped.items():
            log.warning("endpoint:%s@%d is %s", name, routing.version, routing.stopped)
        for worker in self._workers if stopped else ():
            worker.halt({name: (routing.version, routing.stopped) for name, routing in stopped.items()})

    async def _apply(self, name: str, routing: Routing) -> None:
        """Have all workers answer so; where one cannot, all go on as before."""
        async with self._applying:
            before = self._traffic.get(name)
            self._traffic[name] = routing
            await self._shadows()
            why = (await self._tell()).get(name)
            if why is None and not routing.stopped:
                log.info("endpoint:%s@%d answers with %s", name, routing.version, ", ".join(releases((routing,))))
            elif why:
                refused(name, routing, why)
                del self._traffic[name]
                if before:
                    self._traffic[name] = before  # what the workers still serve, and the next one has to
                await self._tell()  # who began meanwhile was told of the new one
            await self._relieve()

    async def _relieve(self) -> None:
        """Others take the places of workers that are stuck in what they load; who is connected to one is answered."""
        for place, worker in enumerate(tuple(self._workers)):
            if worker.stuck:
                await self._replace(place)

    async def _tell(self) -> Mapping[str, str]:
        """Have all workers serve the present traffic; endpoint -> why not. Who dies meanwhile, is told again."""
        order, workers = self._order(), tuple(self._workers)
        failed: dict[str, str] = {}
        for worker, told in zip(workers, await asyncio.gather(*(w.tell(order) for w in workers)), strict=True):
            failed |= self._stuck(worker) if worker.stuck else told or {}
        return failed

    def _stuck(self, worker: Worker) -> dict[str, str]:
        """Endpoint -> why not, of a worker that cannot be told any more."""
        why = late(worker.loading, self._serving.load_time)
        return {name: why for name, routing in self._traffic.items() if worker.loading in releases((routing,))}

    def _order(self) -> control.Serve:
        on = {name: routing for name, routing in self._traffic.items() if name not in self._unloaded}
        return control.Serve(on, sorted(self._unloaded))

    async def _asked(self, ask: control.Ask) -> str | None:
        """Load or unload an endpoint in every worker; why not, or None."""
        if ask.name not in self._traffic:
            return f"no endpoint is called {ask.name!r}{did_you_mean(ask.name, self._traffic)}"
        async with self._applying:
            (self._unloaded.discard if ask.verb == "load" else self._unloaded.add)(ask.name)
            why_not = (await self._tell()).get(ask.name)
            if why_not:
                self._unloaded.add(ask.name)
                await self._tell()  # it is unloaded again, not lacking
                await self._relieve()
            return why_not

    def _worker(self, listening: socket.socket, cpu: int | None = None) -> Worker:
        shadow = listening is self._aside
        rate = None if shadow else self._serving.rate
        place = len(self._listening) if shadow else self._listening.index(listening)
        tcp = listening.family != socket.AF_UNIX  # what a connection has sent and read is known of these only
        passing, passed = (end.fileno() for end in self._passes[place]) if tcp else (-1, -1)
        start = control.Start(
            listening=listening.fileno(),
            passing=passing,
            passed=passed,
            loopback=tcp and is_loopback(listening.getsockname()[0]),
            gateway=not tcp and not shadow,
            limits=replace(self._limits, rate=rate),
            cpu=cpu,
            mirror=self._aside.getsockname(),
            shadow=shadow,
            repository=self._serving.repository,
            load_time=self._serving.load_time,
            shared=str(self._folder),
            worker=place,
            host=self._serving.host,
            grpc_port=self._serving.grpc_port,
            access_log=None if shadow else self._serving.access_log,  # nobody asked for the copies
            traces=None if shadow else self._serving.traces,
        )
        return Worker(listening, start, self._asked, self._nursery)

    async def _shadows(self) -> None:
        """Start the process of the shadows when it is first needed."""
        if self._shadowed() and len(self._workers) == len(self._listening):
            worker = self._worker(self._aside)
            await worker.start()
            self._workers.append(worker)
            self._have_kept(len(self._workers) - 1)

    def _shadowed(self) -> bool:
        return any(share.shadow for routing in self._traffic.values() for share in routing.shares)

    def _without_shadows(self) -> None:
        """End their process when there are none; not while a move is made, which may need it."""
        if len(self._workers) > len(self._listening) and not self._shadowed() and not self._applying.locked():
            self._keepers.pop().cancel()
            self._let_go(self._workers.pop(), signal.SIGINT)

    def _let_go(self, worker: Worker, sign: signal.Signals) -> "asyncio.Task[None]":
        leaving = asyncio.create_task(worker.stop(sign))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        return leaving

    def _have_kept(self, place: int) -> None:
        keeper = asyncio.create_task(self._keep(place))
        keeper.add_done_callback(self._kept)
        self._keepers.append(keeper)

    async def _keep(self, place: int) -> None:
        """Replace the worker at this place whenever it dies."""
        stillborn = 0
        while True:
            worker = self._workers[place]
            code = await worker.ended()
            if worker is not self._workers[place]:
                continue  # replaced on purpose
            stillborn = 0 if worker.served else stillborn + 1
            log.warning("a worker ended (%s); another takes its place", how(code))
            if stillborn > _MOST_STILLBORN and not self._is_ready:
                self._failed = Invalid(
                    f"the server's worker ends as soon as it starts ({how(code)}); see its last words"
                )
                self._stopped.set()
                return
            await asyncio.gather(self._bury(worker), self._raise(place, stillborn))

    def _kept(self, keeper: "asyncio.Task[None]") -> None:
        """A place that nobody keeps any more would stay empty unseen: rather end."""
        if not keeper.cancelled() and (error := keeper.exception()):
            self._failed = error
            self._stopped.set()

    async def _bury(self, worker: Worker) -> None:
        """Tell the others who was at work when this one died."""
        living = [other for other in self._workers if other.served and not other.gone and other is not worker]
        known = set(self._register.poison)
        news = self._register.died(worker.page, [other.page for other in living])
        worker.forget()
        if news:
            for key in (key for key in self._register.poison if key not in known):
                log.warning("a request of %d bytes ended too many workers; it is refused from now on", key[1])
            await asyncio.gather(*(other.tell(self._beware()) for other in living))

    def _beware(self) -> control.Beware:
        return control.Beware(self._register.suspects, self._register.poison)

    async def _raise(self, place: int, stillborn: int) -> None:
        """A worker for an empty place."""
        if stillborn:
            await asyncio.sleep(min(0.1 * 2**stillborn, 5.0))
        while True:
            try:
                await self._another(place, "died")
            except OSError as error:
                log.error("no worker can be started: %s; trying again", error)  # noqa: TRY400
                await asyncio.sleep(1)
            else:
                return

    async def _another(self, place: int, follows: str) -> Mapping[str, str] | None:
        """A new worker at this place, told what there is; what failed in it. None when it died at once."""
        made = self._workers[place].twin(follows)
        await made.start()
        self._workers[place] = made  # from here on it is told whatever changes, behind what is told now
        if self._register.suspects or self._register.poison:
            await made.tell(self._beware())
        failed = await made.tell(self._order()) if self._traffic or self._serving.gateway else {}
        if made.stuck:
            failed = self._stuck(made)
            for why in set(failed.values()):
                log.error("a worker is of no use: %s", why)
            made.process.kill()  # who keeps its place raises another
        self._served.set()
        return failed

    async def _replace_all(self) -> None:
        await self._nursery.close()  # it has imported what was installed when it began
        for place in range(len(self._workers)):
            if self._stopped.is_set() or not await self._replace(place):
                return

    async def _replace(self, place: int, *, wait: bool = True) -> bool:
        """A new worker takes over before the old one stops: on the same socket, so nobody is turned away.

        `wait`: until the old one has stopped. When the new one cannot do what the old one does, the old one stays.
        """
        old = self._workers[place]
        try:
            failed = await self._another(place, "replaced")
        except OSError as error:
            failed = {"a worker": str(error)}
        if not failed and failed is not None:
            leaving = self._let_go(old, signal.SIGHUP)
            if wait and not old.stuck:  # which may never leave by itself
                await leaving
            return True
        new, self._workers[place] = self._workers[place], old
        log.error("the workers are not replaced: %s", failed or "the new one ended at once")
        if new is not old:
            await new.stop(signal.SIGKILL)
        return False
