"""The log of one release, as a watch and its promises speak of it: columns by their own names, and the answers."""

import math
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from arkwright.api.endpoints.logged import signature
from arkwright.api.watch import here
from arkwright.core.errors import Invalid, Unknown
from arkwright.core.nouns import Column, Release
from arkwright.core.promises import Call, Promise, Reading
from arkwright.core.quoting import quoted_name
from arkwright.core.safeguards.words import class_name
from arkwright.core.signature import Signature
from arkwright.measures import traffic
from arkwright.monitor.answered import PREDICTION, SCORE, named
from arkwright.monitor.counting import Answered
from arkwright.monitor.following import MICRO, Block, File, Log
from arkwright.serve.tap import scan as tap
from arkwright.serve.tap import window
from arkwright.serve.tap.index_lock import reading
from arkwright.serve.tap.tables import placed
from arkwright.serve.tap.window import Came
from arkwright.sites import Site

SPANS = 50  # of a window of which some rows are looked at


class Layout:
    """Where the log of a release has what promises speak of."""

    def __init__(self, taken: Signature) -> None:
        rows, answers = placed(taken.columns, taken.classes)
        columns = [column.name for column in taken.columns]
        self.file = (*rows, *answers)
        self.row = {column.name: name for column, name in zip(rows, columns, strict=True)}
        self.answer = [column.name for column in answers]  # the label and each class's probability, or the value
        self.prediction, self.score = named((PREDICTION, SCORE), columns)
        times = (column.name for column in taken.columns if column.type in ("date", "datetime"))
        self.moving = frozenset((*times, *taken.key))
        self.classes = {class_name(one): number for number, one in enumerate(taken.classes)}
        self.columns = (*taken.columns, Column(name=self.prediction, type="str" if self.classes else "float"))
        if self.classes:
            self.columns += (Column(name=self.score, type="float"),)

    def select(self, came: str, *more: str) -> str:
        """The rows of a query on the log, by the names of `columns`; and `more` of them, as SQL of the log's."""
        said = [*more]
        said += [f"{quoted_name(name)} AS {quoted_name(column)}" for name, column in self.row.items()]
        label, *chances = map(quoted_name, self.answer)
        if not self.classes:
            said.append(f"{label} AS {quoted_name(self.prediction)}")
        else:
            score = chances[1] if len(chances) == 2 else f"greatest({', '.join(chances)})"
            said += [
                f"CAST({label} AS VARCHAR) AS {quoted_name(self.prediction)}",
                f"{score} AS {quoted_name(self.score)}",
            ]
        return f"SELECT {', '.join(said)} FROM ({came})"  # noqa: S608 - every name is quoted

    def block(self, table: pa.Table) -> Block:
        """Rows as the log has them, as promises speak of them; `score` where every row of them has one."""
        there = [name for name in table.column_names if name in self.row]
        made = table.select(there).rename_columns([self.row[name] for name in there])
        seconds = table.column("at").cast(pa.int64()).to_numpy() // MICRO
        said = table.column(self.answer[0])
        if not self.classes:
            return Block(seconds, made.append_column(self.prediction, said))
        said = said.cast(pa.string())
        made = made.append_column(self.prediction, said)
        chances = table.select(self.answer[1:])
        probabilities = np.column_stack([column.to_numpy() for column in chances.columns])
        own = probabilities[:, 1:] if len(self.classes) == 2 else probabilities
        classes = np.array([self.classes.get(word, 0) for word in said.to_pylist()], np.int64)
        if np.isnan(own).any():  # rules answered some of them, and give none
            return Block(seconds, made, Answered(own, classes))
        return Block(seconds, made.append_column(self.score, pa.array(own.max(axis=1))), Answered(own, classes))


@dataclass(frozen=True, kw_only=True)
class LoggedWindow:
    """What one release answered from `since` on and before `until` (UTC), in the log of its endpoint, `folder`.

    `labels_until`: promises of labels know those alone that came before (UTC); None: all.
    """

    site: Site
    folder: Path
    release: Release
    since: datetime
    until: datetime
    labels_until: datetime | None = None

    @cached_property
    def signature(self) -> Signature:
        return signature(self.site, self.release)

    @cached_property
    def layout(self) -> Layout:
        return Layout(self.signature)

    @contextmanager
    def came(self, scratch: Path) -> Iterator[Came]:
        """Its rows, whose files stay there meanwhile. Not to be entered again within."""
        with reading(self.folder):
            yield self.came_too(scratch)

    def came_too(self, scratch: Path, among: Collection[str] | None = None) -> Came:
        """The same while the files of the endpoint are had to stay, for another window, or in these parts alone."""
        since, until = (moment.replace(tzinfo=None) for moment in (self.since, self.until))
        wanted, store = self.layout.file, self.site.store
        return window.came(self.folder, store, scratch, since, until, self.release.ref, wanted, among)

    def blocks(self, share: float) -> Iterator[Block]:
        """Of the rows and their answers about such a share, from spans that lie evenly over the window."""
        since, until = int(self.since.timestamp()), int(self.until.timestamp())
        wanted = [*self.layout.row, *self.layout.answer]
        step = (until - since) / SPANS
        spans = [(since + n * step, since + (n + share) * step) for n in range(SPANS)]
        for begin, end in [(since, until)] if share >= 1 else spans:
            found = tap.scan(self.folder, self.site.store, int(begin), math.ceil(end), self.release.ref, wanted)
            yield from map(self.layout.block, found)

    def so_far(self, promise: Promise, found: Reading) -> Reading:
        """Of a count, which only grows: too few is not broken before the release was here longer than the window."""
        few = found.value is not None and any(
            b.op in (">=", ">", "==") and found.value < b.limit for b in promise.bounds
        )
        if not few:
            return found
        came = here.last(here.comings(self.site, self.folder.name, self.release.ref), self.until)
        if came < self.since:
            return found
        since = f"{came:%Y-%m-%d %H:%M} UTC"
        return Reading(
            None, n=found.n, note=f"{found.value:,.0f} so far, and only since {since}, when the release came here"
        )

    def bind(self, call: Call, lost: frozenset[str]) -> Callable[..., Any]:
        """The measure with its arguments filled in, of what no row of the window was logged without. Raises Unknown or
        Invalid.
        """
        gone = {self.layout.row[name] for name in lost}
        there = tuple(column.name for column in self.layout.columns if column.name not in gone)
        try:
            return traffic.bind(call, there, self.signature.task)[1]
        except Unknown:
            words = " and ".join(sorted(gone.intersection(traffic.mentioned(call))))
            if not words:
                raise
            raise Invalid(f"{words} is redacted in rows of this window: nothing can be said of it") from None


def log(site: Site, folder: Path, release: Release) -> Log:
    """The rows and their answers, as they are counted."""
    layout = Layout(signature(site, release))

    def scan(since: int, until: int) -> Iterator[Block]:
        wanted = [*layout.row, *layout.answer, "row", "latency_ms"]
        for table in tap.scan(folder, site.store, since, until, release.ref, wanted):
            first = table.column("row").to_numpy() == 0
            took = np.where(first, table.column("latency_ms").to_numpy(), np.nan)
            yield replace(layout.block(table), took=took)

    return Log(
        files=[File(part.digest, part.since // 10**9, part.until // 10**9) for part in tap.parts(folder, release.ref)],
        scan=scan,
        rows=lambda since, until: tap.scan(folder, site.store, since, until, release.ref, ()),
        settled=tap.settled(folder, int(time.time())),
    )
