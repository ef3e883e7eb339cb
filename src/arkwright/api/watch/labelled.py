"""Realised performance: what a gate measures on held-out rows, on those of a window whose labels have come; and what of
it needs no label, such as how often one group is answered with yes, on all that were answered.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from arkwright.api.watch.beside import Asked, realised
from arkwright.api.watch.evaluated import evaluation, scored
from arkwright.api.watch.log import LoggedWindow
from arkwright.core.errors import ArkwrightError
from arkwright.core.promises import Reading
from arkwright.core.usercode import call as call_user
from arkwright.measures import traffic
from arkwright.measures.evaluation import Evaluation
from arkwright.serve.tap import window as logged
from arkwright.serve.tap.window import Came

ANSWERED = 2_000_000  # rows that are looked at of those that need no label: they are all that came


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
        for labels in (True, False):
            some = [text for text in bound if realised(promises[text].promise) == labels]
            if some:
                rows = _rows(window, came, scratch, [promises[text] for text in some], labels=labels)
                found |= {text: rows.reading(bound[text]) for text in some}
    return found


def joined(window: LoggedWindow, columns: Collection[str], every: int) -> tuple[pa.Table, Evaluation]:
    """One of so many rows whose labels have come, are of a class that the release has, and that have a score, where it
    gives one: of these columns those that every row was logged with, and what was answered and true.
    """
    with window.site.scratch("labels") as scratch, window.came(scratch) as came:
        by = _by(window, came, columns)
        table = _labelled(window, came, scratch, by, every)
    whole, usable = evaluation(window.layout, window.signature.task, table, {})
    if window.layout.classes:
        usable &= ~whole.strange
    if whole.score is not None:
        usable &= scored(whole.score)
    table = table.select(list(by.values())).rename_columns(list(by)).filter(pa.array(usable))
    return table, whole.take(usable)


@dataclass(frozen=True, slots=True)
class _Rows:
    """`whole`: every row with an answer and, where that is asked for, a label; `scored`: those of them with a score.
    `note`: how many of the rows that is, and why not more.
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


def _rows(window: LoggedWindow, came: Came, scratch: Path, some: Sequence[Asked], *, labels: bool) -> _Rows:
    """Those that these promises rest on: whose labels have come, or all that were answered."""
    words = {word for one in some for word in (*traffic.mentioned(one.promise.call), *(one.within or ())[:1])}
    rows = int(window.site.tables.row(f"SELECT count(*) FROM ({came.select})", came.files)[0])  # noqa: S608
    by = _by(window, came, words)
    every = 1 if labels else max(1, math.ceil(rows / ANSWERED))
    table = (_labelled if labels else _answered)(window, came, scratch, by, every)
    all_of_them, usable = evaluation(window.layout, window.signature.task, table, by)
    whole = all_of_them.take(usable)
    note = (_said if labels else _said_of_all)(rows, len(table), whole, window)
    if whole.score is None:
        return _Rows(whole, whole, note)
    there = scored(whole.score)
    if there.all():
        return _Rows(whole, whole, note)
    return _Rows(replace(whole, score=None), whole.take(there), note)


def _by(window: LoggedWindow, came: Came, columns: Collection[str]) -> dict[str, str]:
    """How the log calls each of these columns that every row was logged with."""
    there = window.layout.row.items()
    return {column: name for name, column in there if column in columns and name not in came.lost}


def _labelled(window: LoggedWindow, came: Came, scratch: Path, by: Mapping[str, str], every: int) -> pa.Table:
    names, out = [*by.values(), *window.layout.answer], scratch / "labelled.parquet"
    logged.labelled(window.folder, window.site.tables, scratch, came, names, out, every)
    return pq.read_table(out)


def _answered(window: LoggedWindow, came: Came, scratch: Path, by: Mapping[str, str], every: int) -> pa.Table:
    names, out = [*by.values(), *window.layout.answer], scratch / "answered.parquet"
    logged.answered(window.site.tables, came, names, out, every)
    return pq.read_table(out)


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


def _said_of_all(rows: int, looked: int, whole: Evaluation, window: LoggedWindow) -> str:
    """`looked`: at so many of the rows; `whole`: those of them that tell something."""
    if not rows:
        return "no rows came"
    told = f"{rows:,} rows, whether they have labels or not"
    if looked < rows:
        told = f"{looked:,} of {told}"
    if unusable := looked - len(whole):
        why = f"no class of {window.release.ref}" if window.layout.classes else "no number"
        told += f", not counting {unusable:,} whose answer is {why}"
    return told


def _and(*notes: Any) -> str:
    return "; ".join(note for note in notes if note)
