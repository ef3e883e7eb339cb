"""Realised performance: what a gate measures on held-out rows, on those of a window whose labels have come."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from arkwright.api.watch import joined as by_hours
from arkwright.api.watch.beside import Asked
from arkwright.api.watch.joined import Labelled
from arkwright.api.watch.log import Layout, LoggedWindow
from arkwright.core.errors import ArkwrightError
from arkwright.core.promises import Reading
from arkwright.core.usercode import call as call_user
from arkwright.measures import traffic
from arkwright.measures.evaluation import STRANGE, Array, Evaluation
from arkwright.monitor.joined import ALIKE
from arkwright.serve.tap import window as logged
from arkwright.serve.tap.tables import ACTUAL
from arkwright.serve.tap.window import Came
from arkwright.train.answers import groups_of

_EQUAL = {"true": "1", "false": "0", "1": "true", "0": "false"}  # labels of a release that says 0 and 1, or the words


def readings(window: LoggedWindow, promises: Mapping[str, Asked]) -> dict[str, Reading]:
    """Of promises about a model. One that asks for what is not there stops no other."""
    found: dict[str, Reading] = {}
    bound: dict[str, Callable[..., Reading]] = {}
    with by_hours.kept(window) as kept:
        with window.site.scratch("labels") as scratch, window.came(scratch) as came:
            for text, one in promises.items():
                try:
                    measure = window.bind(one.promise.call, came.lost)
                    bound[text] = _within(measure, *one.within) if one.within else measure
                except ArkwrightError as error:
                    found[text] = Reading(None, note=str(error))
            some = [promises[text] for text in bound]
            words = {word for one in some for word in (*traffic.mentioned(one.promise.call), *(one.within or ())[:1])}
            by = _columns(window.layout, came, words)
            realised = _Realised(window, by, Labelled(window, kept, came, by.values()))
        for text, measure in bound.items():
            found[text] = realised.reading(measure, only_counts=traffic.only_counts(promises[text].promise.call))
    return found


def joined(window: LoggedWindow, columns: Collection[str], every: int) -> tuple[pa.Table, Evaluation]:
    """One of so many rows whose labels have come, are of a class that the release has, and that have a score, where it
    gives one: of these columns those that every row was logged with, and what was answered and true.
    """
    with window.site.scratch("labels") as scratch, window.came(scratch) as came:
        by, out = _columns(window.layout, came, columns), scratch / "labelled.parquet"
        names = [*by.values(), *window.layout.answer]
        logged.labelled(window.folder, window.site.tables, scratch, came, names, out, every)
        table = pq.read_table(out)
    truth, label, usable = _answers(window.layout, table)
    score = _score(window.layout, table)
    if window.layout.classes:
        usable &= truth != STRANGE
    if score is not None:
        usable &= _there(score)
    found = Evaluation(task=window.signature.task, truth=truth, label=label, score=score).take(usable)
    table = table.select(list(by.values())).rename_columns(list(by)).filter(pa.array(usable))
    return table, found


class _Realised:
    """What came true of the labelled rows of a window. `by`: how the log calls each column that is asked for."""

    def __init__(self, window: LoggedWindow, by: Mapping[str, str], rows: Labelled) -> None:
        self._window, self._by, self._rows = window, by, rows

    def reading(self, measure: Callable[..., Reading], *, only_counts: bool) -> Reading:
        """`only_counts`: whether it may be given rows that are alike as one."""
        if only_counts and self._window.layout.classes:
            found = _told(measure, *self._counted)
            if found.value is not None or not found.n:
                return found
        whole, scored, note = self._each
        found, unscored = _told(measure, whole, note), len(whole) - len(scored)
        if found.value is None and unscored and len(scored):  # a measure of scores, which rules do not give
            return _told(measure, scored, _and(note, f"without {unscored:,} that have no score"))
        return found

    @cached_property
    def _counted(self) -> tuple[Evaluation, str]:
        """(every row with an answer and a label, those that are alike as one; how many that is, and why not more)"""
        table = self._rows.alike()
        times = table.column(ALIKE).to_numpy()
        return self._evaluation(table, None, times)

    @cached_property
    def _each(self) -> tuple[Evaluation, Evaluation, str]:
        """(every row with an answer and a label; those of them with a score; what is said of them)"""
        table = self._rows.every()
        whole, note = self._evaluation(table, _score(self._window.layout, table), None)
        if whole.score is None:
            return whole, whole, note
        there = _there(whole.score)
        if there.all():
            return whole, whole, note
        return replace(whole, score=None), whole.take(there), note

    def _evaluation(self, table: pa.Table, score: Array | None, times: Array | None) -> tuple[Evaluation, str]:
        truth, label, usable = _answers(self._window.layout, table)
        every = Evaluation(
            task=self._window.signature.task,
            truth=truth,
            label=label,
            score=score,
            classes=len(self._window.layout.classes),
            groups={column: groups_of(table.column(name)) for column, name in self._by.items()},
            times=times,
        )
        whole = every.take(usable)
        return whole, _said(self._rows.rows, len(every), whole, self._window)


def _told(measure: Callable[..., Reading], rows: Evaluation, note: str) -> Reading:
    if not len(rows):
        return Reading(None, n=0, note=note)
    try:
        found: Reading = call_user(measure, rows)
    except ArkwrightError as error:
        return Reading(None, n=len(rows), note=str(error))
    return replace(found, note=_and(note, found.note))


def _within(measure: Callable[..., Reading], column: str, value: str) -> Callable[..., Reading]:
    """The same of the rows alone that have this value."""

    def measured(evaluation: Evaluation) -> Reading:
        words = pa.array(evaluation.groups[column]).cast(pa.string())
        inside = pc.fill_null(pc.equal(words, value), fill_value=False)
        return measure(evaluation.take(inside.to_numpy(zero_copy_only=False)))

    return measured


def _columns(layout: Layout, came: Came, words: Collection[str]) -> dict[str, str]:
    """Those of a row that are among these words and that every row was logged with -> what the log calls them."""
    return {column: name for name, column in layout.row.items() if column in words and name not in came.lost}


def _answers(layout: Layout, table: pa.Table) -> tuple[Array, Array, Array]:
    return _classes(layout, table) if layout.classes else _values(table, layout)


def _there(score: Array) -> Array:
    """(n,) whether a row has one."""
    found: Array = np.isfinite(np.atleast_2d(score.T)).all(axis=0)
    return found


def _classes(layout: Layout, table: pa.Table) -> tuple[Array, Array, Array]:
    """(truth, label, usable): (n,) class codes twice, and whether the answer is a class of this release."""
    own, k = list(layout.classes), len(layout.classes)
    names = pa.array([*own, *(_EQUAL.get(one, one) for one in own)], pa.string())
    found = [pc.index_in(table.column(name).cast(pa.string()), names) for name in (ACTUAL, layout.answer[0])]
    truth, label = (np.where(pc.is_valid(one), pc.fill_null(one, 0).to_numpy() % k, STRANGE) for one in found)
    return truth, label, label != STRANGE


def _values(table: pa.Table, layout: Layout) -> tuple[Array, Array, Array]:
    """(truth, label, usable): (n,) numbers twice, and whether both are finite."""
    truth = np.array([_number(text) for text in table.column(ACTUAL).to_pylist()], np.float64)
    label = table.column(layout.answer[0]).to_numpy().astype(np.float64)
    usable: Array = np.isfinite(truth) & np.isfinite(label)
    return truth, label, usable


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _score(layout: Layout, table: pa.Table) -> Array | None:
    """(n,) of class 1 or (n, k) of every class, NaN where there is none."""
    if not layout.classes:
        return None
    chances = [table.column(name).to_numpy().astype(np.float64) for name in layout.answer[1:]]
    return chances[1] if len(chances) == 2 else np.column_stack(chances)


def _said(rows: int, labels: int, whole: Evaluation, window: LoggedWindow) -> str:
    """`whole`: those of the labels that tell something."""
    if not rows:
        return "no rows came"
    if not labels:
        return f"none of the {rows:,} rows has a label yet; send labels: arkwright label {window.folder.name}"
    told, ref, unusable = f"{len(whole):,} of {rows:,} rows have labels", window.release.ref, labels - len(whole)
    if strange := len(whole.take(whole.strange)) if whole.classes else 0:
        told += f", {strange:,} of them of a class that {ref} does not have"
    if unusable:
        why = f"answer is no class of {ref}" if whole.classes else "label or answer is no number"
        told += f", not counting {unusable:,} whose {why}"
    return told


def _and(*notes: Any) -> str:
    return "; ".join(note for note in notes if note)
