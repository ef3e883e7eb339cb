"""A process that is none: it obeys as a worker does, with a real `Server` whose lanes are played.

What it may do: take its time, die by itself or by what it loads, hang, lose its wire, leave slowly, or be frozen.
"""

import asyncio
import signal
import socket
from dataclasses import dataclass
from types import SimpleNamespace

from arkwright.core.errors import Invalid
from arkwright.serve.processes import control
from arkwright.serve.processes.server import LEAVE, Server
from arkwright.serve.processes.worker import Asking, _listen

NEVER = 1e9
TICK = 1e-6  # of two timers at one time either may be first


@dataclass(frozen=True)
class Birth:
    """Seconds: until it is `forked`, until it has imported (`boots`), until what it says arrives (`wire`), until what
    it served before is `idle`, until it has drained when it leaves (`drains`); and how it is seen when it ends: by its
    `exit` and by the end of its wire (`silent`), each so many seconds later.
    """

    forked: float = 0.0
    boots: float = 0.01
    wire: float = 0.0
    idle: float = 0.0
    drains: float = 0.0
    exit: float = 0.0
    silent: float = 0.0
    fails: str = ""  # "zygote": nobody is forked; "orphan": it says itself who it is

    def __repr__(self):
        return f"Birth({', '.join(f'{n}={v!r}' for n, v in vars(self).items() if v)})"


class PlayedLane:
    """A release that computes nothing."""

    def __init__(self, loaded, idle):
        self.loaded, self.idle, self.closed = loaded, idle, False

    def close(self):
        self.closed = True


class Stage(Server):
    """What answers in the played process."""

    def __init__(self, actor, shadow):
        self._actor, self._shadow, self.loads, self._observer, self.versions = actor, shadow, None, None, {}
        self._halted, self._lacking, self._untold = {}, (), ()
        self._retiring, self._serving, self._listener = set(), 0, None
        self.app = SimpleNamespace(
            routes={}, stopped={}, lacking=False, install=self._put, repository=SimpleNamespace(unloaded=())
        )
        self.front = SimpleNamespace(heads={})

    def _put(self, routes, stopped):
        if any(lane.closed for route in routes.values() for lane in route.lanes):
            self._actor.world.broken("what was let go of is to answer")
        self.app.routes, self.app.stopped = dict(routes), dict(stopped)
        self._actor.asked()

    async def _route(self, name, routing, known):
        route = await super()._route(name, routing, known)
        self.versions[route] = routing.version
        return route

    async def _lane(self, name, share):
        served = share.served
        await self.loads(served.release, name)
        await self._actor.load(served.release)
        loaded = SimpleNamespace(
            endpoint=name, release=served.release, digest=served.digest, version=served.release.rpartition("@")[2]
        )
        return PlayedLane(loaded, self._actor.idle)


class Wire:
    """Its end of the wire: what is said arrives later, and in turn."""

    def __init__(self, raw, late):
        self._raw, self._late, self._at, self.transport = raw, late, 0.0, self

    def write(self, data):
        loop = asyncio.get_running_loop()
        if not self._late:
            self._raw.write(data)
            return
        self._at = max(self._at + TICK, loop.time() + self._late)
        loop.call_at(self._at, self._raw.write, data)

    def close(self, later=0.0):
        loop = asyncio.get_running_loop()
        loop.call_at(max(self._at, loop.time() + later) + TICK, self._raw.close)

    def hears_nothing(self):
        self._raw.transport.pause_reading()

    def hears_again(self):
        self._raw.transport.resume_reading()

    async def drain(self):
        pass

    def get_write_buffer_size(self):
        return 0


class Actor:
    """`alive`: it is; `returncode`: how it ended, as soon as that is seen. `listens`: callers may meet it. `running`:
    set but while it is frozen; `froze`: how often it was.
    """

    def __init__(self, pid, world, birth, start, sock):
        self.pid, self.world, self.birth, self.shadow, self.number = pid, world, birth, start.shadow, start.worker
        self.alive, self.listens, self.deaf, self.returncode = True, False, False, None
        self.loading, self.last, self.told, self.left = "", "", [], None
        self.over, self._stopped, self._replaced = asyncio.Event(), asyncio.Event(), False
        self.running, self.freezes, self.froze, self._signals = asyncio.Event(), asyncio.Event(), 0, []
        self.running.set()
        self.stage, self.wire, self.reader, self._sock = Stage(self, start.shadow), None, None, sock
        self._life = asyncio.create_task(self._live())

    def __repr__(self):
        return f"<{self.pid}{'' if self.alive else ' dead'}{' deaf' if self.deaf else ''} {self.answers()}>"

    def answers(self):
        """endpoint -> the releases that answer there."""
        return {name: {lane.loaded.release for lane in route.lanes} for name, route in self.stage.app.routes.items()}

    def version(self, name):
        return self.stage.versions[self.stage.app.routes[name]]

    @property
    def drains(self):
        return self.left == -NEVER

    @property
    def is_met(self):
        """Whether anybody may be answered by it: who is busy on its connection for another second."""
        here = self.left is None or self.world.now < self.left + LEAVE
        return self.alive and self.listens and here and self.running.is_set()

    async def _sleep(self, seconds):
        await asyncio.sleep(seconds)
        await self.running.wait()

    async def _live(self):
        await self._sleep(self.birth.boots)
        self.reader, raw = await asyncio.open_connection(sock=self._sock, limit=control.LONGEST)
        self.wire = Wire(raw, self.birth.wire)
        self.wire.write(control.line(control.Born(self.pid)))
        self.stage.loads = self._say
        self.asking = Asking(self.wire)
        listening = asyncio.create_task(
            _listen(self.stage, SimpleNamespace(), self.asking, self.reader, self.wire, self._open)
        )
        listening.add_done_callback(self._heard_all)
        await self._stopped.wait()
        await self.running.wait()
        self.wire.write(control.line(control.Leaving()))
        if self.listens:
            if self._replaced:
                self.left = self.world.now
                await self._sleep(LEAVE)
            else:
                await self._sleep(self.world.serving.drain_delay)
            self.left = -NEVER
            await self._sleep(0.0 if self.world.healed else self.birth.drains)
        self.end(0)

    def _heard_all(self, listening):
        listening.cancelled() or listening.exception()
        if not self.deaf:
            self._stopped.set()

    async def _say(self, release, name=""):
        await self.running.wait()
        self.loading, self.last = release, release or self.last
        self.wire.write(control.line(control.Loading(release, name)))

    async def _open(self):
        await self.running.wait()
        self.listens = True
        self.asked()

    async def load(self, release):
        self.told.append(release)
        kind, seconds = self.world.what(release, self)
        await self._sleep(seconds if kind != "crashes" else 0)
        match kind:
            case "fails":
                raise Invalid(f"{release} is broken")
            case "starves":
                raise RuntimeError("can't start new thread")
            case "kills":
                self.end(-signal.SIGKILL)
                await asyncio.sleep(NEVER)
            case "tears":
                self.wire.write(control.line(control.Done({}))[:9])
                self.end(-signal.SIGKILL)
                await asyncio.sleep(NEVER)
            case "hangs":
                await self.world.gate(release).wait()
                await self.running.wait()

    async def idle(self):
        await self._sleep(self.birth.idle)

    def asked(self):
        """Who is met is asked for something: what crashes on it ends the process."""
        for release in set().union(*self.answers().values()) if self.listens else ():
            kind, seconds = self.world.what(release, self)
            if kind == "crashes":
                asyncio.get_running_loop().call_later(seconds + 0.3, self._crash, release)

    def _crash(self, release):
        still = release in set().union(*self.answers().values())
        if self.is_met and still and self.world.what(release, self)[0] == "crashes":
            self.end(-signal.SIGSEGV)

    def lose_wire(self, *, notices):
        """Its own code closes it; it drains if it notices."""
        if self.alive and self.wire:
            self.deaf = not notices
            self.wire.close()

    def freeze(self):
        """It does nothing until it goes on, and is ended meanwhile by SIGKILL alone."""
        self.running.clear()
        self.freezes.set()
        self.froze += 1
        if self.wire:
            self.wire.hears_nothing()

    def go_on(self):
        if self.running.is_set():
            return
        self.running.set()
        self.freezes.clear()
        if self.wire and self.alive:
            self.wire.hears_again()
        self.asked()
        while self._signals and self.alive:
            self.send_signal(self._signals.pop(0))

    def end(self, code):
        if not self.alive:
            return
        self.alive = False
        if self.birth.wire:  # what it said last comes late
            self.world.blame(*self.told)
        self._life.cancel()
        asyncio.get_running_loop().call_later(self.birth.exit, self._seen, code)
        if self.wire:
            self.wire.close(self.birth.silent)
            self.wire.hears_nothing()
            self.reader.feed_eof()
            self.wire.write = lambda _: None
        else:
            self._sock.shutdown(socket.SHUT_RDWR)

    def _seen(self, code):
        self.returncode = code
        self.over.set()

    async def wait(self):
        await self.over.wait()
        return self.returncode

    def send_signal(self, sign):
        if self.returncode is not None:
            raise ProcessLookupError
        if sign == signal.SIGCONT:
            self.go_on()
        elif not self.running.is_set() and sign != signal.SIGKILL:
            self._signals.append(sign)
        elif sign == signal.SIGKILL or self.wire is None:
            self.end(-sign)
        else:
            self._replaced |= sign == signal.SIGHUP
            self._stopped.set()

    def kill(self):
        self.send_signal(signal.SIGKILL)
