"""Realised performance: what a gate measures on held-out rows, on those of a window whose labels have come."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from arkwright.api.watch.beside import Asked
from arkwright.api.watch.log import Layout, LoggedWindow
from arkwright.core.errors import ArkwrightError
from arkwright.core.promises import Reading
from arkwright.core.usercode import call as call_user
from arkwright.measures import traffic
from arkwright.measures.evaluation import STRANGE, Array, Evaluation
from arkwright.serve.tap import window as logged
from arkwright.serve.tap.tables import ACTUAL
from arkwright.serve.tap.window import Came
from arkwright.train.answers import groups_of

_EQUAL = {"true": "1", "false": "0", "1": "true", "0": "false"}  # labels of a release that says 0 and 1, or the words


def readings(window: LoggedWindow, promises: Mapping[str, Asked]) -> dict[str, Reading]:
    """Of promises about a model. One that asks for what is not there stops no other."""
    found: dict[str, Reading] = {}
    bound: dict[str, Callable[..., Reading]] = {}
    with window.site.scratch("labels") as scratch, window.came(scratch) as came:
        for text, one in promises.items():
            try:
                measure = window.bind(one.promise.call, came.lost)
                bound[text] = _within(measure, *one.within) if one.within else measure
            except ArkwrightError as error:
                found[text] = Reading(None, note=str(error))
        some = [promises[text] for text in bound]
        words = {word for one in some for word in (*traffic.mentioned(one.promise.call), *(one.within or ())[:1])}
        realised = _realised(window, came, scratch, words)
    return found | {text: realised.reading(measure) for text, measure in bound.items()}


def joined(window: LoggedWindow, columns: Collection[str], every: int) -> tuple[pa.Table, Evaluation]:
    """One of so many rows whose labels have come, are of a class that the release has, and that have a score, where it
    gives one: of these columns those that every row was logged with, and what was answered and true.
    """
    with window.site.scratch("labels") as scratch, window.came(scratch) as came:
        by, table = _table(window, came, scratch, columns, every)
    truth, label, usable = _answers(window.layout, table)
    score = _score(window.layout, table)
    if window.layout.classes:
        usable &= truth != STRANGE
    if score is not None:
        usable &= _there(score)
    found = Evaluation(task=window.signature.task, truth=truth, label=label, score=score).take(usable)
    table = table.select(list(by.values())).rename_columns(list(by)).filter(pa.array(usable))
    return table, found


@dataclass(frozen=True, slots=True)
class _Realised:
    """`whole`: every row with an answer and a label; `scored`: those of them with a score. `note`: how many of the rows
    that is, and why not more.
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


def _within(measure: Callable[..., Reading], column: str, value: str) -> Callable[..., Reading]:
    """The same of the rows alone that have this value."""

    def measured(evaluation: Evaluation) -> Reading:
        words = pa.array(evaluation.groups[column]).cast(pa.string())
        inside = pc.fill_null(pc.equal(words, value), fill_value=False)
        return measure(evaluation.take(inside.to_numpy(zero_copy_only=False)))

    return measured


def _realised(window: LoggedWindow, came: Came, scratch: Path, words: set[str]) -> _Realised:
    by, table = _table(window, came, scratch, words, 1)
    rows = window.site.tables.row(f"SELECT count(*) FROM ({came.select})", came.files)[0]  # noqa: S608
    truth, label, usable = _answers(window.layout, table)
    score = _score(window.layout, table)
    whole = Evaluation(
        task=window.signature.task,
        truth=truth,
        label=label,
        score=score,
        classes=len(window.layout.classes),
        groups={column: groups_of(table.column(name)) for column, name in by.items()},
    ).take(usable)
    note = _said(rows, len(table), whole, window)
    if score is None or whole.score is None:
        return _Realised(whole, whole, note)
    there = _there(whole.score)
    if there.all():
        return _Realised(whole, whole, note)
    return _Realised(replace(whole, score=None), whole.take(there), note)


def _table(
    window: LoggedWindow, came: Came, scratch: Path, columns: Collection[str], every: int
) -> tuple[dict[str, str], pa.Table]:
    """(how the table calls each column, the table)"""
    layout, out = window.layout, scratch / "labelled.parquet"
    by = {column: name for name, column in layout.row.items() if column in columns and name not in came.lost}
    names = [*by.values(), *layout.answer]
    logged.labelled(window.folder, window.site.tables, scratch, came, names, out, every)
    return by, pq.read_table(out)


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
    if strange := int(whole.strange.sum()) if whole.classes else 0:
        told += f", {strange:,} of them of a class that {ref} does not have"
    if unusable:
        why = f"answer is no class of {ref}" if whole.classes else "label or answer is no number"
        told += f", not counting {unusable:,} whose {why}"
    return told


def _and(*notes: Any) -> str:
    return "; ".join(note for note in notes if note)
