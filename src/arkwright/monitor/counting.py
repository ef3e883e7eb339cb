"""Rows become counts: each column, of a classifier the probabilities and of a regression the errors to expect, also by
group.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from arkwright.core import arrow
from arkwright.core.arrow_arrays import integers
from arkwright.measures import scores as scoring
from arkwright.measures import sketch
from arkwright.measures.evaluation import Array
from arkwright.measures.losses import Losses
from arkwright.measures.scores import Scores
from arkwright.measures.sketch import Sketch
from arkwright.measures.window import Window
from arkwright.monitor import cells, loss_fitting
from arkwright.monitor.binned import NUMBERS, WORDS
from arkwright.monitor.by_cell import ByCell
from arkwright.monitor.cells import Columns
from arkwright.monitor.joint import Joint, Together, chosen, joint
from arkwright.monitor.loss_model import LossModel, thinned

Sketches = Mapping[str, Sketch]
MOST = 500_000  # rows of a file that lies beside another
MOST_GROUPS = 50  # of a column, the most frequent ones


@dataclass(frozen=True, slots=True)
class Answered:
    """What a classifier answered to n rows: (n, k) probabilities, of two classes of the positive one alone, and (n,)
    classes. A row without probabilities has NaN.
    """

    probabilities: Array
    classes: Array

    def take(self, rows: Array) -> "Answered":
        return Answered(self.probabilities[rows], self.classes[rows])


@dataclass(frozen=True, slots=True)
class Counts:
    """So many rows that came, in the bins of a reference; `took`: how long their requests did, in those of
    `measures.latencies`.
    """

    rows: int = 0
    columns: Sketches = field(default_factory=dict)
    scores: Scores | None = None
    joint: Together | None = None
    losses: Losses | None = None
    took: Array | None = None

    def __add__(self, other: "Counts") -> "Counts":
        """Both together; a column that only one of them has is as it is there."""
        both = {name: one + other.columns[name] for name, one in self.columns.items() if name in other.columns}
        scores = self.scores + other.scores if self.scores and other.scores else self.scores or other.scores
        joint = self.joint + other.joint if self.joint and other.joint else self.joint or other.joint
        losses = self.losses + other.losses if self.losses and other.losses else self.losses or other.losses
        took = other.took if self.took is None else self.took if other.took is None else self.took + other.took
        return Counts(self.rows + other.rows, {**self.columns, **other.columns, **both}, scores, joint, losses, took)


@dataclass(frozen=True, slots=True)
class Reference:
    """What a release was judged on, and the bins of all that comes after. `judged`: of a classifier with probabilities,
    the rows in which each class was right, and all of them; `groups`: the columns by which answers are told apart;
    `joint`: what columns do together, which releases of before do not have; `loss_model`: of a regression; `by_cell`:
    how well it answered in each cell of a column, where that is kept.
    """

    columns: Sketches
    judged: tuple[Scores, Scores] | None = None
    groups: tuple[str, ...] = ()
    joint: Joint | None = None
    loss_model: LossModel | None = None
    by_cell: ByCell | None = None

    def count(self, table: pa.Table, answered: Answered | None = None, seconds: Array | None = None) -> Counts:
        """The columns of the table that have bins, and the answers to its rows; where it is said when they came
        (seconds since 1970), also what columns do together.
        """
        made = {
            name: _counted(self.columns[name].empty(), column)
            for name, column in zip(table.column_names, table.columns, strict=True)
            if name in self.columns
        }
        together = None if self.joint is None or seconds is None else self.joint.count(table, seconds)
        told_apart = {name: self.columns[name] for name in self.groups if name in self.columns}
        if self.loss_model is not None:
            some = thinned(table)
            losses = self.loss_model.count(some, _groups(some, told_apart), len(table))
            return Counts(len(table), made, joint=together, losses=losses)
        if self.judged is None or answered is None:
            return Counts(len(table), made, joint=together)
        groups = _groups(table, told_apart)
        there: Array = np.asarray(~np.isnan(answered.probabilities).any(axis=1))
        if not there.all():
            answered, groups = answered.take(there), {name: rows[there] for name, rows in groups.items()}
        scores = self.judged[1].empty().more(answered.probabilities, answered.classes, groups)
        return Counts(len(table), made, scores, together)

    def window(self, counts: Counts) -> Window:
        """Both side by side, as measures are given them."""
        together = None if self.joint is None else counts.joint or self.joint.empty()
        return Window(
            reference=self.columns,
            current=counts.columns,
            judged=self.judged,
            scores=counts.scores,
            joint=(self.joint.moments, together.moments) if self.joint and together else None,
            trail=together.trail if together else None,
            losses=counts.losses,
        )


def reference(
    rows: Columns,
    answered: Answered | None = None,
    truth: Array | None = None,
    groups: Iterable[str] = (),
    errors: Array | None = None,
    key: Collection[str] = (),
) -> Reference:
    """Of the rows that a release was judged on, with the answers and the (n,) true classes of a classifier with
    probabilities, or a regression's `errors` (n,). Columns that have neither an order nor words are left out,
    and those of the `key` of what they do together.

    Each column is asked for once, but for the groups', and let go of before the next.
    """
    which, looked = chosen(rows.num_rows), None if errors is None else loss_fitting.looked(errors)
    columns, some, near = {}, {}, {}
    for name in rows.column_names:
        column = rows.column(name)
        kind = arrow.type_name(column.type, name)
        if kind not in NUMBERS + WORDS:
            continue
        columns[name] = _sketch(column, kind)
        if name in key:
            continue
        some[name] = column.take(integers(which.rows))
        if looked is not None:
            near[name] = column.take(integers(looked))
    known = tuple(name for name in groups if name in columns and not columns[name].of_numbers)
    telling = {name: one for name, one in columns.items() if name in some}
    together = joint(pa.table(some), which, telling)
    if errors is not None:
        return Reference(columns, None, known, together, loss_fitting.fitted(pa.table(near), telling, errors[looked]))
    if answered is None or truth is None:
        return Reference(columns, joint=together)
    told_apart = _groups(rows, {name: columns[name] for name in known})
    everything = scoring.binned(answered.probabilities).more(answered.probabilities, answered.classes, told_apart)
    return Reference(columns, (_right(everything, answered, truth, told_apart), everything), known, together)


def _right(everything: Scores, answered: Answered, truth: Array, groups: Mapping[str, Array]) -> Scores:
    """The rows in which each class was the right one."""
    k = answered.probabilities.shape[1]
    parts = []
    for number in range(k):
        rows = np.flatnonzero(truth == (number if k > 1 else 1))
        some = answered.take(rows)
        parts.append(everything.empty().more(some.probabilities, some.classes, {n: g[rows] for n, g in groups.items()}))
    nothing = np.zeros((k, *everything.counts[scoring.ALL].shape[1:]), np.int64)
    counts = {
        name: np.stack([part.counts.get(name, nothing)[number] for number, part in enumerate(parts)])
        for name in everything.counts
    }
    return replace(everything, counts=counts)


def _groups(rows: Columns, columns: Sketches) -> dict[str, Array]:
    """`carrier=UA` -> (n,) whether a row is of it."""
    found: dict[str, Array] = {}
    for name, one in columns.items():
        if name in rows.column_names:
            frequent = one.values[:MOST_GROUPS]
            places = cells.places(rows.column(name), frequent)
            found |= {f"{name}={value}": places == place for place, value in enumerate(frequent)}
    return found


def beside(before: Path, now: Path, names: Iterable[str]) -> Window:
    """These columns of two Parquet files, the first being the reference; one after the other, so that none has to fit
    into memory with another. Of more than `MOST` rows parts are read that lie as far from each other everywhere. Those
    that have neither an order nor words are left out.
    """
    reference, current = {}, {}
    with pq.ParquetFile(before) as then, pq.ParquetFile(now) as came:
        for name in names:
            column = _some(then, name)
            kind = arrow.type_name(column.type, name)
            if kind in NUMBERS + WORDS:
                reference[name] = _sketch(column, kind)
                current[name] = _counted(reference[name].empty(), _some(came, name))
    return Window(reference=reference, current=current)


def _some(file: pq.ParquetFile, name: str) -> pa.ChunkedArray:
    step = max(1, -(-file.metadata.num_rows // MOST))
    return file.read_row_groups(list(range(0, file.num_row_groups, step)), [name]).column(0)


def _sketch(column: pa.ChunkedArray, kind: str) -> Sketch:
    return sketch.of_numbers(*cells.numbers(column)) if kind in NUMBERS else sketch.of_words(*cells.words(column))


def _counted(empty: Sketch, column: pa.ChunkedArray) -> Sketch:
    """A column that is of another kind by now counts as missing."""
    kind = arrow.type_name(column.type, "")
    if empty.of_numbers and kind in NUMBERS:
        return empty.numbers(*cells.numbers(column))
    if not empty.of_numbers and kind in WORDS:
        return empty.words(*cells.words(column))
    return replace(empty, missing=len(column))
