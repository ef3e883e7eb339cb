"""A real crew whose workers are coroutines at the other end of the wire: with a release they do what `World` says."""

import asyncio
import os
import signal
import socket
from dataclasses import dataclass, field

from arkwright.core.ports import Routing, Served, Serving, Share
from arkwright.serve.processes import control
from arkwright.serve.processes.crew import Crew
from arkwright.serve.processes.files import Room

KILLS, WAITS, FAILS, TEARS = "kills", "waits", "fails", "tears a line"
STARVES, EARLY = "starves", "ends early"


async def until(true):
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


@dataclass(eq=False)
class Born:
    """A process that is none. `told`: what it was to load, in turn; `serves`: what it answers with."""

    pid: int
    world: "World"
    told: list = field(default_factory=list)
    signals: list = field(default_factory=list)
    serves: dict = field(default_factory=dict)
    lacking: list = field(default_factory=list)
    halted: dict = field(default_factory=dict)
    listens: bool = False
    writer: asyncio.StreamWriter | None = None
    returncode: int | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self):
        await self.over.wait()
        return self.returncode

    def send_signal(self, sign):
        self.signals.append(sign)
        if self.returncode is not None:
            raise ProcessLookupError
        if sign != signal.SIGCONT:
            self.end(-sign)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def linger(self):
        """It hears signals and goes on, but for SIGKILL: it still answers who is connected to it."""
        self.send_signal, self.kill = self.signals.append, lambda: self.end(-9)

    def end(self, code):
        self.returncode = code
        self.over.set()
        self.writer.close()

    async def live(self, sock):
        reader, self.writer = await asyncio.open_connection(sock=sock, limit=control.LONGEST)
        while self.returncode is None and (said := await reader.readline()):
            match control.read(said, control.Serve | control.Open | control.News):
                case control.Serve() as order:
                    await self.serve(order)
                case control.Open():
                    self.listens = True
                    self.say(control.Done({}))
                case control.Halt(stopped):
                    self.halted |= stopped

    async def serve(self, order):
        failed = {}
        for name, routing in order.traffic.items():
            for release in sorted(control.loaded(routing, shadow=False) - set(self.serves.values())):
                if self.world.does.get(release) == EARLY:
                    self.end(-9)
                    return
                self.told.append(release)
                self.say(control.Loading(release, name))
                match self.world.does.get(release):
                    case "kills":
                        self.end(-9)
                        return
                    case "tears a line":
                        self.writer.write(control.line(control.Done({}))[:9])
                        self.end(-9)
                        return
                    case "fails":
                        failed[name] = "it is broken"
                    case "starves" if self.world.only in (None, self):
                        failed[name] = control.Again("RuntimeError: can't start new thread")
                    case "waits":
                        await self.world.waited_for(self)
        if self.returncode is None:
            kept = failed if order.question else ()
            old = {name: release for name, release in self.serves.items() if name in kept}
            able = {name: control.loaded(r, shadow=False) for name, r in order.traffic.items() if name not in failed}
            new = {name: min(some) for name, some in able.items() if some}
            self.serves, self.lacking = old | new, order.lacking
            self.say(control.Loading(""))
            self.say(control.Done.of(failed))

    def say(self, message):
        self.writer.write(control.line(message))


class World:
    """A crew of two, and what releases do. `all`: who was ever born."""

    def __init__(self, folder, load_time=600.0):
        self.load_time = load_time
        self.folder, self.does, self.all, self.failures, self.tasks = folder, {}, [], [], []
        self.gate, self.shut, self.only = asyncio.Event(), False, None
        self.listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self.aside = socket.socket(socket.AF_UNIX)
        self.aside.bind(str(folder / "s"))

    async def born(self, start):
        if self.shut:
            raise OSError("no process can be forked")
        one = Born(4_000_000 + len(self.all), self)
        self.all.append(one)
        self.tasks.append(asyncio.create_task(one.live(socket.socket(fileno=os.dup(start.control)))))
        return one

    async def close(self):
        pass

    renew = close

    async def decide(self, works):
        pass

    async def waited_for(self, one):
        """Until the gate is open, or it is killed; `only` one does."""
        if self.only not in (None, one):
            return
        await asyncio.wait(
            [asyncio.create_task(e.wait()) for e in (self.gate, one.over)], return_when="FIRST_COMPLETED"
        )

    def order(self, **releases):
        served = {name: Routing((Share(Served(self.folder, release, "d")),)) for name, release in releases.items()}
        return control.Serve(served, [])

    async def move(self, **releases):
        """The first of them."""
        return await self.crew.move(self.order(**releases), [next(iter(releases))])

    async def one_dies_amid_a_move(self):
        """The other of two loads still, and who follows the dead serves what was before; (the other, the move)."""
        one, other = self.all
        self.does["a@2"], self.only = WAITS, other
        moving = asyncio.create_task(self.move(a="a@2"))
        await until(lambda: one.serves == {"a": "a@2"} and other.told[-1] == "a@2")
        one.kill()
        await until(lambda: len(self.all) == 3 and self.all[2].listens)
        assert self.all[2].serves == {"a": "a@1"}
        return other, moving

    def here(self):
        return [one.worker.process for one in self.crew._places]

    def serves(self):
        """What callers may be answered with."""
        return [one.serves for one in self.all if one.listens and one.returncode is None]

    async def __aenter__(self):
        self.crew = Crew(
            Serving(load_time=self.load_time), Room(10, 10, 10), self.listening, self.aside, self.folder,
            asked=None, failed=self.failures.append, stopped=asyncio.Event(),
        )  # fmt: skip
        self.crew._nursery = self
        for one in self.crew._places:
            one.worker._nursery = self
        await self.crew.start()
        return self

    async def __aexit__(self, *_):
        await self.crew.leave_be()
        await self.crew.close(signal.SIGTERM)
        for task in self.tasks:
            task.cancel()
        self.aside.close()
