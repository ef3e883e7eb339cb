"""Exact quantiles of more values than fit in memory, mostly in one pass.

Only the values strictly inside a bracket around the wanted rank are kept; those below it and on its edges are counted.
When too many are kept, the bracket narrows around where the rank seems to be. If in the end the rank lies outside
after all (the rows were sorted, say), a second pass starts from the bracket that a random sample of all rows suggests
(Floyd and Rivest 1975), and a third, should that ever miss, keeps whatever lies where the rank must be.
A wrong bracket costs time, never the right answer.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from arkwright.data.scan.values import Array, Values

KEEP = 4_000_000  # values kept before the bracket narrows
_STRIDE = 64  # one row of so many is sampled for the second pass
_SIGMAS = 4
_PASSES = 3


class Rank:
    """The `q` quantile of a column, divided by `unit`: type 7 of Hyndman and Fan 1996. None without values."""

    def __init__(self, column: str, q: float, unit: float, keep: int = KEEP) -> None:
        self.columns: tuple[str, ...] = (column,)
        self._q, self._unit, self._keep = q, unit, keep
        self._rng = np.random.default_rng(0)
        self._sample: list[Array] = []
        self._total = self._pass = 0
        self._floor: Any = None  # the value lies in [floor, ceiling], as far as earlier passes know
        self._ceiling: Any = None
        self._start(None, None)

    def add(self, batch: Mapping[str, Values]) -> None:
        numbers = batch[self.columns[0]].numbers
        if not len(numbers):
            return
        self._seen += len(numbers)
        if not self._pass:
            at = np.arange(0, len(numbers), _STRIDE)
            self._sample.append(numbers[np.minimum(at + self._rng.integers(0, _STRIDE, len(at)), len(numbers) - 1)])
        self._hold(numbers)
        if self._held > self._keep and self._pass < _PASSES - 1:
            self._narrow()

    def settled(self) -> bool:
        """Whether the rank lies inside the bracket; otherwise another pass has been prepared."""
        self._total = self._seen
        if not self._total:
            return True
        first, last = self._ranks(self._total)
        above = self._below + self._at_low + self._held + self._at_high
        if self._below <= first and last < above:
            return True
        if first < self._below:
            self._ceiling = self._low
        else:
            self._floor = self._high
        self._pass += 1
        self._start(*(self._suggested() if self._pass == 1 else (self._floor, self._ceiling)))
        return False

    def value(self) -> float | None:
        if not self._total:
            return None
        first, last = self._ranks(self._total)
        kept = np.concatenate(self._kept) if self._kept else np.empty(0)
        low, high = self._at(first, kept), self._at(last, kept)
        share = (self._total - 1) * self._q - first
        return float(low if low == high or not share else low + (high - low) * share) / self._unit

    def _ranks(self, n: int) -> tuple[int, int]:
        place = (n - 1) * self._q
        return math.floor(place), math.ceil(place)

    def _at(self, rank: int, kept: Array) -> Any:
        rank -= self._below
        if rank < self._at_low:
            return self._low
        rank -= self._at_low
        return np.partition(kept, rank)[rank].item() if rank < len(kept) else self._high

    def _start(self, low: Any, high: Any) -> None:
        self._low, self._high = low, high
        self._kept: list[Array] = []
        self._seen = self._below = self._at_low = self._at_high = self._held = 0

    def _hold(self, numbers: Array) -> None:
        """Count what lies below and on the edges, keep what lies strictly inside."""
        low, high = self._low, self._high
        if low is not None:
            self._below += int(np.count_nonzero(numbers < low))
            self._at_low += int(np.count_nonzero(numbers == low))
            numbers = numbers[numbers > low]
        if high is not None and high != low:
            self._at_high += int(np.count_nonzero(numbers == high))
            numbers = numbers[numbers < high]
        elif high is not None:
            numbers = numbers[:0]
        self._kept.append(numbers)
        self._held += len(numbers)

    def _narrow(self) -> None:
        """Keep an eighth on each side of where the rank would be among the values seen so far."""
        kept = np.concatenate(self._kept)
        width = len(kept) // 8
        middle = min(max(self._ranks(self._seen)[0] - self._below - self._at_low, 0), len(kept) - 1)
        first, last = max(middle - width, 0), min(middle + width, len(kept) - 1)
        kept.partition([first, last])
        low = kept[first].item() if middle > width else self._low
        high = kept[last].item() if middle + width < len(kept) - 1 else self._high
        below, at_low, at_high, seen = self._below, self._at_low, self._at_high, self._seen
        same_low, same_high = low == self._low, high == self._high
        self._start(low, high)
        self._hold(kept)
        self._seen = seen
        self._below += below + (0 if same_low else at_low)
        self._at_low += at_low if same_low else 0
        self._at_high += at_high if same_high else 0

    def _suggested(self) -> tuple[Any, Any]:
        """The bracket in which, by the sample, the rank almost surely lies."""
        sample = np.sort(np.concatenate(self._sample))
        self._sample = []
        middle = (len(sample) - 1) * self._q
        width = _SIGMAS * math.sqrt(len(sample) * self._q * (1 - self._q)) + _SIGMAS
        low = sample[int(middle - width)].item() if middle > width else None
        high = sample[int(middle + width)].item() if middle + width < len(sample) - 1 else None
        low = self._floor if low is None or (self._floor is not None and self._floor > low) else low
        high = self._ceiling if high is None or (self._ceiling is not None and self._ceiling < high) else high
        if low is not None and high is not None and low > high:  # the sample misled
            return self._floor, self._ceiling
        return low, high
