"""A release is loaded in a process of its own before any worker loads it: code that hangs, ends its process or takes
all memory does it there, beside the server. A thread would not do: code that holds the interpreter's lock, such as a
regular expression without end, halts the whole worker with it.
"""

import asyncio
import contextlib
import os
import signal
import sys

import msgspec

from arkwright.core.ports import Served
from arkwright.serve.processes import control
from arkwright.serve.processes.birth import how
from arkwright.serve.processes.waits import within

LONGEST = 2**16  # bytes of an answer: what a pipe takes without a reader


async def attempt(endpoint: str, served: Served, seconds: float) -> str | None:
    """Load a release aside, in at most so many seconds; why it cannot be loaded, or None. Raises OSError when there is
    no process for it.
    """
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    try:
        code = await _load(control.Try(endpoint, served, seconds, theirs), seconds)
        said = b""
        with contextlib.suppress(BlockingIOError):
            said = os.read(ours, LONGEST)
    except TimeoutError:
        return late(served.release, seconds)
    finally:
        os.close(ours)
        os.close(theirs)
    why = msgspec.json.decode(said, type=str) if said else f"the process that loads it ends ({how(code)})"
    return f"{served.release}: {why}" if why else None


def late(release: str, seconds: float) -> str:
    """What is said of a release that takes too long."""
    return f"{release} did not load within {seconds:g} s: its code waits, goes on without end, or needs more time"


def deadly(release: str, ended: str, *, listens: bool = False) -> str:
    """What is said of one that ends workers. `listens`: they had loaded it."""
    return f"{release}: workers end while they {'begin to listen with it' if listens else 'load it'} ({ended})"


async def _load(asked: control.Try, seconds: float) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "arkwright.serve.processes.tried",
        str(asked.served.folder),  # for whoever looks at the processes
        stdin=asyncio.subprocess.PIPE,  # what is said may be longer than a command can be
        stdout=asyncio.subprocess.DEVNULL,  # what the code prints is printed by the workers
        pass_fds=(asked.answer,),
        start_new_session=True,
    )
    try:
        await within(seconds, process.communicate(control.line(asked)))
        return await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with all that it started
            await process.wait()
