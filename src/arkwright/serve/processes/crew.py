"""The workers of a server, kept alive: who dies, hangs or is stuck is replaced, and the next one is told all there is.

There is one at each place, a listening socket of its own, and one more for the shadows as long as there are any.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

from arkwright.core.errors import Invalid
from arkwright.core.ports import Serving
from arkwright.serve.processes import control
from arkwright.serve.processes.birth import Nursery, how
from arkwright.serve.processes.files import Room
from arkwright.serve.processes.process import Asked, Worker
from arkwright.serve.processes.sockets import processors
from arkwright.serve.processes.trial import late
from arkwright.serve.processes.waits import called_off
from arkwright.serve.traffic.poison import Register
from arkwright.serve.wire.address import is_loopback
from arkwright.serve.wire.limits import Limits

log = logging.getLogger("arkwright.serve")
_MOST_STILLBORN = 5


class Crew:
    """`served` is set whenever one begins to serve. `is_ready`: they have served once, so they can; until then
    `failed` is told why they cannot.
    """

    def __init__(
        self,
        serving: Serving,
        fits: Room,
        listening: Sequence[socket.socket],
        aside: socket.socket,
        folder: Path,
        *,
        order: Callable[[], control.Serve | None],
        asked: Asked,
        failed: Callable[[BaseException], None],
        stopped: asyncio.Event,
    ) -> None:
        """`aside`: where the shadows listen. `order`: what to serve now, None while nobody knows. `asked`: what becomes
        of what a worker asks for. `stopped`: set when none is to be replaced any more.
        """
        self._serving, self._listening, self._aside, self._folder = serving, listening, aside, folder
        self._limits = Limits(
            connections=fits.connections, refused=fits.refused, queue=serving.queue, queue_time=serving.queue_time,
            drain_delay=serving.drain_delay, answer_time=serving.answer_time,
        )  # fmt: skip
        self._order, self._asked, self._failed, self._stopped = order, asked, failed, stopped
        self._passes = [socket.socketpair() for _ in listening]  # on which a dead worker's connections go to the next
        self._keepers: list[asyncio.Task[None]] = []
        self._coming: set[Worker] = set()  # which take the place of another when they can do what it does
        self._leaving: dict[asyncio.Task[None], Worker] = {}
        self._turns: dict[int, asyncio.Lock] = {}
        self._register, self._nursery = Register(), Nursery(folder)
        self.served, self.is_ready = asyncio.Event(), False
        cpus = processors(len(listening), pin=serving.pin)
        self._workers = [self._worker(sock, cpu) for sock, cpu in zip(listening, cpus, strict=True)]

    async def start(self) -> None:
        """Raises OSError when no process can be made."""
        await asyncio.gather(*(worker.start() for worker in self._workers))
        self._keepers += [self._kept(place) for place in range(len(self._workers))]

    async def leave_be(self) -> None:
        """Whoever dies from now on has no successor."""
        await called_off(*self._keepers)

    async def close(self, sign: signal.Signals) -> None:
        """End them all, as this signal says."""
        for sock in (*self._listening, self._aside, *chain(*self._passes)):
            sock.close()  # the workers have theirs; who comes when they close them is refused, not left waiting
        stops = (worker.stop(sign) for worker in self._workers)
        await asyncio.gather(*stops, *self._leaving, self._nursery.close())

    @property
    def all_served(self) -> bool:
        return all(worker.served for worker in self._workers)

    @property
    def _everybody(self) -> tuple[Worker, ...]:
        """Those that leave among them, which still answer who is connected to them."""
        there = (*self._workers, *self._coming, *self._leaving.values())
        return tuple(worker for worker in there if not worker.gone)

    # what they are told

    async def tell(self) -> Mapping[str, str]:
        """Have all workers serve what there is now; endpoint -> why not. Who dies meanwhile, is told again."""
        order, workers = self._order() or control.Serve({}, []), (*self._workers, *self._coming)
        failed: dict[str, str] = {}
        for told in await asyncio.gather(*(worker.tell(order) for worker in workers)):
            failed |= told or {}
        return failed

    def halt(self, stopped: dict[str, tuple[int, str]]) -> None:
        """At once, whatever the workers are busy with: name -> (version, by whom and why)."""
        for worker in self._everybody:
            worker.send(control.Halt(stopped))

    def _beware(self) -> control.Beware:
        return control.Beware(self._register.suspects, self._register.poison)

    # who is there

    async def cast_shadows(self) -> None:
        """Start the process of the shadows, if there is none."""
        if len(self._workers) == len(self._listening):
            worker = self._worker(self._aside)
            await worker.start()
            worker.send(self._beware())
            self._workers.append(worker)
            self._keepers.append(self._kept(len(self._workers) - 1))

    def end_shadows(self) -> None:
        """End their process, if there is one; not while another is made in its place."""
        if len(self._workers) > len(self._listening) and not self._turn(len(self._listening)).locked():
            self._keepers.pop().cancel()
            self._let_go(self._workers.pop(), signal.SIGINT)

    async def relieve(self) -> None:
        """Others take the places of workers that are stuck in what they load; who is connected to one is answered."""
        for place, worker in enumerate(tuple(self._workers)):
            if worker.stuck:
                await self._replace(place)

    async def replace_lonely(self) -> None:
        """Others take the places of workers that have lost their keepers."""
        for place, worker in enumerate(tuple(self._workers)):
            if worker.lost_its_keeper():
                log.warning("the keeper of a worker ended; others take their places")
                await self._replace(place, wait=False)

    async def replace_all(self) -> None:
        """One after the other, by what is installed now."""
        await self._nursery.close()  # it has imported what was installed when it began
        for place in range(len(self._workers)):
            if self._stopped.is_set() or not await self._replace(place):
                return

    async def _replace(self, place: int, *, wait: bool = True) -> bool:
        """A new worker takes over before the old one stops: on the same socket, so nobody is turned away.

        `wait`: until the old one has stopped. When the new one cannot do what the old one does, the old one stays.
        """
        async with self._turn(place):
            if place == len(self._workers):
                return True  # the shadows' process, which has ended meanwhile
            old = self._workers[place]
            new = old.twin("replaced")
            failed = await self._comes(new)
            if failed or failed is None:
                log.error("the workers are not replaced: %s", failed or "the new one ended at once")
                self._let_go(new, signal.SIGKILL)
                return False
            self._workers[place] = new
            self._keepers[place].cancel()  # who waits for the end of the old one, which may take its time
            self._keepers[place] = self._kept(place)
            leaving = self._let_go(old, signal.SIGHUP)
        if wait and not old.stuck:  # which may never leave by itself
            await asyncio.wait((leaving,))
        return True

    async def _comes(self, new: Worker) -> Mapping[str, str] | None:
        """What fails in who is to take another's place; None when it ended. Both are told what changes meanwhile."""
        try:
            return await self._begin(new, partial(self._coming.add, new))
        except OSError as error:
            return {"a worker": str(error)}
        except asyncio.CancelledError:
            self._let_go(new, signal.SIGKILL)
            raise
        finally:
            self._coming.discard(new)

    def _let_go(self, worker: Worker, sign: signal.Signals) -> "asyncio.Task[None]":
        leaving = asyncio.create_task(worker.stop(sign))
        self._leaving[leaving] = worker
        leaving.add_done_callback(self._leaving.pop)
        return leaving

    # who follows the dead

    def _kept(self, place: int) -> "asyncio.Task[None]":
        keeper = asyncio.create_task(self._keep(place))
        keeper.add_done_callback(self._given_up)
        return keeper

    async def _keep(self, place: int) -> None:
        """Replace the worker at this place whenever it dies."""
        stillborn = 0
        while True:
            worker = self._workers[place]
            code = await worker.ended()
            if worker is not self._workers[place]:
                continue  # replaced on purpose
            stillborn = 0 if worker.served else stillborn + 1
            log.warning("a worker ended (%s); another takes its place", how(code))
            if not self._folder.is_dir():
                said = f"{self._folder}, which the server's processes share, was removed, so no worker can begin"
                self._failed(Invalid(f"{said}; start the server anew"))
                return
            if stillborn > _MOST_STILLBORN and not self.is_ready:
                said = f"the server's worker ends as soon as it starts ({how(code)}); see its last words"
                self._failed(Invalid(said))
                return
            self._bury(worker)
            await self._raise(worker, place, stillborn)

    def _given_up(self, keeper: "asyncio.Task[None]") -> None:
        """A place that nobody keeps any more would stay empty unseen: rather end."""
        if not keeper.cancelled() and (error := keeper.exception()):
            self._failed(error)

    def _bury(self, worker: Worker) -> None:
        """Tell the others who was at work when this one died. None waits for the other: one of them may be loading."""
        living = [other for other in self._everybody if other is not worker]
        known = set(self._register.poison)
        news = self._register.died(worker.page, [other.page for other in living])
        worker.forget()
        if news:
            for key in (key for key in self._register.poison if key not in known):
                log.warning("a request of %d bytes ended too many workers; it is refused from now on", key[1])
            for other in living:
                other.send(self._beware())

    async def _raise(self, dead: Worker, place: int, stillborn: int) -> None:
        """A worker for the place that this one leaves empty, unless it was being replaced when it died."""
        if stillborn:
            await asyncio.sleep(min(0.1 * 2**stillborn, 5.0))
        while True:
            try:
                async with self._turn(place):
                    if self._workers[place] is dead:
                        new = dead.twin("died")
                        await self._begin(new, partial(self._workers.__setitem__, place, new))
            except OSError as error:
                log.error("no worker can be started: %s; trying again", error)  # noqa: TRY400
                await asyncio.sleep(1)
            else:
                return

    def _turn(self, place: int) -> asyncio.Lock:
        """One at a time puts another worker at a place: of two at once one would serve on, told of nothing more."""
        return self._turns.setdefault(place, asyncio.Lock())

    async def _begin(self, worker: Worker, known: Callable[[], None]) -> Mapping[str, str] | None:
        """A new worker is told what there is: what failed in it. None when it died at once.

        `known`: how it is told whatever changes from then on, behind what is told now.
        """
        await worker.start()
        known()
        worker.send(self._beware())
        order = self._order()
        failed = await worker.tell(order) if order else {}
        if worker.stuck:
            log.error("a worker is of no use: %s", late(worker.stuck, self._serving.load_time))
            worker.process.kill()  # who keeps its place raises another
            failed = failed or None
        self.served.set()
        return failed

    def _worker(self, listening: socket.socket, cpu: int | None = None) -> Worker:
        shadow, serving = listening is self._aside, self._serving
        place = len(self._listening) if shadow else self._listening.index(listening)
        tcp = listening.family != socket.AF_UNIX  # what a connection has sent and read is known of these only
        passing, passed = (end.fileno() for end in self._passes[place]) if tcp else (-1, -1)
        start = control.Start(
            listening=listening.fileno(),
            passing=passing,
            passed=passed,
            loopback=tcp and is_loopback(listening.getsockname()[0]),
            gateway=not tcp and not shadow,
            limits=replace(self._limits, rate=None if shadow else serving.rate),
            cpu=cpu,
            mirror=self._aside.getsockname(),
            shadow=shadow,
            repository=serving.repository,
            load_time=serving.load_time,
            shared=str(self._folder),
            worker=place,
            host=serving.host,
            grpc_port=serving.grpc_port,
            access_log=None if shadow else serving.access_log,  # nobody asked for the copies
            traces=None if shadow else serving.traces,
        )
        return Worker(listening, start, self._asked, self._nursery)
