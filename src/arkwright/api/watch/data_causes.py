"""What explains that a promise of a dataset is broken: its columns as the last look found them, beside those on record.

The rows of a look are there until the next one, so that is what an alarm is explained by, whenever it was raised.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from arkwright.api.watch import told
from arkwright.api.watch.told import MOST, Causes, Rows
from arkwright.core import versions
from arkwright.core.alarms import DATA, READABLE, UNCHANGED, Alarm, subject
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Column, Dataset
from arkwright.core.promises import Call, parse
from arkwright.line import look
from arkwright.measures import moved, traffic, unexplained
from arkwright.measures.causes import Explained
from arkwright.measures.evaluation import Undefined
from arkwright.measures.window import Window
from arkwright.monitor import counting
from arkwright.monitor.measured import Found
from arkwright.sites import Site

log = logging.getLogger("arkwright.watch")
TIMES = ("date", "datetime")
NOWHERE = Rows(since="", until="", release="", where=())


@dataclass
class DataExplainer:
    """Explains alarms of one dataset."""

    site: Site
    about: str  # data.flights

    def __call__(self, found: Found) -> tuple[tuple[str, ...], str]:
        """For an alarm that is raised: its causes. What explains it never holds it up."""
        try:
            return self._explained(found.promise)[0].says(MOST), ""
        except Exception as error:  # noqa: BLE001 - see above
            log.warning("%s: %s is not explained: %s", self.about, found.promise, error)
            return (), ""

    def alarm(self, alarm: Alarm) -> Causes:
        """On the rows of the last look."""
        found, window, without = self._explained(alarm.promise)
        shown = told.columns(found, window)
        return Causes(
            about=subject(self.about),
            release="",
            promise=alarm.promise,
            since=datetime.fromisoformat(alarm.since),
            until=datetime.fromisoformat(alarm.until),
            before=f"the rows of {self._before.ref}" if self._before else "",
            now="as the last look found the source",
            says=found.says(MOST),
            explained=found,
            places=(NOWHERE,) * len(found.parts),
            columns=tuple((one, (NOWHERE,) * len(one.parts)) for one in shown),
            without=without,
        )

    def _explained(self, promise: str) -> tuple[Explained, Window | None, str]:
        """(what explains it, the columns that it rests on, why nothing does)"""
        call = parse(promise).call
        if promise in (READABLE, UNCHANGED):
            return Explained(), None, "it is about the source as a whole; what was found says why"
        if call.name != "rows" and (without := unexplained.why(call)) is not None:  # whose rows are gone, columns tell
            return Explained(), None, without
        try:
            window = self._window
            return self._of(window, call), window, ""
        except (Undefined, ArkwrightError) as why:
            return Explained(note=str(why)), None, ""
        except (OSError, LookupError, pa.ArrowException):  # another look has put its rows in the place of these
            return Explained(note="the source is looked at just now; look here again in a moment"), None, ""

    def _of(self, window: Window, call: Call) -> Explained:
        """Of the one column that a promise speaks of, else of all."""
        named = [word for word in traffic.mentioned(call) if word in window.reference]
        if len(named) == 1:
            return moved.values(window, named[0], call.name)
        found = moved.columns(window, window.columns)
        alike = found.parts and found.note
        return replace(found, note="no column moved by more than chance would") if alike else found

    @cached_property
    def _last(self) -> look.Made | None:
        return look.last(self.site, self.about.removeprefix(DATA))

    @cached_property
    def _made(self) -> list[Dataset]:
        return list(versions.all_of(self.site.ledger, Dataset, self.about.removeprefix(DATA)))

    @cached_property
    def _before(self) -> Dataset | None:
        """The newest on record that has other rows, while they are kept."""
        digest, has = self._last and self._last.digest, self.site.store.has
        return next((one for one in reversed(self._made) if one.digest != digest and has(one.digest)), None)

    @cached_property
    def _window(self) -> Window:
        """Raises Undefined where there is nothing to compare."""
        if self._last is None:
            raise Undefined("nothing of the source was kept by a look")
        if not self._made:
            raise Undefined("no rows are on record to hold them against; next: arkwright run")
        if self._before is None:
            raise Undefined("the source has the rows that are on record, and no others were before")
        names = _ordered(self._before.columns, self._last.columns)
        return counting.beside(self.site.store.path(self._before.digest), Path(self._last.path), names)


def _ordered(before: Sequence[Column], now: Sequence[Column]) -> list[str]:
    """Columns of both that have an order or words, and are no times, which always move."""
    there = {column.name for column in now if column.type not in TIMES}
    return [column.name for column in before if column.name in there and column.type not in TIMES]
