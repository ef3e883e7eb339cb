"""The profile of a column of numbers, yes/no, dates or times, read off its sorted values."""

import math
from typing import Any

import numpy as np

from arkwright.data.profile import cells as profile_cells
from arkwright.data.profile.hints import common_hints, number_hints, time_hints
from arkwright.data.profile.types import ColumnProfile, Frequent, Histogram
from arkwright.data.scan.values import Array, Values

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
TOP = 5
BINS = 20
_TAIL = 0.01  # share of the values on each side that the end bins hold besides their own


class NumberProfile:
    """Takes a column batch by batch. `unit`: by how much to divide what is kept; `stride`: rows per sampled row."""

    def __init__(self, name: str, kind: str, unit: float, stride: int) -> None:
        self._name, self._kind, self._unit, self._stride = name, kind, unit, stride
        self._rows = self._nulls = self._count = 0
        self._mean = self._squares = 0.0
        self._low: Any = None
        self._high: Any = None
        self._kept: list[Array] = []

    def add(self, values: Values, sample: Values) -> None:
        self._rows += len(values)
        self._nulls += values.nulls
        self._kept.append(sample.numbers)
        numbers = values.numbers
        if len(numbers):
            low, high = numbers.min().item(), numbers.max().item()
            self._low = low if self._low is None else min(self._low, low)
            self._high = high if self._high is None else max(self._high, high)
            self._moments(numbers)

    def finish(self) -> ColumnProfile:
        kept = np.sort(np.concatenate(self._kept)) if self._kept else np.empty(0)
        self._kept = []
        starts = np.flatnonzero(np.append(len(kept) > 0, kept[1:] != kept[:-1]))
        values, counts = kept[starts], np.diff(np.append(starts, len(kept)))
        kind, unit = self._kind, self._unit
        hints = common_hints(self._rows, self._nulls, counts, identifier=kind not in ("float", "bool"))
        if not self._count:
            return ColumnProfile(name=self._name, type=kind, nulls=self._nulls, distinct=0, hints=tuple(hints))
        frequent = self._frequent(values, counts)
        if kind in ("int", "float"):
            hints += number_hints(kept, values, counts)
        elif kind != "bool":
            share = [f.rows / self._stride / len(kept) for f in frequent]
            hints += time_hints([str(f.value) for f in frequent], share)
        spread = kind != "bool"
        places = {f"{q:g}": _quantile(kept, q) for q in QUANTILES} if spread else {}
        return ColumnProfile(
            name=self._name,
            type=kind,
            nulls=self._nulls,
            distinct=len(values),
            smallest=profile_cells.exact(kind, self._low, unit),
            largest=profile_cells.exact(kind, self._high, unit),
            mean=profile_cells.between(kind, self._mean, unit),
            deviation=self._deviation() if spread else None,
            quantiles={q: profile_cells.between(kind, value, unit) for q, value in places.items()},
            frequent=frequent,
            histogram=self._histogram(kept) if spread else None,
            hints=tuple(hints),
        )

    def _moments(self, numbers: Array) -> None:
        """Mean and squared deviations of all batches so far (Chan, Golub and LeVeque 1979)."""
        with np.errstate(invalid="ignore", over="ignore"):
            n, mean = len(numbers), float(np.mean(numbers, dtype=np.float64))
            apart = numbers - mean
            step = mean - self._mean
            total = self._count + n
            apart *= apart  # not np.dot: BLAS would spin up its threads
            self._squares += float(np.sum(apart)) + step * step * self._count * n / total
            self._mean += step * n / total
            self._count = total

    def _deviation(self) -> float | None:
        if self._count < 2 or not math.isfinite(self._squares):
            return None
        return math.sqrt(self._squares / (self._count - 1)) / self._unit

    def _frequent(self, values: Array, counts: Array) -> tuple[Frequent, ...]:
        if not len(counts) or int(counts.max()) == 1:
            return ()
        best = np.argsort(-counts, kind="stable")[:TOP]
        cells = [profile_cells.exact(self._kind, values[i].item(), self._unit) for i in best]
        return tuple(
            Frequent(value=cell, rows=int(counts[i]) * self._stride) for cell, i in zip(cells, best, strict=True)
        )

    def _histogram(self, kept: Array) -> Histogram | None:
        finite = kept[np.isfinite(kept)] if kept.dtype.kind == "f" else kept
        if not len(finite):
            return None
        cut = int(len(finite) * _TAIL)
        low, high = float(finite[cut]), float(finite[-1 - cut])
        if self._kind in ("int", "date"):  # as many whole numbers in each bin, or the bins look like a comb
            width = math.ceil((high - low + 1) / BINS)
            inner = np.arange(low + width, high + 1, width)
            high = low + width * (len(inner) + 1) - 1
        else:
            inner = np.linspace(low, high, BINS + 1)[1:-1] if high > low else np.empty(0)
        counts = np.diff(np.searchsorted(finite, inner), prepend=0, append=len(finite))
        return Histogram(
            low=profile_cells.between(self._kind, low, self._unit),
            high=profile_cells.between(self._kind, high, self._unit),
            counts=tuple((counts * self._stride).tolist()),
        )


def _quantile(kept: Array, q: float) -> float:
    """Type 7 of Hyndman and Fan 1996, of sorted values."""
    place = (len(kept) - 1) * q
    low, high = kept[math.floor(place)].item(), kept[math.ceil(place)].item()
    return float(low if low == high else low + (high - low) * (place % 1))
