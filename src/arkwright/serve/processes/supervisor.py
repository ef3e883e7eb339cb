"""The process that people start: it holds the sockets, has a crew of workers, and tells them what to serve.

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
from pathlib import Path

from arkwright.core.errors import ArkwrightError, Invalid, did_you_mean
from arkwright.core.ports import Routing, Serving, Traffic, Watch
from arkwright.serve.processes import control
from arkwright.serve.processes.crew import Crew
from arkwright.serve.processes.files import Room, raised, room
from arkwright.serve.processes.folder import shared
from arkwright.serve.processes.following import Following, refused
from arkwright.serve.processes.sockets import address, listen, reserve, unix
from arkwright.serve.processes.waits import called_off, first_of, unless
from arkwright.serve.telemetry import otlp
from arkwright.serve.telemetry.access_log import AccessLog
from arkwright.serve.telemetry.counters import Counters
from arkwright.serve.telemetry.minutes import Minutes
from arkwright.serve.wire.address import check_host, shown
from arkwright.serve.wire.quota import Quota

log = logging.getLogger("arkwright.serve")
LOOK = 0.25  # seconds between two looks at what is to be served


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
        folder = held.enter_context(shared())
        aside = held.enter_context(unix(folder / "shadows", fits.waiting))
        if serving.grpc_port is not None:
            reserved = held.enter_context(reserve(serving.host, serving.grpc_port))
            serving = replace(serving, grpc_port=reserved.getsockname()[1])
        held.enter_context(Minutes(Counters.create(folder, serving.workers + 1), serving.minutes))
        if serving.rate:
            Quota.create(folder)
        asyncio.run(Supervisor(watch, serving, fits, listening, aside, folder, ready).run())


class Supervisor:
    """Follows what is to be served: has it tried, and tells the crew."""

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
        self._watch, self._ready, self._serving, self._listening = watch, ready, serving, listening
        self._places = fits, listening, aside, folder
        self._traffic: dict[str, Routing] = {}
        self._unloaded: set[str] = set()
        self._following = Following(serving.load_time, self._apply)
        self._wanted: dict[str, Routing] = {}
        self._before: Routing | None = None  # of the endpoint that is moved just now, should it stay there
        self._failed: BaseException | None = None
        self._sign = signal.SIGTERM

    async def run(self) -> None:
        """Until a signal, or a worker that cannot live."""
        self._stopped, self._restart, self._applying = asyncio.Event(), asyncio.Event(), asyncio.Lock()
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, self._stop, sign)
        loop.add_signal_handler(signal.SIGHUP, self._restart.set)
        self._crew = Crew(
            self._serving,
            *self._places,
            order=self._order,
            asked=self._asked,
            failed=self._fail,
            stopped=self._stopped,
        )
        try:
            await self._crew.start()  # they import while we verify
            await unless(self._stopped, self._begin())
            renewing = asyncio.create_task(self._renew())
            renewing.add_done_callback(self._renewed)
            while not self._stopped.is_set():
                await self._look()
            await called_off(renewing)  # a new worker may be loading for long
        finally:
            await self._crew.leave_be()
            await self._following.close()
            await self._crew.close(self._sign)
        if self._failed:
            raise self._failed

    def _stop(self, sign: signal.Signals) -> None:
        """On Ctrl-C no load balancer has to notice."""
        self._sign = sign
        self._stopped.set()

    def _fail(self, error: BaseException) -> None:
        self._failed = error
        self._stopped.set()

    async def _begin(self) -> None:
        first = await asyncio.to_thread(self._watch, ())
        assert first is not None
        if self._serving.gateway is None:
            self._traffic, self._wanted = dict(first), dict(first)
            if why_not := await self._shadows():
                raise Invalid(why_not)
            for name, why in (await self._crew.tell()).items():
                raise Invalid(f"{name} cannot be served: {why}")
            self._following.loaded(first)
        else:
            await self._crew.tell()
            await self._follow(first)
            await self._following.settled()
        while not self._crew.all_served and not self._stopped.is_set():
            await first_of(self._crew.served, self._stopped)  # one died at once; its keeper tries again
            self._crew.served.clear()
        if not self._stopped.is_set():
            self._crew.is_ready = True
            self._ready(address(self._listening[0]))
            if self._serving.grpc_port is not None:
                host = self._listening[0].getsockname()[0]
                self._ready(f"grpc://{shown(host, self._serving.grpc_port)}")
            log.info("serving %s at %s", ", ".join(sorted(self._traffic)), address(self._listening[0]))

    async def _renew(self) -> None:
        """Have workers replaced that have to be. Aside: who stops an endpoint waits for none of those that leave."""
        while not self._stopped.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(first_of(self._stopped, self._restart), LOOK)
            await self._crew.replace_lonely()
            if self._restart.is_set():
                self._restart.clear()
                await self._crew.replace_all()

    def _renewed(self, renewing: "asyncio.Task[None]") -> None:
        if not renewing.cancelled() and (error := renewing.exception()):
            self._fail(error)

    async def _look(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), LOOK)
        if not self._shadowed() and not self._applying.locked():  # a move that is made may need them
            self._crew.end_shadows()
        held = [*self._traffic.values(), *([self._before] if self._before else [])]
        try:  # aside: to look through a large release takes seconds
            changed = await asyncio.to_thread(self._watch, control.releases(held) | self._following.releases)
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
                await self._crew.tell()

    def _halt(self, stopped: Mapping[str, Routing]) -> None:
        """At once, whatever the workers are busy with; for good it goes the way of all moves."""
        for name, routing in stopped.items():
            log.warning("endpoint:%s@%d is %s", name, routing.version, routing.stopped)
        if stopped:
            self._crew.halt({name: (routing.version, routing.stopped) for name, routing in stopped.items()})

    async def _apply(self, name: str, routing: Routing) -> None:
        """Have all workers answer so; where one cannot, all go on as before."""
        async with self._applying:
            before = self._before = self._traffic.get(name)
            self._traffic[name] = routing
            why = await self._shadows() or (await self._crew.tell()).get(name)
            if why is None and not routing.stopped:
                log.info(
                    "endpoint:%s@%d answers with %s", name, routing.version, ", ".join(control.releases((routing,)))
                )
            elif why:
                refused(name, routing, why)
                del self._traffic[name]
                if before:
                    self._traffic[name] = before  # what the workers still serve, and the next one has to
                await self._crew.tell()  # who began meanwhile was told of the new one
            await self._crew.relieve()
            self._before = None

    def _order(self) -> control.Serve | None:
        if not self._traffic and not self._serving.gateway:
            return None
        stopped = {name: r for name, r in self._wanted.items() if r.stopped and name in self._traffic}  # at once
        on = {name: routing for name, routing in (self._traffic | stopped).items() if name not in self._unloaded}
        return control.Serve(on, sorted(self._unloaded))

    async def _asked(self, ask: control.Ask) -> str | None:
        """Load or unload an endpoint in every worker; why not, or None."""
        if ask.name not in self._traffic:
            return f"no endpoint is called {ask.name!r}{did_you_mean(ask.name, self._traffic)}"
        async with self._applying:
            (self._unloaded.discard if ask.verb == "load" else self._unloaded.add)(ask.name)
            why_not = (await self._crew.tell()).get(ask.name)
            if why_not:
                self._unloaded.add(ask.name)
                await self._crew.tell()  # it is unloaded again, not lacking
                await self._crew.relieve()
            return why_not

    async def _shadows(self) -> str:
        """There is a process for them where there are any; or why not."""
        try:
            if self._shadowed():
                await self._crew.cast_shadows()
        except OSError as error:
            return f"its shadows have no process: {error}"
        return ""

    def _shadowed(self) -> bool:
        return any(share.shadow for routing in self._traffic.values() for share in routing.shares)
