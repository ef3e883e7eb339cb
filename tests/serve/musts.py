"""What must hold in every story, at every moment and when all is over."""

from arkwright.core.ports import Routing
from arkwright.serve.processes import control
from arkwright.serve.processes.place import LeftOut

LOAD_TIME = 4.0
BAD = {"fails", "kills", "tears", "hangs"}
NOTHING = Routing(())
UNHEARD = 45.0  # seconds in which who lost its wire, or hangs on its way, is replaced or ended


class Broken(AssertionError):
    """What must hold does not."""


class Stands:
    """How a place stands when a move begins."""

    def __init__(self, place, worker):
        self.place, self.worker, self.left_out = place, worker, set(place._left_out)
        self.answers, self._told = (worker.process.answers(), len(worker.process.told)) if worker.answers else ({}, 0)

    @property
    def tried(self):
        """What the worker has loaded since, or tried to."""
        return {*self.worker.process.told[self._told :]}

    def leaves_out(self, routing):
        """Then or since."""
        return self.left_out & control.loaded(routing, shadow=self.worker.shadow)

    def would_answer(self, name):
        """Who comes answers what it is not kept from."""
        return name in self.answers or not self.worker.answers

    @property
    def stays(self):
        worker = self.worker
        return worker is self.place.worker and worker.process.is_met and worker.hears and not worker.behind


class Musts:
    """`crew`, `super`: the real ones. `all`: every process there ever was, `workers`: as the supervisor sees them.
    `moving`: what is just tried, `before`: what was served when that began. `guilty`: releases that go on doing what
    they do when all other faults have ended. `tainted`: those that ever did anything, or are taken for it.
    """

    def __init__(self):
        self.all, self.workers, self.log = [], {}, []
        self.moving = self.before = None
        self.failed, self.rejected, self.refused = "", {}, {}
        self.excused, self.was, self.tainted, self.guilty = [], [], set(), set()
        self.stands = []
        self.halted, self.halted_at, self.lost, self.over = {}, {}, {}, False

    def note(self, said):
        self.log.append(f"{self.now:9.3f} {said}")

    def broken(self, why):
        self.failed = self.failed or why
        raise Broken(f"{why}\n" + "\n".join([*self.log[-80:], *map(repr, self.all)]))

    # of a move

    async def move(self, real, order, names):
        self.moving, begun, self.before = order, self.now, self.crew.order
        stuck = {place.worker.stuck for place in self.crew._places}  # which goes for it, if it is tried once more
        self.stands = stands = [Stands(place, place.worker) for place in self.crew._places]
        self.note(f"move {self.shown(order)} for {sorted(names)}")
        served = self.before.traffic if self.before else {}
        try:
            why = await real()
        except LeftOut as error:
            self.note(f"not now: {error}")
            self.rejects(order)
            self.needed(order, names, stands)
            raise
        finally:
            self.moving = self.before = None
        self.note(f"moved: {why or 'accepted'}")
        self.steady("just moved")
        self.rejects(order)
        for name in names:
            if name in order.traffic:
                self.judge(name, order.traffic[name], why, begun, served.get(name), stuck)
                if not why:
                    self.took_nothing(name, order.traffic[name], stands)
        return why

    def took_nothing(self, name, routing, stands):
        """Who answered goes on, or tried it in vain."""
        for one in stands:
            due = control.loaded(routing, shadow=one.worker.shadow)
            done = name in one.worker.process.answers() or not due or routing.version <= self.halted.get(name, 0)
            if name in one.answers and one.stays and not done and not due & one.tried:
                self.broken(f"a move took {name} from {one.worker.process}")

    def needed(self, order, names, stands):
        """A move waits where one that answers would not any more, or where nobody can try what is new of it."""
        before = self.crew.order.traffic if self.crew.order else {}
        for name in names:
            routing, old = order.traffic[name], before.get(name, NOTHING)
            here = [one for one in stands if one.leaves_out(routing)]
            loses = any(one.would_answer(name) and not one.leaves_out(old) for one in here)
            new = control.loaded(routing, shadow=False) - control.loaded(old, shadow=False)
            tried = any(one.stays and new <= one.tried for one in stands)
            if loses or (new and here and not tried):
                return
        self.broken(f"{names} waits for nothing")

    def rejects(self, order):
        """Who leaves answers with none of it, as soon as it went back."""
        now = self.crew.order.traffic if self.crew.order else {}
        self.rejected = {
            name: control.releases([routing]) - control.releases([now[name]] if name in now else [])
            for name, routing in order.traffic.items()
        }

    def judge(self, name, routing, why, begun, served, stuck):
        kinds = {release: self.kinds(release, begun) for release in control.releases([routing])}
        callers = [place for place in self.crew._places if not place.worker.shadow]
        if not why and not all(place.worker.stuck for place in callers):  # else nobody could try it
            for release in control.loaded(routing, shadow=False) - control.releases([served] if served else []):
                if len(kinds[release]) == 1 and kinds[release] <= BAD | {"starves"}:
                    self.broken(f"{name} was accepted with {release}, which {kinds[release]}")
        elif name in why and all(one <= {"good", "crashes", "starves"} for one in kinds.values()):
            excused = {release for at, release in self.excused if at >= begun - LOAD_TIME} | stuck
            if not excused & kinds.keys():
                self.broken(f"{name} was refused with {kinds}: {why}")

    def kinds(self, release, since):
        """What it did since then."""
        before = (kinds for until, one, kinds in self.was if one == release and until >= since - LOAD_TIME)
        return self.kind(release).union(*before)

    def blame(self, *loading):
        """What a worker loads that ends before it answered anybody is taken for what ended it."""
        self.excused += [(self.now, release) for release in loading]
        self.tainted |= {*loading}

    def leaves_out(self, place, release):
        for one in self.stands:
            if one.place is place:
                one.left_out.add(release)

    # at every moment

    def steady(self, when="quiet"):
        """Nobody that is met answers with what is neither served nor just tried, and all answer what is innocent."""
        orders = [one for one in (self.crew.order, self.moving, self.before) if one]
        if not self.crew.order:
            return
        for one in self.all:
            if one.is_met:
                for name, releases in one.answers().items():
                    self.unstopped(one, name)
                    self.known(when, one, name, releases, orders)
        for place in () if self.over else self.crew._places:
            self.innocent(place.worker, orders)

    def known(self, when, one, name, releases, orders):
        seen = self.workers.get(one)
        served = set().union(*(control.loaded(o.traffic[name], shadow=one.shadow) for o in orders if name in o.traffic))
        if releases <= served or seen is None or seen.behind:
            return
        if seen.leaves and not (releases & self.rejected.get(name, set()) and seen.hears and not seen._waiting):
            return
        late = not seen.hears or seen.stuck or seen._waiting  # it hears nothing, or is still about what it was told
        if late and self.now < self.lost.setdefault((one, name, *releases), self.now) + UNHEARD:
            return
        self.broken(f"{when}: {one} answers {name} with {releases}, served is {served}")

    def unstopped(self, one, name):
        """A stop holds at once, in all that hear; who hears nothing and leaves may answer who is connected to it."""
        seen = self.workers.get(one)
        told = seen is not None and (seen.hears or not seen.leaves)
        if told and one.version(name) <= self.halted.get(name, 0) and self.now > self.halted_at.get(name, -1):
            self.broken(f"{one} answers {name}, which was stopped")

    def innocent(self, worker, orders):
        """An endpoint whose releases never did anything is answered wherever anybody is, whatever others do."""
        if not (worker.served and worker.hears and worker.process.is_met) or worker.behind:
            return
        for name, routing in orders[0].traffic.items():
            if any(one.traffic.get(name) != routing for one in orders) or routing.version <= self.halted.get(name, 0):
                continue
            due = control.loaded(routing, shadow=worker.shadow)
            if not due & self.tainted and due != worker.process.answers().get(name, set()):
                self.broken(f"{worker.process} does not answer {name} with {due}")

    # at last

    def stray(self):
        """Who lives and is at no place, and does not leave."""
        places = {w.process for p in self.crew._places for w in (p.worker, p.coming) if w and not w.gone}
        leaving = {w.process for w in self.crew._leaving.values() if not w.gone}
        return [one for one in self.all if one.alive and one not in places | leaving]

    def missing(self):
        """What is not as it must be at last, or nothing. What needs what is guilty may be refused, or wait for ever."""
        if stray := self.stray():
            return f"stray: {stray}"
        busy = {name for name in self.super._following._newest if not self.needs_guilty(self.ledger.get(name))}
        if busy or (not self.guilty and (self.moving or self.crew._leaving)):
            return f"busy: {busy}, moving {self.moving}, leaving {self.crew._leaving}"
        for name in self.ledger.keys() | self.super._traffic.keys():
            now, due = self.super._traffic.get(name), self.ledger.get(name)
            if now != due and due not in self.refused.get(name, []) and not self.needs_guilty(due):
                return f"{name} is {now}, and the ledger says {due}"
        return next(filter(None, map(self.missing_at, self.crew._places)), "")

    def missing_at(self, place):
        worker, order = place.worker, self.crew.order
        stuck = worker.stuck not in ("", *self.guilty)  # nobody may be able to do more than who is stuck in what is
        if not (worker.answers and worker.served) or stuck or worker.goes or worker.behind:
            return f"a place does not answer: {vars(worker)}"
        traffic = {name: r for name, r in order.traffic.items() if not self.needs_guilty(r)}
        due_here = control.at_work(control.Serve(traffic, []), shadow=worker.shadow)
        if place._left_out & due_here or set(worker.lacks) & traffic.keys() or (place.coming and not self.guilty):
            return f"a place lacks {worker.lacks}, {place._left_out}, {place.coming} comes"
        answers, said = worker.process.answers(), worker.process.stage.app.stopped
        for name in answers.keys() | traffic.keys() | said.keys():
            if name in order.traffic and name not in traffic:
                continue
            due = control.loaded(traffic[name], shadow=worker.shadow) if name in traffic else set()
            if answers.get(name, set()) != due:
                return f"{worker.process} answers {name}, due is {due}"
            why = traffic[name].stopped if name in traffic else ""
            if not worker.shadow and name not in order.unloaded and said.get(name, "") != why:
                return f"{worker.process} says of {name} {said.get(name)!r}, due is {why!r}"
        return ""

    def needs_guilty(self, routing):
        return bool(routing and control.releases([routing]) & self.guilty)

    def must_go_on(self, running):
        if running.done():
            running.result()
            self.broken("it ended by itself")
        if self.failed:
            self.broken(self.failed)

    def shown(self, order):
        off = f" unloaded {order.unloaded}" if order.unloaded else ""
        said = {
            n: r.stopped or [f"{s.served.release}{'s' if s.shadow else ''}" for s in r.shares]
            for n, r in order.traffic.items()
        }
        return f"{said}{off}"
