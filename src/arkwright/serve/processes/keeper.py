"""Who stays with the clients of a worker that dies: a small process that shares the worker's descriptors.

It shares the table itself (CLONE_FILES, Linux), so it has every connection that the worker has, at no cost for each
of them, and what the worker closes is closed. When the worker is gone, however it went, it tells whoever is owed an
answer that there will be none (503, come again), gives the quiet connections to the next worker at this place, and
ends. It is made before anything large is imported, does nothing until then, and where it cannot be made a worker's
death is seen by its clients as the end of their connections.
"""

import contextlib
import ctypes
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from arkwright.serve.wire.standing import ANSWERED, MOST, Kernel, noting, owed, quiet

LINGER = 2.0  # seconds in which a sender may finish, so that it can read why
TOGETHER = 250  # descriptors in one message; the kernel takes 253
_CLONE_FILES, _CLONE_PARENT = 0x400, 0x8000
_CLONE = {"x86_64": 56, "aarch64": 220}.get(os.uname().machine) if sys.platform == "linux" else None  # its number
_BODY = b'{"error":"the server ended while this was in flight; try again"}'
_GONE = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: %d\r\nDate: %b\r\n"
    b"Retry-After: 1\r\nConnection: close\r\n\r\n%b"
)


def keep(listening: int, passing: int) -> memoryview | None:
    """Make a keeper for this process, which must have one thread: where to note how each connection stands.

    `listening`: the descriptor whose connections it has. `passing`: the one on which they go to the next worker, -1 for
    no keeper. None where none can be made.
    The keeper is a child of this process' parent, and in its process group.
    """
    if _CLONE is None or passing < 0:
        return None
    standing, worker = noting(), os.pidfd_open(os.getpid())
    with socket.socket(fileno=os.dup(listening)) as sock:
        port = _port(sock)
    call = ctypes.PyDLL(None).syscall  # which holds on to the interpreter's lock: the copy goes on with it
    call.argtypes, call.restype = [ctypes.c_long] * 6, ctypes.c_long
    made = call(_CLONE, _CLONE_FILES | _CLONE_PARENT, 0, 0, 0, 0)
    if made:
        return standing if made > 0 else None
    try:
        _wait(worker, standing, port, passing)
    finally:
        os._exit(0)


def called(name: str) -> None:
    """What this process is called in lists of processes: they all began as one program."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(f"ark-{name}")


def _wait(worker: int, standing: memoryview, port: int, passing: int) -> None:
    called("keeper")
    for sign in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(sign, signal.SIG_IGN)  # it ends with the worker
    wait = select.poll()
    wait.register(worker, select.POLLIN)
    wait.poll()
    told, idle = [], []
    for sock, number, read in list(_connections(standing, port, passing)):
        with contextlib.suppress(OSError):
            kernel = Kernel.of(sock)
            if owed(number, read, kernel):
                _tell(sock)
                told.append(sock)
            elif quiet(number, read, kernel):
                idle.append(sock)
    _pass(idle, passing)
    _linger(told)


def _connections(standing: memoryview, port: int, passing: int) -> Iterator[tuple[socket.socket, int, int]]:
    """All of the worker's, each with its numbers. What else it had is closed: nobody shall wait for it."""
    for fd in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        try:
            sock = socket.socket(fileno=fd)
        except OSError:  # it is none, or the folder itself, closed by now
            with contextlib.suppress(OSError):
                os.close(fd)
            continue
        if fd == passing:
            sock.detach()
        elif fd < MOST and standing[fd]:
            yield sock, standing[fd], standing[MOST + fd]
        elif _port(sock) == port:  # accepted just now, or listening
            yield sock, ANSWERED, 0
        else:
            sock.close()


def _port(sock: socket.socket) -> int:
    name = sock.getsockname() if sock.family in (socket.AF_INET, socket.AF_INET6) else ()
    return name[1] if name else -1


def _tell(sock: socket.socket) -> None:
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()).encode()
    sock.send(_GONE % (len(_BODY), date, _BODY), socket.MSG_DONTWAIT)
    sock.shutdown(socket.SHUT_WR)


def _pass(idle: list[socket.socket], passing: int) -> None:
    """What does not fit is closed."""
    with contextlib.suppress(OSError), socket.socket(fileno=passing) as way:
        way.setblocking(False)  # noqa: FBT003
        for at in range(0, len(idle), TOGETHER):
            socket.send_fds(way, [b"-"], [sock.fileno() for sock in idle[at : at + TOGETHER]])
    for sock in idle:
        sock.close()


def _linger(told: list[socket.socket]) -> None:
    """Read what still comes: to close at once would reset it, and the answer with it."""
    wait, open_ = select.poll(), {sock.fileno(): sock for sock in told}
    for fd in open_:
        wait.register(fd, select.POLLIN)
    end = time.monotonic() + LINGER
    while open_ and (left := end - time.monotonic()) > 0:
        for fd, _ in wait.poll(left * 1000):
            try:
                more = open_[fd].recv(2**16, socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except OSError:
                more = b""
            if not more:
                wait.unregister(fd)
                open_.pop(fd).close()
