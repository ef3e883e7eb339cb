"""Stories are told: a real supervisor is put into a played world, and what of it cannot be played is replaced."""

import asyncio
import logging
import os
import socket
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from tests.serve.clock import Clock
from tests.serve.stories import World

from arkwright.serve.processes import crew, following, pace, place, process, supervisor, waits, worker
from arkwright.serve.processes.files import Room

FROZEN = 20.0  # seconds without a sign of life
SHORTER = ((place, "BIRTH", 60.0), (pace, "SELDOM", 8.0), (process, "BIRTH", 15.0), (following, "AGAIN", 8.0))


class Nothing:
    """A page on which nothing is noted."""

    def __init__(self, _):
        self.map = SimpleNamespace(close=lambda: None)
        self.acquitted = list

    def at_work(self):
        return []


class Heard(logging.Handler):
    def __init__(self, world):
        super().__init__()
        self.emit = lambda record: world.note(f"  log: {record.getMessage()}")


async def watched(one, *_):
    """Who gives no sign of life is ended."""
    while True:
        await one.freezes.wait()
        froze = one.froze
        await asyncio.sleep(FROZEN)
        if froze == one.froze and not one.running.is_set():
            one.kill()
            return


async def here(do, *said):
    await asyncio.sleep(0)
    return do(*said)


@contextmanager
def played(clock, births, places, how):
    """A world in which one story can be told."""
    with ExitStack() as held, tempfile.TemporaryDirectory() as folder:
        world = World(clock, Path(folder), births, places=places, **how)
        ends = [held.enter_context(one) for _ in range(places + 1) for one in socket.socketpair()]
        replaced = (
            *SHORTER,
            (process, "Page", Nothing),
            (process, "shared_memory", lambda: os.open(os.devnull, os.O_RDONLY)),
            (process, "Forked", world.by_pid),
            (process, "forks", lambda: False),
            (process.watchdog, "watch", watched),
            (process.Worker, "_begin", begun(world)),
            (crew, "Nursery", lambda _: world),
            (crew.Crew, "__init__", made(world)),
            (crew.Crew, "move", moved(world)),
            (crew.Crew, "_go_back", went_back(world)),
            (place.Place, "_leave_out", left_out(world)),
            (following, "attempt", world.attempt),
            (following, "refused", world.refuse),
            (supervisor, "refused", world.refuse),
            (waits, "_SOON", 0.05),
            (asyncio, "to_thread", here),
            (worker, "gc", SimpleNamespace(collect=lambda: None, freeze=lambda: None)),
            (logging.getLogger("arkwright.serve"), "handlers", [Heard(world)]),
            (logging.getLogger("arkwright.serve"), "propagate", False),
        )
        for where, name, what in replaced:
            held.enter_context(patch.object(where, name, what))
        world.super = supervisor.Supervisor(
            world.watch, world.serving, Room(10, 10, 10), ends[2::2], ends[0], Path(folder), None
        )
        yield world


def begun(world, real=process.Worker._begin):
    async def begin(self):
        done = await real(self)
        if done:
            world.workers[self.process] = self
        return done

    return begin


def made(world, real=crew.Crew.__init__):
    def make(self, *said, **named):
        real(self, *said, **named)
        world.crew = self
        world.clock.idle = world.steady

    return make


def left_out(world, real=place.Place._leave_out):
    def leave_out(self, release, why):
        world.leaves_out(self, release)
        real(self, release, why)

    return leave_out


def moved(world, real=crew.Crew.move):
    async def move(self, order, names):
        return await world.move(lambda: real(self, order, names), order, names)

    return move


def went_back(world, real=crew.Crew._go_back):
    async def go_back(self):
        world.stands = []  # what is left out from now on decided nothing of it
        await real(self)

    return go_back


def tell(steps, births=(), ends="SIGTERM", places=2, early=(), guilty=(), **how):
    """Raises Broken, or what else comes of it."""
    clock, tasks, errors = Clock(), [], []

    def make(loop, doing, **named):
        tasks.append(asyncio.Task(doing, loop=loop, **named))
        return tasks[-1]

    clock.set_task_factory(make)
    clock.set_exception_handler(lambda _, context: errors.append(context))
    asyncio.set_event_loop(clock)
    with played(clock, births, places, how) as world:
        try:
            clock.run_until_complete(world.run(steps, ends, early, guilty))
            if unseen := [task for task in tasks if task.done() and not task.cancelled() and task._log_traceback]:
                world.broken(f"nobody saw {[task.exception() for task in unseen]}")
            if errors:
                world.broken(f"{errors}")
        finally:
            end(clock, world, tasks)


def end(clock, world, tasks):
    """Leave nothing, whatever became of the story."""
    clock.idle = clock.turned = lambda: None
    for task in tasks:
        task.cancel()
    turn(clock)
    for transport in [*clock._transports.values()]:
        transport.abort()
    turn(clock)
    for one in world.all:
        one._sock.close()
    for task in tasks:
        task._log_destroy_pending = False
        if task.done() and not task.cancelled():
            task.exception()
    asyncio.set_event_loop(None)
    clock.close()


def turn(clock, times=20):
    for _ in range(times):
        clock.call_soon(clock.stop)
        clock.run_forever()
