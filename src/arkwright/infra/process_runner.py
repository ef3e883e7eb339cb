"""Where code runs: one child process per run, so that user code that exits, crashes or eats memory stops only itself.

Tasks go in as JSON lines on the child's standard input, answers come back on a pipe of their own; what the user's
code prints goes to the run's log.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from arkwright.core.errors import BY_NAME, ArkwrightError, GivenUp, Invalid
from arkwright.core.ports import Worker

# idle OpenMP threads that spin burn several times the processor time on a busy machine
_ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}
LONGEST_WORDS = 200  # of a log in a message


class ProcessRunner:
    """Starts `python -m ENTRY FOLDER FD` for each run."""

    def __init__(self, entry: str) -> None:
        self.entry = entry

    def start(self, folder: Path, log: Path, say: Callable[[str], None], *, within: float | None = None) -> Worker:
        return ProcessWorker(self.entry, folder, log, say, within)


class ProcessWorker:
    """One child process. Not for two threads at once."""

    def __init__(
        self, entry: str, folder: Path, log: Path, say: Callable[[str], None], within: float | None = None
    ) -> None:
        self.log, self.say = log, say
        log.parent.mkdir(parents=True, exist_ok=True)
        read, write = os.pipe()
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", entry, str(folder), str(write)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                pass_fds=(write,),
                start_new_session=True,  # Ctrl-C reaches the parent, which decides
                env=os.environ | _ENVIRONMENT,
            )
        os.close(write)
        self.answers = os.fdopen(read, "rb")
        self._given_up = ""
        self._timer = threading.Timer(within or 0, self._give_up, (within,))
        self._timer.daemon = True
        if within is not None:
            self._timer.start()

    def call(self, task: str, arguments: Mapping[str, Any]) -> Any:
        try:
            assert self.process.stdin
            self.process.stdin.write(json.dumps({"task": task, "arguments": arguments}).encode() + b"\n")
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError):  # ended, or closed by us
            raise self._ended(task) from None
        for line in self.answers:
            message = json.loads(line)
            if "say" in message:
                self.say(message["say"])
            elif "error" in message:
                raise BY_NAME.get(message["error"], ArkwrightError)(message["message"])
            else:
                return message["answer"]
        raise self._ended(task)

    def _give_up(self, within: float) -> None:
        self._given_up = f"it took longer than {within:g} {'second' if within == 1 else 'seconds'} and was given up"
        self._kill()

    def _ended(self, task: str) -> ArkwrightError:
        code = self.process.wait()
        if self._given_up:
            return GivenUp(self._given_up)
        if code < 0:
            name = signal.Signals(-code).name
            hint = " (often: out of memory)" if name == "SIGKILL" else ""
            what = f"the process that worked on {task} was ended by {name}{hint}"
        else:
            what = f"the code ended the process that worked on {task} (exit code {code})"
        return Invalid(what + _last_words(self.log))

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        self._timer.cancel()
        self._kill()
        self.process.wait()
        self.answers.close()
        if self.process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()


def _last_words(log: Path) -> str:
    """How a log ends, for a message: `; its log ends: MemoryError`."""
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        lines = file.read().decode("utf-8", "replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return f"; its log ends: {said[-1][:LONGEST_WORDS]}" if said else ""
