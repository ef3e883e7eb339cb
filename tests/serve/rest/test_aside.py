"""The room for large requests: who leaves while they wait takes none of it along."""

import asyncio
import threading

import pytest

from arkwright.serve.rest.aside import Aside
from arkwright.serve.wire.messages import Problem


async def held(aside, size, until):
    async with aside.place(size):
        await until.wait()


async def several_steps():
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("moment", ["while it waits", "when it was given room just now"])
def test_who_is_cancelled_gives_the_room_back(moment):
    async def story():
        aside, first, never = Aside(100, longest=5), asyncio.Event(), asyncio.Event()
        holder = asyncio.create_task(held(aside, 100, first))
        await several_steps()
        leavers = [asyncio.create_task(held(aside, 60, never)) for _ in range(4)]
        await several_steps()
        if moment != "while it waits":
            first.set()
            await asyncio.sleep(0)  # the holder gives; who waits first has it, and did not go on yet
            await asyncio.sleep(0)
        for leaver in leavers:
            leaver.cancel()
        first.set()
        await asyncio.gather(holder, *leavers, return_exceptions=True)
        async with asyncio.timeout(5), aside.place(100):
            pass

    asyncio.run(story())


def test_who_finds_no_room_in_time_is_told_to_come_again():
    async def story():
        aside, first = Aside(100, longest=0.01), asyncio.Event()
        holder = asyncio.create_task(held(aside, 100, first))
        await several_steps()
        with pytest.raises(Problem, match="try again"):
            await held(aside, 1, first)
        first.set()
        await holder
        async with aside.place(100):
            pass

    asyncio.run(story())


def test_where_no_thread_is_left_who_comes_is_told_so_and_nothing_of_it_is_done_later(monkeypatch):
    done = []

    def starts(_):
        raise RuntimeError("can't start new thread")

    async def story():
        aside = Aside(100, longest=5)
        with monkeypatch.context() as lacking:
            lacking.setattr(threading.Thread, "start", starts)
            with pytest.raises(Problem, match="no thread is left") as refused:
                await aside.run(lambda: done.append("refused"))
        await aside.run(lambda: done.append("later"))
        aside._threads.shutdown()
        return refused.value.status

    assert (asyncio.run(story()), done) == (503, ["later"])
