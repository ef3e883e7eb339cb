"""How a supervisor gets new processes for its workers: from the zygote, or each from nothing where that cannot be."""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

from arkwright.serve.processes import control
from arkwright.serve.processes.starved import starved
from arkwright.serve.processes.waits import within

log = logging.getLogger("arkwright.serve")
BIRTH = 120.0  # seconds in which the zygote imports, and forks; and in which a worker begins
FORK = 10.0  # seconds in which a zygote forks that has imported
_LOOK = 0.05  # seconds between two looks at a process that has no handle
_PARENT_DEATH, _SUBREAPER = 1, 36  # PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER


@cache
def forks() -> bool:
    """Whether this system has what it takes: subreapers and handles of processes. Raises OSError when no file is left
    to find out.
    """
    try:
        os.close(os.pidfd_open(os.getpid()))
    except AttributeError:
        return False
    except OSError as error:
        if starved(error):
            raise
        return False
    return _adopt_orphans(yes=False)


def _adopt_orphans(*, yes: bool) -> bool:
    return _prctl(_SUBREAPER, int(yes))


def end_with_parent() -> bool:
    """Have the kernel end this process when its parent is gone; whether it can."""
    return _prctl(_PARENT_DEATH, signal.SIGKILL)


def _prctl(what: int, value: int) -> bool:
    return sys.platform == "linux" and bool(ctypes.CDLL(None).prctl(what, value, 0, 0, 0) == 0)


class Child(Protocol):
    """A process of ours."""

    pid: int

    @property
    def returncode(self) -> int | None: ...

    async def wait(self) -> int: ...

    def send_signal(self, sign: int, /) -> None: ...

    def kill(self) -> None: ...


@dataclass(eq=False)
class _Zygote:
    """`way`: on which it is asked. `answered`: it did, so it has imported."""

    process: Child
    way: socket.socket
    answered: bool = False

    async def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        self.way.close()  # not before: who sees it closed takes us for dead


class Nursery:
    """The zygote, seen from outside. Another takes its place when it ends or hangs; its children live on without it."""

    def __init__(self, folder: Path) -> None:
        """`folder`: what the zygote removes when it outlives the supervisor."""
        self._folder = folder
        self._turn = asyncio.Lock()
        self._zygote: _Zygote | None = None
        self._before: _Zygote | None = None  # as long as nobody knows whether the next one is any good

    async def born(self, start: control.Start) -> Child | None:
        """A new worker; None when the zygote has gone: if it forked before, the worker says on its wire who it is.
        Raises OSError when no process can be made.
        """
        if not forks():
            return _exec(["-", control.line(start).decode()], control.inherited(start).values())
        async with self._turn:
            return Forked(pid) if (pid := await self._ask(start)) else None

    async def _ask(self, start: control.Start) -> int:
        """The number of a new process; 0 when the zygote is gone. Raises OSError when it can make none."""
        zygote = self._zygote = self._zygote or self._begin()
        fds = list(control.inherited(start).values())
        _adopt_orphans(yes=True)  # its parent ends at once: then it is ours, and nobody else who loses a parent
        try:
            socket.send_fds(zygote.way, [control.line(start)], fds)
            telling = asyncio.get_running_loop().sock_recv(zygote.way, control.PID.size)
            told = await within(FORK if zygote.answered else BIRTH, telling)
        except TimeoutError:
            log.error("the process that workers are forked from hangs: it is ended, and another begins")  # noqa: TRY400
            told = b""
        except ConnectionError:
            told = b""
        except BaseException:
            await self._close()  # what it says next would be taken for the answer to something else
            raise
        if not told:
            await self._close()
            return 0
        zygote.answered = True
        _adopt_orphans(yes=False)
        (pid,) = control.PID.unpack(told)
        if not pid:
            raise OSError("no process can be forked")
        return int(pid)

    def _begin(self) -> _Zygote:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)  # noqa: FBT003
        with contextlib.ExitStack() as failed:
            failed.enter_context(ours)
            with theirs:
                process = _exec([str(theirs.fileno()), str(self._folder)], [theirs.fileno()])
            failed.pop_all()
        return _Zygote(process, ours)

    async def renew(self) -> None:
        """Who is asked for next is born of another, which imports what is installed now."""
        async with self._turn:
            self._zygote, self._before = None, self._zygote

    async def decide(self, *, works: bool) -> None:
        """Whether that one is any good: the one before ends, or is asked again."""
        async with self._turn:
            if self._before and not works:
                self._zygote, self._before = self._before, self._zygote
            await self._end_before()

    async def close(self) -> None:
        """End it; who was born stays."""
        async with self._turn:
            await self._close()
            await self._end_before()

    async def _close(self) -> None:
        if self._zygote:
            await self._zygote.end()
            self._zygote = None

    async def _end_before(self) -> None:
        if self._before:
            await self._before.end()
            self._before = None


class Forked:
    """A child, whoever forked it. To see its end takes no thread, and a file only where there is one: who can be made
    can be kept.
    """

    def __init__(self, pid: int, *, leads: bool = False) -> None:
        """`leads`: a group of its own, which ends with it."""
        self.pid, self._leads = pid, leads
        self._code: int | None = None
        self._gone = asyncio.Event()
        if not self._is_told():
            self._looking = asyncio.create_task(self._look())

    def _is_told(self) -> bool:
        """Whether the loop says when it ends."""
        try:
            self._fd = os.pidfd_open(self.pid)
        except (AttributeError, OSError):  # another system, or no file is left
            return False
        try:
            asyncio.get_running_loop().add_reader(self._fd, self._end)
        except OSError:  # the kernel keeps no more of them
            os.close(self._fd)
            return False
        return True

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)
        self._end_group()  # first: once it is asked how it ended another group may get that number
        self._ended(os.waitpid(self.pid, 0)[1])

    async def _look(self) -> None:
        while (seen := os.waitpid(self.pid, os.WNOHANG)) == (0, 0):  # noqa: ASYNC110, ASYNC222 - does not wait
            await asyncio.sleep(_LOOK)
        self._end_group()  # at once, which is as early as it is known here
        self._ended(seen[1])

    def _end_group(self) -> None:
        if self._leads:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def _ended(self, status: int) -> None:
        self._code = os.waitstatus_to_exitcode(status)
        self._gone.set()

    @property
    def returncode(self) -> int | None:
        """As `wait` tells it; None while it lives."""
        return self._code

    async def wait(self) -> int:
        """Its exit code, or minus the signal that ended it."""
        await self._gone.wait()
        assert self._code is not None
        return self._code

    def send_signal(self, sign: int, /) -> None:
        if self._code is None:  # until we ask how it ended, nobody else gets its number
            os.kill(self.pid, sign)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _exec(words: list[str], fds: Collection[int]) -> Child:
    return begin(["arkwright.serve.processes", *words], fds)


def begin(words: list[str], fds: Collection[int], *, stdout: int | None = None, leads: bool = False) -> Child:
    """A module of ours and its words in a process of its own, which inherits `fds`. `leads`: what it starts ends with
    it. Raises OSError when there can be none. Not by asyncio, which starts a thread for each: where there is no other
    thread it would leave one unseen.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        pass_fds=fds,
        start_new_session=True,  # Ctrl-C reaches the supervisor, which decides
    )
    process.returncode = 0  # so that this object, which goes now, does not ask how it ended in our place
    return Forked(process.pid, leads=leads)


def how(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    return signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
