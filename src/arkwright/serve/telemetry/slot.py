"""What one worker writes: the words of its slot, and no others."""

import fcntl
import os
import time
from bisect import bisect_left
from collections.abc import Sequence

from arkwright.core.errors import Refused
from arkwright.serve.telemetry import layout as at
from arkwright.serve.telemetry.counters import PAGE, Counters
from arkwright.serve.telemetry.layout import (
    BATCH,
    BATCH_BOUNDS,
    BATCH_SUM,
    CODE_AT,
    IN_FLIGHT,
    LATENCY,
    LATENCY_BOUNDS,
    LATENCY_SUM,
    QUEUE_AGE,
    RATE_LIMITED,
    ROWS,
    SHADOW_ANSWERS,
    SHADOW_DROPS,
    SHADOW_LATENCY,
    SHADOW_ROWS,
    SHADOW_RUNS,
    SHADOW_SUM,
    TAP_DROPS,
    TAP_LEFT_OUT,
    TAP_RECORDS,
)  # fmt: skip


class Series:
    """One release of one endpoint as one worker counts it. All methods are for one thread, the loop's."""

    __slots__ = ("_floats", "_words", "endpoint", "release")

    def __init__(self, endpoint: str, release: str, words: "memoryview[int]", floats: "memoryview[float]") -> None:
        self.endpoint, self.release = endpoint, release
        self._words, self._floats = words, floats

    def begin(self, count: int = 1) -> None:
        """So many requests came; `observe` must follow, once for each."""
        self._words[IN_FLIGHT] += count

    def observe(self, kind: int, status: int, seconds: float, rows: int = 0) -> None:
        """A request was answered. `kind` is one of layout's; only good answers have a latency worth knowing: a
        refusal takes no time, and under overload it would make a server look fast.
        """
        words = self._words
        words[IN_FLIGHT] -= 1
        words[kind + CODE_AT[status]] += 1
        if status == 200:
            words[LATENCY + bisect_left(LATENCY_BOUNDS, seconds)] += 1
            self._floats[LATENCY_SUM] += seconds
            if rows:
                words[ROWS] += rows

    def observe_good(self, kind: int, seconds: Sequence[float], rows: int) -> None:
        """Requests were answered well, one for each of `seconds`; `rows` of all together."""
        words, count = self._words, len(seconds)
        words[IN_FLIGHT] -= count
        words[kind + CODE_AT[200]] += count
        for one in seconds:
            words[LATENCY + bisect_left(LATENCY_BOUNDS, one)] += 1
        self._floats[LATENCY_SUM] += sum(seconds)
        words[ROWS] += rows

    def refused(self, kind: int) -> None:
        """A request was answered with 503 before anything was done for it."""
        self._words[kind + CODE_AT[503]] += 1

    def batch(self, rows: int) -> None:
        """The model ran once, on so many rows."""
        self._words[BATCH + bisect_left(BATCH_BOUNDS, rows)] += 1
        self._words[BATCH_SUM] += rows

    def queue_age(self, seconds: float) -> None:
        """How long the oldest request of the last batch has waited."""
        self._floats[QUEUE_AGE] = seconds

    def shadow(self, *, dropped: bool = False) -> None:
        self._words[SHADOW_DROPS if dropped else SHADOW_RUNS] += 1

    def tap(self, *, kept: int = 0, dropped: int = 0, left_out: int = 0) -> None:
        """So many answers are in the log of predictions, are lost to it, or are not in its sample."""
        words = self._words
        words[TAP_RECORDS] += kept
        words[TAP_DROPS] += dropped
        words[TAP_LEFT_OUT] += left_out

    def rate_limited(self) -> None:
        self._words[RATE_LIMITED] += 1


class ShadowSeries(Series):
    """The same of a shadow, which answers nobody: what it answers is no request of a caller's."""

    __slots__ = ()

    def observe(self, kind: int, status: int, seconds: float, rows: int = 0) -> None:
        if status == 200:
            self.observe_good(kind, (seconds,), rows)
        else:
            self._words[IN_FLIGHT] -= 1
            self._words[SHADOW_ANSWERS + CODE_AT[status]] += 1

    def observe_good(self, kind: int, seconds: Sequence[float], rows: int) -> None:
        del kind
        words, count = self._words, len(seconds)
        words[IN_FLIGHT] -= count
        words[SHADOW_ANSWERS + CODE_AT[200]] += count
        for one in seconds:
            words[SHADOW_LATENCY + bisect_left(LATENCY_BOUNDS, one)] += 1
        self._floats[SHADOW_SUM] += sum(seconds)
        words[SHADOW_ROWS] += rows

    def refused(self, kind: int) -> None:
        del kind
        self._words[SHADOW_ANSWERS + CODE_AT[503]] += 1


class Slot:
    """One worker's part of the file. Held by a lock that ends with the process, however it ends."""

    def __init__(self, counters: Counters, worker: int, follows: str = "") -> None:
        """Take the slot of this number, or a spare one while the worker before still drains. `follows`: what became of
        the worker before it, which `died` or is `replaced`. Raises Refused when every slot is held.
        """
        self.counters = counters
        half = counters.slots // 2
        for slot in (worker % half, *range(half, counters.slots), *range(half)):
            self._lock = os.open(counters.folder / f"slot-{slot}.lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._lock)
                continue
            break
        else:
            raise Refused(f"all {counters.slots} slots for counters are held; make them for more workers")
        self.number, start = slot, at.slot_at(slot)
        self.words, self.floats = counters.words[start : start + at.BLOCK], counters.floats[start : start + at.BLOCK]
        self._clear()
        self._cpu_before = self.floats[at.CPU]
        self.words[at.PID] = os.getpid()
        self.words[at.STARTS] += 1
        if follows:
            self.words[at.DIED if follows == "died" else at.REPLACED] += 1
        self.tick()

    def series(self, number: int, *, shadow: bool = False) -> Series:
        start, record = at.block_at(self.number, number), self.counters.records()[number]
        block = slice(start, start + at.BLOCK)
        kind = ShadowSeries if shadow else Series
        return kind(record.endpoint, record.release, self.counters.words[block], self.counters.floats[block])

    def tick(self) -> None:
        """Tell what this process has used so far."""
        self.floats[at.CPU] = self._cpu_before + time.process_time()
        self.words[at.RESIDENT] = _resident()

    def close(self) -> None:
        """What was counted stays; what is the case now is over."""
        self.tick()
        self._clear()
        self.words[at.PID] = self.words[at.RESIDENT] = 0
        os.close(self._lock)

    def _clear(self) -> None:
        for number in range(self.counters.words[at.COUNT_AT]):
            start = at.block_at(self.number, number)
            for gauge in at.GAUGES:
                self.counters.words[start + gauge] = 0


def _resident() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - half the time of Path
            return int(file.read().split()[1]) * PAGE
    except OSError:
        return 0
