"""The tap of one endpoint in one worker: what is answered is noted in memory, and written aside twice a second.

`add` costs the event loop about half a microsecond and never waits. The thread encodes a few hundred records at a time
and lets go of the interpreter in between, so that no request waits for it either. What was handed to the kernel
outlives this process; another thread forces it to the disk, so a disk that takes its time makes nothing wait here.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

from arkwright.core.record import valid_name
from arkwright.core.signature import Signature
from arkwright.serve.tap.appending import SegmentFile
from arkwright.serve.tap.forcing import Forcing
from arkwright.serve.tap.redact import Redact, redaction
from arkwright.serve.tap.segment import Header, Packed, Record, Release

MEMORY = 64 << 20
ROLL_BYTES = 64 << 20
ROLL_S = 60.0
INTERVAL_S = 0.5
_OVERHEAD = 320  # bytes of a waiting record beside its body and its answer
_BLOCK_BYTES, _BLOCK_RECORDS = 512 << 10, 256
Told = Callable[[int, int, int], None]  # a release by its number, how many are on the disk, how many are lost
log = logging.getLogger("arkwright.serve")


class Tap:
    """Logs the answers of one endpoint into `folder` (`SITE/predictions/ENDPOINT`).

    `sample`: the share of requests that is kept, chosen by a hash of the request's id. `redact`: columns that are never
    written. `memory`: bytes that may wait for the disk; what comes on top is dropped and counted.

    `add` is for one thread, the event loop's; everything else for any. Nothing here raises because of the disk. `told`
    is called by the tap's own threads, which must not wait there: so many of a release are on the disk, or are lost.
    """

    def __init__(
        self,
        folder: Path,
        endpoint: str,
        *,
        sample: float = 1.0,
        redact: Sequence[str] = (),
        memory: int = MEMORY,
        roll_bytes: int = ROLL_BYTES,
        roll_s: float = ROLL_S,
        interval_s: float = INTERVAL_S,
        told: Told | None = None,
    ) -> None:
        self.folder, self.header = folder, Header(valid_name(endpoint, "endpoint"), tuple(redact))
        self.written = 0  # records that are safe on the disk
        self._lost, self._losing = 0, threading.Lock()  # by the disk: the threads count them
        self._refused = 0  # for want of memory: the loop counts them
        self._memory, self._soon = memory, memory // 4
        self._roll_bytes, self._roll_s, self._interval = roll_bytes, roll_s, interval_s
        self._told = told
        self._all, self._share = sample >= 1, int(sample * 2**32)
        self._added = 0  # bytes, written by the loop alone; what waits is the difference to
        self._taken = 0  # bytes, written by the thread alone
        self._waiting: list[Record | Packed] = []
        self._append = self._waiting.append
        self._releases: list[Release] = []
        self._redactions: list[Redact] = []
        self._file: SegmentFile | None = None
        self._named = 0  # releases that the open segment knows
        self._failing = False
        self._wake, self._stopping = threading.Event(), False
        self._forcing = Forcing(self.header.endpoint, self._forced)
        self._thread = threading.Thread(target=self._work, name=f"arkwright-tap-{endpoint}", daemon=True)
        self._beginning = threading.Lock()
        self.begin()

    def begin(self) -> bool:
        """Start the threads that write; whether they run. Where none is left what is added waits in memory until they
        can be started: this is tried again.
        """
        with self._beginning:
            try:
                self._forcing.begin()
                if self._thread.ident is None:
                    self._thread.start()
            except RuntimeError:
                self._failed("no thread is left to write them, so they wait in memory")
                return False
        return True

    @property
    def dropped(self) -> int:
        """Records that were not written: no memory, no disk."""
        return self._refused + self._lost

    def release(self, ref: str, digest: str, signature: Signature) -> int:
        """Make a release known, once; the number by which `add` speaks of it."""
        known = {column.name for column in signature.columns}
        for name in self.header.redact:
            if name not in known:
                log.warning("%s: %r is redacted, and %s takes no such column", self.header.endpoint, name, ref)
        columns = tuple(column for column in signature.columns if column.name not in self.header.redact)
        self._redactions.append(redaction(columns))
        known_as = len(self._releases)
        self._releases.append(Release(known_as, ref, digest, columns, signature.classes, signature.outputs))
        return known_as

    def add(
        self,
        release: int,
        id_: bytes,
        caller: bytes,
        body: bytes,
        answer: bytes,
        latency_us: int,
        status: int = 200,
        flags: int = 0,
        head: int = 0,
        answer_head: int = 0,
    ) -> bool | None:
        """Note one answered request: the body as the handler got it, inflated, and the answer's body. False when there
        is no memory for it, or it comes after `close`; None when it is not in the sample.

        `flags`: INFER and SHADOW of `segment`. `head`, `answer_head`: where binary tensors follow the JSON, its size.
        """
        if not (self._all or crc32(id_) < self._share):
            return None
        size = self._added + len(body) + len(answer) + _OVERHEAD
        if size - self._taken > self._soon and not self._room(size):
            return False
        self._added = size
        self._append(
            Record(time.time_ns(), latency_us, status, flags, release, head, answer_head, id_, caller, body, answer)
        )
        return True

    @property
    def plain(self) -> bool:
        """Whether every record is kept, and as it came: then `add_packed` takes them, too."""
        return self._all and not self.header.redact

    def add_packed(self, release: int, count: int, records: bytes) -> bool:
        """Note so many answered requests of one release, packed one behind the other as a segment has them. False when
        there is no memory for them, or they come after `close`.
        """
        size = self._added + len(records) + _OVERHEAD
        if size - self._taken > self._soon and not self._room(size, count):
            return False
        self._added = size
        self._append(Packed(release, count, records))
        return True

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what waits, and end. A disk that hangs is not waited for longer than this."""
        end = time.monotonic() + timeout_s
        self._stopping = True
        self._soon = self._memory = -1  # no room for anything
        self._wake.set()
        if self.begin():
            self._thread.join(timeout_s)
        else:
            self._lose_all()
        self._forcing.close(max(0.0, end - time.monotonic()))

    def _room(self, size: int, count: int = 1) -> bool:
        self._wake.set()  # do not wait for the time to be over
        if size - self._taken <= self._memory:
            return True
        self._refused += count
        return False

    def _work(self) -> None:
        stopping, took = False, 0.0
        while not stopping:
            self._wake.wait(max(0.0, self._interval - took))
            self._wake.clear()
            stopping, start = self._stopping, time.monotonic()
            try:
                self._flush()
            except Exception:  # a mistake of ours must not end the log
                log.exception("%s: the tap failed", self.header.endpoint)
            took = time.monotonic() - start
        self._roll()

    def _flush(self) -> None:
        """Hand what waits to the kernel, or count it as lost."""
        if self._file and (self._file.broken or self._file.removed):
            self._roll()
        added, count = self._added, len(self._waiting)  # in this order: what comes in between is counted next time
        if count:
            records = self._waiting[:count]
            del self._waiting[:count]
            counts = Counter({0: count})  # a mistake of ours counts for the first
            try:
                counts = _counted(records)
                self._write(records, max(1, (added - self._taken) // count))
            except OSError as error:
                self._lose(counts)
                self._failed(_why(error))
                self._abandon()
            except BaseException:
                self._lose(counts)
                self._abandon()
                raise
            else:
                assert self._file
                self._file.whole()
                self._forcing.ask(self._file, counts)
            finally:
                self._taken = added
        file = self._file
        if file and (file.size >= self._roll_bytes or time.monotonic() - file.born >= self._roll_s):
            self._roll()

    def _write(self, records: list[Record | Packed], size: int) -> None:
        if self._file is None:
            self._named = len(self._releases)
            self._file = SegmentFile(self.folder, self.header, self._releases[: self._named])
        while self._named < len(self._releases):
            self._file.add_release(self._releases[self._named])
            self._named += 1
        step = min(_BLOCK_RECORDS, max(1, _BLOCK_BYTES // size))
        for start in range(0, len(records), step):
            block: Any = records[start : start + step]
            if Packed in map(type, block):  # then nothing is redacted
                self._file.add_packed(block)
                continue
            if self.header.redact:
                for record in block:
                    self._redactions[record.release](record)
            self._file.add(block)

    def _forced(self, counts: Mapping[int, int], error: OSError | None) -> None:
        """Said by the thread that forces: so many records are on the disk, or may not be."""
        if error is not None:
            self._lose(counts)
            self._failed(_why(error))
            return
        self.written += sum(counts.values())
        self._tell(counts, kept=True)
        if self._failing:
            self._failing = False
            log.warning("%s: predictions are logged again; %d are lost", self.header.endpoint, self.dropped)

    def _lose(self, counts: Mapping[int, int]) -> None:
        with self._losing:
            self._lost += sum(counts.values())
        self._tell(counts, kept=False)

    def _lose_all(self) -> None:
        """What waits is never written."""
        lost = _counted(self._waiting)
        self._waiting.clear()
        self._lose(lost)

    def _tell(self, counts: Mapping[int, int], *, kept: bool) -> None:
        if self._told:
            for release, count in counts.items():
                self._told(release, count if kept else 0, 0 if kept else count)

    def _failed(self, why: str) -> None:
        if not self._failing:
            self._failing = True
            log.warning("%s: predictions are not logged: %s (%s)", self.header.endpoint, why, self.folder)

    def _abandon(self) -> None:
        """Leave the segment without what was half written; the next flush begins another."""
        if self._file:
            try:
                self._file.undo()
            except OSError:
                log.warning("%s: %s may end in a torn block", self.header.endpoint, self._file.path)
            self._roll()

    def _roll(self) -> None:
        if self._file:
            self._forcing.leave(self._file)
            self._file = None


def _counted(records: Sequence[Record | Packed]) -> Counter[int]:
    """How many there are of each release."""
    found: Counter[int] = Counter()
    for one in records:
        found[one.release] += one.count if isinstance(one, Packed) else 1
    return found


def _why(error: OSError) -> str:
    return (error.strerror or "the disk failed").lower()
