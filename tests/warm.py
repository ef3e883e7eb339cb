"""Processes forked from one that has imported everything already: a line that starts from nothing spends half of its
time on imports, three seconds of processor, and a control room two thirds, one second.

Workers are forked for every run in this process: `Warm` takes the place of `subprocess` in the process runner. A test
that is about how the worker begins takes the fixture `cold`. Command lines that are started in the common way, and
whatever they start, begin from nothing too.
"""

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

HOUSE = Path(__file__).parents[1]
SERVER = "from tests.warm import serve; import sys; serve(int(sys.argv[1]))"
EXPENSIVE = (
    "arkwright.control.server", "arkwright.work.models", "arkwright.work.release", "polars", "sklearn.linear_model",
    "skl2onnx", "skops.io",
)  # fmt: skip


class Warm:
    """Asks the server, which begins when it is first needed. For the process runner it is the module `subprocess`."""

    PIPE, TimeoutExpired = subprocess.PIPE, subprocess.TimeoutExpired

    def __init__(self, asked: socket.socket | None = None) -> None:
        """`asked`: the socket of a server that another process began."""
        self._lock, self._asked = threading.Lock(), asked

    def _socket(self) -> socket.socket:
        with self._lock:
            self._asked = self._asked or self._begin()
        return self._asked

    def _begin(self) -> socket.socket:
        own, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        settings = {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}
        paths = os.pathsep.join([str(HOUSE), os.environ.get("PYTHONPATH", "")])
        environment = os.environ | settings | {"PYTHONPATH": paths}
        command = [sys.executable, "-c", SERVER, str(theirs.fileno())]
        self.server = subprocess.Popen(
            command, pass_fds=(theirs.fileno(),), env=environment, cwd=HOUSE, start_new_session=True
        )
        theirs.close()
        return own

    def Popen(self, args: list[str], *, stdout: Any, pass_fds: tuple[int], env: dict[str, str], **_: Any) -> "Process":
        read, write = os.pipe()
        process = self._fork(args[2], args[3:4], env, [read, stdout.fileno(), stdout.fileno(), *pass_fds])
        os.close(read)
        process.stdin = os.fdopen(write, "wb")
        return process

    def arkwright(self, *words: str, errors: Any, env: dict[str, str]) -> "Process":
        """`arkwright WORDS…`, as if a person began it; what it says is its `stdout`. Its workers are forked as well."""
        read, write = os.pipe()
        with Path(os.devnull).open() as nothing:
            fds = [nothing.fileno(), write, errors.fileno(), self._socket().fileno()]
            process = self._fork("arkwright", list(words), env, fds)
        os.close(write)
        process.stdout = os.fdopen(read, "rb")
        return process

    def _fork(self, module: str, words: list[str], env: dict[str, str], fds: list[int]) -> "Process":
        """`fds`: standard input, output and errors, and whatever the module needs besides."""
        said, say = os.pipe()
        message = json.dumps({"module": module, "words": words, "beside": str(Path.cwd()), "env": dict(env)}).encode()
        socket.send_fds(self._socket(), [message], [say, *fds])
        os.close(say)
        return Process(os.fdopen(said))

    def close(self) -> None:
        if self._asked is not None:
            self._asked.close()
            self.server.wait(10)


class Process:
    """What one may know of a `subprocess.Popen`, as far as anybody asks."""

    stdin: Any
    stdout: Any

    def __init__(self, said: Any) -> None:
        self._said = said
        self.pid = int(said.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._said], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a forked process", timeout or 0)
            self.returncode = int(self._said.readline())
            self._said.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def serve(handle: int) -> None:
    """Fork a process for every message, until the socket closes."""
    for name in EXPENSIVE:
        __import__(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, _bury)
    with socket.socket(fileno=handle) as asked:
        while True:
            message, fds, _, _ = socket.recv_fds(asked, 1 << 20, 5)
            if not message:
                return
            if os.fork() == 0:
                asked.close()
                _nanny(json.loads(message), *fds)
            for fd in fds:
                os.close(fd)


def _bury(*_: Any) -> None:
    """Wait for the nannies that ended, so that what they took is told with what the tests took."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _nanny(asked: dict[str, Any], say: int, *fds: int) -> None:
    """Start the process, which says its number, and say then how it ended. It ends with whoever asked for it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    process = os.fork()
    if process == 0:
        os.setsid()  # before anybody knows its number, and may kill what runs in its session
        os.write(say, f"{os.getpid()}\n".encode())
        os.close(say)
        _become(asked, *fds)
    for fd in fds:
        os.close(fd)
    waits = select.poll()
    waits.register(os.pidfd_open(process), select.POLLIN)
    waits.register(say, 0)  # an error: nobody is there to be told
    if all(fd == say for fd, _ in waits.poll()):
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    with suppress(BrokenPipeError):
        os.write(say, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(asked: dict[str, Any], *fds: int) -> None:
    """What was asked for. It ends as any program does, without what C++ does then: it would join threads that only the
    server has.
    """
    os.chdir(asked["beside"])
    os.environ.clear()
    os.environ.update(asked["env"])
    for target, fd in enumerate(fds[:3]):
        os.dup2(fd, target)
    for fd in set(fds[:3]):
        os.close(fd)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode, 1) for n, mode in ((0, "r"), (1, "w"), (2, "w")))
    sys.argv = [asked["module"], *asked["words"]]
    code = 1
    try:
        code = _main(asked, *fds[3:])
        threading._shutdown()  # as the interpreter, which waits for threads
    except KeyboardInterrupt:
        traceback.print_exc()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:  # noqa: BLE001 - as the interpreter
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(code)


def _main(asked: dict[str, Any], *fds: int) -> int:
    if asked["module"] == "arkwright.work":
        from arkwright.work.__main__ import main as work

        work(asked["words"][0], *fds)
        return 0
    from arkwright.cli.main import main
    from arkwright.infra import process_runner

    process_runner.subprocess = Warm(socket.socket(fileno=fds[0]))  # type: ignore[assignment]
    return main()


began = Warm()  # by whoever needs it first in this process of pytest


@pytest.fixture(scope="session", autouse=True)
def warm() -> Iterator[Warm]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("arkwright.infra.process_runner.subprocess", began)
        yield began
    began.close()


@pytest.fixture
def cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are processes that start from nothing, as they are everywhere else."""
    monkeypatch.setattr("arkwright.infra.process_runner.subprocess", subprocess)
