"""The sockets that a server listens on: one for each worker, all on the same port."""

import os
import socket
from pathlib import Path

from arkwright.core.errors import Invalid
from arkwright.core.ports import Serving
from arkwright.serve.wire.address import numeric, shown


def reserve(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A bound socket that does not listen: it keeps a port for servers that share it. Raises Invalid when taken.

    `shared`: the port is ours already, by another socket.
    """
    host = numeric(host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if not shared:
            _must_be_free(family, host, port)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, port))
    except (OSError, OverflowError) as error:
        sock.close()
        raise Invalid(f"cannot listen on {host}:{port}: {error}; choose another port, 0 for any") from None
    return sock


def listen(serving: Serving, waiting: int) -> list[socket.socket]:
    """A listening socket for each worker, all on one port, where so many may wait. Raises Invalid when it is taken."""
    if serving.gateway is not None:
        first = unix(Path(serving.gateway), waiting)
        return [first, *(first.dup() for _ in range(serving.workers - 1))]
    made: list[socket.socket] = []
    port = serving.port
    try:
        for _ in range(serving.workers):
            sock = reserve(serving.host, port, shared=bool(made))
            made.append(sock)
            sock.listen(waiting)
            sock.setblocking(False)  # noqa: FBT003
            port = sock.getsockname()[1]
    except BaseException:
        for sock in made:
            sock.close()
        raise
    return made


def unix(path: Path, waiting: int) -> socket.socket:
    """Listening in a folder that is ours alone. Raises Invalid where there can be no socket."""
    path.unlink(missing_ok=True)  # of whoever was killed there before
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
    except OSError as error:  # a path of over a hundred bytes, most likely
        sock.close()
        raise Invalid(f"no socket can be made in {path.parent}: {error}; set TMPDIR to another folder") from None
    sock.listen(waiting)
    sock.setblocking(False)  # noqa: FBT003
    return sock


def _must_be_free(family: int, host: str, port: int) -> None:
    """SO_REUSEPORT would let a second server of the same user share the port without a word."""
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))


def address(sock: socket.socket) -> str:
    """Like `http://127.0.0.1:8000`, or `unix:/run/…`."""
    if sock.family == socket.AF_UNIX:
        return f"unix:{sock.getsockname()}"
    host, port = sock.getsockname()[:2]
    return f"http://{shown(host, port)}"


def processors(workers: int, *, pin: bool) -> list[int | None]:
    """A processor of its own for each worker, when there are enough of them; for one alone only where `pin` asks so:
    several servers on a machine would all choose the same.
    """
    free = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return list(free[:workers]) if 1 - pin < workers <= len(free) else [None] * workers
