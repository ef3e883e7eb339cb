"""A place: a listening socket, and the worker that answers there. Whoever dies is followed by another.

A worker begins behind what the others do: it is told what is served now, and told again as long as that has changed
meanwhile; only then does it listen. So nobody is answered by what is no longer served, and no move waits for who is
just being born. What ends or holds up two workers here is left out of the next one, whose callers are told; another
that can do all of it takes its place later.

One rule says what that was. What ends or holds up who never answered anybody is the move that is tried in it, if it has
begun to load anything for that alone; else what it began last, though that be loaded: a thread of it may go on. It is
that, too, where several have listened for a moment each, and neither a request nor anybody outside may have ended them.
"""

import asyncio
import logging
import signal
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol

from arkwright.core.errors import Invalid
from arkwright.serve.processes import control
from arkwright.serve.processes.birth import BIRTH, how
from arkwright.serve.processes.newborn import Trial
from arkwright.serve.processes.pace import Pace, pause
from arkwright.serve.processes.process import Worker
from arkwright.serve.processes.putoff import PutOff, Wish
from arkwright.serve.processes.trial import deadly, late

log = logging.getLogger("arkwright.serve")
_MOST_STILLBORN = 5
_MOST_DEATHS = 4  # of those that serve one release for a moment; who never did counts twice: one may be chance


class LeftOut(OSError):
    """A move needs what ends or holds up workers now: it is tried again later. `asked`: whether any were for it."""

    asked = False


class Crew(Protocol):
    """What a place knows of all the others. `order`: what is served now, None while nobody knows. `is_ready`: all have
    served once.
    """

    order: control.Serve | None
    is_ready: bool
    folder: Path

    def greet(self, worker: Worker) -> None: ...
    def bury(self, worker: Worker) -> None: ...
    def let_go(self, worker: Worker, sign: signal.Signals) -> "asyncio.Task[None]": ...
    def fail(self, error: BaseException) -> None: ...


class Place:
    """`worker`: who answers here. `coming`: who takes its place when it can do all that there is to do."""

    def __init__(self, worker: Worker, crew: Crew, load_time: float) -> None:
        self.worker, self._crew, self._load_time = worker, crew, load_time
        self.coming: Worker | None = None
        self._turn = asyncio.Lock()  # one at a time puts another worker here: of two, one would go on untold
        self._deaths = Counter[str]()  # of those that never listened, by what they loaded
        self._trial: Trial | None = None
        self._left_out: set[str] = set()  # releases that no worker here lived to serve
        self._spared: set[str] = set()  # that ended or held up who was to take over: the next one goes without
        self._put_off = PutOff()
        self._aside: Wish | None = None  # which `coming` tries just now, and answers nobody
        self._pace = Pace()
        self._over = False
        self._keeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises OSError when no process can be made."""
        await self.worker.start()
        self._keep()
        await self._begin(self.worker)

    def keep_no_more(self) -> "asyncio.Task[None] | None":
        """Whoever dies from now on has no successor."""
        self._over = True
        if self._keeping:
            self._keeping.cancel()
        return self._keeping

    @property
    def changes(self) -> bool:
        """Whether another worker is just put here."""
        return self._turn.locked()

    # what it is told

    async def tell(self, order: control.Serve) -> None:
        """Have the worker do it, which did it before or whose like did. What it cannot do after all it lacks. Who hangs
        in it would answer with what is served no more: it ends, and the next one goes without what it hung in.
        """
        worker, before = self.worker, self.worker.stuck
        failed = await worker.tell(self._without(order))
        if failed is not None and worker is self.worker:
            self.settled(order, failed)
        if worker.stuck and not before and worker is self.worker:
            self._give_up(worker)

    async def has(self, order: control.Serve, names: Collection[str]) -> tuple[Worker, Mapping[str, str] | None]:
        """Have the worker do it: who did, and what fails; None when it was replaced meanwhile, or none comes in its
        place. Who dies is followed by one that tries it before it answers anybody: what ends that one is the release,
        and no request. So does one that is just being born.
        """
        while True:
            worker = self.worker
            if told := worker.opened or self._crew.order is None:
                failed = await worker.tell(self._without(order, question=True))
                if failed is not None or worker.leaves:
                    return worker, failed
                if self.worker is not worker and (self.worker.opened or self._crew.order is None):
                    continue  # another is here already, and not told of it by anybody else
                log.warning("a worker ended before it answered by what it was told; the next is told before it answers")
            self._trial = trial = Trial(order, names, suspect=told)
            try:
                tried = await trial.over(BIRTH + self._load_time)
            except TimeoutError:
                return worker, None
            finally:
                self._trial = None
            if tried:
                return tried

    def loses(self, order: control.Serve, names: Collection[str]) -> set[str]:
        """Which of these endpoints answer here now, and would not if this were done: they need what is left out."""
        if not (before := self._crew.order):
            return set()
        on = {name for name, routing in before.traffic.items() if control.loaded(routing, shadow=self.worker.shadow)}
        return (on & self.leaves_out(order) & set(names)) - set(self.worker.lacks) - self.leaves_out(before)

    def leaves_out(self, order: control.Serve) -> set[str]:
        """The endpoints of which nothing is tried here."""
        return set(control.naming(order, self._not_in(order), shadow=self.worker.shadow))

    def _not_in(self, order: control.Serve) -> set[str]:
        """What is left out of it."""
        return self._left_out - self._put_off.readmitted(order)

    def _without(self, order: control.Serve, *, question: bool = False) -> control.Serve:
        return control.without(order, self._not_in(order), shadow=self.worker.shadow, question=question)

    def wants(self, order: control.Serve, names: Collection[str]) -> None:
        """A move of these was put off, perhaps for what is left out here: another tries that aside."""
        for name in names:
            needed = self._left_out & control.loaded(order.traffic[name], shadow=self.worker.shadow)
            if needed and self._put_off.put(name, order, frozenset(needed)):
                self._pace.hurry()

    def forget(self, name: str) -> None:
        """What was put off for this endpoint is wanted no more."""
        self._put_off.drop(name)

    @property
    def answers(self) -> bool:
        """Whether callers may meet the worker; as long as nobody knows what is served: whether it can be told."""
        return self.worker.answers if self._crew.order else not self.worker.gone and self.worker.hears

    def moved(self, before: control.Serve | None, order: control.Serve, failed: Mapping[str, str] | None) -> None:
        """As `settled`, from `before`. Where that changes what is loaded another is tried at once for who is stuck or
        lacks something: what held it up may have left.
        """
        self.settled(order, failed)
        self._put_off.follow(before, order, shadow=self.worker.shadow)
        self._put_off.keep(self._left_out)
        self.worker.behind |= bool(self.worker.stuck)
        one, other = (control.lanes(some, shadow=self.worker.shadow) for some in (before, order))
        if one != other and (self.worker.stuck or self.worker.lacks):
            self._pace.hurry()

    def settled(self, order: control.Serve, failed: Mapping[str, str] | None) -> None:
        """So it is served from now on; what failed in the worker here, None if it did nothing of it yet."""
        at_work = control.at_work(order, shadow=self.worker.shadow)
        self._left_out, self._spared = self._not_in(order) & at_work, self._spared & at_work
        if failed is not None:
            self.worker.lacks = {*failed, *self.leaves_out(order)}

    # who comes

    async def replace(self, *, wait: bool = True) -> bool:
        """A new worker takes over before the old one stops: on the same socket, so nobody is turned away.

        `wait`: until the old one has stopped. When the new one cannot do all that there is to do, nor more than the old
        one, that one stays, unless it answers with what is served no more; what ended the new one is spared the next,
        if that does more all the same.
        """
        async with self._turn:
            if self._over or not self.worker.opened:  # another comes already, which does no more than it can
                return True
            old, new = self.worker, self.worker.twin("replaced")
            if not self._lacking(()) < set(old.lacks):
                self._spared.clear()
            failed = await self._comes(new)
            lacks = self._lacking(failed or ())
            if failed is None or (lacks and not lacks < set(old.lacks)):
                last = new.begun[-1][1] if new.begun else ""
                ended = failed or f"the new one ended at once{f', loading {last}' if last else ''}"
                log.error("the workers are not replaced: %s", late(last, self._load_time) if new.stuck else ended)
                guilty = failed is None and self._is_due(last)
                self._spared = self._spared | {last} if guilty else set()  # else it did no more: the next tries all
                self._crew.let_go(new, signal.SIGKILL)
                if old.behind and old.stuck and not new.gone:  # there are processes: one comes, and does what it can
                    self._give_up(old)
                return False
            self.worker, new.lacks = new, lacks
            if self._trial:
                self._trial.is_void()
            self._left_out = set(self._spared)
            self._put_off.keep(self._left_out)
            self._deaths.clear()
            self._keep()  # anew: it waits for the end of the old one, which may take its time
            leaving = self._crew.let_go(old, signal.SIGHUP)
            await new.open()
        if wait and not old.stuck:  # which may never leave by itself
            await asyncio.wait((leaving,))
        return True

    async def renew(self) -> None:
        """Another takes the place of a worker that is stuck, goes, has lost its keeper or lacks something; if it
        cannot, one is tried again later.
        """
        old = self.worker
        if self._pace.is_due and not old.gone and (old.stuck or old.goes or old.lacks or old.lost_its_keeper()):
            self._pace.wait()
            if not await self.replace(wait=False) and (wish := self._put_off.next()):
                await self._try(wish)

    async def _try(self, wish: Wish) -> None:
        """Have one that answers nobody do what was put off: if it lives, who answers may be asked for it."""
        async with self._turn:
            if self._over or not self.worker.opened:
                return
            self._aside, new = wish, self.worker.twin("replaced")
            try:
                wish.lives = await self._comes(new) is not None and not (new.gone or new.leaves)
            finally:
                self._aside = None
            self._crew.let_go(new, signal.SIGKILL)

    async def _comes(self, new: Worker) -> Mapping[str, str] | None:
        """What fails in who is to take another's place; None when it ended, or hangs."""
        self.coming = new
        try:
            await new.start()
            self._crew.greet(new)
            return await self._catch_up(new)
        except OSError as error:
            return {"a worker": str(error)}
        except asyncio.CancelledError:
            self._crew.let_go(new, signal.SIGKILL)
            raise
        finally:
            self.coming = None

    async def _catch_up(self, worker: Worker) -> Mapping[str, str] | None:
        """It does what is to be done now, however often that changes meanwhile: what failed; None when it is gone."""
        done, failed = None, dict[str, str]()
        while done is not (order := self._due(worker)):
            if order is None:
                return None
            done = order
            trial = self._trial if self._trial and order is self._trial.order else None
            if trial:
                trial.worker = worker
            told = await worker.tell(self._dared(order) if worker is self.coming else self._without(order))
            if told is None or worker.stuck:
                return None
            if trial:
                trial.ends(worker, told)
            if trial and trial.refuses(told) and self._trial is trial:
                self._trial = None  # at once: nobody else tries it, and this one answers with what is served
            failed = told
        return failed

    def _dared(self, order: control.Serve) -> control.Serve:
        """What who comes does of it: for that one nobody waits."""
        left_out = self._left_out - self._aside.releases if self._aside else self._spared
        return control.without(order, left_out, shadow=self.worker.shadow)

    def _lacking(self, failed: Collection[str]) -> set[str]:
        """What who takes over lacks: that, and what it was spared."""
        return {*failed, *control.naming(self._crew.order, self._spared, shadow=self.worker.shadow)}

    def _due(self, worker: Worker) -> control.Serve | None:
        """What it is to do: who is to take another's place decides nothing."""
        other = self._aside if worker is self.coming else self._trial
        return other.order if other else self._crew.order

    # who follows the dead

    def _keep(self) -> None:
        if self._keeping:
            self._keeping.cancel()
        self._keeping = asyncio.create_task(self._follow())
        self._keeping.add_done_callback(self._given_up)

    async def _follow(self) -> None:
        """Replace the worker whenever it dies."""
        stillborn = 0
        while True:
            worker = self.worker
            code = await worker.ended()
            stillborn = 0 if worker.served or self._tried_in(worker) else stillborn + 1
            log.warning("a worker ended (%s); another takes its place", how(code))
            self._must_go_on(stillborn, code)
            self._crew.bury(worker)
            self._blame(worker, how(code))
            if self.coming and (self._left_out or self._aside):  # it tries what may hang it, and callers wait here
                self._crew.let_go(self.coming, signal.SIGKILL)
            if stillborn:
                await asyncio.sleep(pause(stillborn))
            await self._raise(worker)

    def _must_go_on(self, stillborn: int, code: int) -> None:
        """Raises Invalid."""
        if not self._crew.folder.is_dir():
            said = f"{self._crew.folder}, which the server's processes share, was removed, so no worker can begin"
            raise Invalid(f"{said}; start the server anew")
        if stillborn > _MOST_STILLBORN and not self._crew.is_ready:
            raise Invalid(f"the server's worker ends as soon as it starts ({how(code)}); see its last words")

    def _given_up(self, keeping: "asyncio.Task[None]") -> None:
        """A place that nobody keeps any more would stay empty unseen: rather end."""
        if not keeping.cancelled() and (error := keeping.exception()):
            self._crew.fail(error)

    def _blame(self, one: Worker, ended: str = "") -> None:
        """Whoever ended or is stuck: the move is refused that was tried in it; or what it began last, and what holds up
        who answers, is left out of the next one, if it is not the first that ended so.
        """
        name, release = one.begun[-1] if one.begun else ("", one.stuck)
        why = late(release, self._load_time) if one.stuck else deadly(release, ended, listens=one.opened)
        if one.served and not one.begun:  # it lived
            self._deaths.clear()
        if self._trial and self._tried_in(one):
            if self._trial.is_ended_by(name, why, surely=bool(one.stuck)):
                self._trial = None  # at once: nobody else tries it
        elif self._trial and one is self._trial.worker and not one.begun and self._crew.is_ready:
            if self._trial.is_unlucky(ended):
                self._trial = None
        elif release and self._is_due(release) and (self._crew.is_ready or one.opened == one.served):  # none may listen
            self._deaths[release] += _MOST_DEATHS if one.stuck else 1 if one.served else 2
            if self._deaths[release] >= _MOST_DEATHS:
                self._leave_out(release, why)
        one.begun.clear()  # once: who is stuck ends, too

    def _tried_in(self, one: Worker) -> bool:
        """Whether it began what is only tried, and nothing that is no part of that: the next one does without."""
        if self._trial is None or one is not self._trial.worker:
            return False
        due, tried = (control.lanes(order, shadow=one.shadow) for order in (self._crew.order, self._trial.order))
        return not due >= {*one.begun} and tried >= {*one.begun}

    def _is_due(self, release: str) -> bool:
        """Whether it is served now."""
        return release in control.at_work(self._crew.order, shadow=self.worker.shadow)

    def _leave_out(self, release: str, why: str) -> None:
        """Raises Invalid while none has served yet."""
        if not self._crew.is_ready:
            raise Invalid(why)
        self._left_out.add(release)
        self._put_off.doubt()
        self._pace.wait()
        log.error("%s; a worker goes without it until another can load it", why)

    async def _raise(self, dead: Worker) -> None:
        """A worker for the place that this one leaves empty, unless it was being replaced when it died."""
        while True:
            try:
                async with self._turn:
                    if self.worker is dead:
                        new = dead.twin("died")
                        await new.start()
                        self.worker = new
                        await self._begin(new)
            except OSError as error:
                log.error("no worker can be started: %s; trying again", error)  # noqa: TRY400
                await asyncio.sleep(1)
            else:
                return

    async def _begin(self, worker: Worker) -> None:
        """It listens as soon as it does what there is to do, whatever fails of it: whoever waits here is told."""
        self._crew.greet(worker)
        failed = await self._catch_up(worker)
        if worker.stuck:
            self._give_up(worker)
        elif failed is not None and (order := self._crew.order):
            self.settled(order, failed)
            await worker.open()

    def _give_up(self, stuck: Worker) -> None:
        """Who keeps the place raises another."""
        self._blame(stuck)
        stuck.kill()
