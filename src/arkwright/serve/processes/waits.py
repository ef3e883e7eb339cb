"""Waiting that something else may end."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def first_of(*events: asyncio.Event) -> None:
    """Until one of them is set."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def unless(stopped: asyncio.Event, doing: Coroutine[Any, Any, None]) -> None:
    """Do it; called off when `stopped` is set. Raises what it raises."""
    task, stopping = asyncio.create_task(doing), asyncio.create_task(stopped.wait())
    await asyncio.wait((task, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if task.done():
        task.result()
    task.cancel()
