"""Runs a page of the docs as a reader would: every `console` block in order, in one shell.

A line that begins with `$ ` is a command, and goes on while its lines end in a backslash. The lines below it are what
it must print: `…` stands for anything within a line, a line that is only `…` for any lines, and runs of blanks count
as one. What Arkwright says of its progress (`· …`) is left out, as it does not stay on a screen. A command that ends in
`&` runs on; the next one is given when it has printed what the page shows.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FRACTION = re.compile(r"[-+]?\b\d+\.\d+(?![…\d])")  # a number that is not cut short
_FRACTION_IN_PATTERN = re.compile(r"(?:\\-|\\\+|\+|-)?\b\d+\\\.\d+(?!\d|\.\*)")
_DONE = "done-with-this-command"
PATIENCE = 60.0
PATIENCE_AT_END = 30.0


@dataclass(frozen=True)
class Step:
    command: str
    expected: list[str]


def steps(page: str) -> Iterator[Step]:
    """The commands of a page with what each is said to print."""
    for block in _BLOCK.findall(page):
        lines = iter(block.splitlines())
        command, expected = "", []
        for line in lines:
            if line.startswith("$ "):
                if command:
                    yield Step(command, expected)
                command, expected = line[2:], []
                while command.endswith("\\"):
                    command = command[:-1] + next(lines)
            else:
                expected.append(line)
        if command:
            yield Step(command, expected)


def matches(expected: list[str], said: list[str], *, near: float = 0.0) -> bool:
    """Whether this is what the page shows. `near`: how far numbers with a fraction may be off, since another processor
    adds in another order.
    """
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == "…" else _line(line) + "\n" for line in expected)
    text = "".join(_plain(line) + "\n" for line in said if not line.startswith("· "))
    if not near:
        return re.fullmatch(pattern, text) is not None
    wanted = [float(number) for line in expected for number in _FRACTION.findall(line)]
    found = re.fullmatch(_FRACTION_IN_PATTERN.sub(lambda _: f"({_FRACTION.pattern})", pattern), text)
    return found is not None and all(abs(float(a) - b) <= near for a, b in zip(found.groups(), wanted, strict=True))


def _plain(line: str) -> str:
    return re.sub(r"\s+", " ", line.rstrip())


def _line(line: str) -> str:
    return ".*?".join(re.escape(part) for part in _plain(line).split("…"))


class Shell:
    """One bash for a whole page, so that `cd` and `export` last. Everything in it ends with it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "--norc"], cwd=folder, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, encoding="utf-8", start_new_session=True,
        )  # fmt: skip
        self._said: Queue[str] = Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._said.put(line.rstrip("\n"))

    def run(self, step: Step, patience: float = PATIENCE) -> list[str]:
        """Give the command; what it printed. `$?` is the command's own for the next one."""
        assert self._process.stdin
        self._process.stdin.write(f"{step.command}\ncode=$?; echo {_DONE}; (exit $code)\n")
        self._process.stdin.flush()
        said: list[str] = []
        deadline, done = time.monotonic() + patience, False
        while not done or (step.command.endswith("&") and not matches(step.expected, said)):
            try:
                line = self._said.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                break
            done = done or line.endswith(_DONE)
            said += [line.removesuffix(_DONE)] if line != _DONE else []  # `curl` ends without a line feed
        return said

    def close(self) -> None:
        """End all that the page started: a server is given the time to end what it started itself."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._tell(signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE_AT_END
        while self._tell(0) and time.monotonic() < deadline:
            self._process.poll()
            time.sleep(0.05)
        self._tell(signal.SIGKILL)
        self._process.wait()
        self._listener.join(PATIENCE_AT_END)  # ends when the last one that could write has ended
        assert not self._listener.is_alive(), "something that the page started has outlived it"
        self._process.stdout.close()

    def _tell(self, sign: int) -> bool:
        """Whether anybody of the shell's group was there to be told."""
        try:
            os.killpg(self._process.pid, sign)
        except ProcessLookupError:
            return False
        return True


def environment(home: Path) -> dict[str, str]:
    """The reader's: `arkwright` is found, nobody is logged in, nothing is coloured."""
    kept = {k: v for k, v in os.environ.items() if k in ("LANG", "LC_ALL", "TMPDIR", "PYTHONPATH")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"LANG": "C.UTF-8", **kept, "PATH": path, "HOME": str(home), "PYTHONUTF8": "1"}
