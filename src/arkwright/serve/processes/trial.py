"""A release is loaded in a process of its own before any worker loads it: code that hangs, ends its process or takes
all memory does it there, beside the server. A thread would not do: code that holds the interpreter's lock, such as a
regular expression without end, halts the whole worker with it.
"""

import asyncio
import contextlib
import logging
import socket
import subprocess

from arkwright.core.ports import Served
from arkwright.serve.processes import control
from arkwright.serve.processes.birth import BIRTH, begin, how
from arkwright.serve.processes.waits import within

log = logging.getLogger("arkwright.serve")
LONGEST = 2**16  # bytes of an answer: what the wire takes without a reader


async def attempt(endpoint: str, served: Served, seconds: float) -> str | None:
    """Load a release aside, in at most so many seconds; why it cannot be loaded, or None. Raises OSError for what says
    nothing of the release: there is no process, thread or file for it, or that process ends before it loads anything.
    """
    asked = control.Try(endpoint, served, seconds)
    try:
        said, code = await _load(asked)
        if not said and code < 0:  # as workers do, which load it if the next one lives
            log.warning("the process that tries %s ended (%s): another one does", served.release, how(code))
            said, code = await _load(asked)
    except TimeoutError:
        return late(served.release, seconds)
    if not said:
        return f"{served.release}: the process that loads it ends ({how(code)})"
    tried = control.read(said, control.Tried)
    if tried.again:
        raise OSError(f"{served.release}: {tried.why}")
    return f"{served.release}: {tried.why}" if tried.why else None


def late(release: str, seconds: float) -> str:
    """What is said of a release that takes too long."""
    return f"{release} did not load within {seconds:g} s: its code waits, goes on without end, or needs more time"


def deadly(release: str, ended: str, *, listens: bool = False) -> str:
    """What is said of one that ends workers. `listens`: they had loaded it."""
    return f"{release}: workers end while they {'begin to listen with it' if listens else 'load it'} ({ended})"


async def _load(asked: control.Try) -> tuple[bytes, int]:
    """What the process says of it, and how it ends. Raises TimeoutError where loading takes too long; OSError where
    there is none, or it does not even begin.
    """
    ours, theirs = socket.socketpair()
    with ours:
        ours.setblocking(False)  # noqa: FBT003
        with theirs:
            process = begin(
                # the folder is for whoever looks at the processes; what the code prints is printed by the workers
                ["arkwright.serve.processes.tried", str(theirs.fileno()), str(asked.served.folder)],
                [theirs.fileno()],
                stdout=subprocess.DEVNULL,
                leads=True,
            )
        try:
            if not await _begins(ours, asked):
                process.kill()
                ended = how(await process.wait())
                raise OSError(f"{asked.served.release}: the process that tries it does not come to load it ({ended})")
            code = await within(asked.seconds, process.wait())
            return _heard(ours), code
        finally:
            process.kill()
            await process.wait()


async def _begins(ours: socket.socket, asked: control.Try) -> bool:
    """Whether it has all that it needs, and begins to load."""
    try:
        return bool(await within(BIRTH, _told(ours, asked)))
    except (ConnectionError, TimeoutError):
        return False


async def _told(ours: socket.socket, asked: control.Try) -> bytes:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(ours, control.line(asked))
    return await loop.sock_recv(ours, 1)


def _heard(ours: socket.socket) -> bytes:
    with contextlib.suppress(BlockingIOError, ConnectionError):
        return ours.recv(LONGEST)
    return b""
