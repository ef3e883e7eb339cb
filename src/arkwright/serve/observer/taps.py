"""The logs of predictions of one worker: one for each endpoint that is logged, each written by a thread of its own."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Collection, Container, Sequence
from functools import partial
from pathlib import Path

from arkwright.core.ports import Logged
from arkwright.serve.tap.writer import Tap
from arkwright.serve.telemetry.slot import Series
from arkwright.serve.traffic.lane import Lane

_AGAIN = 1.0  # seconds after which threads that could not be started are tried again


class Taps:
    """What a tap has written is counted by the loop, for the release whose answer it was."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[Logged, Tap]] = {}
        self._left: list[Tap] = []  # what is still at work may write to them
        self._known: dict[tuple[Tap, str], int] = {}
        self._numbered: dict[Tap, list[Series]] = {}  # its releases by their numbers
        self._unsaid: deque[tuple[Series, int, int]] = deque()  # what taps have written and nobody counted
        self._loop = asyncio.get_running_loop()

    def of(self, name: str, wanted: Logged | None) -> Tap | None:
        """The endpoint's log as it is asked for now; another one when that changed. It costs no endpoint its answers:
        where no thread is left for it, it begins when there is one.
        """
        there = self._open.get(name)
        if there and there[0] == wanted:
            return there[1]
        tap = self._tap(name, wanted) if wanted else None
        if there:
            self.leave(name)
        if wanted and tap:
            self._open[name] = wanted, tap
        return tap

    def _tap(self, name: str, wanted: Logged) -> Tap:
        numbered: list[Series] = []
        tap = Tap(
            wanted.folder, name, sample=wanted.sample, redact=wanted.redact, told=partial(self._written, numbered)
        )
        self._numbered[tap] = numbered
        self._begin(tap)
        return tap

    def _begin(self, tap: Tap) -> None:
        if tap in self._numbered and not tap.begin():
            self._loop.call_later(_AGAIN, self._begin, tap)

    def number(self, tap: Tap, lane: Lane, series: Series) -> int:
        """What the log calls this release."""
        loaded = lane.loaded
        if (tap, loaded.digest) not in self._known:
            self._numbered[tap].append(series)
            self._known[tap, loaded.digest] = tap.release(loaded.release, loaded.digest, loaded.signature)
        return self._known[tap, loaded.digest]

    def folder(self, name: str) -> Path | None:
        """Where this endpoint's answers are logged, if they are."""
        return self._open[name][0].folder if name in self._open else None

    def leave(self, name: str) -> None:
        """Nothing new is given to this endpoint's log."""
        self._left.append(self._open.pop(name)[1])

    def settled(self, names: Collection[str], used: Container[Tap | None] = ()) -> None:
        """Only these endpoints are logged now, and nothing of what left is at work any more. `used`: by who answers, so
        that it is not closed, also where another one was asked for and refused.
        """
        for name in self._open.keys() - names:
            self.leave(name)
        left = [tap for tap in self._left if tap not in used]
        self._left = [tap for tap in self._left if tap in used]
        for tap in left:
            self._known = {key: number for key, number in self._known.items() if key[0] is not tap}
            del self._numbered[tap]
            with contextlib.suppress(RuntimeError):  # no thread is left: that is done by the next there is
                self._loop.run_in_executor(None, tap.close)  # it writes what it still has

    def close(self) -> None:
        for tap in (*self._left, *(tap for _, tap in self._open.values())):
            tap.close()
        self._count_written()

    def _written(self, numbered: Sequence[Series], release: int, kept: int, lost: int) -> None:
        """Said by the thread of a tap. Counters are the loop's, which is told when it next turns."""
        self._unsaid.append((numbered[release], kept, lost))
        with contextlib.suppress(RuntimeError):  # the loop has ended: `close` counts it
            self._loop.call_soon_threadsafe(self._count_written)

    def _count_written(self) -> None:
        while self._unsaid:
            series, kept, lost = self._unsaid.popleft()
            series.tap(kept=kept, dropped=lost)
