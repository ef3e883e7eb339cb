"""Reads tasks as JSON lines, answers each on the descriptor given, until the input ends."""

import ctypes
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, TextIO

from arkwright.core.errors import ArkwrightError, Invalid
from arkwright.core.usercode import describe
from arkwright.work.tasks import work
from arkwright.work.worker import Worker


def main(folder: str, answers: int) -> None:
    """Work on the project in `folder` until standard input ends."""
    _die_with_parent()
    with os.fdopen(answers, "w", encoding="utf-8") as out:

        def send(message: dict[str, Any]) -> None:
            out.write(json.dumps(message) + "\n")
            out.flush()

        worker = Worker(Path(folder), lambda text: send({"say": text}))
        for line in _tasks():
            asked = json.loads(line)
            send(_answer(worker, asked["task"], asked["arguments"]))


def _tasks() -> TextIO:
    """Standard input for ourselves alone: the user's code that asks for input is told that there is none."""
    asked = os.fdopen(os.dup(0), encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return asked


def _answer(worker: Worker, task: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"answer": work(worker, task, arguments)}
    except ArkwrightError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except MemoryError:
        return {"error": Invalid.__name__, "message": f"{task} ran out of memory"}
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent has to hear of it
        traceback.print_exc()  # into the run's log
        return {"error": ArkwrightError.__name__, "message": f"{task} failed: {describe(error)}"}


def _die_with_parent() -> None:
    """When the line is killed, whatever works for it ends too (Linux: PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
