"""Workers that load for too long, or say what cannot be read: nobody waits for them, and who can do the work does it.

The crew is the real one; a worker is a coroutine at the other end of the wire, which loads until `open` is set.
"""

import asyncio
import os
import signal
import socket
from dataclasses import dataclass, field

import pytest

from arkwright.core.ports import Routing, Served, Serving, Share
from arkwright.serve.processes import control, process
from arkwright.serve.processes.crew import Crew
from arkwright.serve.processes.files import Room


@dataclass
class Born:
    """A process that is none."""

    pid: int
    open: asyncio.Event
    torn: bool = False
    told: list = field(default_factory=list)
    signals: list = field(default_factory=list)
    returncode: int | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self):
        await self.over.wait()
        return self.returncode

    def send_signal(self, sign):
        self.signals.append(sign)
        if self.returncode is None and sign != signal.SIGCONT:
            self.end(-sign)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def end(self, code):
        self.returncode = code
        self.over.set()
        self.writer.close()

    async def live(self, sock):
        reader, self.writer = await asyncio.open_connection(sock=sock, limit=control.LONGEST)
        while said := await reader.readline():
            message = control.read(said, control.Serve | control.News)
            if isinstance(message, control.Serve):
                self.told.append(next(iter(control.releases(message.traffic.values()))))
                if self.torn:
                    self.writer.write(control.line(control.Done({}))[:9])
                    await self.writer.drain()
                    self.end(-9)
                    return
                self.writer.write(control.line(control.Loading(self.told[-1])))
                await self.open.wait()
                self.writer.write(control.line(control.Loading("")) + control.line(control.Done({})))


class Nursery:
    """`open`: whether those who are born from now on load at once."""

    def __init__(self):
        self.born_ones, self.open, self.tasks = [], True, []

    async def born(self, start):
        one = Born(4_000_000 + len(self.born_ones), asyncio.Event())
        if self.open:
            one.open.set()
        self.born_ones.append(one)
        self.tasks.append(asyncio.create_task(one.live(socket.socket(fileno=os.dup(start.control)))))
        return one

    async def close(self):
        pass


class Around:
    """A crew of one."""

    def __init__(self, folder):
        self.release, self.nursery, self.failures = "release:a@1", Nursery(), []
        self.sockets = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX)
        self.sockets[1].bind(str(folder / "s"))
        self.folder = folder

    def order(self):
        served = Served(self.folder, self.release, "d")
        return control.Serve({"a": Routing((Share(served),), 1)}, [])

    async def __aenter__(self):
        self.crew = Crew(
            Serving(load_time=0.1), Room(10, 10, 10), self.sockets[:1], self.sockets[1], self.folder,
            order=self.order, asked=None, failed=self.failures.append, stopped=asyncio.Event(),
        )  # fmt: skip
        self.crew._nursery = self.nursery
        for worker in self.crew._workers:
            worker._nursery = self.nursery
        await self.crew.start()
        assert await self.crew.tell() == {}
        return self

    async def __aexit__(self, *_):
        await self.crew.leave_be()
        await self.crew.close(signal.SIGTERM)
        for task in self.nursery.tasks:
            task.cancel()
        self.sockets[1].close()
        assert not self.failures


async def until(true):
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0)


@pytest.fixture
def at(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "_LOOK", 0.02)
    return Around(tmp_path)


@pytest.mark.parametrize("late", [False, True], ids=["never", "just then"])
def test_who_is_to_take_over_and_is_stuck_leaves_no_place_empty(at, late):
    """It is never done, or just when it is given up."""

    async def main():
        async with at:
            (old,) = at.nursery.born_ones
            at.nursery.open = False
            replaced = asyncio.create_task(at.crew._replace(0))
            await until(lambda: len(at.nursery.born_ones) == 2 and at.nursery.born_ones[1].told)
            worker = next(iter(at.crew._coming))
            await until(lambda: worker.stuck)
            if late:
                at.nursery.born_ones[1].open.set()
            assert await replaced == late
            assert at.crew._workers[0].process is at.nursery.born_ones[late]
            assert at.nursery.born_ones[late].signals == []
            assert old.signals == ([signal.SIGHUP, signal.SIGCONT] if late else [])

    asyncio.run(main())


def test_who_is_stuck_is_told_what_comes_behind_and_does_it(at):
    async def main():
        async with at:
            (one,) = at.nursery.born_ones
            one.open.clear()
            at.release = "release:a@2"
            assert "did not load within 0.1 s" in (await at.crew.tell())["a"]
            at.release = "release:a@1"
            assert await at.crew.tell() == {}  # nobody waits for it
            one.open.set()
            await until(lambda: len(one.told) == 3)
            assert one.told == ["release:a@1", "release:a@2", "release:a@1"]
            assert await at.crew.tell() == {}
            assert at.crew._workers[0].stuck == ""

    asyncio.run(main())


def test_a_line_that_is_torn_keeps_nobody_waiting(at):
    async def main():
        async with at:
            (one,) = at.nursery.born_ones
            one.torn = True
            assert await asyncio.wait_for(at.crew.tell(), 30) == {}
            await until(lambda: len(at.nursery.born_ones) == 2 and at.nursery.born_ones[1].told)
            assert await asyncio.wait_for(at.crew.tell(), 30) == {}

    asyncio.run(main())
