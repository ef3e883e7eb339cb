"""A worker's signs of life, and its last words: where it hung.

A worker that hangs cannot be relied on to notice, so the supervisor does (`watchdog`). When it asks, the handler of a
signal tells where each thread is, and ends the process behind it. That handler needs no interpreter: a call that never
gives the interpreter back is told too.
"""

import asyncio
import faulthandler
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

REACH = 5.0  # seconds between two signs of life, at most
LAST_WORDS = signal.SIGUSR1  # asks for them, and ends whoever has said them
_CODE = 70  # EX_SOFTWARE of sysexits.h


def give_up() -> None:
    """End this process now, and say where it hung."""
    faulthandler.dump_traceback(all_threads=True)
    os._exit(_CODE)


def reach(seconds: float) -> float:
    """Seconds between two signs of life of a process that hangs when it gives none for `seconds`."""
    return min(REACH, seconds)


@contextmanager
def beating(seconds: float, beat: Callable[[], None]) -> Iterator[None]:
    """As long as the block runs, the event loop gives signs of life, each with a `beat`."""
    faulthandler.register(LAST_WORDS, all_threads=True, chain=True)
    living = asyncio.create_task(_live(reach(seconds), beat))
    try:
        yield
    finally:
        living.cancel()


async def _live(pause: float, beat: Callable[[], None]) -> None:
    while True:
        beat()
        await asyncio.sleep(pause)
