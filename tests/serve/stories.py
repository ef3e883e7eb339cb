"""Stories of a real supervisor whose workers are played, by a clock that jumps.

A story is a list of steps, each a tuple of its verb and what it needs. It begins when all serve a@1 and b@1; what is
said to be `early` happens before. When it is told every fault ends, but what is guilty, and within some time all places
must answer with all that is served.
"""

import asyncio
import os
import signal
import socket

from tests.serve.actor import Actor, Birth
from tests.serve.musts import BAD, LOAD_TIME, Musts

from arkwright.core.errors import Invalid
from arkwright.core.ports import Routing, Served, Serving, Share
from arkwright.serve.processes import control

SETTLED = 400.0  # seconds after all faults
_MOST_STILLBORN = 5  # as the supervisor counts


class World(Musts):
    """`ledger`: what is to be served; `does`: what a release does who loads it: its kind and seconds."""

    def __init__(self, clock, folder, births, *, places=2, drain_delay=0.0, blind=True, gateway=False):
        super().__init__()
        self.clock, self.folder, self.births, self.blind = clock, folder, list(births), blind
        self.does, self.gates, self.shut, self.unread = {}, {}, False, False
        self.ready = self.early = self.healed = False
        self.ledger, self.told = {"a": self.routing("a@1"), "b": self.routing("b@1")}, None
        self.highest = dict(self.ledger)
        self.serving = Serving(
            load_time=LOAD_TIME, workers=places, drain_delay=drain_delay, repository=True,
            gateway="here" if gateway else None,
        )  # fmt: skip

    @property
    def now(self):
        return self.clock.time()

    def routing(self, champion, shadow=None, canary=None, version=1):
        """Each release once."""
        some = {champion: Share(Served(self.folder, champion, "d"), 0.5 if canary not in (None, champion) else 1.0)}
        some.setdefault(canary, Share(Served(self.folder, canary, "d"), 0.5))
        some.setdefault(shadow, Share(Served(self.folder, shadow, "d"), 0.0, shadow=True))
        return Routing(tuple(share for release, share in some.items() if release), version=version)

    # what the supervisor meets

    def watch(self, held):
        if self.unread:
            raise Invalid("the ledger cannot be read")
        if self.told == self.ledger:
            return None
        self.told = dict(self.ledger)
        new = {name: routing.version for name, routing in self.told.items() if routing.stopped}
        self.halted_at |= {name: self.now for name, version in new.items() if self.halted.get(name) != version}
        self.halted |= new
        return self.told

    async def attempt(self, name, served, seconds):
        await asyncio.sleep(0.05)
        if self.shut:
            raise OSError("no process can be made")
        if "starves" in self.kind(served.release) and not self.blind:
            raise OSError("can't start new thread")
        bad = self.kind(served.release) & BAD
        return f"{served.release} {bad}" if bad and not self.blind else None

    def refuse(self, name, routing, why):
        self.refused.setdefault(name, []).append(routing)
        self.note(f"refused {name}@{routing.version}: {why}")

    async def born(self, start):
        birth = self.births.pop(0) if self.births and (self.ready or self.early) else Birth()
        await asyncio.sleep(birth.forked)
        if self.shut:
            raise OSError("no process can be forked")
        if birth.fails == "zygote":
            return None
        one = Actor(4_000_000 + len(self.all), self, birth, start, socket.socket(fileno=os.dup(start.control)))
        self.all.append(one)
        return None if birth.fails == "orphan" else one

    def by_pid(self, pid):
        return self.all[pid - 4_000_000]

    async def close(self):
        pass

    renew = close

    async def decide(self, works):
        pass

    def gate(self, release):
        return self.gates.setdefault(release, asyncio.Event())

    # what happens

    async def step(self, verb, *said):
        match verb:
            case "turns":
                for _ in range(*said):
                    await asyncio.sleep(0)
            case "wait":
                await asyncio.sleep(*said)
            case "until":
                await self.until(*said)
            case _:
                self.note(f"- {verb} {said}")
                getattr(self, f"do_{verb}")(*said)

    def version(self, name):
        return max((r.version for r in (self.ledger.get(name), self.highest.get(name)) if r), default=0) + 1

    def put(self, name, routing):
        self.ledger = {**self.ledger, name: routing}
        self.highest[name] = routing

    def do_route(self, name, champion, shadow=None, canary=None):
        self.put(name, self.routing(champion, shadow, canary, self.version(name)))

    def do_remove(self, name):
        self.ledger = {one: routing for one, routing in self.ledger.items() if one != name}

    def do_stop(self, name):
        self.put(name, Routing((), version=self.version(name), stopped="stopped by ana"))

    def what(self, release, actor):
        kind, seconds, only = self.does.get(release, ("good", 0.0, None))
        return (kind, seconds) if only in (None, actor.number) else ("good", 0.0)

    def kind(self, release):
        kind, _, only = self.does.get(release, ("good", 0.0, None))
        return {kind} if only is None else {kind, "good"}

    def do_does(self, release, kind, seconds=0.0, only=None):
        """`only`: in the workers at that place."""
        self.was.append((self.now, release, self.kind(release)))
        self.does[release] = kind, seconds, only
        if kind != "good":
            self.tainted.add(release)
        for one in self.all:
            if one.alive:
                one.asked()

    def do_free(self, release):
        self.gate(release).set()
        self.was.append((self.now, release, {"good"}))
        del self.gates[release]

    def one(self, at):
        living = [one for one in self.all if one.alive]
        return living[at % len(living)] if living else None

    def harmed(self, at):
        """Who that is, if anybody lives. Ended before it answered: for what it began last, or what it tries."""
        seen = self.workers.get(one := self.one(at))
        if one and not (seen and seen.served and not seen.begun):
            self.blame(one.last)
            self.excused += [(self.now, release) for release in one.told]
        return one

    def do_kill(self, at):
        if one := self.harmed(at):
            one.end(-signal.SIGKILL)

    def do_deafen(self, at, notices):
        if one := self.harmed(at):
            one.lose_wire(notices=notices)

    def do_signal(self, at, sign="SIGTERM"):
        if one := self.harmed(at):
            one.send_signal(signal.Signals[sign])

    def do_freeze(self, at):
        """What it loads meanwhile takes too long."""
        if one := self.harmed(at):
            self.blame(one.loading)
            one.freeze()

    def do_thaw(self):
        for one in self.all:
            one.go_on()

    def do_orphan(self, at):
        if (one := self.one(at)) and one in self.workers:
            self.workers[one].lonely = True

    def do_shut(self, shut):
        self.shut = shut

    def do_unread(self, unread):
        self.unread = unread

    def do_hup(self):
        self.clock.signals[signal.SIGHUP]()

    def do_ask(self, at, verb, name):
        if (one := self.one(at)) and one.is_met and not one.deaf:
            one.asking(verb, name, lambda why: self.note(f"asked {verb} {name}: {why}"))

    def heal(self):
        self.note(f"- all faults end but {self.guilty}")
        for release in self.does.keys() - self.guilty:
            self.do_does(release, "good")
        for release, gate in self.gates.items():
            if release not in self.guilty:
                gate.set()
        self.shut = self.unread = False
        self.do_thaw()

    async def run(self, steps, ends, early=(), guilty=()):
        """`ends`: the signal that ends it when all is well again; None: SIGTERM amid everything."""
        ready, self.early = asyncio.Event(), bool(early)
        self.super._ready = lambda _: ready.set()
        running = asyncio.create_task(self.super.run())
        await asyncio.sleep(0)
        for step in early:
            await self.step(*step)
        if early:
            self.heal()
        if await self.begins(ready, running):
            await self.tell(steps, running)
            await self.end(running, ends, guilty)
        await asyncio.sleep(2)
        if left := [one for one in self.all if one.alive]:
            self.broken(f"left alive: {left}")

    async def begins(self, ready, running):
        """Whether it does: what it serves first may be guilty, and then it ends, and says so."""
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait((waiting, running), timeout=SETTLED, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not running.done():
            if not ready.is_set():
                self.broken("it does not begin")
            self.ready = True
            return True
        error = running.exception()
        died = sum(one.returncode is not None for one in self.all)
        excused = self.tainted - {""} or "process" in str(error) or died > _MOST_STILLBORN
        if not self.early or not isinstance(error, (Invalid, OSError)) or not excused:
            self.broken(f"it ended by itself: {error!r}")
        for task in asyncio.all_tasks():  # as it is when a process ends
            if task.get_coro().__qualname__ == "Place.start":
                task.cancel()
        for seen in self.workers.values():
            seen._writer.close()
        return False

    async def tell(self, steps, running):
        for step in steps:
            await self.step(*step)
            self.must_go_on(running)

    async def end(self, running, ends, guilty):
        if ends:
            self.guilty = {one for one in guilty if self.kind(one) & BAD}
            await self.settle(running)
        self.note("- ends")
        self.clock.signals[signal.Signals[ends or "SIGTERM"]]()
        self.moving, self.rejected, self.over = None, {}, True  # nobody goes back any more
        await asyncio.wait((running,), timeout=300)
        if not running.done():
            self.broken("it does not end")
        running.result()

    async def until(self, what, seconds):
        """Until it is so, at that very turn of the loop, or so many seconds have passed."""
        seen, true = asyncio.Event(), getattr(self, f"is_{what}")
        self.clock.turned = lambda: true() and seen.set()
        await asyncio.wait((waiting := asyncio.create_task(seen.wait()),), timeout=seconds)
        waiting.cancel()
        self.clock.turned = lambda: None

    def is_moves(self):
        return self.moving is not None

    def is_moved(self):
        return self.moving is None

    def is_loads(self):
        return any(one.alive and one.loading for one in self.all)

    def is_did(self):
        """Somebody did what is moved."""
        tried = self.moving and control.at_work(self.moving, shadow=False)
        return tried and any(
            one.alive and one.answers() and set().union(*one.answers().values()) == tried for one in self.all
        )

    def is_stuck(self):
        return any(place.worker.stuck for place in self.crew._places)

    def is_behind(self):
        return any(place.worker.behind for place in self.crew._places)

    def is_comes(self):
        return any(place.coming for place in self.crew._places)

    def is_leaves(self):
        return bool(self.crew._leaving)

    def is_dead(self):
        return any(one.returncode is not None and not seen.gone for one, seen in self.workers.items())

    def is_unopened(self):
        return any(not place.worker.opened for place in self.crew._places)

    def is_tried(self):
        return any(place._trial for place in self.crew._places)

    def is_lacks(self):
        return any(place.worker.lacks for place in self.crew._places)

    def is_left_out(self):
        return any(place._left_out for place in self.crew._places)

    def is_later(self):
        """What is not followed now is tried again."""
        return any(way.later for way in self.super._following._newest.values())

    def is_frozen(self):
        return any(one.alive and not one.running.is_set() for one in self.all)

    def is_deaf(self):
        return any(not seen.hears and not seen.gone for seen in self.workers.values())

    async def settle(self, running):
        self.births, self.healed = [], True
        self.heal()
        for one in self.all:
            if one.drains:
                one.end(0)
        until = self.now + SETTLED
        while why := self.missing():
            self.must_go_on(running)
            await asyncio.sleep(1)
            if self.now > until:
                self.broken(why)
