"""Realised performance: what a gate measures on held-out rows, on those of a window whose labels have come."""

from collections.abc import Callable, Collection, Mapping
from functools import cached_property

import pyarrow as pa
import pyarrow.parquet as pq

from arkwright.api.watch import answered, labelled_window
from arkwright.api.watch.beside import Asked, realised
from arkwright.api.watch.evaluated import Rows, bound, columns, evaluation, rows, scored, words
from arkwright.api.watch.labelled_window import Labelled
from arkwright.api.watch.log import LoggedWindow
from arkwright.core.errors import Away
from arkwright.core.promises import Reading
from arkwright.measures import traffic
from arkwright.measures.evaluation import Evaluation
from arkwright.serve.tap import window as logged


def readings(window: LoggedWindow, promises: Mapping[str, Asked]) -> dict[str, Reading]:
    """Of promises about a model; those that need no label rest on all that was answered. One that asks for what is not
    there stops no other, nor do those of labels while another process joins them.
    """
    of_labels = {text: one for text, one in promises.items() if realised(one.promise)}
    others = {text: one for text, one in promises.items() if text not in of_labels}
    found = answered.readings(window, others) if others else {}
    try:
        return found | (_readings(window, of_labels) if of_labels else {})
    except Away as error:
        return found | dict.fromkeys(of_labels, Reading(None, note=str(error), failed=True))


def joined(window: LoggedWindow, wanted: Collection[str], every: int) -> tuple[pa.Table, Evaluation]:
    """One of so many rows whose labels have come, are of a class that the release has, and that have a score, where it
    gives one: of these columns those that every row was logged with, and what was answered and true. All labels that
    are known now: `labels_until` is for looks at the past, which explain nothing.
    """
    with window.site.scratch("labels") as scratch, window.came(scratch) as came:
        by, out = columns(window.layout, came, wanted), scratch / "labelled.parquet"
        names = [*by.values(), *window.layout.answer]
        logged.labelled(window.folder, window.site.tables, scratch, came, names, out, every)
        table = pq.read_table(out)
    whole, usable = evaluation(window.layout, window.signature.task, table, {})
    if window.layout.classes:
        usable &= ~whole.strange
    if whole.score is not None:
        usable &= scored(whole.score)
    table = table.select(list(by.values())).rename_columns(list(by)).filter(pa.array(usable))
    return table, whole.take(usable)


def _readings(window: LoggedWindow, promises: Mapping[str, Asked]) -> dict[str, Reading]:
    with labelled_window.kept(window) as kept:
        with window.site.scratch("labels") as scratch, window.came(scratch) as came:
            measures, refused = bound(window, came, promises)
            if not measures:
                return refused
            by = columns(window.layout, came, words([promises[text] for text in measures]))
            came_true = _Realised(window, by, Labelled(window, kept, came, by.values()))
        return refused | {
            text: came_true.reading(measure, only_counts=traffic.only_counts(promises[text].promise.call))
            for text, measure in measures.items()
        }


class _Realised:
    """What came true of the labelled rows of a window. `by`: how the log calls each column that is asked for."""

    def __init__(self, window: LoggedWindow, by: Mapping[str, str], labelled: Labelled) -> None:
        self._window, self._by, self._labelled = window, by, labelled

    def reading(self, measure: Callable[..., Reading], *, only_counts: bool) -> Reading:
        """`only_counts`: whether it may be given rows that are alike as one."""
        if only_counts and self._window.layout.classes:
            found = self._counted.reading(measure)
            if found.value is not None or not found.n:
                return found
        return self._each.reading(measure)

    @cached_property
    def _counted(self) -> Rows:
        """Every row with an answer and a label, those that are alike as one."""
        return self._rows(self._labelled.alike())

    @cached_property
    def _each(self) -> Rows:
        return self._rows(self._labelled.every())

    def _rows(self, table: pa.Table) -> Rows:
        every, usable = evaluation(self._window.layout, self._window.signature.task, table, self._by)
        whole = every.take(usable)
        return rows(whole, _said(self._labelled.rows, len(every), whole, self._window))


def _said(n: int, labels: int, whole: Evaluation, window: LoggedWindow) -> str:
    """`labels`: how many of the n rows that came have one; `whole`: those of them that tell something."""
    if not n:
        return "no rows came"
    if not labels:
        return f"none of the {n:,} rows has a label yet; send labels: arkwright label {window.folder.name}"
    told, ref, unusable = f"{len(whole):,} of {n:,} rows have labels", window.release.ref, labels - len(whole)
    if strange := len(whole.take(whole.strange)) if whole.classes else 0:
        told += f", {strange:,} of them of a class that {ref} does not have"
    if unusable:
        why = f"answer is no class of {ref}" if whole.classes else "label or answer is no number"
        told += f", not counting {unusable:,} whose {why}"
    return told
