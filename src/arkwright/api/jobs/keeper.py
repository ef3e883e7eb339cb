"""The keeper of jobs: starts the next one when the last is over, ends what is called off, says how each ended.

There is one for each site's folder: the lock on it is the lease, and ends with the process that holds it. Jobs that
were at work when such a process died are cut off, and it is said so.
"""

import contextlib
import logging
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import msgspec

from arkwright.api import child
from arkwright.api.jobs import jobs
from arkwright.api.jobs import process as job_process
from arkwright.core.alongside import Alongside
from arkwright.core.errors import ArkwrightError
from arkwright.core.locks import lock
from arkwright.core.record import decode, encode, now
from arkwright.core.visible import visible
from arkwright.infra import memory
from arkwright.line.ending import bring_in
from arkwright.sites import Site

log = logging.getLogger("arkwright.control")
_LOOK, _GRACE = 0.2, 10.0  # seconds between two looks; in which a job that is called off may put away its things
_LOOK_ROUND = 5.0  # seconds between two looks whether a run somewhere else was killed
_AWAY = 1.0  # seconds between two tries to say how a job ended, while the records cannot be reached
_AGAIN = 5.0  # seconds after what went wrong otherwise
End = tuple[str, str | None, str | None]  # a job's state, its error and its problem
ENDED = "the server ended while it was worked on; begin it anew"
LOST = "the server lost hold of it while it was worked on, and its own log says why; begin it anew"


class Keeper(Alongside):
    """Keeps the jobs of a site while it is entered. Where another process does, it waits to take over."""

    def __init__(self, site: Site, project: Path) -> None:
        super().__init__("jobs")
        self._site, self._project = site, project

    def _run(self) -> None:
        place = self._site.folder / "jobs"
        while not self._stopped.is_set():
            try:
                place.mkdir(parents=True, exist_ok=True)
                with (place / "lock").open("ab") as lease:
                    while not self._stopped.is_set() and not lock(lease.fileno()):
                        self._stopped.wait(1)
                    self._keep()
            except OSError as error:
                log.error("jobs are not kept: %s; trying again", error)  # noqa: TRY400
                self._stopped.wait(_AGAIN)

    def _keep(self) -> None:
        begun, looked, why = False, 0.0, ENDED
        while not self._stopped.wait(_LOOK):
            try:
                if not begun:
                    self._cut_off(why)
                    begun, why = True, LOST
                if time.monotonic() - looked > _LOOK_ROUND:
                    bring_in(self._site)
                    looked = time.monotonic()
                found = jobs.waiting(self._site)
                if found:
                    self._have_done(found)
            except Exception as error:  # jobs that nobody keeps would be followed for ever
                foreseen = isinstance(error, ArkwrightError | OSError)
                log.exception("jobs are not kept: %s; trying again", error, exc_info=not foreseen)  # noqa: TRY401
                begun = False  # what was at work lost its keeper
                self._stopped.wait(_AGAIN)

    def _cut_off(self, why: str) -> None:
        """What nobody works on any more; where it left how it ended, that was only not on record."""
        for found in jobs.jobs(self._site, jobs.NOBODY, self._project):
            if found.state == jobs.WORKING:
                end = _left(jobs.folder(self._site, found.id)) or ("cut", None, why)
                jobs.tell_end(self._site, self._ended(found, *end))
        for name in jobs.forget_old(self._site):
            shutil.rmtree(jobs.folder(self._site, name), ignore_errors=True)

    def _have_done(self, waiting: jobs.Job) -> None:
        working = replace(waiting, state=jobs.WORKING, began=now())
        if not self._begun(waiting, working):
            return
        folder, short = jobs.folder(self._site, working.id), memory.killed()
        with (folder / "log").open("ab") as log_file:
            words, output = (str(self._project), working.id), log_file.fileno()
            with child.begin(self._site, job_process.__name__, *words, output=output, errors=output) as process:
                try:
                    code, told = self._wait(process, working)
                except BaseException:  # else whoever leaves here waits for as long as it takes
                    _end(process, LOST)
                    raise
        how = ended(code, short_of_memory=memory.killed() > short)
        if told and code == -signal.SIGKILL:
            how = f"{told}; it did not end within {_GRACE:.0f} s, and was killed"
        if self._stopped.is_set() and code:
            end: End = "cut", None, "the server was stopped while it was worked on; begin it anew"
        else:
            crashed = f"{how}; its log in the site's folder jobs says more"
            end = _left(folder) or ("failed", ArkwrightError.__name__, crashed)
        over = self._ended(working, *end)
        if run := jobs.run_of(self._site, working.id):
            bring_in(self._site, {run: how})  # now that the records are reached: nobody else knows how
        jobs.tell_end(self._site, over)

    def _begun(self, waiting: jobs.Job, working: jobs.Job) -> bool:
        """On record; False where somebody else was first."""
        try:
            return jobs.move(self._site, waiting, working)
        except ArkwrightError:  # it may be on record all the same, where only the answer was lost
            if self._site.vault.get(jobs.KIND, working.id) != encode(working):
                raise
            return True

    def _wait(self, process: "subprocess.Popen[bytes]", working: jobs.Job) -> tuple[int, str]:
        """Its exit code, and why it was told to stop, if it was."""
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(_LOOK), ""
            record: str | None = encode(working)
            with contextlib.suppress(ArkwrightError):  # it goes on meanwhile: nobody can call it off then
                record = self._site.vault.get(jobs.KIND, working.id)
            if self._stopped.is_set() or record != encode(working):
                called_off = decode(jobs.Job, record).problem if record else None
                why = visible(called_off or "the control room that did it was stopped").replace("\n", " ")
                return _end(process, why), why

    def _ended(self, working: jobs.Job, state: str, error: str | None, problem: str | None) -> jobs.Job:
        """Put on record how it ended; a person who stopped it meanwhile was first. Raises ArkwrightError where the
        records cannot be written until all is stopped.
        """
        ended, told = replace(working, state=state, ended=now(), error=error, problem=problem), False
        while True:
            try:
                if jobs.move(self._site, working, ended):
                    return ended
                return decode(jobs.Job, self._site.vault.get(jobs.KIND, working.id) or encode(ended))
            except ArkwrightError as away:  # or it broke while it was written: to say it again changes nothing
                if not told:
                    log.error("how the job %s ended is not on record: %s; trying again", working.id, away)  # noqa: TRY400
                told = True
                if self._stopped.wait(_AWAY):
                    raise


def _end(process: "subprocess.Popen[bytes]", why: str) -> int:
    """Tell it to stop, and kill it where it does not; its exit code."""
    child.tell(process, why)
    try:
        return process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def ended(code: int, *, short_of_memory: bool) -> str:
    """How a process ended, for people."""
    if code >= 0:
        return f"its process ended (exit code {code})"
    killed = f"its process was killed by signal {-code} ({signal.Signals(-code).name})"
    if code != -signal.SIGKILL:
        return killed
    return f"{killed}: {'the system was out of memory' if short_of_memory else 'somebody ended it, as kill -9 does'}"


def _left(folder: Path) -> End | None:
    """How a job ended, as its process left it; None where it left nothing."""
    with contextlib.suppress(OSError, ArkwrightError):
        kind, message = decode(tuple[str, str], (folder / job_process.FAULT).read_bytes())
        return "failed", kind, message
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        made = msgspec.json.decode((folder / jobs.ANSWER).read_bytes())
        return "done", None, made.get("problem") if isinstance(made, dict) else None
    return None
