"""Ends a worker that hangs, so that another takes its place: code that runs cannot be called off from outside.

Whoever was in flight is told so, and what was computed stands where the supervisor sees it, as when a worker dies by
itself: who hangs three of them is not computed again. Where each thread was is written to the log before.
"""

import asyncio
import faulthandler
import os
from collections.abc import Iterator
from contextlib import contextmanager

REACH = 5.0  # seconds between two signs of life
_CODE = 70  # EX_SOFTWARE of sysexits.h


def give_up() -> None:
    """End this process now, and say where it hung."""
    faulthandler.dump_traceback(all_threads=True)
    os._exit(_CODE)


@contextmanager
def watched(seconds: float) -> Iterator[None]:
    """As long as the block runs, the event loop gives signs of life; `seconds` after the last one the process ends.

    The clock runs on a thread that needs no interpreter: a call that never gives the interpreter back ends too.
    """
    living = asyncio.create_task(_live(seconds))
    try:
        yield
    finally:
        living.cancel()
        faulthandler.cancel_dump_traceback_later()


async def _live(seconds: float) -> None:
    while True:
        faulthandler.dump_traceback_later(seconds + REACH, exit=True)
        await asyncio.sleep(REACH)
