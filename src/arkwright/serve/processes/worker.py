"""One worker: a process with one event loop, which serves what its supervisor says until it is told to stop."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import uvloop

from arkwright.serve.model.graph import runtime
from arkwright.serve.observer.observer import Observer
from arkwright.serve.processes import control
from arkwright.serve.processes.heartbeat import beating, give_up
from arkwright.serve.processes.server import Server
from arkwright.serve.rest.repository import Repository, Told
from arkwright.serve.telemetry.telemetry import Telemetry
from arkwright.serve.traffic.mirror import Mirror
from arkwright.serve.traffic.poison import Page
from arkwright.serve.wire.memory import in_one_place
from arkwright.serve.wire.quota import Quota

log = logging.getLogger("arkwright.serve")
_SWITCH = 0.0005  # seconds until a thread that computes features gives way to the loop


async def serve(start: control.Start, standing: memoryview | None) -> None:
    """Answer until SIGTERM or SIGHUP (another worker is there already), or until the supervisor is gone."""
    loop, stopped, replaced = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    hurried = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_signal_handler(signal.SIGINT, _set, hurried, stopped)
    loop.add_signal_handler(signal.SIGHUP, _set, replaced, stopped)
    mirror = None if start.shadow else Mirror(start.mirror, start.limits.body)
    told = Telemetry(
        Path(start.shared),
        start.worker,
        access_log=start.access_log,
        collector=start.traces,
        shadow=start.shadow,
        follows=start.follows,
    )
    observer = Observer(told)
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=start.control), limit=control.LONGEST)
    writer.write(control.line(control.Born(os.getpid())))
    asking, accepting = Asking(writer), socket.socket(fileno=start.listening)
    repository = Repository(asking if start.repository else None)
    page = Page(start.page)
    server = Server(
        start.limits,
        repository,
        loopback=start.loopback,
        gateway=start.gateway,
        mirror=mirror,
        shadow=start.shadow,
        page=page,
        standing=standing,
        observer=observer,
        quota=Quota(Path(start.shared), start.limits.rate) if start.limits.rate else None,
    )
    server.loads, server.hung = partial(_say, writer), give_up
    grpc = _grpc(server, start, observer, mirror)
    opened = partial(_open, server, grpc, start, accepting)
    listening = asyncio.create_task(_listen(server, page, asking, reader, writer, opened))
    listening.add_done_callback(lambda _: stopped.set())
    with beating(start.limits.answer_time, page.beat):
        await stopped.wait()
        with contextlib.suppress(RuntimeError):  # the supervisor is gone: whoever waits is answered all the same
            writer.write(control.line(control.Leaving()))
        if server.listening:
            await (server.leave() if replaced.is_set() else server.stop(hurried=hurried.is_set()))
    page.rest()
    listening.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await listening
    writer.close()
    if mirror:
        mirror.close()
    observer.close()


def _grpc(server: Server, start: control.Start, observer: Observer, mirror: Mirror | None) -> Any:
    """The server of calls, where it is asked for: to import it takes as long as all the rest."""
    if start.grpc_port is None or start.shadow:
        return None
    return import_module("arkwright.serve.grpc.server").GrpcServer(
        import_module("arkwright.serve.grpc.door").AppDoor(server.app, server.front.quota, observer, mirror),
        start.limits,
    )


def _set(*events: asyncio.Event) -> None:
    for event in events:
        event.set()


async def _say(writer: asyncio.StreamWriter, release: str, endpoint: str) -> None:
    """Tell the supervisor what is loaded just now. It is on its way before anything is: code may halt this process."""
    writer.write(control.line(control.Loading(release, endpoint)))
    while writer.transport.get_write_buffer_size() and not writer.transport.is_closing():  # noqa: ASYNC110 - at most once
        await asyncio.sleep(0)


class Asking:
    """What this worker asks of its supervisor."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._waiting: dict[int, Told] = {}
        self._number = 0

    def __call__(self, verb: str, name: str, told: Told) -> None:
        self._number += 1
        self._waiting[self._number] = told
        self._writer.write(control.line(control.Ask(self._number, verb, name)))

    def answered(self, answer: control.Answer) -> None:
        self._waiting.pop(answer.number)(answer.why_not)


async def _listen(
    server: Server,
    page: Page,
    asking: Asking,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    opened: Callable[[], Awaitable[None]],
) -> None:
    """Do what the supervisor says, one after the other, but what cannot wait at once; end when it is gone."""
    orders = asyncio.Queue[control.Serve | control.Open]()
    doing = asyncio.create_task(_obey(server, orders, writer, opened))
    doing.add_done_callback(lambda _: reader.feed_eof())
    while said := await reader.readline():
        match control.read(said, control.Serve | control.Open | control.Answer | control.News):
            case control.Answer() as answer:
                asking.answered(answer)
            case control.Halt() as halt:
                server.halt(halt.stopped)
            case control.Beware() as beware:
                page.suspects, page.poison = frozenset(beware.suspects), frozenset(beware.poison)
            case order:
                orders.put_nowait(order)
    doing.cancel()
    await doing


async def _obey(
    server: Server,
    orders: "asyncio.Queue[control.Serve | control.Open]",
    writer: asyncio.StreamWriter,
    opened: Callable[[], Awaitable[None]],
) -> None:
    while True:
        failed: dict[str, str] = {}
        match await orders.get():
            case control.Open():
                await opened()
            case control.Serve() as order:
                failed = await server.serve(
                    order.traffic,
                    order.lacking,
                    order.unloaded,
                    question=order.question,
                    overtaken=lambda: not orders.empty(),
                )
                gc.collect()
                gc.freeze()  # what a release is made of stays: no collection has to walk through it again
        writer.write(control.line(control.Done.of(failed)))
        with contextlib.suppress(ConnectionError):
            await writer.drain()


async def _open(server: Server, grpc: Any, start: control.Start, accepting: socket.socket) -> None:
    await server.start(accepting, socket.socket(fileno=start.passed) if start.passed >= 0 else None)
    if grpc:
        await grpc.start(start.host, start.grpc_port)
        server.beside.append(grpc.stop)


def main(start: control.Start, standing: memoryview | None) -> None:
    """Be a worker; how each connection stands is noted in `standing`, for the keeper."""
    in_one_place()
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # its own gives nothing back that other threads took
    runtime()  # while the supervisor verifies
    gc.freeze()  # what was imported stays
    gc.enable()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    sys.setswitchinterval(_SWITCH)
    if start.cpu is not None:
        os.sched_setaffinity(0, {start.cpu})
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(start, standing))
