"""Rows of a log as measures of a model are given them: what was answered, and what turned out to be true."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arkwright.api.watch.log import Layout
from arkwright.measures.evaluation import STRANGE, Array, Evaluation
from arkwright.serve.tap.tables import ACTUAL
from arkwright.train.answers import groups_of

_EQUAL = {"true": "1", "false": "0", "1": "true", "0": "false"}  # labels of a release that says 0 and 1, or the words


def evaluation(layout: Layout, task: str, table: pa.Table, by: Mapping[str, str]) -> tuple[Evaluation, Array]:
    """(all n rows, (n,) whether an answer and a label tell something). `by`: how the table calls each column of groups.
    Where no label was asked for the truth is STRANGE, or NaN, and tells nothing.
    """
    truth, label, usable = _classes(layout, table) if layout.classes else _values(layout, table)
    found = Evaluation(
        task=task,
        truth=truth,
        label=label,
        score=_score(layout, table),
        classes=len(layout.classes),
        groups={column: groups_of(table.column(name)) for column, name in by.items()},
    )
    return found, usable


def scored(score: Array) -> Array:
    """(n,) whether a row has a score."""
    found: Array = np.isfinite(np.atleast_2d(score.T)).all(axis=0)
    return found


def _classes(layout: Layout, table: pa.Table) -> tuple[Array, Array, Array]:
    """(truth, label, usable): (n,) class codes twice, and whether the answer is a class of this release."""
    own, k = list(layout.classes), len(layout.classes)
    names = pa.array([*own, *(_EQUAL.get(one, one) for one in own)], pa.string())
    found = [pc.index_in(table.column(name).cast(pa.string()), names) for name in (ACTUAL, layout.answer[0])]
    truth, label = (np.where(pc.is_valid(one), pc.fill_null(one, 0).to_numpy() % k, STRANGE) for one in found)
    return truth, label, label != STRANGE


def _values(layout: Layout, table: pa.Table) -> tuple[Array, Array, Array]:
    """(truth, label, usable): (n,) numbers twice, and whether those that there are are finite."""
    said = table.column(ACTUAL)
    truth = np.array([_number(text) for text in said.to_pylist()], np.float64)
    label = table.column(layout.answer[0]).to_numpy().astype(np.float64)
    usable: Array = np.isfinite(label) & (np.isfinite(truth) | said.is_null().to_numpy())
    return truth, label, usable


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def _score(layout: Layout, table: pa.Table) -> Array | None:
    """(n,) of class 1 or (n, k) of every class, NaN where there is none."""
    if not layout.classes:
        return None
    chances = [table.column(name).to_numpy().astype(np.float64) for name in layout.answer[1:]]
    return chances[1] if len(chances) == 2 else np.column_stack(chances)
