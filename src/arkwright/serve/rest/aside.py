"""Requests that take long to read: aside, a few at a time, while the loop goes on answering.

Compressed bodies are inflated and large ones decoded on threads. What is read so has a place until it is answered, and
all together have room for so many bytes: what comes on top waits a little, or is told to come again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from arkwright.serve.wire.messages import Problem, come_again

LARGE = 2**18  # bytes of JSON, which take about a millisecond
THREADS = 2
MOST = 64  # that wait
log = logging.getLogger("arkwright.serve")
T = TypeVar("T")


class Place:
    """What one request holds of the room."""

    def __init__(self, aside: "Aside", size: int) -> None:
        self._aside, self.size = aside, size

    def shrink(self, size: int) -> None:
        """It is no larger than that."""
        if size < self.size:
            self._aside.give(self.size - size)
            self.size = size


class Aside:
    """Room for `room` bytes, for which a request waits at most `longest` seconds."""

    def __init__(self, room: int, longest: float) -> None:
        self._room = self._free = room
        self._longest = longest
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="arkwright-read")
        self._tasks: set[asyncio.Task[None]] = set()
        self.given: Callable[[], None] | None = None  # who is told that something large has ended

    def start(self, doing: Coroutine[Any, Any, None]) -> None:
        """Do it from now on; it tells by itself what goes wrong."""
        task = asyncio.get_running_loop().create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` gives, on one of the threads. Raises what it raises; Problem (503) where none can be started."""
        return await self._given(work)

    def _given(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        some = [work]
        try:
            return asyncio.get_running_loop().run_in_executor(self._threads, _do, some)
        except RuntimeError:
            some.clear()  # the threads that come later find it, and nothing to do
            raise Problem(503, "no thread is left to read this; try again", b"Retry-After: 1\r\n") from None

    @asynccontextmanager
    async def place(self, size: int) -> AsyncIterator[Place]:
        """Hold so many bytes of the room. Raises Problem (503) when others hold it for too long, or too many wait."""
        size = min(size, self._room)
        if self._waiting or size > self._free:
            await self._wait(size)
        else:
            self._free -= size
        place = Place(self, size)
        try:
            yield place
        finally:
            self.give(place.size)

    def give(self, size: int) -> None:
        """So much is free again: whoever waits first has it, when it is enough."""
        self._free += size
        if self.given:
            self.given()
        while self._waiting and self._waiting[0][0] <= self._free:
            wanted, future = self._waiting.popleft()
            if not future.done():
                self._free -= wanted
                future.set_result(None)

    async def _wait(self, size: int) -> None:
        busy = Problem(503, "too many large requests are read at once; try again", come_again())
        if len(self._waiting) >= MOST:
            raise busy
        entry = size, asyncio.get_running_loop().create_future()
        self._waiting.append(entry)
        try:
            done, _ = await asyncio.wait((entry[1],), timeout=self._longest)
        except asyncio.CancelledError:  # nobody waits for it any more: what it was given by now is given back
            if entry[1].done():
                self.give(size)
            else:
                self._waiting.remove(entry)
            raise
        if not done:
            self._waiting.remove(entry)
            raise busy


def _do(some: list[Callable[[], T]]) -> T:
    return some.pop()()
