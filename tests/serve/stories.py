"""Stories of a real supervisor whose workers are played, by a clock that jumps; and what must hold in each of them.

A story is a list of steps, each a tuple of its verb and what it needs. It begins when all serve a@1 and b@1. When it is
told every fault ends, and within some time all places must answer with all that is served.
"""

import asyncio
import os
import signal
import socket

from tests.serve.actor import Actor, Birth

from arkwright.core.ports import Routing, Served, Serving, Share
from arkwright.serve.processes import control
from arkwright.serve.processes.place import LeftOut

LOAD_TIME = 4.0
BAD = {"fails", "kills", "tears", "hangs"}
SETTLED = 400.0  # seconds after all faults
UNHEARD = 45.0  # seconds in which who lost its wire, or hangs on its way, is replaced or ended


class Broken(AssertionError):
    """What must hold does not."""


class World:
    """`ledger`: what is to be served; `does`: what a release does who loads it: its kind and seconds."""

    def __init__(self, clock, folder, births, *, places=2, drain_delay=0.0, blind=True):
        self.clock, self.folder, self.births, self.blind = clock, folder, list(births), blind
        self.does, self.was, self.gates, self.shut = {}, [], {}, False
        self.all, self.workers, self.moving, self.log, self.refused = [], {}, None, [], {}
        self.ready = False
        self.failed, self.before, self.rejected = "", None, set()
        self.excused, self.halted, self.lost = [], {}, {}
        self.ledger, self.told = {"a": self.routing("a", 1), "b": self.routing("b", 1)}, None
        self.highest = dict(self.ledger)
        self.serving = Serving(load_time=LOAD_TIME, workers=places, drain_delay=drain_delay, repository=True)

    @property
    def now(self):
        return self.clock.time()

    def routing(self, name, number, shadow=None, version=1):
        shares = [Share(Served(self.folder, f"{name}@{number}", "d"))]
        if shadow:
            shares.append(Share(Served(self.folder, f"{name}@{shadow}", "d"), 0.0, shadow=True))
        return Routing(tuple(shares), version=version)

    def note(self, said):
        self.log.append(f"{self.now:9.3f} {said}")

    def broken(self, why):
        self.failed = self.failed or why
        raise Broken(f"{why}\n" + "\n".join([*self.log[-60:], *map(repr, self.all)]))

    # what the supervisor meets

    def watch(self, held):
        if self.told == self.ledger:
            return None
        self.told = dict(self.ledger)
        return self.told

    async def attempt(self, name, served, seconds):
        await asyncio.sleep(0.05)
        if self.shut:
            raise OSError("no process can be made")
        bad = self.kind(served.release) & BAD
        return f"{served.release} {bad}" if bad and not self.blind else None

    def refuse(self, name, routing, why):
        self.refused.setdefault(name, []).append(routing)
        self.note(f"refused {name}@{routing.version}: {why}")

    async def born(self, start):
        birth = self.births.pop(0) if self.births and self.ready else Birth()
        await asyncio.sleep(birth.forked)
        if self.shut:
            self.excused.append((self.now, ""))
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

    def gate(self, release):
        return self.gates.setdefault(release, asyncio.Event())

    # what is watched

    async def move(self, real, order, names):
        self.moving, begun, self.before = order, self.now, self.crew.order
        stuck = {place.worker.stuck for place in self.crew._places}  # which goes for it, if it is tried once more
        self.note(f"move {self.shown(order)} for {sorted(names)}")
        served = control.releases(self.before.traffic.values()) if self.before else set()
        try:
            why = await real()
        except LeftOut as error:
            self.note(f"not now: {error}")
            raise
        finally:
            self.moving = self.before = None
        self.note(f"moved: {why or 'accepted'}")
        self.steady("just moved")
        self.rejected = control.releases(order.traffic.values()) - control.releases(self.crew.order.traffic.values())
        asked = [name for name in names if name in order.traffic]
        for name in asked:
            self.judge(name, order, why, begun, served, stuck)
        return why

    def judge(self, name, order, why, begun, served, stuck):
        releases = {share.served.release for share in order.traffic[name].shares if not share.shadow}
        kinds = {release: self.kinds(release, begun) for release in control.releases([order.traffic[name]])}
        if not why:
            for release in releases - served:
                if len(kinds[release]) == 1 and kinds[release] <= BAD:
                    self.broken(f"{name} was accepted with {release}, which {kinds[release]}")
        elif name in why and all(one <= {"good", "crashes"} for one in kinds.values()):
            excused = {release for at, release in self.excused if at >= begun - LOAD_TIME} | stuck - {""}
            if not excused & (kinds.keys() | {""}):
                self.broken(f"{name} was refused with {kinds}: {why}")

    def kinds(self, release, since):
        """What it did since then."""
        before = (kinds for until, one, kinds in self.was if one == release and until >= since - LOAD_TIME)
        return self.kind(release).union(*before)

    def steady(self, when="quiet"):
        """Nobody that is met answers with what is neither served nor just tried."""
        orders = [one for one in (self.crew.order, self.moving, self.before) if one]
        if not self.crew.order:
            return
        for one in self.all:
            if not one.is_met:
                continue
            seen = self.workers.get(one)
            for name, releases in one.answers().items():
                self.unstopped(one, name)
                served = set().union(
                    *(control.releases([o.traffic[name]]) for o in orders if name in o.traffic and self.on(o, name))
                )
                if releases <= served or seen is None:
                    continue
                if seen.behind or (seen.leaves and not (releases & self.rejected and seen.hears and not seen._waiting)):
                    continue
                late = (
                    not seen.hears or seen.stuck or seen._waiting
                )  # it hears nothing, or is still about what it was told
                if late and self.now < self.lost.setdefault((one, name, *releases), self.now) + UNHEARD:
                    continue
                self.broken(f"{when}: {one} answers {name} with {releases}, served is {served}")

    def on(self, order, name):
        return name in order.traffic and not order.traffic[name].stopped

    def unstopped(self, one, name):
        """A stop holds at once, in all that hear; who hears nothing and leaves may answer who is connected to it."""
        seen = self.workers.get(one)
        told = seen is not None and (seen.hears or not seen.leaves)
        if told and one.version(name) <= self.halted.get(name, 0):
            self.broken(f"{one} answers {name}, which was stopped")

    def stray(self):
        """Who lives and is at no place, and does not leave."""
        places = {w.process for p in self.crew._places for w in (p.worker, p.coming) if w and not w.gone}
        leaving = {w.process for w in self.crew._leaving.values() if not w.gone}
        return [one for one in self.all if one.alive and one not in places | leaving]

    def missing(self):
        """What is not as it must be at last, or nothing."""
        if self.stray():
            return f"stray: {self.stray()}"
        if self.moving or self.crew._leaving or self.super._following._under_way or self.super._following._newest:
            return f"busy: moving {self.moving}, leaving {self.crew._leaving}, {self.super._following.releases}"
        order = self.crew.order
        for one in self.crew._places:
            if not (one.worker.answers and one.worker.served) or one.worker.stuck or one.worker.goes:
                return f"a place does not answer: {vars(one.worker)}"
            if one.worker.lacks or one._left_out or one.coming or one.worker.behind:
                return f"a place lacks {one.worker.lacks}, {one._left_out}, {one.coming} comes"
            shadow = one.worker.process.shadow
            due = {
                name: releases
                for name, routing in order.traffic.items()
                if (releases := {s.served.release for s in routing.shares if s.shadow == shadow})
            }
            if one.worker.process.answers() != due:
                return f"{one.worker.process} answers, due is {due}"
        for name in self.ledger.keys() | self.super._traffic.keys():
            now = self.super._traffic.get(name)
            if now != self.ledger.get(name) and self.ledger.get(name) not in self.refused.get(name, []):
                return f"{name} is {now}, and the ledger says {self.ledger.get(name)}"
        return ""

    def shown(self, order):
        off = f" unloaded {order.unloaded}" if order.unloaded else ""
        return str({n: r.stopped or sorted(control.releases([r])) for n, r in order.traffic.items()}) + off

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

    def do_route(self, name, number, shadow=None):
        self.put(name, self.routing(name, number, shadow, self.version(name)))

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
        for one in self.all:
            if one.alive:
                one.asked()

    def do_free(self, release):
        self.gate(release).set()
        del self.gates[release]

    def one(self, at):
        living = [one for one in self.all if one.alive]
        return living[at % len(living)] if living else None

    def blame(self, one):
        """Who ends before it answered anybody is taken for ended by what it loads."""
        seen = self.workers.get(one)
        if seen is None or not seen.opened:
            self.excused.append((self.now, one.loading))

    def do_kill(self, at):
        if one := self.one(at):
            self.blame(one)
            one.end(-signal.SIGKILL)

    def do_deafen(self, at, notices):
        if one := self.one(at):
            self.blame(one)
            one.lose_wire(notices=notices)

    def do_signal(self, at, sign="SIGTERM"):
        if one := self.one(at):
            self.blame(one)
            one.send_signal(signal.Signals[sign])

    def do_orphan(self, at):
        if (one := self.one(at)) and one in self.workers:
            self.workers[one].lonely = True

    def do_shut(self, shut):
        self.shut = shut
        self.excused.append((self.now, ""))

    def do_hup(self):
        self.clock.signals[signal.SIGHUP]()

    def do_ask(self, at, verb, name):
        if (one := self.one(at)) and one.listens and one.alive and not one.deaf:
            one.asking(verb, name, lambda why: self.note(f"asked {verb} {name}: {why}"))

    def heal(self):
        self.note("- all faults end")
        for release in list(self.does):
            self.do_does(release, "good")
        for gate in self.gates.values():
            gate.set()
        self.shut, self.births = False, []

    async def run(self, steps, ends):
        """`ends`: the signal that ends it when all is well again; None: SIGTERM amid everything."""
        ready = asyncio.Event()
        self.super._ready = lambda _: ready.set()
        running = asyncio.create_task(self.super.run())
        await ready.wait()
        self.ready = True
        for step in steps:
            await self.step(*step)
            self.must_go_on(running)
        if ends:
            await self.settle(running)
        self.note("- ends")
        self.clock.signals[signal.Signals[ends or "SIGTERM"]]()
        self.moving, self.rejected = None, set()  # nobody goes back any more
        await asyncio.wait((running,), timeout=300)
        if not running.done():
            self.broken("it does not end")
        running.result()
        await asyncio.sleep(2)
        if left := [one for one in self.all if one.alive]:
            self.broken(f"left alive: {left}")

    def must_go_on(self, running):
        if running.done():
            running.result()
            self.broken("it ended by itself")
        if self.failed:
            self.broken(self.failed)

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
        tried = self.moving and control.releases(self.moving.traffic.values())
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

    def is_deaf(self):
        return any(not seen.hears and not seen.gone for seen in self.workers.values())

    async def settle(self, running):
        self.heal()
        until = self.now + SETTLED
        while why := self.missing():
            self.must_go_on(running)
            await asyncio.sleep(1)
            if self.now > until:
                self.broken(why)
