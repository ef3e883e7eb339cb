"""Ends a worker that hangs, so that another takes its place: code that runs cannot be called off from outside.

Whoever was in flight is told so, and what was computed stands where the supervisor sees it, as when a worker dies by
itself: who hangs three of them is not computed again. Where each thread was is written to the log before. A process
that is frozen, which cannot end itself, is ended by the supervisor, who counts the same signs of life.
"""

import asyncio
import faulthandler
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

REACH = 5.0  # seconds between two signs of life, at most
_CODE = 70  # EX_SOFTWARE of sysexits.h


def give_up() -> None:
    """End this process now, and say where it hung."""
    faulthandler.dump_traceback(all_threads=True)
    os._exit(_CODE)


def frozen_after(seconds: float) -> float:
    """Seconds without a sign of life after which a process that should have ended by itself cannot."""
    return seconds + 2 * _reach(seconds)


@contextmanager
def watched(seconds: float, beat: Callable[[], None]) -> Iterator[None]:
    """As long as the block runs, the event loop gives signs of life, each with a `beat`; `seconds` after the last one
    the process ends.

    The clock runs on a thread that needs no interpreter: a call that never gives the interpreter back ends too.
    """
    living = asyncio.create_task(_live(seconds, beat))
    try:
        yield
    finally:
        living.cancel()
        faulthandler.cancel_dump_traceback_later()


async def _live(seconds: float, beat: Callable[[], None]) -> None:
    reach = _reach(seconds)
    while True:
        faulthandler.dump_traceback_later(seconds + reach, exit=True)
        beat()
        await asyncio.sleep(reach)


def _reach(seconds: float) -> float:
    return min(REACH, seconds)
