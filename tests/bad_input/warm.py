"""Workers forked from a process that has imported everything already: the same tasks, most of a second earlier.

Takes the place of `subprocess` in the process runner where a test runs the line dozens of times in its own process.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

SERVER = "from tests.bad_input.warm import serve; import sys; serve(int(sys.argv[1]))"
EXPENSIVE = ("polars", "sklearn.linear_model", "skops.io", "skl2onnx")


class Warm:
    """A stand-in for the module `subprocess`, as far as the process runner uses it."""

    PIPE, TimeoutExpired = subprocess.PIPE, subprocess.TimeoutExpired

    def __init__(self) -> None:
        own, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        settings = {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}
        paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        self.server = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            env=os.environ | settings | {"PYTHONPATH": paths},
        )
        theirs.close()
        self.socket = own

    def Popen(self, args: list[str], *, stdout: Any, pass_fds: tuple[int], env: dict[str, str], **_: Any) -> "Process":
        read, write = os.pipe()
        said, say = os.pipe()
        message = json.dumps({"folder": args[3], "entry": args[2], "env": dict(env)}).encode()
        socket.send_fds(self.socket, [message], [read, stdout.fileno(), pass_fds[0], say])
        os.close(read)
        os.close(say)
        return Process(os.fdopen(write, "wb"), os.fdopen(said))

    def close(self) -> None:
        self.socket.close()
        self.server.wait(10)


class Process:
    """What the runner needs to know of its worker."""

    def __init__(self, stdin: Any, said: Any) -> None:
        self.stdin, self._said = stdin, said
        self.pid = int(said.readline())
        self._code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        if self._code is None:
            if not select.select([self._said], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a worker", timeout or 0)
            self._code = int(self._said.readline())
            self._said.close()
        return self._code


def serve(handle: int) -> None:
    """Fork a worker for every message, until the socket closes."""
    import arkwright.work.__main__ as work

    for name in EXPENSIVE:
        __import__(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the nannies
    with socket.socket(fileno=handle) as asked:
        while True:
            message, fds, _, _ = socket.recv_fds(asked, 1 << 20, 4)
            if not message:
                return
            if os.fork() == 0:
                asked.close()
                _nanny(json.loads(message), fds, work.main)
            for fd in fds:
                os.close(fd)


def _nanny(asked: dict[str, Any], fds: list[int], work: Callable[[str, int], None]) -> None:
    """Start the worker, say its number and then how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    worker = os.fork()
    if worker == 0:
        os.close(fds[3])
        _worker(asked, fds, work)
    os.write(fds[3], f"{worker}\n".encode())
    for fd in fds[:3]:
        os.close(fd)
    _, status = os.waitpid(worker, 0)
    os.write(fds[3], f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _worker(asked: dict[str, Any], fds: list[int], work: Callable[[str, int], None]) -> None:
    os.setsid()
    os.environ.update(asked["env"])
    for fd, target in ((fds[0], 0), (fds[1], 1), (fds[1], 2)):
        os.dup2(fd, target)
    os.close(fds[0])
    os.close(fds[1])
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode, 1) for n, mode in ((0, "r"), (1, "w"), (2, "w")))
    code = 1
    try:
        work(asked["folder"], fds[2])
        code = 0
    except BaseException:  # noqa: BLE001 - as the interpreter would
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(code)
