"""Natural batching: whatever arrived in one turn of the loop goes through the model in one run. There is no timer,
so a request alone never waits.

Two lanes. Small requests of models without user code run on the loop, where a run costs less than handing it over.
Everything that may take long (the project's `features`, many rows) runs on a thread of its own, one per model, where
what arrives meanwhile forms the next batch; the loop keeps answering health checks. `features` is called for each
request alone: rows of two callers never meet in user code, only in the graph, whose rows are independent.
"""

import asyncio
import logging
from collections.abc import Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import inf
from operator import attrgetter
from time import monotonic

from arkwright.serve.model.graph import MOST, Graph
from arkwright.serve.traffic.cost import Cost
from arkwright.serve.traffic.job import Job, Listener
from arkwright.serve.traffic.patience import Patience
from arkwright.serve.traffic.poison import MOST_HITS, Desk, Page
from arkwright.serve.traffic.run import answer, failed
from arkwright.serve.wire.messages import GONE, LATE, Problem, Response

INLINE_ROWS = 256  # about a millisecond of a tree model
BATCH_ROWS = MOST
LOOK = 0.02  # seconds between two looks whether somebody who waits has left
STEP = 1.0  # seconds between two looks whether a batch is still computed: as so much counts a halt of this process
SLICE = 0.05  # seconds that one batch on the thread takes, about: its answers come all at its end
log = logging.getLogger("arkwright.serve")
_body = attrgetter("request.body")


class Batcher:
    """Collects the jobs of one model and runs them together.

    Never more than `most` wait, and none longer than `longest` seconds. Who comes to a queue that is full, or that by
    what the last ones took would keep it waiting for too long, is told at once to come later.
    """

    def __init__(
        self,
        graph: Graph,
        name: str,
        *,
        most: int = 2048,
        longest: float = 5.0,
        hangs: float = 60.0,
        page: Page | None = None,
        of: str = "",
    ) -> None:
        """In `page`, when there is one, stands what is computed, under the name `of` what computes it. A batch that is
        computed for `hangs` seconds will never end: `when_hung` is called.
        """
        self._graph, self._name = graph, name
        self.desk, self._aside = (page.desk(of), page.desk(of)) if page else (None, None)
        self._most, self._longest, self._hangs = most, longest, hangs
        self.when_hung: Callable[[], None] | None = None
        self.cost, self.patience = Cost(graph.row_seconds), Patience()
        self.listener: Listener | None = None
        self._loop = asyncio.get_running_loop()
        self._soon: list[Job] = []
        self._later: list[Job] = []
        self._looking: asyncio.TimerHandle | None = None
        self._working = False
        self._starved = False  # of its thread
        self._running = 0  # on the thread now
        self._alarm: asyncio.TimerHandle | None = None  # when that is looked at
        self._thread = self._executor()

    def add(self, job: Job) -> None:
        """Take a job. Raises Problem (503) when too many wait, or the first has waited too long."""
        if job.fast and job.rows <= INLINE_ROWS and not self.cost.heavy and not job.long:
            if 0 < job.request.received < self.now() - self._longest:
                raise self.busy()
            if not self._soon:
                self._loop.call_soon(self._flush)
            elif len(self._soon) >= self._most:
                raise self.busy()
            self._soon.append(job)
            return
        self.must_have_room()
        job.added = self.now()
        self._later.append(job)
        if job.deadline != inf:
            job.alarm = self._loop.call_later(max(0.0, job.deadline - job.added), self._over, job)
        if not self._working:
            self._working = True
            self._loop.call_soon(self._hand_over)
        elif self._looking is None:
            self._looking = self._loop.call_later(LOOK, self._look)

    def must_have_room(self) -> None:
        """Raises Problem (503) when who comes now would wait too long for the thread."""
        if self.full():
            self.patience.refused(self.now())
            raise self.busy()

    def full(self) -> bool:
        """Whether who comes now would wait too long for the thread."""
        waiting = len(self._later)
        if not waiting:
            return False
        now = self.now()
        if waiting >= self._most or now - self._later[0].added > self._longest:
            return True
        return self.patience.too_long(now, waiting, waiting + self._running, self.cost.alone)

    def busy(self) -> Problem:
        """Why a request is refused, and when to come again."""
        seconds = self.patience.come_again()
        return Problem(503, "too many requests wait for this model; try again", b"Retry-After: %d\r\n" % seconds)

    async def idle(self) -> None:
        """Return when everything that was added is answered."""
        while self._soon or self._later or self._working:  # noqa: ASYNC110 - only when a release leaves
            await asyncio.sleep(0.005)

    def now(self) -> float:
        """The clock of the deadlines."""
        return monotonic()  # the loop's own has milliseconds only

    def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)
        for desk in (self.desk, self._aside):
            if desk:
                desk.leave()

    def _flush(self) -> None:
        while self._soon:
            jobs = self._take(self._soon, self.desk)
            self._reply(jobs, self._compute(jobs, self.desk))

    def _over(self, job: Job) -> None:
        """Its deadline has passed, whether it waits or is computed: then what comes of it is dropped."""
        if job.told:
            return
        if self._later:
            self._left(job)
        if job in self._later:
            self._later.remove(job)
            self._tell(job, _late())
        else:
            self._tell(job, Problem(LATE, "the deadline passed before the answer was there"))

    def _look(self) -> None:
        """Who has left does not wait any more."""
        gone = [job for job in self._later if job.request.gone]
        if gone:
            self._later[:] = [job for job in self._later if not job.request.gone]
        self._looking = self._loop.call_later(LOOK, self._look) if self._later else None
        for job in gone:
            self._left(job)
            self._tell(job, _gone())

    def _left(self, job: Job) -> None:
        """It waited for longer than somebody had a use for its answer."""
        if job.added:
            now = self.now()
            self.patience.left(now, min(now, job.deadline) - job.added)

    def _tell(self, job: Job, said: Response | Problem) -> None:
        if job.alarm is not None:
            job.alarm.cancel()
        if not job.told:
            job.told = True
            job.reply(said.response() if isinstance(said, Problem) else said)

    def _hand_over(self) -> None:
        jobs: list[Job] = []
        while self._later and not jobs:
            jobs = self._take(self._later, self._aside)
        if not jobs:
            self._working = False
            return
        self._running = len(jobs)
        self._wait_on(self._hangs)
        try:
            future = self._loop.run_in_executor(self._thread, self._timed, jobs)
        except RuntimeError as error:
            self._no_thread(jobs, error)
        else:
            self._starved = False
            future.add_done_callback(partial(self._handed_back, jobs))

    def _no_thread(self, jobs: list[Job], error: RuntimeError) -> None:
        """It cannot be started: who waits is told to come later, and the next one tries it anew."""
        if not self._starved:  # once: everybody who comes may be told so
            log.error("%s: requests are refused: %s", self._name, error)
        self._starved = True
        self._thread.shutdown(wait=False, cancel_futures=True)  # it keeps what it was given
        self._thread = self._executor()
        waiting, self._later[:] = [*jobs, *self._later], []
        self._at_rest()
        self._working = False
        refused = Problem(503, "no thread is left to compute this; try again", b"Retry-After: 1\r\n").response()
        for job in waiting:
            self._tell(job, refused)

    def _executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix=f"arkwright-{self._name}")

    def _wait_on(self, left: float) -> None:
        """What is computed now may take so much longer."""
        if left <= 0:
            self._hung()
        else:
            self._alarm = self._loop.call_later(min(left, STEP), self._wait_on, left - STEP)

    def _handed_back(self, jobs: list[Job], done: "asyncio.Future[list[Response]]") -> None:
        self._at_rest()
        self._working = bool(self._later) and not done.cancelled()
        if self._working:
            self._loop.call_soon(self._hand_over)
        for job in jobs:
            if job.request.gone and self._later:  # it might have been in time, had fewer waited
                self._left(job)
        if not done.cancelled():
            error = done.exception()  # a mistake of ours: an answer is due all the same
            self._reply(jobs, [failed(self._name, error).response() for _ in jobs] if error else done.result())

    def _at_rest(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._running = 0

    def _hung(self) -> None:
        """What runs on the thread cannot be called off, and nobody can be answered behind it."""
        said = "%s: %d requests are computed since %g s; nobody waits any more"
        log.error(said, self._name, self._running, self._hangs)
        if self.when_hung:
            self.when_hung()

    def _reply(self, jobs: Sequence[Job], responses: Sequence[Response]) -> None:
        if self.listener and jobs:
            self.listener.ran(jobs)
        for job, response in zip(jobs, responses, strict=True):
            self._tell(job, response)

    def _timed(self, jobs: list[Job]) -> list[Response]:
        start = monotonic()
        responses = self._compute(jobs, self._aside)
        self.patience.ran(len(jobs), monotonic() - start)
        return responses

    def _compute(self, jobs: list[Job], desk: Desk | None) -> list[Response]:
        start = monotonic()
        responses = self._noted(jobs, desk)
        if jobs and all(job.fast for job in jobs):  # what the graph costs, not somebody's code
            self.cost.ran(sum(job.rows for job in jobs), monotonic() - start)
        return responses

    def _noted(self, jobs: list[Job], desk: Desk | None) -> list[Response]:
        if not jobs or desk is None:
            return answer(self._graph, self._name, jobs)
        bodies = list(map(_body, jobs))
        desk.note(bodies)
        responses = answer(self._graph, self._name, jobs)
        desk.done(bodies)
        return responses

    def _take(self, waiting: list[Job], desk: Desk | None) -> list[Job]:
        """The jobs at the front that fit in one batch. What nobody waits for any more is dropped, not computed."""
        now, rows = self.now(), 0
        for job in waiting:
            if job.deadline <= now or job.request.gone:
                break
            rows += job.rows
        else:
            if rows <= BATCH_ROWS and waiting is self._soon and not (desk and desk.wary):
                jobs = waiting.copy()  # nearly always
                waiting.clear()
                if self.listener and jobs:
                    self.listener.taken(jobs)
                return jobs
        return self._sorted_out(waiting, desk, now)

    def _sorted_out(self, waiting: list[Job], desk: Desk | None, now: float) -> list[Job]:
        """The same, one by one."""
        for job in waiting:
            if job.request.gone:
                self._left(job)
        refused = [(job, _gone()) for job in waiting if job.request.gone]
        refused += [(job, _late()) for job in waiting if job.deadline <= now and not job.request.gone]
        waiting[:] = [job for job in waiting if not job.request.gone and job.deadline > now]
        suspects: set[Job] = set()
        if desk and desk.wary:
            keys = {job: desk.key(job.request.body) for job in waiting}
            suspects = {job for job, key in keys.items() if key in desk.page.suspects}
            refused += [(job, _poison()) for job, key in keys.items() if key in desk.page.poison]
            waiting[:] = [job for job, key in keys.items() if key not in desk.page.poison]
        cost = self.patience.cost
        most = max(1, int(SLICE / cost)) if cost and waiting is self._later else len(waiting)
        jobs = _front(waiting[:most], suspects)
        del waiting[: len(jobs)]
        if self.listener and jobs:
            self.listener.taken(jobs)
        for job, problem in refused:
            self._tell(job, problem)  # at last: whoever is answered may ask again at once
        return jobs


def _front(waiting: Sequence[Job], alone: Container[Job]) -> list[Job]:
    """As many as fit in one batch, or the first if it is to be alone."""
    rows, count = 0, 0
    for job in waiting:
        rows += job.rows
        if count and (rows > BATCH_ROWS or job in alone):
            break
        count += 1
        if job in alone:
            break
    return list(waiting[:count])


def _gone() -> Problem:
    return Problem(GONE, "nobody waits any more")  # for those who take note; nobody is there to be told


def _late() -> Problem:
    return Problem(LATE, "the deadline passed before the model could run")


def _poison() -> Problem:
    return Problem(422, f"this request ended the server {MOST_HITS} times; it is not computed again")
