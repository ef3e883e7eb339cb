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
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from arkwright.core.errors import ArkwrightError, Invalid, did_you_mean
from arkwright.core.held import temporary
from arkwright.core.ports import Routing, Serving, Traffic, Watch
from arkwright.serve.processes import control
from arkwright.serve.processes.crew import Crew
from arkwright.serve.processes.files import Room, raised, room
from arkwright.serve.processes.following import Following, refused
from arkwright.serve.processes.place import LeftOut
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
_COMPLAINT = 60.0  # seconds between two lines of the log that say that it cannot be read


def serve(watch: Watch, serving: Serving, ready: Callable[[str], None]) -> None:
    """Serve what `watch` says until SIGTERM or SIGINT; `ready` gets the address, like `http://127.0.0.1:8000`.

    SIGHUP replaces the workers one after the other. Raises Refused for an address that other machines reach: there is
    no authentication yet. Raises Invalid when the port is taken, the access log cannot be written or the first
    releases cannot be served; Missing where traces need the extra.
    """
    check_host(serving.host, allow_remote=False)
    signal.signal(
        signal.SIGCHLD, signal.SIG_DFL
    )  # who started us may have had it ignored: no end of a worker is told then
    if serving.access_log:
        AccessLog(serving.access_log).close()  # said once, here: each worker would find it out for itself
    if serving.traces:
        otlp.must_be_possible(serving.traces)
    fits = room(raised(), calls=serving.grpc_port is not None)
    with contextlib.ExitStack() as held:
        listening = [held.enter_context(sock) for sock in listen(serving, fits.waiting)]
        folder = held.enter_context(temporary("arkwright-serve"))  # what its processes share
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
        self._unloaded: frozenset[str] = frozenset()
        self._following = Following(serving.load_time, self._apply)
        self._wanted: dict[str, Routing] = {}
        self._put_off: dict[str, Routing] = {}  # endpoint -> what workers tried, and which would have cost an answer
        self._failed: BaseException | None = None
        self._complains = 0.0  # when it may say once more that what is to be served cannot be read
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
            asked=self._asked,
            failed=self._fail,
            stopped=self._stopped,
        )
        renewing = None
        try:
            await unless(self._stopped, self._begin())
            if not self._stopped.is_set():
                renewing = asyncio.create_task(self._renew())
                renewing.add_done_callback(self._renewed)
            while not self._stopped.is_set():
                await unless(self._stopped, self._look())
        finally:
            if renewing:
                await called_off(renewing)  # a new worker may be loading for long
            await self._following.close()  # no move has shadows come any more
            await self._crew.leave_be()
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
        await self._crew.start()  # they import while we verify
        first = await asyncio.to_thread(self._watch, ())
        assert first is not None
        if self._serving.gateway is None:
            self._wanted = dict(first)
            try:
                await self._shadows(first)
                failed = await self._crew.move(self._order(first), first)
            except OSError as error:
                raise Invalid(str(error)) from error
            for name, why in failed.items():
                raise Invalid(f"{name} cannot be served: {why}")
            self._traffic = dict(first)
            self._following.loaded(first)
            await self._crew.ready()
        else:
            await self._crew.move(self._order({}), ())
            await self._crew.ready()
            self._follow(first)
            await self._following.settled()
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
            await self._crew.renew()
            if self._restart.is_set():
                self._restart.clear()
                await self._crew.replace_all()

    def _renewed(self, renewing: "asyncio.Task[None]") -> None:
        if not renewing.cancelled() and (error := renewing.exception()):
            self._fail(error)

    async def _look(self) -> None:
        await asyncio.sleep(LOOK)
        if not _shadowed(self._traffic) and not self._applying.locked():  # a move that is made may need them
            self._crew.end_shadows()
        held = control.releases(self._traffic.values()) | self._following.releases
        try:  # aside: to look through a large release takes seconds
            changed = await asyncio.to_thread(self._watch, held)
        except Exception as error:  # noqa: BLE001 - a full disk or a locked ledger must not end what answers
            self._complain(str(error) if isinstance(error, ArkwrightError) else repr(error))
            return
        if changed is not None:
            self._follow(changed)

    def _complain(self, said: str) -> None:
        """Now and then: the log may be on the disk that is full."""
        now = asyncio.get_running_loop().time()
        if now >= self._complains:
            self._complains = now + _COMPLAINT
            log.error("what is to be served cannot be read: %s; what is served stays, and it is tried again", said)

    def _follow(self, changed: Traffic) -> None:
        before, self._wanted = self._wanted, dict(changed)
        self._halt({name: r for name, r in changed.items() if r.stopped and before.get(name) != r})
        for name, routing in changed.items():
            if before.get(name) != routing:
                self._crew.forget(name)
                self._following.follow(name, routing)
        for name in before.keys() - changed.keys():
            self._crew.forget(name)
            self._following.follow(name, None)

    def _halt(self, stopped: Mapping[str, Routing]) -> None:
        """At once, whatever the workers are busy with; for good it goes the way of all moves."""
        for name, routing in stopped.items():
            log.warning("endpoint:%s@%d is %s", name, routing.version, routing.stopped)
        if stopped:
            self._crew.halt({name: (routing.version, routing.stopped) for name, routing in stopped.items()})

    async def _apply(self, name: str, routing: Routing | None) -> None:
        """Have all workers answer so, or no more; where one cannot, all go on as before. Raises OSError for what may
        be otherwise later: there is no process for its shadows, or it needs what ends workers now.
        """
        async with self._applying:
            traffic = {one: before for one, before in self._traffic.items() if one != name}
            if routing is None:
                self._unloaded -= {name}
                await self._crew.move(self._order(traffic), ())
            else:
                traffic[name] = routing
                named = () if routing.stopped else (name,)  # a stop is no question
                await self._shadows(traffic)
                if why := await self._why_not(name, routing, self._order(traffic), named):
                    refused(name, routing, why)
                    self._crew.forget(name)
                    return
                if not routing.stopped:
                    releases = ", ".join(control.releases((routing,)))
                    log.info("endpoint:%s@%d answers with %s", name, routing.version, releases)
            self._traffic = traffic

    async def _why_not(self, name: str, routing: Routing, order: control.Serve, named: Collection[str]) -> str | None:
        """Have all do it. What is put off after some were asked may have ended them: that is tried twice at most."""
        try:
            return (await self._crew.move(order, named)).get(name)
        except LeftOut as error:
            if not error.asked:
                raise
            if self._put_off.pop(name, None) is routing:
                return str(error)
            self._put_off[name] = routing
            raise

    def _order(self, traffic: Traffic, unloaded: Collection[str] | None = None) -> control.Serve:
        unloaded = self._unloaded if unloaded is None else unloaded
        on = {name: routing for name, routing in traffic.items() if name not in unloaded}
        return control.Serve(on, sorted(unloaded))

    async def _asked(self, ask: control.Ask) -> str | None:
        """Load or unload an endpoint in every worker; why not, or None."""
        async with self._applying:
            if ask.name not in self._traffic:
                return f"no endpoint is called {ask.name!r}{did_you_mean(ask.name, self._traffic)}"
            self._traffic[ask.name] = self._traffic.pop(ask.name)  # what is loaded last is what is asked for
            unloaded = self._unloaded - {ask.name} if ask.verb == "load" else self._unloaded | {ask.name}
            try:
                why_not = (await self._crew.move(self._order(self._traffic, unloaded), (ask.name,))).get(ask.name)
            except OSError as error:
                return str(error)
            if not why_not:
                self._unloaded = unloaded
            if not why_not and ask.verb == "load" and self._crew.lacks(ask.name):
                return f"{ask.name} cannot be loaded by any worker now, which is tried again; the server's log says why"
            return why_not

    async def _shadows(self, traffic: Traffic) -> None:
        """There is a process for them where there are any. Raises OSError when none can be made."""
        try:
            if _shadowed(traffic):
                await self._crew.cast_shadows()
        except OSError as error:
            raise OSError(f"its shadows have no process: {error}") from error


def _shadowed(traffic: Traffic) -> bool:
    return any(share.shadow for routing in traffic.values() for share in routing.shares)
