"""The keeper of jobs: starts the next one when the last is over, ends what is called off, says how each ended.

There is one for each site's folder: the lock on it is the lease, and ends with the process that holds it. Jobs that
were at work when such a process died are cut off, and it is said so.
"""

import contextlib
import fcntl
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Self

import msgspec

from arkwright.api import job_process, jobs
from arkwright.core.errors import ArkwrightError
from arkwright.core.record import decode, encode, now
from arkwright.sites import Site

log = logging.getLogger("arkwright.control")
_LOOK, _GRACE = 0.2, 10.0  # seconds between two looks; in which a job that is called off may put away its things


class Keeper:
    """Keeps the jobs of a site while it is entered. Where another process does, it waits to take over."""

    def __init__(self, site: Site, project: Path) -> None:
        self._site, self._project = site, project
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        place = self._site.folder / "jobs"
        place.mkdir(parents=True, exist_ok=True)
        with (place / "lock").open("ab") as lease:
            while not self._stopped.is_set():
                try:
                    fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    self._stopped.wait(1)
            self._keep()

    def _keep(self) -> None:
        begun = False
        while not self._stopped.wait(_LOOK):
            try:
                if not begun:
                    self._cut_off()
                    begun = True
                found = jobs.waiting(self._site)
                if found:
                    self._have_done(found)
            except (ArkwrightError, OSError) as error:
                log.error("jobs are not kept: %s; trying again", error)  # noqa: TRY400
                self._stopped.wait(5)

    def _cut_off(self) -> None:
        for found in jobs.jobs(self._site, jobs.NOBODY, self._project):
            if found.state == jobs.WORKING:
                self._end(found, "cut", problem="the server ended while it was worked on; begin it anew")
        for name in jobs.forget_old(self._site):
            shutil.rmtree(jobs.folder(self._site, name), ignore_errors=True)

    def _have_done(self, waiting: jobs.Job) -> None:
        working = replace(waiting, state=jobs.WORKING, began=now())
        if not jobs.move(self._site, waiting, working):
            return
        folder = jobs.folder(self._site, working.id)
        with (folder / "log").open("ab") as output, self._process(working.id, output.fileno()) as process:
            code = self._wait(process, working)
        if self._stopped.is_set() and code:
            self._end(working, "cut", problem="the server was stopped while it was worked on; begin it anew")
        elif code == 0:
            made = msgspec.json.decode((folder / jobs.ANSWER).read_bytes())
            self._end(working, "done", problem=made.get("problem"))
        else:
            self._end(working, "failed", *_fault(folder, code))

    def _process(self, name: str, output: int) -> "subprocess.Popen[bytes]":
        site = self._site
        process = subprocess.Popen(
            [sys.executable, "-m", job_process.__name__, str(site.folder), str(self._project), name],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("ARKWRIGHT_")},
        )
        assert process.stdin
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(encode(dict(site.engines)).encode() + b"\n")
            process.stdin.flush()
        return process

    def _wait(self, process: "subprocess.Popen[bytes]", working: jobs.Job) -> int:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(_LOOK)
            called_off = self._site.vault.get(jobs.KIND, working.id) != encode(working)
            if called_off or self._stopped.is_set():
                process.send_signal(signal.SIGINT)
                try:
                    return process.wait(_GRACE)
                except subprocess.TimeoutExpired:
                    process.kill()

    def _end(self, working: jobs.Job, state: str, error: str | None = None, problem: str | None = None) -> None:
        """Say how it ended, in its record and behind its events; a person who stopped it meanwhile was first."""
        ended = replace(working, state=state, ended=now(), error=error, problem=problem)
        if not jobs.move(self._site, working, ended):
            ended = decode(jobs.Job, self._site.vault.get(jobs.KIND, working.id) or encode(ended))
        jobs.tell_end(self._site, ended)


def _fault(folder: Path, code: int) -> tuple[str, str]:
    with contextlib.suppress(OSError, ArkwrightError):
        kind, message = decode(tuple[str, str], (folder / job_process.FAULT).read_bytes())
        return kind, message
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return ArkwrightError.__name__, f"its process ended ({how}); its log in the site's folder jobs says more"
