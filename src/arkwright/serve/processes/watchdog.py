"""Ends a worker that hangs, so that another takes its place: code that runs cannot be called off from outside.

Whoever was in flight is told so, and what was computed stands where the supervisor sees it, as when a worker dies by
itself: who hangs three of them is not computed again. Before it ends a worker says in the log where it hung; one that
is frozen cannot, and is ended without.
"""

import asyncio
import contextlib
import logging

from arkwright.serve.processes.birth import BIRTH, Child
from arkwright.serve.processes.heartbeat import LAST_WORDS, reach
from arkwright.serve.traffic.poison import Page

log = logging.getLogger("arkwright.serve")
LOOK = 0.25  # seconds between two looks
GRACE = 2.0  # seconds for last words


async def watch(worker: Child, page: Page, seconds: float) -> None:
    """End the worker when the page shows no sign of life for so many seconds, or no first one for BIRTH.

    Time counts by looks: while this process is halted (Ctrl-Z, a container that is paused) it makes none, and who
    halted it may have halted the worker with it.
    """
    silent, beats = 0.0, 0
    while silent <= (seconds + reach(seconds) if beats else BIRTH):
        await asyncio.sleep(LOOK)
        before, beats = beats, page.beats
        silent = silent + LOOK if beats == before and not page.rests else 0.0
    log.error("a worker gives no sign of life for %.0f s: it is ended", silent)
    with contextlib.suppress(ProcessLookupError):
        worker.send_signal(LAST_WORDS)
        await asyncio.sleep(GRACE)
        worker.kill()
