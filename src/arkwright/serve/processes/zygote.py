"""Where workers come from: a process that has imported everything they need, and forks.

A worker that has to start while the others are under load would otherwise import for as long as they leave it no
processor; like this it answers again after little more than loading its releases, and workers share the memory of what
was imported. It has no threads but those of numpy's linear algebra, which ends them before a fork, so the ONNX runtime
(it starts one) is imported by the workers.

`python -m arkwright.serve.processes WAY FOLDER`: on WAY, a socket that keeps messages apart, comes one JSON of
`control.Start` after the other with its descriptors, and the number of each new process goes back, 0 for none. A worker
becomes a child of the supervisor, a subreaper, for its parent ends at once. When the supervisor was killed it removes
FOLDER, which all of them share, and sees its own workers to their end. `- START` instead: be that worker.
"""

import contextlib
import gc
import os
import select
import shutil
import signal
import socket
import sys
import time

from msgspec.structs import replace

from arkwright.serve.processes import control, worker
from arkwright.serve.processes.keeper import called, keep

LONGEST = 2**16  # bytes of a message


def main() -> None:
    if sys.argv[1] == "-":
        worker.main(control.read(sys.argv[2].encode(), control.Start), None)
        return
    way = socket.socket(fileno=int(sys.argv[1]))
    called("zygote")
    gc.freeze()  # no collection writes to what is shared
    workers = Workers()
    if asked := _born(way, workers):
        said, fds = asked
        way.close()
        workers.close()
        called("worker")
        start = control.read(said, control.Start)
        inherited = zip(control.inherited(start), fds, strict=True)
        start = replace(start, **dict(inherited))
        worker.main(start, keep(start.listening, start.passing))
    else:
        shutil.rmtree(sys.argv[2], ignore_errors=True)  # those that still answer have mapped what they need
        workers.outlive()


class Workers:
    """Those that were born here."""

    def __init__(self) -> None:
        self._handles: dict[int, int] = {}  # by their numbers
        self._longest_stop = 0.0

    def add(self, born: int, start: control.Start) -> None:
        """And forget those that have ended."""
        self._longest_stop = start.longest_stop
        for pid in [pid for pid, handle in self._handles.items() if _ended(handle)]:
            os.close(self._handles.pop(pid))
        with contextlib.suppress(OSError):  # no file is left, or it has ended
            self._handles[born] = os.pidfd_open(born)

    def close(self) -> None:
        for handle in self._handles.values():
            os.close(handle)

    def outlive(self) -> None:
        """Until all have ended, which they do by themselves when the supervisor is gone, if they can: who was halted
        goes on, with its keeper, and who hangs is ended.
        """
        over = time.monotonic() + self._longest_stop
        for pid, handle in self._handles.items():
            with contextlib.suppress(ProcessLookupError):  # it ends just now
                if not _ended(handle):
                    os.killpg(pid, signal.SIGCONT)
        for handle in self._handles.values():
            with contextlib.suppress(ProcessLookupError):
                if not _ended(handle, max(0.0, over - time.monotonic())):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)


def _ended(handle: int, seconds: float = 0.0) -> bool:
    """Whether a process does within that time."""
    return bool(select.select([handle], [], [], seconds)[0])


def _born(way: socket.socket, workers: Workers) -> tuple[bytes, list[int]] | None:
    """Fork whenever one is asked for: what was asked, in a new process; None when the supervisor is gone."""
    with contextlib.suppress(ConnectionError):
        while True:
            said, fds, _, _ = socket.recv_fds(way, LONGEST, len(control.INHERITED))
            if not said:
                break
            born = _fork()
            if born is None:
                return said, fds
            for fd in fds:
                os.close(fd)
            if born:
                workers.add(born, control.read(said, control.Start))
            way.send(control.PID.pack(born))
    return None


def _fork() -> int | None:
    """The number of a new process whose parent is gone, 0 when there can be none; None in that process."""
    try:
        reading, writing = os.pipe()
    except OSError:
        return 0
    try:
        between = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        return 0
    if between:
        os.close(writing)
        os.waitpid(between, 0)
        told = os.read(reading, control.PID.size)
        os.close(reading)
        return int(control.PID.unpack(told)[0]) if told else 0
    try:
        born = os.fork()
    except OSError:
        os._exit(1)
    if born:
        os.write(writing, control.PID.pack(born))
        os._exit(0)
    os.close(reading)
    os.close(writing)
    os.setsid()  # Ctrl-C reaches the supervisor, which decides
    return None
