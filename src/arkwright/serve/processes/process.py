"""One worker process, seen from outside."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Collection

import msgspec

from arkwright.serve.processes import control, watchdog
from arkwright.serve.processes.birth import BIRTH, Forked, Nursery, forks
from arkwright.serve.processes.trial import late
from arkwright.serve.processes.waits import lived, within
from arkwright.serve.traffic.poison import Page, shared_memory

log = logging.getLogger("arkwright.serve")
_LOOK = 0.5  # seconds between two looks whether it is stuck
_EARLY = 1.0  # seconds in which what it has loaded may end one that serves: a thread of it may go on
_LAST_WORDS = 0.05  # seconds for what is on the wire
Asked = Callable[[control.Ask], Awaitable[str | None]]  # what to do when it asks; why not, or None


class Worker:
    """`opened`: it was told to listen; `served`: it does, so it can live. `lacks`: what it should serve and cannot.
    `loading`: the release that it loads, or loaded when it ended; `stuck`: the one that takes too long; what else it is
    told it does behind that, and it is `behind` when the others do that already. `late`: it was asked something, and
    nobody waited until it had done that. `begun`: what it began to load, each for its endpoint, until it has `served`
    for a moment: of this each may end it, loaded or not. `gone`: nothing is shared with it, before it begins and when
    it has ended. `leaves`: it was told to end. `goes`: somebody else told it to, or it can be told nothing any more.
    `page`: what it notes of what it computes.
    """

    def __init__(self, listening: socket.socket, start: control.Start, asked: Asked, nursery: Nursery) -> None:
        """`start` lacks what is its own: its end of the wire and its page."""
        self.listening, self.gone, self.shadow = listening, True, start.shadow
        self.opened = self.served = self.behind = self.late = self.leaves = self.goes = self.lonely = False
        self.loading = self.stuck = ""
        self.begun: list[tuple[str, str]] = []
        self.lacks: Collection[str] = ()
        self._patience: asyncio.Task[None] | None = None  # with what it loads
        self._parting: asyncio.Task[None] | None = None  # with who hears nothing any more
        self._start, self._asked, self._nursery = start, asked, nursery
        self._waiting: deque[asyncio.Future[dict[str, str] | None]] = deque()
        self._answers: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Raises OSError when no process can be made, or nobody wants it any more."""
        if not await self._begin() and (self.leaves or not await self._begin()):
            raise OSError("the process that workers are forked from ends at once, or hangs; see its last words")
        if self.leaves:
            raise OSError("the old one ended; another that does less comes at once")

    async def _begin(self) -> bool:
        """Whether there is a process at the other end of the wire."""
        ours, theirs = socket.socketpair()
        self._reader, self._writer = await asyncio.open_connection(sock=ours, limit=control.LONGEST)
        try:
            page = shared_memory()
            start = msgspec.structs.replace(self._start, control=theirs.fileno(), page=page)
            try:
                self.page = Page(page)
                child = await self._nursery.born(start)
            finally:
                theirs.close()
                os.close(page)
            if child is None and (said := await within(BIRTH, self._reader.readline())):
                child = Forked(control.read(said, control.Born).pid)
        except ValueError:  # it died while it said so, or says what cannot be read
            self._writer.close()
            return False
        except BaseException:
            self._writer.close()
            raise
        if child is None:
            self._writer.close()
            return False
        self.process = child
        self._hearing = asyncio.create_task(self._hear())
        self._ending = asyncio.create_task(self._end())
        watching = watchdog.watch(self.process, self.page, self._start.limits.answer_time)
        self._watching = asyncio.create_task(watching)
        self.gone = False
        return True

    def twin(self, follows: str) -> "Worker":
        """Another for the same place, where this one `died` or is `replaced`."""
        return Worker(self.listening, msgspec.structs.replace(self._start, follows=follows), self._asked, self._nursery)

    async def tell(self, order: control.Serve) -> dict[str, str] | None:
        """Send, and wait until it is done: endpoint -> why not. None when the worker dies meanwhile. Nobody waits for
        one that is stuck: its loop may go on answering, but what it loads can be called off by nobody.
        """
        done = self.say(order)
        while not done.done() and not self.stuck:
            await asyncio.wait((done,), timeout=_LOOK)
        self.late = order.question and not done.done()
        if done.done():
            return done.result()
        done.add_done_callback(self._tried_late if order.question else self._did_late)
        why = late(self.stuck, self._start.load_time)
        return {name: why for name, routing in order.traffic.items() if self.stuck in control.releases((routing,))}

    def _did_late(self, done: "asyncio.Future[dict[str, str] | None]") -> None:
        self.lacks = {*self.lacks, *(done.result() or ())}

    def _tried_late(self, _: "asyncio.Future[dict[str, str] | None]") -> None:
        """Perhaps it does what was refused meanwhile, until it has gone back."""
        self.behind = bool(self._waiting)

    async def open(self) -> None:
        """Have it listen; returns when it does, or is gone."""
        self.opened = True
        self.served = await self.say(control.Open()) is not None
        if self.served:
            asyncio.get_running_loop().call_later(_EARLY, self.begun.clear)

    @property
    def answers(self) -> bool:
        """Whether callers may meet it."""
        return self.opened and self.hears

    @property
    def hears(self) -> bool:
        """Whether there is anybody to tell anything."""
        return not self._hearing.done()

    def send(self, news: control.News) -> None:
        """It need not be done before anything else is told."""
        if self.hears:
            self._writer.write(control.line(news))

    def halt(self, news: control.Halt) -> None:
        """At once. Who hears nothing would answer on: it is ended."""
        self.send(news)
        if not self.hears and not self.leaves:
            self.kill()

    def kill(self) -> None:
        """At once; it may have ended already."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    def say(self, order: control.Serve | control.Open) -> asyncio.Future[dict[str, str] | None]:
        """What fails of it, when it is done; None when the worker ends before."""
        done: asyncio.Future[dict[str, str] | None] = asyncio.get_running_loop().create_future()
        if self.hears:
            self._waiting.append(done)
            self._writer.write(control.line(order))
        else:
            done.set_result(None)
        return done

    async def _hear(self) -> None:
        """What the worker says, until it is gone. It does what it is told in order."""
        try:
            while (said := await self._reader.readline()).endswith(b"\n"):  # a torn one is the last
                message = control.read(
                    said, control.Done | control.Ask | control.Loading | control.Leaving | control.Born
                )
                if isinstance(message, control.Loading):
                    self._loads(message)
                elif isinstance(message, control.Done):
                    self._settle(message.why())
                elif isinstance(message, control.Leaving):
                    self.goes = True
                elif isinstance(message, control.Ask):
                    task = asyncio.create_task(self._answer(message))
                    self._answers.add(task)
                    task.add_done_callback(self._answers.discard)
        except ConnectionError:
            pass
        except (ValueError, IndexError) as error:  # of what it was not told nothing can be done
            log.error("a worker says what cannot be read: %s; another takes its place", error)  # noqa: TRY400
            self.kill()
        finally:
            self._be_patient()
            while self._waiting:
                self._settle(None)
        if not self.gone:
            self._parting = asyncio.create_task(self._part())

    async def _part(self) -> None:
        """End it when it does not end by itself, since it can be told nothing any more. A thread may keep it alive, or
        code has closed its end of the wire.
        """
        with contextlib.suppress(TimeoutError):
            await within(_LOOK, self.process.wait())
            return
        self.goes = True
        try:
            await within(self._start.longest_stop, self.process.wait())
        except TimeoutError:
            log.error("a worker hears nothing any more and does not end: it is ended")  # noqa: TRY400
            self.kill()

    def _loads(self, message: control.Loading) -> None:
        self.loading = message.release
        self._be_patient()
        if message.release and self.served:
            self.begun.clear()
        elif message.release:
            self.begun.append((message.endpoint, message.release))
        if message.release:
            self._patience = asyncio.create_task(self._lose_patience())

    def _be_patient(self) -> None:
        self.stuck = ""
        if self._patience:
            self._patience.cancel()

    async def _lose_patience(self) -> None:
        await lived(self._start.load_time)
        self.stuck = self.loading

    def _settle(self, failed: dict[str, str] | None) -> None:
        done = self._waiting.popleft()
        self.behind = self.behind and bool(self._waiting)
        if not done.done():
            done.set_result(failed)

    async def _answer(self, ask: control.Ask) -> None:
        why_not = await self._asked(ask)
        self._writer.write(control.line(control.Answer(ask.number, why_not)))

    def lost_its_keeper(self) -> bool:
        """Whether it lives on alone, for good: there may be no other keeper for a process of many threads."""
        if not self.lonely and self._keeper_ended():
            self.lonely = True
            log.warning("the keeper of a worker ended; others take their places")
        return self.lonely

    def _keeper_ended(self) -> bool:
        if self.process.returncode is not None or not forks():
            return False
        try:
            ended = os.waitid(os.P_PGID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        if ended is None or ended.si_pid == self.process.pid:
            return False
        os.waitpid(ended.si_pid, 0)
        return True

    async def ended(self) -> int:
        """How, when what it said last is heard."""
        return await asyncio.shield(self._ending)

    async def _end(self) -> int:
        """Something that it forked may hold its end of the wire: nobody waits for that."""
        code = await self.process.wait()
        await asyncio.wait((self._hearing,), timeout=_LAST_WORDS)
        self._hearing.cancel()
        return code

    async def stop(self, sign: signal.Signals = signal.SIGTERM) -> bool:
        """Ask it to end, and after the time for draining end it; at once, when it never answered anybody. Whether it
        died of something else.
        """
        self.leaves = True
        if self.gone:
            return False
        process, killed = self.process, not self.opened
        if killed:
            sign = signal.SIGKILL
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(sign)
            process.send_signal(signal.SIGCONT)  # who was halted can end now
        try:
            await within(self._start.longest_stop, process.wait())
        except TimeoutError:
            killed = True
            self.kill()
        return await process.wait() != 0 and not killed

    def forget(self) -> None:
        """Let go of what was shared with a worker that ended."""
        if self.gone:
            return
        self.gone = True
        for task in (self._watching, self._patience, self._parting):
            if task:
                task.cancel()
        self._writer.close()
        self.page.map.close()
        self._reaping = asyncio.create_task(self._reap())

    async def _reap(self) -> None:
        """Its keeper ends in a moment, in the same process group, and is our child. One that was halted goes on: it
        has all that the worker had, the port too.
        """
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-self.process.pid, os.WNOHANG) == (0, 0):  # noqa: ASYNC222 - does not wait
                os.killpg(self.process.pid, signal.SIGCONT)
                await asyncio.sleep(0.2)
