"""Counters of all workers of one server, in one mapped file, so that any worker can speak for all.

Each worker adds to words of its own slot only, so nothing is locked on the way of a request; a worker that follows a
dead one takes over its slot, so no counter goes back. A file lock guards the list of series, which grows when an
endpoint moves. Words are eight aligned bytes, written at once: a reader sees an old or a new number, never half of one.
"""

import fcntl
import mmap
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from arkwright.core.errors import ArkwrightError, Corrupt, Invalid
from arkwright.serve.telemetry import layout as at

FILE = "counters"
NO_ENDPOINT, OTHER_SERIES = "(none)", "(other)"  # no endpoint can have such a name
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Record:
    """A series: a release of an endpoint. `retired` ones are told together."""

    number: int
    endpoint: str
    release: str
    share: float
    version: int
    current: bool
    retired: bool


class Counters:
    """The mapped file. Opened by every worker and by whoever reads; made once, by the supervisor."""

    def __init__(self, folder: Path) -> None:
        """Raises Invalid without a file, Corrupt when it is not one of this version."""
        self.folder = folder
        try:
            with (folder / FILE).open("r+b") as file:
                self._map = mmap.mmap(file.fileno(), 0)
        except (FileNotFoundError, ValueError):
            raise Invalid(f"{folder} holds no counters; the supervisor makes them first") from None
        self.words, self.floats = memoryview(self._map).cast("q"), memoryview(self._map).cast("d")
        self.slots = self.words[at.SLOTS_AT]
        known = (self.words[at.MAGIC_AT], self.words[at.LAYOUT_AT]) == (at.MAGIC, at.LAYOUT)
        if not known or len(self.words) < at.slot_at(self.slots):
            raise Corrupt(f"{folder / FILE} holds no counters of this version")

    @classmethod
    def create(cls, folder: Path, workers: int) -> "Counters":
        """New counters for so many workers, and as many again that may follow them before they are gone.

        `folder` exists and is of this run of the server alone. Takes 0.9 MB for each slot. Raises ArkwrightError where
        there is no room.
        """
        slots, beside = 2 * workers, folder / f"{FILE}.{os.getpid()}"
        try:
            with beside.open("wb") as file:
                file.write(struct.pack("<4q", at.MAGIC, at.LAYOUT, slots, 0))
                file.flush()
                size = 8 * at.slot_at(slots)
                # all of it now: to write into a hole of a full disk would kill the worker
                os.posix_fallocate(file.fileno(), 0, size + -size % PAGE)
            beside.replace(folder / FILE)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise ArkwrightError(f"no counters can be kept in {folder}: {error.strerror}") from None
        made = cls(folder)
        for name in (NO_ENDPOINT, OTHER_SERIES):
            made._append(name, "")
        return made

    def declare(self, endpoint: str, shares: Mapping[str, float], version: int = 0) -> dict[str, int]:
        """The number of each release's record, made where there is none. `shares`: release to its part of the traffic,
        0 for a shadow. An older `version` than was declared before changes no share: workers move at their own pace.

        When as many series are told as may be, the oldest that is not current is told with the others from then on.
        """
        with self._locked():
            mine = {r.release: r for r in self.records() if r.endpoint == endpoint and not r.retired}
            newest = max((r.version for r in mine.values()), default=0)
            numbers = {
                release: mine[release].number if release in mine else self._new(endpoint, release) for release in shares
            }
            if version >= newest:
                for release, number in ({r: known.number for r, known in mine.items()} | numbers).items():
                    self._set(number, shares.get(release), version)
        return numbers

    def records(self) -> list[Record]:
        return [self._record(number) for number in range(self.words[at.COUNT_AT])]

    def is_up(self, slot: int) -> bool:
        """Whether the process that holds this slot still runs."""
        pid = self.words[at.slot_at(slot) + at.PID]
        try:
            if pid:
                os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return bool(pid)

    def block(self, slot: int, number: int) -> list[float]:
        """The numbers of one series as one worker counts it."""
        start = at.block_at(slot, number)
        found = [*map(float, self.words[start : start + at.END])]
        for word in at.FLOATS:
            found[word] = self.floats[start + word]
        return found

    def process(self, slot: int) -> list[float]:
        """The numbers about the worker itself, all 0 where there never was one."""
        start = at.slot_at(slot)
        found = [*map(float, self.words[start : start + at.REPLACED + 1])]
        found[at.CPU] = self.floats[start + at.CPU]
        return found

    def _record(self, number: int) -> Record:
        start = at.record_at(number)
        text = self.words[start + at.TEXT_AT : start + at.RECORD].tobytes().rstrip(b"\0")
        endpoint, release = msgspec.json.decode(text, type=tuple[str, str])
        retired, current, version = self.words[start : start + at.SHARE_AT]
        return Record(
            number=number,
            endpoint=endpoint,
            release=release,
            share=self.floats[start + at.SHARE_AT],
            version=version,
            current=bool(current),
            retired=bool(retired),
        )

    def _set(self, number: int, share: float | None, version: int) -> None:
        start = at.record_at(number)
        if number == at.OTHERS:
            return
        self.words[start + at.CURRENT_AT] = share is not None
        self.words[start + at.VERSION_AT] = version
        self.floats[start + at.SHARE_AT] = share or 0.0

    def _new(self, endpoint: str, release: str) -> int:
        """A record for it, or that of the others when there is no room: labels are bounded whatever is declared."""
        if self.words[at.COUNT_AT] == at.RECORDS:
            return at.OTHERS
        shown = [r for r in self.records() if not r.retired and r.number > at.OTHERS]
        if len(shown) >= at.SHOWN:
            idle = next((r for r in shown if not r.current), None)
            if idle is None:
                return at.OTHERS
            self.words[at.record_at(idle.number) + at.RETIRED_AT] = 1
        return self._append(endpoint, release)

    def _append(self, endpoint: str, release: str) -> int:
        """The record first, then the count: who is killed in between leaves no half of one."""
        number = self.words[at.COUNT_AT]
        text = msgspec.json.encode((endpoint, release))
        room = 8 * (at.RECORD - at.TEXT_AT)
        if len(text) > room:
            raise Invalid(f"{endpoint[:40]!r} and {release[:40]!r} are too long to be counted; {room} bytes at most")
        start = at.record_at(number)
        self.words[start : start + at.RECORD] = memoryview(
            struct.pack("<4q", 0, 1, 0, 0) + text.ljust(room, b"\0")
        ).cast("q")
        self.words[at.COUNT_AT] = number + 1
        return number

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.folder / "lock").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
