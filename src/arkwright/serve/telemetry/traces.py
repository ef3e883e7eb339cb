"""W3C trace context, and spans of the requests that are sampled. A request that is not costs one look at a header."""

import os
import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import getrandbits, random
from time import monotonic_ns, perf_counter_ns, time_ns
from typing import NamedTuple

from arkwright.core.errors import Invalid, did_you_mean

MOST_WAITING = 4096  # spans in memory; what comes on top is counted and lost
# W3C Trace Context, Level 1, 3.2: version 00 has exactly four fields, a later one may have more behind them
_PARENT = re.compile(rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLERS = {
    "always_on": (True, 1.0), "always_off": (True, 0.0), "traceidratio": (True, None),
    "parentbased_always_on": (False, 1.0), "parentbased_always_off": (False, 0.0),
    "parentbased_traceidratio": (False, None),
}  # fmt: skip


class Parent(NamedTuple):
    """Who called, as the header says: hexadecimal numbers, and whether the caller samples."""

    trace_id: str
    span_id: str
    sampled: bool


def parent(header: bytes) -> Parent | None:
    """The context that a `traceparent` tells, None for one that is not exactly as the standard says."""
    found = _PARENT.fullmatch(header) if len(header) <= 512 else None
    if found is None or (found[1] == b"00" and found[5] is not None):
        return None
    return Parent(found[2].decode(), found[3].decode(), bool(int(found[4], 16) & 1))


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which requests are traced. `ratio` of those without a caller's context; those with one as the caller does,
    unless `alone`.
    """

    ratio: float = 1.0
    alone: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Sampling":
        """What OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG say. Raises Invalid."""
        name = environment.get("OTEL_TRACES_SAMPLER") or "parentbased_always_on"
        if name not in _SAMPLERS:
            raise Invalid(f"OTEL_TRACES_SAMPLER is {name[:60]!r}{did_you_mean(name, _SAMPLERS)}")
        alone, ratio = _SAMPLERS[name]
        if ratio is None:
            text = environment.get("OTEL_TRACES_SAMPLER_ARG") or "1"
            try:
                ratio = float(text)
            except ValueError:
                ratio = -1.0
            if not 0 <= ratio <= 1:
                raise Invalid(f"OTEL_TRACES_SAMPLER_ARG is {text[:60]!r}; it is a part, between 0 and 1")
        return cls(ratio, alone)

    def takes(self, caller: Parent | None) -> bool:
        if caller is not None and not self.alone:
            return caller.sampled
        return self.ratio >= 1 or random() < self.ratio  # noqa: S311 - a sample, not a secret


class Span:
    """A sampled request. Times are nanoseconds of the monotonic clock, with one of the wall clock to place them."""

    __slots__ = (
        "began",
        "ended",
        "facts",
        "failed",
        "marks",
        "name",
        "parent_id",
        "span_id",
        "state",
        "trace_id",
        "wall",
    )

    def __init__(self, caller: Parent | None, state: bytes) -> None:
        self.trace_id = caller.trace_id if caller else f"{getrandbits(128) or 1:032x}"
        self.parent_id = caller.span_id if caller else ""
        self.state = state if caller else b""
        self.span_id = f"{getrandbits(64) or 1:016x}"
        self.marks: list[tuple[str, int]] = []
        self.name, self.failed, self.ended = "", False, 0
        self.facts: dict[str, str | int | float] = {}
        self.wall, self.began = time_ns(), perf_counter_ns()

    def since(self, began: float) -> None:
        """It began before this was made: at `began`, in seconds of the clock `monotonic`."""
        earlier = max(0, monotonic_ns() - int(began * 1e9))
        self.wall -= earlier
        self.began -= earlier

    def went(self, began: float, phases: Iterable[tuple[str, float]]) -> None:
        """It began before this was made, and went through these phases; when each ended is told by the same clock."""
        self.since(began)
        start = self.began - int(began * 1e9)
        self.marks = [(phase, start + int(ended * 1e9)) for phase, ended in phases]

    def mark(self, phase: str) -> None:
        """`phase` (decode, queue, compute, encode) ends now; it began where the one before ended."""
        self.marks.append((phase, perf_counter_ns()))


class Spans:
    """Finished spans that wait to be sent. Filled by the loop, emptied by the sender's thread."""

    def __init__(self) -> None:
        self.full = 0
        self._waiting: deque[Span] = deque()

    def room(self) -> bool:
        """Whether there is room for one more; where there is none it is lost, and counted."""
        found = len(self._waiting) < MOST_WAITING
        self.full += not found
        return found

    def add(self, span: Span) -> None:
        if self.room():
            self._waiting.append(span)

    def take(self, most: int) -> list[Span]:
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
