"""Verbs that take long, as jobs: begun, listed, followed, stopped. Each runs in a process of its own, one at a time.

A job is a record in the vault and a folder in the site: `events.jsonl`, a line for each thing that happened, and the
answer. Whoever began it may go away; the process that keeps jobs is `keeper`.
"""

import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from arkwright.api.verbs import VERBS
from arkwright.core.errors import BY_NAME, ArkwrightError, Corrupt, Refused, Throttled, Unknown, did_you_mean
from arkwright.core.masked import serverless
from arkwright.core.nouns import Actor, Run
from arkwright.core.record import decode, encode, now
from arkwright.core.visible import visible
from arkwright.sites import Site

KIND = "job"
MOST_WAITING, MOST_KEPT = 8, 100
EVENTS, ANSWER, RUN = "events.jsonl", "answer.json", "run"
WAITING, WORKING = "waiting", "working"
ENDED = ("done", "failed", "stopped", "cut")
NOBODY = Actor(name="")
LONGEST_LINE = 2000  # characters of an event
_PAGE = 1 << 16  # bytes of events that are read at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A verb that is done aside. `state`: waiting, working; then done, failed, stopped by a person, or cut off with the
    server. `problem` says why it failed, `error` which of our errors it was.
    """

    id: str
    verb: str
    by: Actor
    state: str
    made: str
    words: dict[str, Any] = field(default_factory=dict)
    began: str | None = None
    ended: str | None = None
    problem: str | None = None
    error: str | None = None

    @property
    def over(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One thing that happened: progress (`say`), a line that the code printed (`log`), or the `end` with the state."""

    id: int
    kind: str
    text: str
    at: str


class Events:
    """Adds lines to the job's events; from two threads."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            self._file.write(b"\n")  # whoever wrote before was killed in the middle of a line
        self._number = path.read_bytes().count(b"\n")
        self._lock = threading.Lock()

    def add(self, kind: str, text: str) -> None:
        with self._lock:
            self._number += 1
            told = Told(id=self._number, kind=kind, text=visible(text)[:LONGEST_LINE], at=now())
            self._file.write(encode(told).encode() + b"\n")

    def close(self) -> None:
        self._file.close()


def begin(site: Site, by: Actor, project: Path, *, verb: str, words: Mapping[str, Any]) -> Job:
    """Have a verb done when its turn comes. Raises Throttled where too many wait already."""
    if verb not in VERBS or not VERBS[verb].job:
        raise Unknown(
            f"{verb[:40]!r} is no verb that takes long{did_you_mean(verb, [v for v in VERBS if VERBS[v].job])}"
        )
    if sum(job.state == WAITING for job in _all(site)) >= MOST_WAITING:
        raise Throttled(f"{MOST_WAITING} jobs wait already; try again when one is done", after=30)
    job = Job(
        id=f"{time.time_ns() // 1_000_000:013d}-{secrets.token_hex(4)}",
        verb=verb,
        by=by,
        state=WAITING,
        made=now(),
        words=dict(words),
    )
    folder(site, job.id).mkdir(parents=True)
    site.vault.put(KIND, job.id, encode(job))
    return job


def jobs(site: Site, by: Actor, project: Path) -> tuple[Job, ...]:
    """Every job that is remembered, the newest first."""
    return tuple(reversed(_all(site)))


def job(site: Site, by: Actor, project: Path, *, id: str) -> Job:  # noqa: A002 - what it is called everywhere
    """Raises Unknown, also for one that another control room on the same records has."""
    found = site.vault.get(KIND, id)
    if found is None:
        raise Unknown(f"there is no job {id[:40]!r}; the last {MOST_KEPT} are remembered")
    if not folder(site, id).is_dir():
        raise Unknown(f"the job {id} was begun at another control room on the same records; ask there")
    return decode(Job, found)


def stop_job(site: Site, by: Actor, project: Path, *, id: str) -> Job:  # noqa: A002
    """Call a job off; its process is ended within seconds. Raises Refused for one that is over."""
    while True:
        found = job(site, by, project, id=id)
        if found.over:
            raise Refused(f"the job {id} is {found.state} already")
        stopped = replace(found, state="stopped", ended=now(), problem=f"stopped by {by.name}")
        if move(site, found, stopped):
            if found.state == WAITING:  # else the keeper says so, when its process is gone
                tell_end(site, stopped)
            return stopped


def answer(site: Site, by: Actor, project: Path, *, id: str) -> Any:  # noqa: A002
    """What the verb gave, as its JSON. Raises what the verb raised; Refused while it is not over."""
    found = job(site, by, project, id=id)
    if not found.over:
        raise Refused(f"the job {id} is {found.state}; ask again when it is done")
    if found.state != "done":
        kind = BY_NAME.get(found.error or "", Refused)
        raise kind(found.problem or f"the job {id} is {found.state}")
    return msgspec.json.decode((folder(site, id) / ANSWER).read_bytes())


def events(site: Site, id: str, after: int = 0) -> Iterator[Told]:  # noqa: A002
    """What happened behind the event `after`, as far as it is known now; at most a page of it."""
    yield from Following(site, id, after).more()


class Following:
    """What happens in a job, behind the event `after`. `place`: how far its file was read, in bytes."""

    def __init__(self, site: Site, id: str, after: int = 0) -> None:  # noqa: A002
        self._path, self._after = folder(site, id) / EVENTS, after
        self.place = self._number = 0

    def more(self) -> list[Told]:
        """What was not told yet; at most a page of it."""
        found: list[Told] = []
        if not self._path.exists():
            return found
        with self._path.open("rb") as file:
            file.seek(self.place)
            read = 0
            for line in file:
                if not line.endswith(b"\n") or read > _PAGE:
                    break
                self.place, self._number = self.place + len(line), self._number + 1
                if self._number > self._after:
                    read += len(line)
                    with suppress(Corrupt):  # whoever wrote it was killed in the middle
                        found.append(decode(Told, line))
        return found


def told_last(site: Site, id: str) -> list[Told]:  # noqa: A002
    """The last page of what happened."""
    path = folder(site, id) / EVENTS
    if not path.exists():
        return []
    with path.open("rb") as file:
        begin = max(0, file.seek(0, 2) - _PAGE)
        file.seek(begin)
        lines = file.read().split(b"\n")[1 if begin else 0 : -1]
    found = []
    for line in lines:
        with suppress(Corrupt):
            found.append(decode(Told, line))
    return found


def run_of(site: Site, id: str) -> str | None:  # noqa: A002
    """The run that a job began, once it did."""
    try:
        return (folder(site, id) / RUN).read_text(encoding="ascii")
    except FileNotFoundError:
        return None


def of_run(site: Site, run: Run) -> Job | None:
    """The job that did this run, where it was begun here and is remembered."""
    known = (one for one in _all(site) if one.began and one.began <= run.started)
    return next((one for one in known if run_of(site, one.id) == run.ref), None)


def tell_end(site: Site, ended: Job) -> None:
    """The last event."""
    told = Events(folder(site, ended.id) / EVENTS)
    told.add("end", ended.state if ended.problem is None else f"{ended.state}: {ended.problem}")
    told.close()


def folder(site: Site, id: str) -> Path:  # noqa: A002
    return site.folder / "jobs" / id


def move(site: Site, before: Job, after: Job) -> bool:
    """Compare-and-set: False when somebody else was first."""
    return site.vault.swap(KIND, before.id, encode(before), encode(after))


def _all(site: Site) -> list[Job]:
    """Of this site's folder, the oldest first: others may share the vault."""
    found = (decode(Job, body) for _, body in site.vault.find(KIND))
    return [one for one in found if folder(site, one.id).is_dir()]


def waiting(site: Site) -> Job | None:
    """The one whose turn is next."""
    return next((one for one in _all(site) if one.state == WAITING), None)


def forget_old(site: Site) -> list[str]:
    """The records of all but the last jobs, removed; their folders are left to the caller."""
    over = [one.id for one in _all(site) if one.over]
    gone = over[: max(0, len(over) - MOST_KEPT)]
    for one in gone:
        site.vault.remove(KIND, one)
    return gone


def fault(error: Exception) -> tuple[str, str]:
    """(kind, message) of what a verb raised."""
    if isinstance(error, ArkwrightError):
        return type(error).__name__, serverless(str(error))
    return ArkwrightError.__name__, f"unexpected: {type(error).__name__}; the job's log says more"
