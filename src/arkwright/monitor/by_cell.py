"""How well a model answers in each cell of each column: kept with a release of the rows that it was judged on, and of
rows that came later counted when somebody asks why it does worse.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from arkwright.core import arrow, arrow_arrays
from arkwright.measures import cells as cut
from arkwright.measures.cells import Cells
from arkwright.measures.evaluation import Array
from arkwright.measures.scores import Scores
from arkwright.measures.sketch import Sketch
from arkwright.measures.worse import errors
from arkwright.monitor import cells as counted
from arkwright.monitor.binned import NUMBERS, WORDS
from arkwright.monitor.cells import Columns
from arkwright.monitor.loss_model import LossModel

BINS, VALUES, GROUPS = 5, 20, 50  # cells of numbers; of words; of words by which answers are told apart
LARGEST = 1000  # cells of all columns, times the classes
MOST_ROWS = 30_000  # that are asked what error they are expected to have
TIMES = ("date", "datetime")
Counted = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class ByCell:
    """What is kept of the rows that a release was judged on, by column: of a classifier `judged`, of a regression
    `erred` and `expected`, as the functions below have them.
    """

    cells: Mapping[str, Cells]
    judged: Counted
    erred: Counted
    expected: Counted


def of_classifier(
    rows: Columns,
    sketches: Mapping[str, Sketch],
    groups: Collection[str],
    empty: Scores,
    said: tuple[Array, Array],
    truth: Array,
) -> ByCell:
    cells = chosen(rows, sketches, groups, len(empty.means))
    return ByCell(cells, scored(cells, rows, empty, said, truth), {}, {})


def of_regression(
    rows: Columns,
    sketches: Mapping[str, Sketch],
    groups: Collection[str],
    model: LossModel,
    answer: Array,
    truth: Array,
) -> ByCell:
    cells = chosen(rows, sketches, groups, 1)
    looked = arrow_arrays.integers(np.arange(0, rows.num_rows, -(-rows.num_rows // MOST_ROWS)))
    some = pa.table({name: rows.column(name).take(looked) for name in {*cells, *model.columns}})
    return ByCell(cells, {}, erred(cells, rows, answer, truth), expected(cells, some, model, rows.num_rows))


def chosen(rows: Columns, sketches: Mapping[str, Sketch], groups: Collection[str], classes: int) -> dict[str, Cells]:
    """Columns with more than one cell, first those of `groups`; no times, which always move. Of very many columns the
    first ones.
    """
    found: dict[str, Cells] = {}
    room = LARGEST
    for name in (*groups, *(one for one in sketches if one not in groups)):
        kind = arrow.type_name(rows.column(name).type, name)
        bins = BINS if kind in NUMBERS else 1 + (GROUPS if name in groups else VALUES)
        made = cut.cells(name, sketches[name], bins)
        room -= len(made) * classes
        if kind not in TIMES and len(made) > 2 and room >= 0:
            found[name] = made
    return found


def scored(
    cells: Mapping[str, Cells], table: Columns, empty: Scores, said: tuple[Array, Array], truth: Array | None = None
) -> Counted:
    """(2, m, k, 2, b) of a classifier that `said` (n, k) probabilities and (n,) classes: the rows in which each class
    was right, and all of them. Without the (n,) `truth` none was.
    """
    places, (k, b) = empty.places(*said), empty.means.shape
    of = np.arange(k) if k > 1 else np.ones(1, np.int64)
    right = np.zeros(places.shape, bool) if truth is None else truth[:, None] == of
    found = {}
    for name, codes in _codes(cells, table):
        at, size = codes[:, None] * (2 * k * b) + places, len(cells[name]) * 2 * k * b
        counts = [np.bincount(some.ravel(), minlength=size) for some in (at[right], at)]
        found[name] = np.stack(counts).reshape(2, -1, k, 2, b)
    return found


def erred(cells: Mapping[str, Cells], table: Columns, answer: Array, truth: Array) -> Counted:
    """(m, 4, 3) of a regression: the rows, what is in `errors`, its square."""
    off = errors(answer, truth)
    with np.errstate(all="ignore"):
        each = np.stack([np.ones_like(off), off, off**2], axis=2)
    return {name: _summed(codes, each, len(cells[name])) for name, codes in _codes(cells, table)}


def expected(cells: Mapping[str, Cells], table: pa.Table, model: LossModel, rows: int) -> Counted:
    """(m, 2, 5 + k) of a regression before labels come, as of `Losses`; the table stands for so many rows."""
    each = model.each(table, rows)
    return {name: _summed(codes, each, len(cells[name])) for name, codes in _codes(cells, table)}


def _summed(codes: Array, each: Array, m: int) -> Array:
    flat = each.reshape(len(each), -1)
    sums = [np.bincount(codes, weights=flat[:, place], minlength=m) for place in range(flat.shape[1])]
    whole = np.stack(sums, axis=1).reshape(m, *each.shape[1:])
    return np.nan_to_num(whole, nan=np.inf, posinf=np.inf, neginf=-np.inf)  # a share of 0 is none, as 0 of 0 is


def _codes(cells: Mapping[str, Cells], table: Columns) -> Iterator[tuple[str, Array]]:
    """(column, (n,) the cell of each row) of those that the table has."""
    for name, one in cells.items():
        if name in table.column_names:
            yield name, _cell(one, table.column(name))


def _cell(cells: Cells, column: pa.ChunkedArray) -> Array:
    """What is missing, or of another kind by now, is in the last one."""
    edges, values, missing = cells.before.edges, cells.before.values, len(cells) - 1
    if arrow.type_name(column.type, "") not in (WORDS if edges is None else NUMBERS):
        return np.full(len(column), missing)
    if edges is None:
        bins = counted.places(column, values)
        return np.where(bins > len(values), missing, cells.of[np.minimum(bins, len(values))])
    numbers = counted.floats(column)
    return np.where(np.isnan(numbers), missing, cells.of[np.searchsorted(edges, numbers, "right")])
