"""Workers forked from a process that has imported everything already: a line that starts from nothing spends half of
its time, three seconds of processor, on imports.

Takes the place of `subprocess` in the process runner of this process. A test that is about how the worker begins takes
the fixture `cold`; what a command line of its own runs begins from nothing too, unless it is begun by `arkwright` here.
"""

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

ENTRY = "arkwright.work"
HOUSE = Path(__file__).parents[1]
SERVER = "from tests.warm import serve; import sys; serve(int(sys.argv[1]))"
COMMAND_LINE = "from tests.warm import command_line; import sys; command_line(int(sys.argv.pop(1)))"
EXPENSIVE = (
    "polars",
    "sklearn.linear_model",
    "arkwright.work.models",
    "arkwright.work.release",
    "skops.io",
    "skl2onnx",
)


class Warm:
    """Stands in for the module `subprocess`, as far as the process runner uses it; begins when it is first needed."""

    PIPE, TimeoutExpired = subprocess.PIPE, subprocess.TimeoutExpired

    def __init__(self, asked: socket.socket | None = None) -> None:
        """`asked`: of a server that another process began."""
        self._lock, self._asked = Lock(), asked
        paths = os.pathsep.join([str(HOUSE), os.environ.get("PYTHONPATH", "")])
        self._environment = os.environ | {"PYTHONPATH": paths}

    def _socket(self) -> socket.socket:
        with self._lock:
            self._asked = self._asked or self._begin()
        return self._asked

    def _begin(self) -> socket.socket:
        own, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        settings = {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-c", SERVER, str(theirs.fileno())]
        self.server = subprocess.Popen(
            command, pass_fds=(theirs.fileno(),), env=self._environment | settings, cwd=HOUSE
        )
        theirs.close()
        return own

    def arkwright(self, *words: str, **how: Any) -> "subprocess.Popen[bytes]":
        """The command line as a process of its own, whose workers are these."""
        handle = self._socket().fileno()
        command = [sys.executable, "-c", COMMAND_LINE, str(handle), *words]
        return subprocess.Popen(command, pass_fds=(handle,), env=self._environment, **how)

    def Popen(self, args: list[str], *, stdout: Any, pass_fds: tuple[int], env: dict[str, str], **_: Any) -> "Process":
        assert args[2] == ENTRY
        read, write = os.pipe()
        said, say = os.pipe()
        message = json.dumps({"folder": args[3], "beside": str(Path.cwd()), "env": dict(env)}).encode()
        socket.send_fds(self._socket(), [message], [read, stdout.fileno(), pass_fds[0], say])
        os.close(read)
        os.close(say)
        return Process(os.fdopen(write, "wb"), os.fdopen(said))

    def close(self) -> None:
        if self._asked is not None:
            self._asked.close()
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


def command_line(handle: int) -> None:
    """`arkwright`, whose words stand in `sys.argv`, with workers of the server that is asked at this descriptor."""
    from arkwright.cli.main import main
    from arkwright.infra import process_runner

    process_runner.subprocess = Warm(socket.socket(fileno=handle))  # type: ignore[assignment]
    sys.exit(main())


def serve(handle: int) -> None:
    """Fork a worker for every message, until the socket closes."""
    import arkwright.work.__main__ as work

    for name in EXPENSIVE:
        __import__(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, _bury)
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


def _bury(*_: Any) -> None:
    """Wait for the nannies that ended, so that what they took is told with what the tests took."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _nanny(asked: dict[str, Any], fds: list[int], work: Callable[[str, int], None]) -> None:
    """Start the worker, which says its number, and say then how it ended. It ends with whoever asked for it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    worker = os.fork()
    if worker == 0:
        os.setsid()  # before anybody knows its number, and may kill what runs in its session
        os.write(fds[3], f"{os.getpid()}\n".encode())
        os.close(fds[3])
        _worker(asked, fds, work)
    for fd in fds[:3]:
        os.close(fd)
    waits = select.poll()
    waits.register(os.pidfd_open(worker), select.POLLIN)
    waits.register(fds[3], 0)  # an error: nobody is there to be told
    if all(fd == fds[3] for fd, _ in waits.poll()):
        os.kill(worker, signal.SIGKILL)
    _, status = os.waitpid(worker, 0)
    with suppress(BrokenPipeError):
        os.write(fds[3], f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _worker(asked: dict[str, Any], fds: list[int], work: Callable[[str, int], None]) -> None:
    os.chdir(asked["beside"])
    os.environ.clear()
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
    except BaseException as error:  # noqa: BLE001 - as the interpreter would
        traceback.print_exc()
        if isinstance(error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
    sys.stdout.flush()
    os._exit(code)


@pytest.fixture(scope="session", autouse=True)
def warm() -> Iterator[Warm]:
    started = Warm()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("arkwright.infra.process_runner.subprocess", started)
        yield started
    started.close()


@pytest.fixture
def cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are processes that start from nothing, as they are everywhere else."""
    monkeypatch.setattr("arkwright.infra.process_runner.subprocess", subprocess)
