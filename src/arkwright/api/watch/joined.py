"""The rows of a window whose labels have come, from the hours that are kept."""

from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager

import pyarrow as pa
import pyarrow.compute as pc

from arkwright.api.watch import joining
from arkwright.api.watch.log import LoggedWindow
from arkwright.core.errors import Away
from arkwright.monitor.joined import Joined, counted, summed
from arkwright.serve.tap import joining as sql
from arkwright.serve.tap.files import locked
from arkwright.serve.tap.joining import AGAIN, HOUR
from arkwright.serve.tap.parts import Index
from arkwright.serve.tap.tables import ACTUAL
from arkwright.serve.tap.window import Came

PATIENCE = 60.0  # seconds; the first look at a week of many rows takes some of them


@contextmanager
def kept(window: LoggedWindow) -> Iterator[Joined]:
    """The hours of the endpoint. Whoever else would join rows of it waits meanwhile; Away where that takes too long."""
    window.site.watched.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = window.site.watched / f"{window.folder.name}.labelled.db"
    lock = path.with_suffix(".lock")
    with locked(lock, within=PATIENCE) as got:
        if not got:
            raise Away(
                f"a process has joined rows of {window.folder.name} with labels for {PATIENCE:.0f} seconds and goes "
                f"on; where it stands still, end it (fuser -v {lock}), and try again"
            )
        with closing(Joined(path)) as found:
            yield found


class Labelled:
    """`rows`: how many came in the window, with a label or without."""

    def __init__(self, window: LoggedWindow, kept: Joined, came: Came, columns: Collection[str]) -> None:
        """Joins what is new. `came`: the window, whose files stay meanwhile; `columns`: those of its rows that are
        asked for beside the answers.
        """
        self._window, self._kept, self._release = window, kept, window.release.ref
        self._columns = (*sorted(columns), *window.layout.answer)
        known = Index(window.folder).parts
        kept.forget(min((part.since // 10**9 for part in known), default=0) // HOUR * HOUR)
        parts = [part for part in known if self._release in part.releases]
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
        found = (
            self._last(self._kept.every(self._release, hour, ["at", AGAIN, *names])).select(names)
            for hour in self._hours
        )
        return pa.concat_tables([self._nothing.select(names), *found])

    def alike(self) -> pa.Table:
        """The same rows without what hardly any two have in common; ALIKE: how many are the same in all else."""
        names = joining.told_apart(self._window, self._columns)
        found = [counted(self._nothing, names)]
        for hour in self._hours:
            if hour in self._cut:
                found.append(counted(self._last(self._kept.every(self._release, hour, ["at", AGAIN, *names])), names))
            else:
                alike, again = self._kept.counted(self._release, hour)
                found += [alike, counted(self._last(again), names)]
        return summed(pa.concat_tables(found), names)

    @property
    def _nothing(self) -> pa.Table:
        return joining.schema(self._window, self._columns).empty_table()

    def _last(self, table: pa.Table) -> pa.Table:
        """Those in the window that were not answered again in it."""
        kind = table.field("at").type
        since, until = (
            pa.scalar(moment.replace(tzinfo=None), kind) for moment in (self._window.since, self._window.until)
        )
        at, again = table.column("at"), table.column(AGAIN)
        inside = pc.and_(pc.greater_equal(at, since), pc.less(at, until))
        return table.filter(pc.and_(inside, pc.fill_null(pc.greater_equal(again, until), fill_value=True)))
