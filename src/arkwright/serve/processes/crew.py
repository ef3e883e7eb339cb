"""The workers of a server, kept alive: who dies, hangs or is stuck is replaced, and the next one is told all there is.

There is one at each place, a listening socket of its own, and one more for the shadows as long as there are any.
"""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from arkwright.core.ports import Serving
from arkwright.serve.processes import control
from arkwright.serve.processes.birth import Nursery
from arkwright.serve.processes.files import Room
from arkwright.serve.processes.place import LeftOut, Place
from arkwright.serve.processes.process import Asked, Worker
from arkwright.serve.processes.sockets import processors
from arkwright.serve.processes.waits import called_off, until, within
from arkwright.serve.traffic.poison import Register
from arkwright.serve.wire.address import is_loopback
from arkwright.serve.wire.limits import Limits

log = logging.getLogger("arkwright.serve")


class Crew:
    """`order`: what is served now, None while nobody knows. `is_ready`: all have served once, so they can; until then
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
        asked: Asked,
        failed: Callable[[BaseException], None],
        stopped: asyncio.Event,
    ) -> None:
        """`aside`: where the shadows listen. `asked`: what becomes of what a worker asks for. `stopped`: set when none
        is to be replaced any more.
        """
        self._serving, self._listening, self._aside, self.folder = serving, listening, aside, folder
        self._limits = Limits(
            connections=fits.connections, refused=fits.refused, queue=serving.queue, queue_time=serving.queue_time,
            drain_delay=serving.drain_delay, answer_time=serving.answer_time,
        )  # fmt: skip
        self._asked, self.fail, self._stopped = asked, failed, stopped
        self._passes = [socket.socketpair() for _ in listening]  # on which a dead worker's connections go to the next
        self._leaving: dict[asyncio.Task[None], Worker] = {}
        self._register, self._nursery = Register(), Nursery(folder)
        self._halted: dict[str, tuple[int, str]] = {}  # all that ever were: a worker knows which count
        self.order: control.Serve | None = None
        self.is_ready = False
        cpus = processors(len(listening), pin=serving.pin)
        self._places = [self._place(sock, cpu) for sock, cpu in zip(listening, cpus, strict=True)]

    async def start(self) -> None:
        """Raises OSError when no process can be made."""
        await asyncio.gather(*(place.start() for place in self._places))

    async def ready(self) -> None:
        """Until all serve."""
        await until(lambda: all(place.worker.served for place in self._places))
        self.is_ready = True

    async def leave_be(self) -> None:
        """Whoever dies from now on has no successor."""
        await called_off(*(keeping for place in self._places if (keeping := place.keep_no_more())))

    async def close(self, sign: signal.Signals) -> None:
        """End them all, as this signal says."""
        for sock in (*self._listening, self._aside, *chain(*self._passes)):
            sock.close()  # the workers have theirs; who comes when they close them is refused, not left waiting
        stops = (self._leave(place.worker, sign) for place in self._places)
        await asyncio.gather(*stops, *self._leaving)
        await self._nursery.close()  # which sees them to their end where we are killed before

    @property
    def _everybody(self) -> tuple[Worker, ...]:
        """Those that leave among them, which still answer who is connected to them."""
        at_places = chain.from_iterable((place.worker, place.coming) for place in self._places)
        return tuple(worker for worker in (*at_places, *self._leaving.values()) if worker and not worker.gone)

    # what they are told

    async def move(self, order: control.Serve, names: Collection[str]) -> dict[str, str]:
        """Have all that answer serve this, and whoever comes later; or, where some of `names` fail, what they served
        before: endpoint -> why not.

        Who is just being born, or stuck, decides nothing, unless there is nobody else: the one does before it answers
        what is served then, the other behind what it is stuck in. Raises LeftOut where an endpoint that answers would
        not any more, or nobody could try it; OSError where nobody lives to, or what fails says nothing of a release.
        All go on as before.
        """
        if why := _too_long(order, names):
            return why
        did: dict[Worker, Mapping[str, str]] = {}
        self._must_stay(order, names, [place.leaves_out(order) for place in self._answering])
        try:
            why = await self._ask(order, names, did)
        except Exception as error:
            if isinstance(error, LeftOut):
                error.asked = bool(did)
            await self._go_back()
            raise
        if why:
            await self._go_back()
            return why
        before, self.order = self.order, order
        for place in self._places:
            place.moved(before, order, did.get(place.worker))
        if before is None:
            await asyncio.gather(*(place.worker.open() for place in self._places if place.worker in did))
        else:  # also who was not waited for: it may do later what it was asked, and what fails then stays as it was
            telling = {*self._untold(did), *(place for place in self._places if place.worker.late)}
            await asyncio.gather(*(place.tell(order) for place in telling))
        return {}

    async def _ask(
        self, order: control.Serve, names: Collection[str], did: dict[Worker, Mapping[str, str]]
    ) -> dict[str, str]:
        """Why not, of `names`, by all that can do it. `did`: gets who did it, and what fails. Raises OSError."""
        judged: set[Place] = set()  # once each: who comes after one that did it decides nothing more
        aside: list[set[str]] = []  # what was not tried, of each that judged and answers callers
        while judges := [place for place in await self._judges(did, names) if place not in judged]:
            self._must_stay(order, names, [place.leaves_out(order) for place in self._answering])
            before = {place: place.leaves_out(order) for place in judges}
            found = dict(zip(judges, await asyncio.gather(*(place.has(order, names) for place in judges)), strict=True))
            done = {place for place, (_, failed) in found.items() if failed is not None}
            aside += [before[place] | place.leaves_out(order) for place in done if not place.worker.shadow]
            judged |= done if self.order else set()
            now = {worker: failed for worker, failed in found.values() if failed is not None}
            did |= now
            reasons = [(name, why) for failed in now.values() for name, why in failed.items() if name in names]
            if blamed := {name: why for name, why in reasons if not isinstance(why, control.Again)}:
                return blamed
            for name, why in reasons:
                if name not in order.traffic:
                    raise OSError(f"{name} cannot be unloaded by a worker now: {why}")
                some = ", ".join(sorted(control.releases((order.traffic[name],))))
                raise OSError(f"{some} cannot be loaded by a worker now: {why}")
            if not now and not any(place.answers for place in self._answering):
                if names:
                    raise OSError("no worker lives to try it")
                return {}
        if names and all(worker.shadow for worker in did):  # which decides nothing alone
            raise OSError("no worker lives to try it")
        self._must_stay(order, names, aside)
        return {}

    async def _judges(self, did: Container[Worker], names: Collection[str]) -> list[Place]:
        """Who can do it and was not asked yet; where nothing is to be tried nobody is waited for. Where all that answer
        callers are stuck these are asked, and where none lives to answer who is just being born.
        """
        if names and not any(place.worker in did for place in self._answering) and not await self._somebody_can():
            return [place for place in self._untold(did) if not place.worker.shadow] or self._answering
        return list(filter(_able, self._untold(did)))

    async def _somebody_can(self) -> bool:
        """Whether one of those that answer callers can do what it is told: until then, with patience for each release
        that newborns load. What is tried in one of them keeps its callers waiting.
        """
        while True:
            with contextlib.suppress(TimeoutError):
                await within(self._serving.load_time, until(lambda: any(map(_able, self._answering))))
            if (can := any(map(_able, self._answering))) or not any(map(_loads, self._answering)):
                return can

    @property
    def _answering(self) -> list[Place]:
        """All but that of the shadows."""
        return self._places[: len(self._listening)]

    def _must_stay(self, order: control.Serve, names: Collection[str], aside: Sequence[Collection[str]]) -> None:
        """Raises LeftOut, as `move` does. `aside`: what is not tried, at each place that counts."""
        lost = set().union(*(place.loses(order, names) for place in self._places))
        if self.order and aside:
            lost |= {name for name in self._gaining(order, names) if all(name in one for one in aside)}
        if lost:
            for place in self._places:
                place.wants(order, lost)
            some = ", ".join(sorted(control.releases(order.traffic[name] for name in lost)))
            raise LeftOut(f"of {some} one ends or holds up workers that load it")

    def _gaining(self, order: control.Serve, names: Collection[str]) -> list[str]:
        """Which of these get a release to answer with that they do not have."""
        before = self.order.traffic if self.order else {}
        has = {name: control.loaded(before[name], shadow=False) for name in names if name in before}
        asked = {name: control.loaded(order.traffic[name], shadow=False) for name in names if name in order.traffic}
        return [name for name, some in asked.items() if name not in has or some - has[name]]

    def _untold(self, did: Container[Worker]) -> list[Place]:
        return [place for place in self._places if place.answers and place.worker not in did]

    def lacks(self, name: str) -> bool:
        """Whether it should answer and does nowhere."""
        return all(name in place.worker.lacks for place in self._answering if place.answers)

    def forget(self, name: str) -> None:
        """What was put off for this endpoint is wanted no more."""
        for place in self._places:
            place.forget(name)

    async def _go_back(self) -> None:
        if self.order:
            self._take_back(self.order)
            await asyncio.gather(*(place.tell(self.order) for place in self._places if place.answers))

    def _take_back(self, order: control.Serve) -> None:
        """Those that leave answer who is still connected to them: not with what is refused. Nobody waits for that, and
        they try nothing that they could not do before.
        """
        for worker in self._leaving.values():
            if not worker.gone:
                worker.say(control.lacking(order, worker.lacks))

    def halt(self, stopped: dict[str, tuple[int, str]]) -> None:
        """At once, whatever the workers are busy with: name -> (version, by whom and why)."""
        self._halted |= stopped
        for worker in self._everybody:
            worker.halt(control.Halt(stopped))

    def greet(self, worker: Worker) -> None:
        """What a new worker is told before it is told what to serve."""
        worker.send(self._beware())
        worker.send(control.Halt(self._halted))

    def _beware(self) -> control.Beware:
        return control.Beware(self._register.suspects, self._register.poison)

    # who is there

    async def cast_shadows(self) -> None:
        """Start the process of the shadows, if there is none. Raises OSError when none can be made."""
        if len(self._places) == len(self._listening):
            self._places.append(self._place(self._aside))
            try:
                await self._places[-1].start()
            except OSError:
                self._places.pop()
                raise

    def end_shadows(self) -> None:
        """End their process, if there is one; not while another is made in its place."""
        if len(self._places) > len(self._listening) and not self._places[-1].changes:
            place = self._places.pop()
            place.keep_no_more()
            self.let_go(place.worker, signal.SIGINT)

    async def renew(self) -> None:
        """Others take the places of workers that cannot do all that there is to do; who is connected is answered."""
        for place in tuple(self._places):
            await place.renew()

    async def replace_all(self) -> None:
        """One after the other, by what is installed now."""
        await self._nursery.renew()  # it has imported what was installed when it began
        for place in tuple(self._places):
            if self._stopped.is_set():
                return
            old = place.worker
            if not await place.replace():
                break
            if place.worker is not old:  # by the first: half an upgrade takes nobody's successors away
                await self._nursery.decide(works=True)
        await self._nursery.decide(works=False)  # nobody was replaced

    def let_go(self, worker: Worker, sign: signal.Signals) -> "asyncio.Task[None]":
        """End it as this signal says."""
        leaving = asyncio.create_task(self._leave(worker, sign))
        self._leaving[leaving] = worker
        leaving.add_done_callback(self._leaving.pop)
        return leaving

    async def _leave(self, worker: Worker, sign: signal.Signals) -> None:
        if await worker.stop(sign):
            self.bury(worker)
        worker.forget()

    def bury(self, worker: Worker) -> None:
        """Tell the others who was at work when this one died. None waits for the other: one of them may be loading."""
        living = [other for other in self._everybody if other is not worker]
        known = set(self._register.poison)
        outside = worker.served and (worker.goes or worker.process.returncode == -signal.SIGKILL)
        if outside or worker.page.at_work():  # that may have ended it, and not what it has loaded
            worker.begun.clear()
        news = self._register.died(worker.page, [other.page for other in living])
        worker.forget()
        if news:
            for key in (key for key in self._register.poison if key not in known):
                log.warning("a request of %d bytes ended too many workers; it is refused from now on", key[1])
            for other in living:
                other.send(self._beware())

    def _place(self, listening: socket.socket, cpu: int | None = None) -> Place:
        shadow, serving = listening is self._aside, self._serving
        number = len(self._listening) if shadow else self._listening.index(listening)
        tcp = listening.family != socket.AF_UNIX  # what a connection has sent and read is known of these only
        passing, passed = (end.fileno() for end in self._passes[number]) if tcp else (-1, -1)
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
            shared=str(self.folder),
            worker=number,
            host=serving.host,
            grpc_port=serving.grpc_port,
            access_log=None if shadow else serving.access_log,  # nobody asked for the copies
            traces=None if shadow else serving.traces,
        )
        return Place(Worker(listening, start, self._asked, self._nursery), self, serving.load_time)


def _too_long(order: control.Serve, names: Collection[str]) -> dict[str, str]:
    """Why the longest of these is not told: a line that no worker reads to its end would end them all."""
    asked = [name for name in names if name in order.traffic]
    if not asked or (size := len(control.line(order))) <= control.LONGEST:
        return {}
    name = max(asked, key=lambda name: len(control.line(order.traffic[name])))
    files = sum(len(share.served.files or ()) for share in order.traffic[name].shares)
    said = f"its releases have {files:,} files, so workers would have to be told {size / 2**20:.1f} MiB in one line"
    return {name: f"{said}, of which {control.LONGEST / 2**20:.0f} MiB is the most; put fewer files into them"}


def _able(place: Place) -> bool:
    return place.answers and not place.worker.stuck


def _loads(place: Place) -> bool:
    """Whether it is being born, and gets on."""
    worker = place.worker
    return bool(worker.loading) and not (worker.gone or worker.stuck)
