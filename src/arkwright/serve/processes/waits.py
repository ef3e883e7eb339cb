"""Waiting that something else may end, by a clock that stands still while this process does."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

LOOK = 0.25  # seconds: as so much a halt counts, however long it is
_SOON = 0.02  # seconds between two looks at what others do
T = TypeVar("T")


async def first_of(*events: asyncio.Event) -> None:
    """Until one of them is set."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def until(true: Callable[[], bool]) -> None:
    """Until it is so, by a look now and then."""
    while not true():  # noqa: ASYNC110 - what it looks at changes in many places
        await asyncio.sleep(_SOON)


async def unless(stopped: asyncio.Event, doing: Coroutine[Any, Any, None]) -> None:
    """Do it; called off when `stopped` is set. Raises what it raises."""
    task, stopping = asyncio.create_task(doing), asyncio.create_task(stopped.wait())
    await asyncio.wait((task, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if task.done():
        task.result()
    await called_off(task)


async def called_off(*tasks: "asyncio.Task[None]") -> None:
    """They have ended, each at the next point where it waits."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


async def lived(seconds: float) -> None:
    """Until this process has run for so long: while it is halted (Ctrl-Z, a paused container) nothing passes."""
    while seconds > 0:
        step = min(seconds, LOOK)
        await asyncio.sleep(step)
        seconds -= step


async def within(seconds: float, doing: Coroutine[Any, Any, T]) -> T:
    """What it gives. Raises what it raises; TimeoutError, and it is called off, when it has had `seconds` to live."""
    task, over = asyncio.create_task(doing), asyncio.create_task(lived(seconds))
    try:
        await asyncio.wait((task, over), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        task.cancel()
        over.cancel()
