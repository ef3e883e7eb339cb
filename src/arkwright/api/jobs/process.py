"""The process of one job: `python -m arkwright.api.jobs.process SITE PROJECT ID`; ENGINES come as JSON on its input.

It stops when a line comes on its standard input, which says why; and with whoever started it: when its input is closed,
nobody is left who would tell how it ended.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from arkwright.api import child
from arkwright.api.jobs import jobs
from arkwright.api.verbs import VERBS
from arkwright.core import shapes
from arkwright.core.durable import publish
from arkwright.core.errors import ArkwrightError
from arkwright.core.masked import masked
from arkwright.core.ports import Runner, Worker
from arkwright.core.record import decode, encode
from arkwright.core.visible import printed
from arkwright.line.line import BEGINS
from arkwright.sites import Site

FAILED = 3  # the exit code when the verb raised; the reason is in the folder
GONE = "the control room that did it vanished: killed (kill -9, or out of memory), or the machine went down"
FAULT, FULL = "fault.json", "answer.part"
MOST_LINES = 20_000  # of the log, in the events
_LOOK = 0.1  # seconds between two looks at the log


class Overheard:
    """The site's runner; whoever starts a worker says where its log is, and the log is told on."""

    def __init__(self, runner: Runner, events: jobs.Events) -> None:
        self._runner, self._events = runner, events
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, folder: Path, log: Path, say: Callable[[str], None], *, within: float | None = None) -> Worker:
        worker = self._runner.start(folder, log, say, within=within)
        thread = threading.Thread(target=self._follow, args=(log,), daemon=True)
        thread.start()
        self._threads.append(thread)
        return worker

    def close(self) -> None:
        """Tell the rest."""
        self._ended.set()
        for thread in self._threads:
            thread.join(5)

    def _follow(self, log: Path) -> None:
        told = 0
        with log.open("rb") as file:
            while told < MOST_LINES:
                ended = self._ended.is_set()
                line = file.readline()
                if line.endswith(b"\n") or (line and ended):
                    self._events.add("log", masked(printed(line.decode("utf-8", "replace").rstrip("\n"))))
                    told += 1
                    continue
                if ended:
                    return
                file.seek(-len(line), os.SEEK_CUR)
                self._ended.wait(_LOOK)
        self._events.add("log", f"… more than {MOST_LINES} lines; the rest is in the run's log")


def work(site: Site, project: Path, name: str) -> int:
    """Do it; 0, or FAILED with the reason in the folder."""
    found = decode(jobs.Job, site.vault.get(jobs.KIND, name) or "")
    folder = jobs.folder(site, name)
    events = jobs.Events(folder / jobs.EVENTS)
    overheard = Overheard(site.runner, events)
    vars(site)["runner"] = overheard  # in this process the site's is this one
    function = VERBS[found.verb].function
    try:
        made = function(site, found.by, project, **found.words, say=partial(_say, events, folder))
        (folder / FULL).write_bytes(msgspec.json.encode(shapes.encode(made)))
        publish(folder / FULL, folder / jobs.ANSWER)
    except KeyboardInterrupt:
        return FAILED
    except Exception as error:  # noqa: BLE001 - it is told to whoever asked
        if not isinstance(error, ArkwrightError):
            sys.excepthook(type(error), error, error.__traceback__)
        (folder / FAULT).write_text(encode(jobs.fault(error)), encoding="utf-8")
        return FAILED
    finally:
        overheard.close()
    return 0


def _say(events: jobs.Events, folder: Path, text: str) -> None:
    if text.endswith(BEGINS):
        (folder / jobs.RUN).write_text(text.removesuffix(BEGINS), encoding="ascii")
    events.add("say", text)


def _stop_when_told(why: list[str]) -> None:
    """As if somebody had pressed Ctrl-C, so that the worker ends too, but with the reason that the keeper gives.

    When it gives none it is gone, and nobody else would tell how it ended.
    """
    why.append(sys.stdin.readline().strip() or GONE)
    os.kill(os.getpid(), signal.SIGINT)


def main() -> None:
    folder, project, name = sys.argv[1:]
    site = child.site(folder)
    why: list[str] = []

    def stop(*_: object) -> None:
        raise KeyboardInterrupt(*why)

    signal.signal(signal.SIGINT, stop)
    threading.Thread(target=_stop_when_told, args=(why,), daemon=True).start()
    code = work(site, Path(project), name)
    sys.stdout.flush()
    os._exit(code)  # a thread waits for the parent's end, and need not


if __name__ == "__main__":
    main()
