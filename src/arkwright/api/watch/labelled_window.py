"""The rows of a window whose labels have come, from the hours that are kept."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from arkwright.api.watch import joining
from arkwright.api.watch.log import LoggedWindow
from arkwright.monitor.labelled_hours import LabelledHours, alone, counted, summed
from arkwright.serve.tap import hours as sql
from arkwright.serve.tap.hours import AGAIN, CORRECTED, HOUR
from arkwright.serve.tap.parts import Index
from arkwright.serve.tap.query import SAID
from arkwright.serve.tap.tables import ACTUAL
from arkwright.serve.tap.window import Came

_ORDER = ("at", "id", "row")
PATIENCE = 60.0  # seconds; the first look at a week of many rows takes some of them


def kept(window: LoggedWindow) -> AbstractContextManager[LabelledHours]:
    """The hours of the endpoint. Whoever else would join rows of it waits meanwhile; Away where that takes too long."""
    return alone(window.site.watched, window.folder.name, PATIENCE)


class Labelled:
    """`rows`: how many came in the window, with a label or without."""

    def __init__(self, window: LoggedWindow, kept: LabelledHours, came: Came, columns: Collection[str]) -> None:
        """Joins what is new. `came`: the window, whose files stay meanwhile; `columns`: those of its rows that are
        asked for beside the answers.
        """
        self._window, self._kept, self._release = window, kept, window.release.ref
        self._columns = (*sorted(columns), *window.layout.answer)
        parts = [part for part in Index(window.folder).parts if self._release in part.releases]
        joining.follow(window, kept, self._columns, parts)
        self._hours = sorted(joining.hours_of(window, parts))
        until = window.until.timestamp()
        open_ = max((part.until for part in parts), default=0) >= until * 10**9  # or there is nothing behind its end
        self._cut = {hour for hour in self._hours if hour < window.since.timestamp() or (open_ and hour + HOUR > until)}
        whole = {*self._hours} - self._cut
        self.rows = kept.rows(self._release, whole)
        if self._cut:
            self.rows += sql.rows(window.site.tables, came, self._cut)

    def every(self) -> pa.Table:
        """Each labelled row as it was answered last in the window, in their order: the columns, and ACTUAL."""
        names = [*self._columns, ACTUAL]
        return pa.concat_tables([self._nothing.select(names), *(self._of(hour, names) for hour in self._hours)])

    def alike(self) -> pa.Table:
        """The same rows without what hardly any two have in common; ALIKE: how many are the same in all else."""
        names = joining.told_apart(self._window, self._columns)
        found = [counted(self._nothing, names)]
        for hour in self._hours:
            if hour in self._cut or self._window.labels_until:
                found.append(counted(self._of(hour, names), names))
            else:
                alike, again = self._kept.counted(self._release, hour)
                found += [alike, counted(self._last(again), names)]
        return summed(pa.concat_tables(found), names)

    @property
    def _nothing(self) -> pa.Table:
        return joining.schema(self._window, self._columns).empty_table()

    def _of(self, hour: int, names: Sequence[str]) -> pa.Table:
        """Of an hour those in the window that were not answered again in it, each with the label that was its last."""
        then = self._window.labels_until
        if then is None:
            return self._last(self._kept.every(self._release, hour, ["at", AGAIN, *names])).select(names)
        of = self._release, hour, [*_ORDER, AGAIN, SAID, CORRECTED, *names]
        table = pa.concat_tables([self._kept.every(*of), self._kept.earlier(*of)])
        said, corrected = table.column(SAID), table.column(CORRECTED)
        known = pc.and_(pc.less(said, _as(then, said)), _not_before(corrected, then))
        return self._last(table.filter(known)).sort_by([(name, "ascending") for name in _ORDER]).select(names)

    def _last(self, table: pa.Table) -> pa.Table:
        at = table.column("at")
        since, until = (_as(moment, at) for moment in (self._window.since, self._window.until))
        inside = pc.and_(pc.greater_equal(at, since), pc.less(at, until))
        return table.filter(pc.and_(inside, _not_before(table.column(AGAIN), self._window.until)))


def _not_before(column: pa.ChunkedArray, moment: datetime) -> pa.ChunkedArray:
    """(n,) whether each is later, or was never."""
    return pc.fill_null(pc.greater_equal(column, _as(moment, column)), fill_value=True)


def _as(moment: datetime, column: pa.ChunkedArray) -> pa.Scalar:
    return pa.scalar(moment.replace(tzinfo=None), column.type)
