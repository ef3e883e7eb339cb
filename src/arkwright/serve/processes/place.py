"""A place: a listening socket, and the worker that answers there. Whoever dies is followed by another.

A worker begins behind what the others do: it is told what is served now, and told again as long as that has changed
meanwhile; only then does it listen. So nobody is answered by what is no longer served, and no move waits for who is
just being born. What ends or holds up two workers here is left out of the next one, whose callers are told; another
that can do all of it takes its place later.
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
from arkwright.serve.processes.process import Worker
from arkwright.serve.processes.trial import late

log = logging.getLogger("arkwright.serve")
SOON, SELDOM = 1.0, 60.0  # seconds until another tries to do what the one before could not, twice as many each time
_MOST_STILLBORN = 5
_MOST_DEATHS = 2  # of those that load one release: one may be chance


class LeftOut(OSError):
    """A move needs what ends or holds up the workers that load it, now: it is tried again later."""


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
        self._again, self._pause = 0.0, SOON  # when another may be tried, and the time until the next
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
        and no request.
        """
        while True:
            worker = self.worker
            failed = await worker.tell(self._without(order, question=True))
            if failed is not None or worker.leaves:
                return worker, failed
            if self.worker is not worker and (self.worker.opened or self._crew.order is None):
                continue  # another is here already, and not told of it by anybody else
            log.warning("a worker ended before it answered by what it was told; the next one is told before it answers")
            self._trial = trial = Trial(order, names)
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
        return set(control.naming(order, self._left_out, shadow=self.worker.shadow))

    def _without(self, order: control.Serve, *, question: bool = False) -> control.Serve:
        return control.without(order, self._left_out, shadow=self.worker.shadow, question=question)

    @property
    def answers(self) -> bool:
        """Whether callers may meet the worker; as long as nobody knows what is served: whether it can be told."""
        return self.worker.answers if self._crew.order else not self.worker.gone and self.worker.hears

    def moved(self, order: control.Serve, failed: Mapping[str, str] | None) -> None:
        """As `settled`. Who is stuck did not do it: another is tried at once, however often none could take over."""
        self.settled(order, failed)
        if self.worker.stuck:
            self.worker.behind, self._again, self._pause = True, 0.0, SOON

    def settled(self, order: control.Serve, failed: Mapping[str, str] | None) -> None:
        """So it is served from now on; what failed in the worker here, None if it did nothing of it yet."""
        at_work = control.at_work(order, shadow=self.worker.shadow)
        self._left_out, self._spared = self._left_out & at_work, self._spared & at_work
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
                ended = f"the new one ended at once{f', loading {new.loading}' if new.loading else ''}"
                why = late(new.stuck, self._load_time) if new.stuck else failed or ended
                log.error("the workers are not replaced: %s", why)
                due = self._is_due(ending := new.stuck or new.loading)
                self._spared = self._spared | {ending} if due else set()  # else it did no more: the next tries all
                self._crew.let_go(new, signal.SIGKILL)
                if old.behind and old.stuck and not new.gone:  # there are processes: one comes, and does what it can
                    self._give_up(old)
                return False
            self.worker, self._again, self._pause, new.lacks = new, 0.0, SOON, lacks
            if self._trial:
                self._trial.is_void()
            self._left_out = set(self._spared)
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
        if _now() >= self._again and not old.gone and (old.stuck or old.goes or old.lacks or old.lost_its_keeper()):
            self._wait()
            await self.replace(wait=False)

    def _wait(self) -> None:
        self._again, self._pause = _now() + self._pause, min(2 * self._pause, SELDOM)

    async def _comes(self, new: Worker) -> Mapping[str, str] | None:
        """What fails in who is to take another's place; None when it ended."""
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
            left_out = self._spared if worker is self.coming else self._left_out
            told = await worker.tell(control.without(order, left_out, shadow=worker.shadow))
            if trial and told is not None and not self._is_due(worker.stuck):
                trial.ends(worker, told)
                if worker.stuck or trial.refuses(told):
                    self._trial = None  # at once: nobody else tries it, and this one answers with what is served
            if told is None or worker.stuck:
                return None
            failed = told
        return failed

    def _lacking(self, failed: Collection[str]) -> set[str]:
        """What who takes over lacks: that, and what it was spared."""
        order = self._crew.order
        return {*failed, *(control.naming(order, self._spared, shadow=self.worker.shadow) if order else ())}

    def _due(self, worker: Worker) -> control.Serve | None:
        """What it is to do: who is to take another's place decides nothing."""
        return self._trial.order if self._trial and worker is not self.coming else self._crew.order

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
            if self.coming and self._left_out:  # it tries what may hang it, and callers wait here
                self._crew.let_go(self.coming, signal.SIGKILL)
            if stillborn:
                await asyncio.sleep(_pause(stillborn))
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

    def _blame(self, dead: Worker, ended: str) -> None:
        """What it loaded is left out of the next one, if it never lived and is not the first of them; and a move is
        refused that was tried in it.
        """
        if dead.opened or not dead.loading:
            return
        if self._trial and self._tried_in(dead):
            needing = control.naming(self._trial.order, (dead.loading,), shadow=dead.shadow)
            self._trial.ends(dead, dict.fromkeys(needing, _ended(dead.loading, ended)))
            self._trial = None  # at once: nobody else tries it
        if not self._is_due(dead.loading):
            return
        self._deaths[dead.loading] += 1
        if self._deaths[dead.loading] >= _MOST_DEATHS:
            self._leave_out(dead.loading, _ended(dead.loading, ended))

    def _tried_in(self, dead: Worker) -> bool:
        """Whether it died of what was only tried: the next one does without."""
        tried = self._trial is not None and dead is self._trial.worker and not dead.opened
        return tried and bool(dead.loading) and not self._is_due(dead.loading)

    def _is_due(self, release: str) -> bool:
        """Whether it is served now. Who tries a move may load others: of these alone the move says something."""
        order = self._crew.order
        return order is not None and release in control.at_work(order, shadow=self.worker.shadow)

    def _leave_out(self, release: str, why: str) -> None:
        """Raises Invalid while none has served yet."""
        if not self._crew.is_ready:
            raise Invalid(why)
        self._left_out.add(release)
        self._wait()
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
            self._deaths.clear()
            await worker.open()

    def _give_up(self, stuck: Worker) -> None:
        """Who keeps the place raises another."""
        if self._is_due(stuck.stuck):
            self._leave_out(stuck.stuck, late(stuck.stuck, self._load_time))
        stuck.kill()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _pause(stillborn: int) -> float:
    return min(0.1 * 2.0 ** min(stillborn, 6), 5.0)  # there may be thousands, and 2.0**1024 is no number


def _ended(release: str, ended: str) -> str:
    return f"{release}: workers end while they load it ({ended})"
