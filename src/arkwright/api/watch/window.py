"""What one release answered in a span of time, held against the promises of its endpoint."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import cast

from arkwright.api.endpoints.logged import signature
from arkwright.api.watch import callers, here, labelled, rows, served
from arkwright.api.watch.beside import Asked, asked, beside, realised
from arkwright.api.watch.log import Layout, LoggedWindow, log
from arkwright.api.watch.release import Live
from arkwright.core import durations
from arkwright.core.errors import Corrupt, Invalid, Unknown
from arkwright.core.nouns import Endpoint, Release
from arkwright.core.promises import Promise, Reading, judge, parse
from arkwright.measures import binding, registry
from arkwright.measures.evaluation import Array
from arkwright.measures.losses import Losses
from arkwright.measures.operations import COUNTED
from arkwright.measures.registry import Scope
from arkwright.measures.scores import ALL
from arkwright.measures.window import Window
from arkwright.monitor import following, packing
from arkwright.monitor.counting import Counts, Reference
from arkwright.monitor.drifted import Drifted
from arkwright.monitor.kept import Kept
from arkwright.monitor.measured import Found
from arkwright.serve.tap import labels
from arkwright.sites import Site

_Kind = Callable[[LoggedWindow, Mapping[str, Promise]], dict[str, Reading]]


@dataclass(frozen=True, kw_only=True)
class Watched:
    """One promise of an endpoint, measured on what one release answered `since` and `until` (UTC).

    `verdict`: kept | broken | unproven, by the 95 % interval from `low` to `high`; `n`: the rows it rests on. `shadow`:
    the release only gets a copy of each request; `alarm`: the one that stands about it; `failed`: what it takes could
    not be had just now.
    """

    endpoint: str
    release: str
    promise: str
    verdict: str
    value: float | None
    low: float | None
    high: float | None
    n: int | None
    note: str
    since: datetime
    until: datetime
    shadow: bool = False
    alarm: str | None = None
    failed: bool = False

    def found(self) -> Found:
        """As it is kept."""
        since, until = int(self.since.timestamp()), int(self.until.timestamp())
        numbers = (self.value, self.low, self.high, self.n)
        return Found(self.release, self.promise, until, since, self.verdict, *numbers, self.note)


class Answers:
    """What one release answered at an endpoint, counted up to `settled`, seconds since 1970."""

    def __init__(self, site: Site, endpoint: Endpoint, release: Release) -> None:
        """Counts what came since the last time."""
        self._site, self._endpoint, self._release = site, endpoint, release
        self._live = Live(site, release)
        self._folder = site.predictions / endpoint.name
        self._folder.mkdir(parents=True, exist_ok=True)
        self._came = log(site, self._folder, release)
        self.settled = self._came.settled
        self._reference, self._without = _reference(site, release)
        self._bins = self._reference or Reference({})  # how many came, and how fast they were answered, in any case
        with closing(self._kept()) as kept:
            following.follow(kept, release.ref, self._bins, self._came)

    def begins(self, window: str, until: int, late: int = 0) -> int:
        """Where a window begins that ended then, which is `late` seconds ago: when the release came here, or with its
        first row where no clock tells; a span of time before; or with the minute or hour that makes so many rows full.
        """
        rows = durations.rows(window)
        if window == durations.RELEASE:
            came = here.last(self._comings, datetime.fromtimestamp(until + late, UTC))
            if came != here.NEVER:
                return following.whole(min(int(came.timestamp()), until), until)
            rows = sys.maxsize
        if rows is None:
            return until - durations.seconds(window)
        with closing(self._kept()) as kept:
            return following.begins(kept, self._release.ref, self._bins, self._came, rows, until)

    def watched(
        self, promises: Sequence[str], window: str, until: int, late: int = 0, labels_until: int | None = None
    ) -> list[Watched]:
        """Each promise on the window that ends then, in the order of the promises; those that rest on labels on the one
        that ended so many seconds earlier. `labels_until`: labels that came then or later are not known; None: all are.
        """
        found = self._windows([asked(parse(text)) for text in promises], window, until, late, labels_until)
        return [as_watched(self._endpoint, self._release, text, *found[text]) for text in promises]

    def watched_with_beside(
        self, promises: Sequence[str], window: str, until: int, late: int = 0
    ) -> tuple[list[Watched], list[Found]]:
        """The same, and what is measured beside them for whoever looks at them over time."""
        read = [parse(text) for text in promises]
        more = beside(read, self._reference, labelled=labels.any_came(self._folder))
        found = self._windows([*map(asked, read), *more], window, until, late)
        made = [as_watched(self._endpoint, self._release, text, *found.pop(text)) for text in promises]
        return made, [
            Found(self._release.ref, name, end, begin, "", one.value, one.low, one.high, one.n, one.note)
            for name, (one, begin, end) in found.items()
            if one.value is not None
        ]

    def _windows(
        self, wanted: Sequence[Asked], window: str, until: int, late: int, labels_until: int | None = None
    ) -> dict[str, tuple[Reading, int, int]]:
        """(what was found, since, until), by the name of what was asked."""
        found: dict[str, tuple[Reading, int, int]] = {}
        for back in sorted({0, late}):
            some = [one for one in wanted if back == (late if realised(one.promise) else 0)]
            if some:
                since, end = self.begins(window, until - back, back), until - back
                found |= {text: (one, since, end) for text, one in self._found(some, since, end, labels_until).items()}
        return found

    def look_over_time(self) -> None:
        """Keep how far each column was from its reference, for whoever looks at a month of it."""
        if self._reference is None:
            return
        path = self._site.watched / f"{self._endpoint.name}.drift.db"
        with closing(self._kept()) as kept, closing(Drifted(path)) as drifted:
            drifted.follow(kept, self._release.ref, self._reference, self.settled, self._moving)

    def _found(self, wanted: Sequence[Asked], since: int, until: int, labels_until: int | None) -> dict[str, Reading]:
        logged, counts = self.logged(since, until), self._counts(since, until)
        if labels_until is not None:
            logged = replace(logged, labels_until=datetime.fromtimestamp(labels_until, UTC))
        window = self._beside(counts)
        if isinstance(window, Window) and self._reference and callers.asked_for(one.promise for one in wanted):
            given = self._site, self._folder, self._release, self._reference, since, until
            window = replace(window, callers=callers.look(*given))
        return _readings(wanted, window, counts.took, logged, self._live)

    @property
    def reference(self) -> Reference | None:
        """What the release was judged on, where that is kept."""
        return self._reference

    def logged(self, since: int, until: int) -> LoggedWindow:
        """The rows that came between."""
        span = (datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC))
        return LoggedWindow(site=self._site, folder=self._folder, release=self._release, since=span[0], until=span[1])

    def window(self, since: int, until: int) -> Window | Reading:
        """Beside the reference, or why there is none."""
        return self._beside(self._counts(since, until))

    def _counts(self, since: int, until: int) -> Counts:
        with closing(self._kept()) as kept:
            return following.window(kept, self._release.ref, self._bins, self._came, since, until)

    def _beside(self, counts: Counts) -> Window | Reading:
        if self._reference is None:
            return self._without
        return replace(self._reference.window(counts), moving=self._moving)

    @cached_property
    def _comings(self) -> list[datetime]:
        return here.comings(self._site, self._endpoint.name, self._release.ref)

    @cached_property
    def _moving(self) -> frozenset[str]:
        """Columns that always move; read from the release once, however many windows are looked at."""
        return Layout(signature(self._site, self._release)).moving

    def _kept(self) -> Kept:
        """Without a reference that only cannot be read, apart: what is counted without its bins would not be counted
        again when it is mended.
        """
        kind = "bare.db" if self._without.failed else "db"
        return Kept(self._site.watched / f"{self._endpoint.name}.{kind}")


def as_watched(endpoint: Endpoint, release: Release, text: str, reading: Reading, since: int, until: int) -> Watched:
    """What was found of one promise in that window, judged."""
    return Watched(
        endpoint=endpoint.ref,
        release=release.ref,
        promise=text,
        verdict=judge(parse(text), reading).word,
        value=reading.value,
        low=reading.low,
        high=reading.high,
        n=reading.n,
        note=reading.note,
        since=datetime.fromtimestamp(since, UTC),
        until=datetime.fromtimestamp(until, UTC),
        shadow=release.ref in endpoint.shadows,
        failed=reading.failed,
    )


def _readings(
    wanted: Sequence[Asked], window: Window | Reading, took: Array | None, logged: LoggedWindow, live: Live
) -> dict[str, Reading]:
    """Each by its name: what it says of rows, of answers whose labels came, of both beside the reference, of how long
    requests `took`, or of the release itself.
    """
    found: dict[str, Reading] = {}
    kinds: dict[str, _Kind] = {**_KINDS, **dict.fromkeys(registry.OF_RELEASE, live.readings)}
    kinds["timed"] = partial(served.timed, took=took)
    of: dict[str, dict[str, Asked]] = {kind: {} for kind in (*kinds, "model")}
    for one in wanted:
        measure = registry.measures().get(one.promise.call.name)
        if measure is None:
            found[one.text] = Reading(None, note=str(registry.no_such(one.promise.call.name)))
        elif measure.name in COUNTED:
            of["counted"][one.text] = one
        elif measure.stage == "endpoint":
            found[one.text] = _reading(one, window) if isinstance(window, Window) else window
        else:
            of["timed" if measure.timed and measure.stage == "model" else measure.stage][one.text] = one
    for kind, measured in kinds.items():
        found |= measured(logged, {text: one.promise for text, one in of[kind].items()}) if of[kind] else {}
    return found | (labelled.readings(logged, of["model"]) if of["model"] else {})


_KINDS: Mapping[str, _Kind] = {
    "data": rows.readings,
    "counted": served.counted,
}


def _reading(one: Asked, window: Window) -> Reading:
    """One that asks for what is not there stops no other."""
    if one.within:
        window = _within(window, "=".join(one.within))
    try:
        scope = Scope(columns=tuple(window.reference))
        return cast(Reading, binding.bind(one.promise.call, "endpoint", scope)(window))
    except (Unknown, Invalid) as error:
        return Reading(None, note=str(error))


def _within(window: Window, group: str) -> Window:
    """Only the answers to one group; what a probability or an input is worth is known of all of them together."""
    scores, losses = window.scores, window.losses
    if scores is not None:
        scores = replace(scores, counts={ALL: scores.counts[group]} if group in scores.counts else {})
    if losses is not None:
        losses = Losses({ALL: losses.sums[group]} if group in losses.sums else {})
    return replace(window, scores=scores, losses=losses)


def _reference(site: Site, release: Release) -> tuple[Reference | None, Reading]:
    """What the release was judged on; and what is said of all that needs it, where there is none."""
    digest = release.files.get(packing.FILE)
    if digest is None:
        why = f"{release.ref} was made without a {packing.FILE}; run the line again: arkwright run"
        return None, Reading(None, note=why)
    try:
        return packing.load(site.store.path(digest)), Reading(None)
    except Corrupt as error:
        return None, Reading(None, note=f"{packing.FILE} of {release.ref} cannot be read: {error}", failed=True)
