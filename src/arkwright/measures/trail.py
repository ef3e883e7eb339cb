"""How the level of each column went, minute by minute: sums that add up, in which changes are looked for."""

from dataclasses import dataclass

import numpy as np

from arkwright.core.errors import Invalid
from arkwright.measures.evaluation import Array
from arkwright.measures.features import STEPS


@dataclass(frozen=True, slots=True)
class Trail:
    """`minutes` (t,) since 1970, ascending; of each `rows` (t, c): the weight of the rows in which a column was there,
    and `sums` (t, c): of their levels, in steps of the reference's standard deviation.
    """

    columns: tuple[str, ...]
    minutes: Array
    rows: Array
    sums: Array

    def __add__(self, other: "Trail") -> "Trail":
        """Both together. Raises Invalid unless they have the same columns."""
        if self.columns != other.columns:
            raise Invalid("trails of other columns do not add up")
        minutes, rows, sums = (
            np.concatenate([getattr(one, part) for one in (self, other)]) for part in ("minutes", "rows", "sums")
        )
        return _sorted(self.columns, minutes, rows, sums)

    def level(self, column: str) -> tuple[Array, Array]:
        """(minutes, the column's mean in each, in standard deviations from the reference's), where it was there."""
        number = self.columns.index(column)
        there = self.rows[:, number] > 0
        return self.minutes[there], self.sums[there, number] / (self.rows[there, number] * STEPS)


def empty(columns: tuple[str, ...]) -> Trail:
    nothing = np.zeros((0, len(columns)), np.int64)
    return Trail(columns, np.zeros(0, np.int64), nothing, nothing)


def of(columns: tuple[str, ...], minutes: Array, weight: int, there: Array, levels: Array) -> Trail:
    """Of n rows: (n,) minutes, (n, c) whether a column is there, and its level in steps."""
    return _sorted(columns, minutes, weight * there.astype(np.int64), weight * levels)


def _sorted(columns: tuple[str, ...], minutes: Array, rows: Array, sums: Array) -> Trail:
    """What is of the same minute is added up."""
    if not len(minutes):
        return Trail(columns, minutes, rows, sums)
    if (np.diff(minutes) < 0).any():
        order = np.argsort(minutes, kind="stable")
        minutes, rows, sums = minutes[order], rows[order], sums[order]
    starts = np.flatnonzero(np.diff(minutes, prepend=minutes[0] - 1))
    if len(starts) == len(minutes):
        return Trail(columns, minutes, rows, sums)
    return Trail(columns, minutes[starts], np.add.reduceat(rows, starts), np.add.reduceat(sums, starts))
