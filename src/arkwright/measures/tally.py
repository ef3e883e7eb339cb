"""How often which class was answered where which was true: all that a measure of answers needs of the rows.

One pass counts them for every group at once, and once for all promises that ask.
"""

from dataclasses import dataclass

import numpy as np

from arkwright.measures import evidence
from arkwright.measures.evaluation import Array, Evaluation, Undefined
from arkwright.measures.groups import Groups, how_often

_DENSE = 2**12  # pairs of classes: so many are counted whether they occur or not
_MOST = 2**24  # cells of all groups together; beyond, each group's rows are counted by themselves


@dataclass(frozen=True, slots=True)
class Tally:
    """`counts` (c,) of the rows that are of class `truth` (c,) and answered as class `label` (c,), none of them 0, of
    `k` classes. Rows of none of these are of one class more, k: it is never answered.
    """

    truth: Array
    label: Array
    counts: Array
    k: int

    def __len__(self) -> int:
        return int(self.counts.sum())

    @property
    def right(self) -> Array:
        """(k + 1,) rows of each class that are answered so."""
        return self._by(self.truth, self.counts * (self.truth == self.label))

    @property
    def true(self) -> Array:
        """(k + 1,) rows of each class."""
        return self._by(self.truth, self.counts)

    @property
    def answered(self) -> Array:
        """(k + 1,) rows answered as each class."""
        return self._by(self.label, self.counts)

    def _by(self, classes: Array, counts: Array) -> Array:
        return np.bincount(classes, counts, self.k + 1).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Part:
    """One group of the rows of `whole`: an evaluation for a measure that asks for nothing but its tally."""

    whole: Evaluation
    groups: Groups
    number: int

    def __len__(self) -> int:
        return int(self.groups.sizes[self.number])

    @property
    def task(self) -> str:
        return self.whole.task

    @property
    def rng(self) -> np.random.Generator:
        return self.whole.rng

    def rows(self) -> Evaluation:
        return self.whole.take(self.groups.members[self.number])


def rows(given: Evaluation | Part) -> Evaluation:
    """For what a tally does not say."""
    return given.rows() if isinstance(given, Part) else given


def of(given: Evaluation | Part, threshold: float | None = None) -> Tally:
    """With a `threshold`, class 1 is answered where the score reaches it. Raises Undefined as `evidence.answers`."""
    if isinstance(given, Evaluation):
        cells = _cells(given, threshold)
        return cells.tally(how_often(cells.places, given.times, len(cells.truth)))
    try:
        cells = _cells(given.whole, threshold)
    except Undefined:  # perhaps not in this group
        return of(given.rows(), threshold)
    groups = given.groups
    if len(groups.names) * len(cells.truth) > _MOST:
        return of(given.rows(), threshold)
    counts = given.whole.once(
        ("tally", groups.by, groups.at_least, threshold), lambda: cells.counts(groups, given.whole.times)
    )
    return cells.tally(counts[given.number])


@dataclass(frozen=True, slots=True)
class _Cells:
    """The pair of classes that each row is: `places` (n,) into `truth` and `label` (c,)."""

    truth: Array
    label: Array
    places: Array
    k: int

    def tally(self, counts: Array) -> Tally:
        there = np.flatnonzero(counts)
        return Tally(self.truth[there], self.label[there], counts[there], self.k)

    def counts(self, groups: Groups, times: Array | None) -> Array:
        """(g, c) rows."""
        g, c = len(groups.names), len(self.truth)
        return how_often(groups.codes * np.int64(c) + self.places, times, g * c).reshape(g, c)


def _cells(evaluation: Evaluation, threshold: float | None) -> _Cells:
    return evaluation.once(("cells", threshold), lambda: _found(*evidence.answers(evaluation, threshold)))


def _found(truth: Array, label: Array, k: int) -> _Cells:
    pairs = truth * k + label
    if (k + 1) * k <= _DENSE:
        there, places = np.arange((k + 1) * k), pairs.astype(np.min_scalar_type((k + 1) * k))
    else:
        there, places = np.unique(pairs, return_inverse=True)
    return _Cells(*np.divmod(there, k), places, k)
