"""Tallies of numbers, dates and times: smallest, largest, mean, between, one of a few, found elsewhere."""

import math
from collections.abc import Mapping

import numpy as np

from arkwright.data.scan.values import Array, Values, sorted_unique

_DENSE = 1 << 26  # a table of so many bytes is cheaper than searching
_LARGEST = 1 << 63


class Extreme:
    """The smallest (`sign` 1) or largest (`sign` -1) value, divided by `unit`; None when there is none."""

    def __init__(self, column: str, sign: int, unit: float) -> None:
        self.columns: tuple[str, ...] = (column,)
        self._pick, self._better = (np.min, min) if sign > 0 else (np.max, max)
        self._unit = unit
        self._best: float | int | None = None

    def add(self, batch: Mapping[str, Values]) -> None:
        numbers = batch[self.columns[0]].numbers
        if len(numbers):
            found = self._pick(numbers).item()
            self._best = found if self._best is None else self._better(self._best, found)

    def settled(self) -> bool:
        return True

    def value(self) -> float | None:
        return None if self._best is None else self._best / self._unit


class Average:
    """The mean, divided by `unit`: whole numbers are summed exactly, fractions pairwise."""

    def __init__(self, column: str, unit: float) -> None:
        self.columns: tuple[str, ...] = (column,)
        self._unit = unit
        self._count = 0
        self._whole = 0
        self._parts: list[float] = []

    def add(self, batch: Mapping[str, Values]) -> None:
        numbers = batch[self.columns[0]].numbers
        self._count += len(numbers)
        if numbers.dtype.kind == "f":
            with np.errstate(invalid="ignore", over="ignore"):  # infinities may cancel: the mean is NaN
                self._parts.append(float(np.sum(numbers, dtype=np.float64)))
        else:
            self._whole += exact_sum(numbers)

    def settled(self) -> bool:
        return True

    def value(self) -> float | None:
        if not self._count:
            return None
        total = self._whole if not self._parts else _sum(self._parts)
        return total / self._count / self._unit


class Inside:
    """How many values lie in [low, high]; the bounds are in units of `unit`."""

    def __init__(self, column: str, low: float, high: float, unit: float) -> None:
        self.columns: tuple[str, ...] = (column,)
        self._low, self._high = low * unit, high * unit
        self._count = 0

    def add(self, batch: Mapping[str, Values]) -> None:
        numbers = batch[self.columns[0]].numbers
        self._count += int(np.count_nonzero((numbers >= self._low) & (numbers <= self._high)))

    def settled(self) -> bool:
        return True

    def value(self) -> int:
        return self._count


class Member:
    """How many values are among `allowed`, a sorted array of the same unit."""

    def __init__(self, column: str, allowed: Array) -> None:
        self.columns: tuple[str, ...] = (column,)
        self._allowed = sorted_unique(allowed)
        self._table: Array | None = None
        if len(self._allowed) and self._allowed.dtype.kind != "f":
            span = int(self._allowed[-1]) - int(self._allowed[0]) + 1
            if span <= _DENSE:
                self._table = np.zeros(span, dtype=bool)
                self._table[self._allowed - self._allowed[0]] = True
        self._count = 0

    def add(self, batch: Mapping[str, Values]) -> None:
        numbers = batch[self.columns[0]].numbers
        if len(self._allowed) and len(numbers):
            self._count += self._found(numbers)

    def settled(self) -> bool:
        return True

    def value(self) -> int:
        return self._count

    def _found(self, numbers: Array) -> int:
        if self._table is None or numbers.dtype.kind == "f":
            at = np.minimum(np.searchsorted(self._allowed, numbers), len(self._allowed) - 1)
            return int(np.count_nonzero(self._allowed[at] == numbers))
        low, high = int(self._allowed[0]), int(self._allowed[-1])
        if int(numbers.min()) < low or int(numbers.max()) > high:
            numbers = numbers[(numbers >= low) & (numbers <= high)]
        return int(np.count_nonzero(self._table.take(numbers.astype(np.int64, copy=False) - low)))


def exact_sum(numbers: Array) -> int:
    """The sum of whole numbers, which may be larger than 64 bits hold."""
    if not len(numbers):
        return 0
    if max(abs(int(numbers.min())), abs(int(numbers.max()))) * len(numbers) < _LARGEST:
        return int(np.sum(numbers, dtype=np.int64))
    return (int(np.sum(numbers >> 32, dtype=np.int64)) << 32) + int(np.sum(numbers & 0xFFFFFFFF, dtype=np.int64))


def _sum(parts: list[float]) -> float:
    try:
        return math.fsum(parts)
    except (OverflowError, ValueError):  # fsum refuses infinities of both signs
        return float(np.sum(parts))
