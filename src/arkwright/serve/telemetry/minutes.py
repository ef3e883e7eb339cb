"""What was answered in each minute, errors and refusals among it, kept beside the predictions: no log tells of those.

The supervisor reads the counters of all workers once a minute and appends a line to `ENDPOINT/minutes/DAY.jsonl` for
each release that answers, so nothing is added on the way of a request. A worker that dies loses nothing; a server that
is killed loses its last minute. Each line begins with the end of the one before: what a full disk tore is skipped.
"""

import logging
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from arkwright.serve.telemetry import layout as at
from arkwright.serve.telemetry.counters import NO_ENDPOINT, OTHER_SERIES, Counters, Record

FOLDER, MINUTE, DAY = "minutes", 60.0, 86_400
log = logging.getLogger("arkwright.serve")


class Minute(msgspec.Struct, frozen=True):
    """What one server answered with one release from `since` on and before `until`, seconds since 1970.

    `codes`: requests by the status they were answered with. `limited`: refused, beside them, since their client sent
    too many. Of a shadow its copies. `busy`: the share of their time that the server's workers computed, whatever it
    was for, 0 to 1.
    """

    release: str
    since: float
    until: float
    codes: dict[str, int]
    rows: int = 0
    limited: int = 0
    busy: float | None = None


_Numbers = tuple[list[int], int, int]  # requests by code, rows, limited


class _Work(NamedTuple):
    """`computed`: processor seconds of all workers, those that are gone among them, until `at`, seconds of a clock that
    nobody sets.
    """

    at: float
    computed: float


_decoder = msgspec.json.Decoder(Minute)


class Minutes:
    """Keeps them in `folder`, a folder for each endpoint, while it is entered; none without a folder."""

    def __init__(self, counters: Counters, folder: Path | None) -> None:
        self._counters, self._folder = counters, folder
        # of each record: when, what it was then, and the work of all workers until then
        self._told: dict[int, tuple[float, _Numbers, _Work]] = {}
        self._last, self._work = time.time(), _work(counters)
        self._processors = min(counters.slots // 2, len(os.sched_getaffinity(0)))  # that workers can keep busy
        self._failing: set[str] = set()  # endpoints whose minutes cannot be written
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="arkwright-minutes", daemon=True)

    def __enter__(self) -> Self:
        if self._folder:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._folder:
            self._thread.join()
            self.note(time.time())

    def _run(self) -> None:
        while not self._stop.wait(MINUTE - time.time() % MINUTE):
            self.note(time.time())

    def note(self, now: float) -> None:
        """What came since the last time. What cannot be written is told the next time."""
        assert self._folder
        work = _work(self._counters)
        for record in self._counters.records():
            if record.endpoint in (NO_ENDPOINT, OTHER_SERIES):
                continue
            since, before, then = self._told.setdefault(record.number, (self._last, _nothing(), self._work))
            since = min(since, now)  # a clock may go back
            numbers = self._numbers(record)
            if not record.current and numbers == before:
                self._told[record.number] = now, numbers, work
                continue
            could = self._processors * (work.at - then.at)
            busy = round(min(1.0, max(0.0, work.computed - then.computed) / could), 4) if could else None
            try:
                _append(self._folder / record.endpoint / FOLDER, _between(record, since, now, before, numbers, busy))
            except OSError as error:
                if record.endpoint not in self._failing:
                    log.error("the minutes of %s are not kept: %s", record.endpoint, error.strerror)  # noqa: TRY400
                self._failing.add(record.endpoint)
            else:
                self._failing.discard(record.endpoint)
                self._told[record.number] = now, numbers, work
        self._last, self._work = now, work

    def _numbers(self, record: Record) -> _Numbers:
        """Of all workers, those that are gone among them."""
        codes, rows, limited = _nothing()
        for slot in range(self._counters.slots):
            start = at.block_at(slot, record.number)
            words = self._counters.words[start : start + at.END].tolist()
            for first in (*range(at.REQUESTS, at.LATENCY, len(codes)), at.SHADOW_ANSWERS):
                codes = [one + more for one, more in zip(codes, words[first : first + len(codes)], strict=True)]
            rows += words[at.ROWS] + words[at.SHADOW_ROWS]
            limited += words[at.RATE_LIMITED]
        return codes, rows, limited


def read(folder: Path, release: str, since: float, until: float) -> Iterator[Minute]:
    """Those of a release that ended after `since` and by `until`; `folder`: of the endpoint."""
    for path in sorted((folder / FOLDER).glob("*.jsonl")):
        if not _day(since) <= path.stem <= _day(until):
            continue
        for line in path.read_bytes().splitlines():
            try:
                found = _decoder.decode(line)
            except msgspec.DecodeError:
                continue  # torn, or empty
            if found.release == release and since < found.until <= until:
                yield found


def forget(folder: Path, keep_s: float) -> int:
    """Remove the days that are older; their number."""
    old = [path for path in (folder / FOLDER).glob("*.jsonl") if path.stem < _day(time.time() - keep_s - DAY)]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _nothing() -> _Numbers:
    return [0] * len(at.CODE_NAMES), 0, 0


def _work(counters: Counters) -> _Work:
    return _Work(time.monotonic(), sum(counters.process(slot)[at.CPU] for slot in range(counters.slots)))


def _between(record: Record, since: float, until: float, before: _Numbers, now: _Numbers, busy: float | None) -> Minute:
    codes = {
        name: more - less for name, less, more in zip(at.CODE_NAMES, before[0], now[0], strict=True) if more > less
    }
    return Minute(record.release, since, until, codes, now[1] - before[1], now[2] - before[2], busy)


def _append(folder: Path, minute: Minute) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(
        folder / f"{_day(minute.until)}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
    )
    try:
        line = b"\n" + msgspec.json.encode(minute)
        if os.write(handle, line) < len(line):
            raise OSError(28, "no space left on device")
        os.fsync(handle)
    finally:
        os.close(handle)


def _day(at_: float) -> str:
    return datetime.fromtimestamp(at_, UTC).date().isoformat()
