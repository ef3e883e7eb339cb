"""The process that people start: it holds the sockets, keeps the workers alive, and tells them what to serve.

The listening sockets are its own, one for each worker on the same port (SO_REUSEPORT): when a worker dies, whoever
waits to be accepted is answered by the next one. It parses no request and imports no runtime, so nothing that a caller
sends can end it.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from arkwright.core.errors import ArkwrightError, Invalid, Refused, did_you_mean
from arkwright.core.ports import Serving, Traffic, Watch
from arkwright.serve import control
from arkwright.serve.child import Child
from arkwright.serve.limits import Limits

log = logging.getLogger("arkwright.serve")
LOOK = 0.25  # seconds between two looks at what is to be served
_STEADY = 5.0  # who lived that long did not die of how it was started
_MOST_STILLBORN = 5


def serve(watch: Watch, serving: Serving, ready: Callable[[str], None]) -> None:
    """Serve what `watch` says until SIGTERM or SIGINT; `ready` gets the address, like `http://127.0.0.1:8000`.

    SIGHUP replaces the workers one after the other. Raises Refused for an address that other machines reach: there is
    no authentication yet. Raises Invalid when the port is taken or the first releases cannot be served.
    """
    if not is_loopback(serving.host):
        raise Refused(
            f"{serving.host} is reached by other machines, and there is no authentication yet; serve on 127.0.0.1"
        )
    with contextlib.ExitStack() as held:
        listening = [held.enter_context(sock) for sock in _listening(serving)]
        aside = held.enter_context(_unix(Path(held.enter_context(TemporaryDirectory(prefix="arkwright-")))))
        limits = Limits(rate=serving.rate, drain_delay=serving.drain_delay)
        asyncio.run(Supervisor(watch, listening, aside, limits, ready, repository=serving.repository).run())


class Supervisor:
    """Keeps a worker for each socket, and one more for the shadows as soon as there are any."""

    def __init__(
        self,
        watch: Watch,
        listening: Sequence[socket.socket],
        aside: socket.socket,
        limits: Limits,
        ready: Callable[[str], None],
        *,
        repository: bool,
    ) -> None:
        self._watch, self._ready, self._limits = watch, ready, limits
        self._listening, self._aside = listening, aside
        self._repository = repository
        self._traffic: Traffic = {}
        self._unloaded: set[str] = set()
        self._turn = 0
        self._failed: BaseException | None = None

    async def run(self) -> None:
        """Until a signal, or a worker that cannot live."""
        self._stopped, self._restart = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, self._stopped.set)
        loop.add_signal_handler(signal.SIGHUP, self._restart.set)
        cpus = processors(len(self._listening))
        self._workers = [self._worker(sock, cpu) for sock, cpu in zip(self._listening, cpus, strict=True)]
        try:
            await asyncio.gather(*(worker.start() for worker in self._workers))  # they import while we verify
            self._keepers = [asyncio.create_task(self._keep(place)) for place in range(len(self._workers))]
            await self._begin()
            while not self._stopped.is_set():
                await self._look()
        finally:
            for keeper in getattr(self, "_keepers", ()):
                keeper.cancel()
            for sock in (*self._listening, self._aside):
                sock.close()  # the workers have theirs; who comes when they close them is refused, not left waiting
            await asyncio.gather(*(worker.stop() for worker in self._workers))
        if self._failed:
            raise self._failed

    async def _begin(self) -> None:
        first = self._watch()
        assert first is not None
        self._traffic = first
        await self._shadows()
        for failed in await self._tell(self._workers):
            for name, why in failed.items():
                raise Invalid(f"{name} cannot be served: {why}")
        if not self._stopped.is_set():
            self._ready(_address(self._listening[0]))
            log.info("serving %s at %s", ", ".join(sorted(self._traffic)), _address(self._listening[0]))

    async def _look(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._first_of(self._stopped, self._restart), LOOK)
        if self._restart.is_set():
            self._restart.clear()
            for place in range(len(self._workers)):
                await self._replace(place)
        try:
            changed = self._watch()
        except ArkwrightError as error:
            log.error("what is to be served cannot be read: %s; what is served stays", error)  # noqa: TRY400
            return
        if changed is not None:
            self._traffic = changed
            await self._shadows()
            await self._tell(self._workers)

    async def _first_of(self, *events: asyncio.Event) -> None:
        waiting = [asyncio.create_task(event.wait()) for event in events]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

    async def _tell(self, workers: Sequence[Child]) -> list[dict[str, str]]:
        """Have these workers serve the present traffic; what failed in each. One that dies meanwhile is told again."""
        self._turn += 1
        on = {name: routing for name, routing in self._traffic.items() if name not in self._unloaded}
        message = control.Serve(self._turn, on, sorted(self._unloaded))
        return list(await asyncio.gather(*(worker.tell(message) for worker in workers)))

    async def _asked(self, ask: control.Ask) -> str | None:
        """Load or unload an endpoint in every worker; why not, or None."""
        if ask.name not in self._traffic:
            return f"no endpoint is called {ask.name!r}{did_you_mean(ask.name, self._traffic)}"
        (self._unloaded.discard if ask.verb == "load" else self._unloaded.add)(ask.name)
        failed = [found for found in await self._tell(self._workers) if ask.name in found]
        return failed[0][ask.name] if failed else None

    async def _keep(self, place: int) -> None:
        """Replace the worker at this place whenever it dies."""
        stillborn = 0
        while True:
            worker = self._workers[place]
            code = await worker.ended()
            if worker is not self._workers[place]:
                continue  # replaced on purpose
            stillborn = 0 if worker.age() > _STEADY else stillborn + 1
            log.warning("a worker ended (%s); another takes its place", _how(code))
            if stillborn > _MOST_STILLBORN and not worker.served:
                self._failed = Invalid(
                    f"the server's worker ends as soon as it starts ({_how(code)}); see its last words"
                )
                self._stopped.set()
                return
            await asyncio.sleep(min(0.1 * 2**stillborn, 5.0) if stillborn > 1 else 0)
            self._workers[place] = await self._another(place)

    async def _another(self, place: int) -> Child:
        made = self._workers[place].twin()
        await made.start()
        if self._traffic:
            await self._tell([made])
        return made

    def _worker(self, listening: socket.socket, cpu: int | None = None) -> Child:
        shadow = listening is self._aside
        start = control.Start(
            listening=listening.fileno(),
            control=-1,  # its own, when it starts
            loopback=not shadow and is_loopback(listening.getsockname()[0]),
            limits=replace(self._limits, rate=None) if shadow else self._limits,
            cpu=cpu,
            mirror=self._aside.getsockname(),
            shadow=shadow,
            repository=self._repository,
        )
        return Child(listening, start, self._asked)

    async def _shadows(self) -> None:
        """Start the process of the shadows when it is first needed."""
        there = len(self._workers) > len(self._listening)
        if not there and any(share.shadow for routing in self._traffic.values() for share in routing.shares):
            worker = self._worker(self._aside)
            await worker.start()
            self._workers.append(worker)
            self._keepers.append(asyncio.create_task(self._keep(len(self._workers) - 1)))

    async def _replace(self, place: int) -> None:
        """A new worker takes over before the old one stops: on the same socket, so nobody is turned away."""
        old = self._workers[place]
        self._workers[place] = await self._another(place)
        await old.stop(signal.SIGHUP)


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listening(serving: Serving) -> list[socket.socket]:
    """A listening socket for each worker, all on one port. Raises Invalid when it is taken."""
    made: list[socket.socket] = []
    host = "127.0.0.1" if serving.host == "localhost" else serving.host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    port = serving.port
    try:
        _must_be_free(family, host, port)
        for _ in range(serving.workers):
            sock = socket.socket(family, socket.SOCK_STREAM)
            made.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind((host, port))
            sock.listen(2048)
            sock.setblocking(False)  # noqa: FBT003
            port = sock.getsockname()[1]
    except (OSError, OverflowError) as error:
        for sock in made:
            sock.close()
        raise Invalid(f"cannot listen on {host}:{port}: {error}; choose another port, 0 for any") from None
    return made


def _unix(folder: Path) -> socket.socket:
    """Listening in a folder that is ours alone."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(str(folder / "shadows"))
    sock.listen(64)
    sock.setblocking(False)  # noqa: FBT003
    return sock


def _must_be_free(family: int, host: str, port: int) -> None:
    """SO_REUSEPORT would let a second server of the same user share the port without a word."""
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))


def _address(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _how(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def processors(workers: int) -> list[int | None]:
    """A processor of its own for each worker, when there are enough of them."""
    free = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return list(free[:workers]) if 1 < workers <= len(free) else [None] * workers
