"""Rows of a log as measures of a model are given them: what was answered, and what turned out to be true."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arkwright.api.watch.beside import Asked
from arkwright.api.watch.log import Layout, LoggedWindow
from arkwright.core.errors import ArkwrightError
from arkwright.core.promises import Reading
from arkwright.core.usercode import call as call_user
from arkwright.measures import traffic
from arkwright.measures.evaluation import STRANGE, Array, Evaluation
from arkwright.monitor.labelled_hours import ALIKE
from arkwright.serve.tap.tables import ACTUAL
from arkwright.serve.tap.window import Came
from arkwright.train.answers import groups_of

_EQUAL = {"true": "1", "false": "0", "1": "true", "0": "false"}  # labels of a release that says 0 and 1, or the words


@dataclass(frozen=True, slots=True)
class Rows:
    """`whole`: every row that tells something; `scored`: those of them with a score. `note`: how many of the rows that
    is, and why not more.
    """

    whole: Evaluation
    scored: Evaluation
    note: str

    def reading(self, measure: Callable[..., Reading]) -> Reading:
        if not len(self.whole):
            return Reading(None, n=0, note=self.note)
        try:
            found: Reading = call_user(measure, self.whole)
            unscored = len(self.whole) - len(self.scored)
            if found.value is None and unscored and len(self.scored):  # a measure of scores, which rules do not give
                found = call_user(measure, self.scored)
                found = replace(found, note=_and(f"without {unscored:,} that have no score", found.note))
        except ArkwrightError as error:
            return Reading(None, n=len(self.whole), note=str(error))
        return replace(found, note=_and(self.note, found.note))


def rows(whole: Evaluation, note: str) -> Rows:
    """Where only some have a score, measures that need none are told of all of them."""
    if whole.score is None:
        return Rows(whole, whole, note)
    there = scored(whole.score)
    return Rows(whole, whole, note) if there.all() else Rows(replace(whole, score=None), whole.take(there), note)


def bound(
    window: LoggedWindow, came: Came, promises: Mapping[str, Asked]
) -> tuple[dict[str, Callable[..., Reading]], dict[str, Reading]]:
    """(the measures with their arguments filled in, what is said of those that ask for what is not there)"""
    found, refused = dict[str, Callable[..., Reading]](), dict[str, Reading]()
    for text, one in promises.items():
        try:
            measure = window.bind(one.promise.call, came.lost)
            found[text] = _within(measure, *one.within) if one.within else measure
        except ArkwrightError as error:
            refused[text] = Reading(None, note=str(error))
    return found, refused


def words(promises: Collection[Asked]) -> set[str]:
    """Which may be columns that these ask for."""
    return {word for one in promises for word in (*traffic.mentioned(one.promise.call), *(one.within or ())[:1])}


def columns(layout: Layout, came: Came, wanted: Collection[str]) -> dict[str, str]:
    """Those of a row that are wanted and that every row was logged with -> what the log calls them."""
    return {column: name for name, column in layout.row.items() if column in wanted and name not in came.lost}


def evaluation(layout: Layout, task: str, table: pa.Table, by: Mapping[str, str]) -> tuple[Evaluation, Array]:
    """(all n rows, (n,) whether an answer and a label tell something). `by`: how the table calls each column of groups.
    Where no label was asked for the truth is STRANGE, or NaN, and tells nothing. Rows that are ALIKE have no score.
    """
    truth, label, usable = _classes(layout, table) if layout.classes else _values(layout, table)
    alike = ALIKE in table.column_names
    found = Evaluation(
        task=task,
        truth=truth,
        label=label,
        score=None if alike else _score(layout, table),
        classes=len(layout.classes),
        groups={column: groups_of(table.column(name)) for column, name in by.items()},
        times=table.column(ALIKE).to_numpy() if alike else None,
    )
    return found, usable


def scored(score: Array) -> Array:
    """(n,) whether a row has a score."""
    found: Array = np.isfinite(np.atleast_2d(score.T)).all(axis=0)
    return found


def _within(measure: Callable[..., Reading], column: str, value: str) -> Callable[..., Reading]:
    """The same of the rows alone that have this value."""

    def measured(evaluation: Evaluation) -> Reading:
        words = pa.array(evaluation.groups[column]).cast(pa.string())
        inside = pc.fill_null(pc.equal(words, value), fill_value=False)
        return measure(evaluation.take(inside.to_numpy(zero_copy_only=False)))

    return measured


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


def _and(*notes: Any) -> str:
    return "; ".join(note for note in notes if note)
