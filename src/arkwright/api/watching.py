"""The verb `watch`: what endpoints promise, measured on what came."""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa

from arkwright.api import alarms, callers, lease, terms
from arkwright.api.accounts import allow
from arkwright.api.alarms import MACHINE
from arkwright.api.build import quiet, run
from arkwright.api.logged import signature
from arkwright.api.reacting import Rerun, finish, react
from arkwright.api.shipping import Shipping
from arkwright.core import versions
from arkwright.core.durations import seconds
from arkwright.core.errors import Invalid, Missing, Unknown
from arkwright.core.nouns import Actor, Endpoint, Release
from arkwright.core.promises import Promise, Reading, judge, parse
from arkwright.core.safeguards.words import class_name
from arkwright.core.signature import Signature
from arkwright.line.shipping import about_release
from arkwright.measures import registry
from arkwright.measures.registry import Scope
from arkwright.measures.window import Window
from arkwright.monitor import packing
from arkwright.monitor.answered import PREDICTION, SCORE, named
from arkwright.monitor.counting import Answered, Reference
from arkwright.monitor.following import Block, File, Log, follow
from arkwright.monitor.kept import Kept
from arkwright.monitor.measured import Found, Measured
from arkwright.serve.tap import scan as tap
from arkwright.serve.tap.tables import placed
from arkwright.sites import Site
from arkwright.work import compact


@dataclass(frozen=True, kw_only=True)
class Watched:
    """One promise of an endpoint, measured on what one release answered `since` and `until` (UTC).

    `verdict`: kept | broken | unproven, by the 95 % interval from `low` to `high`; `n`: the rows it rests on. `shadow`:
    the release only gets a copy of each request; `alarm`: the one that stands about it.
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


def watch(
    site: Site,
    by: Actor,
    project: Path,
    *,
    endpoints: Sequence[str] = (),
    say: Callable[[str], None] = quiet,
) -> tuple[Watched, ...]:
    """Count what came since the last time, and measure what each endpoint (default: all) promises on its last window.

    What was answered in the last minute or two is still on its way to the tables, and is counted the next time. What is
    broken for long enough is an alarm, about which the endpoint's terms say what is done.
    Raises Unknown for an endpoint that is not there; Refused while another process watches.
    """
    allow(site, by, "work")
    names = [versions.resolve(site.ledger, Endpoint, name).name for name in endpoints]
    return rounds(site, names or versions.names(site.ledger, Endpoint), partial(_rerun, site, project, say), say)


def rounds(site: Site, names: Sequence[str], rerun: Rerun, say: Callable[[str], None] = quiet) -> tuple[Watched, ...]:
    """Watch these endpoints once, one process at a time. `rerun`: how a reaction has the line run again."""
    found: list[Watched] = []
    with lease.held(site, "watch") as turn:
        compact.once(site)
        for name in names:
            turn.must_be_held()
            endpoint = versions.resolve(site.ledger, Endpoint, name)
            here: list[Watched] = []
            for ref in (*endpoint.shares, *endpoint.shadows):
                say(f"watch {endpoint.name}: {ref}")
                here += _release(site, endpoint, versions.resolve(site.ledger, Release, ref))
            turn.must_be_held()
            found += _noticed(site, endpoint, here)
    for name in names:
        finish(site, name, rerun)
    return tuple(found)


def _rerun(site: Site, project: Path, say: Callable[[str], None]) -> str:
    made = run(site, MACHINE, project, say=say)
    return f"ran the line again: {made.run.ref} {made.run.state}" + (f": {made.problem}" if made.problem else "")


def _noticed(site: Site, endpoint: Endpoint, here: Sequence[Watched]) -> list[Watched]:
    """With the alarms that stand about it."""
    if endpoint.terms is None:
        return list(here)
    found = [_found(one) for one in here]
    with closing(Measured(site.watched / f"{endpoint.name}.measured.db")) as measured:
        measured.put(found, int(time.time()))
        streaks = [(one, streak) for one in found if (streak := measured.streak(one.release, one.promise))]
    standing = alarms.follow(site, endpoint, streaks)
    react(site, endpoint.name, max((one.until for one in found), default=0))
    refs = {(one.alarm.release, one.alarm.promise): one.alarm.ref for one in standing}
    return [replace(one, alarm=refs.get((one.release, one.promise))) for one in here]


def _found(one: Watched) -> Found:
    since, until = int(one.since.timestamp()), int(one.until.timestamp())
    return Found(one.release, one.promise, until, since, one.verdict, one.value, one.low, one.high, one.n, one.note)


def _release(site: Site, endpoint: Endpoint, release: Release) -> Iterable[Watched]:
    agreed, folder = terms.recorded(endpoint), site.predictions / endpoint.name
    folder.mkdir(parents=True, exist_ok=True)
    reference, log = _reference(site, release), _log(site, folder, release)
    with closing(Kept(site.watched / f"{endpoint.name}.db")) as kept:
        follow(kept, release.ref, reference, log)
        since, until = log.settled - seconds(agreed.window), log.settled
        window = reference.window(kept.window(release.ref, reference, since, until))
    if callers.asked_for(agreed.promises):
        window = replace(window, callers=callers.look(site, endpoint, release, reference, since, until))
    span = (datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC))
    shipping = Shipping(site, release)
    return [_measured(endpoint, release, text, window, span, shipping) for text in agreed.promises]


def _measured(
    endpoint: Endpoint,
    release: Release,
    text: str,
    window: Window,
    span: tuple[datetime, datetime],
    shipping: Shipping,
) -> Watched:
    promise = parse(text)
    name = promise.call.name
    measure = registry.measures().get(name)
    if measure is None:
        reading = Reading(None, note=str(registry.no_such(name)))
    elif about_release(text):
        reading = shipping.reading(promise)
    elif measure.stage != "endpoint":
        reading = Reading(None, note=f"{name} measures a {measure.stage}, and is not measured on traffic yet")
    else:
        reading = _reading(promise, window)
    return Watched(
        endpoint=endpoint.ref,
        release=release.ref,
        promise=text,
        verdict=judge(promise, reading).word,
        value=reading.value,
        low=reading.low,
        high=reading.high,
        n=reading.n,
        note=reading.note,
        since=span[0],
        until=span[1],
        shadow=release.ref in endpoint.shadows,
    )


def _reading(promise: Promise, window: Window) -> Reading:
    """A promise that asks for what is not there stops no other."""
    try:
        return cast(Reading, registry.bind(promise.call, "endpoint", Scope(columns=tuple(window.reference)))(window))
    except (Unknown, Invalid) as error:
        return Reading(None, note=str(error))


def _log(site: Site, folder: Path, release: Release) -> Log:
    """The rows and their answers, as promises name them."""
    layout = _Layout(signature(site, release))

    def scan(since: int, until: int) -> Iterable[Block]:
        wanted = [*layout.row, *layout.answer]
        return map(layout.block, tap.scan(folder, site.store, since, until, release.ref, wanted))

    return Log(
        files=[File(part.digest, part.since // 10**9, part.until // 10**9) for part in tap.parts(folder, release.ref)],
        scan=scan,
        rows=lambda since, until: tap.scan(folder, site.store, since, until, release.ref, ()),
        settled=tap.settled(folder, int(time.time())),
    )


class _Layout:
    """Where the log of a release has what promises speak of."""

    def __init__(self, taken: Signature) -> None:
        rows, answers = placed(taken.columns, taken.classes)
        columns = [column.name for column in taken.columns]
        self.row = {column.name: name for column, name in zip(rows, columns, strict=True)}
        self.answer = [column.name for column in answers]  # the label and each class's probability, or the value
        self._prediction, self._score = named((PREDICTION, SCORE), columns)
        self._classes = {class_name(one): number for number, one in enumerate(taken.classes)}

    def block(self, table: pa.Table) -> Block:
        """Rows as the log has them, as promises speak of them; of a classifier those with every probability."""
        there = [name for name in table.column_names if name in self.row]
        made = table.select(["at", *there]).rename_columns(["at", *(self.row[name] for name in there)])
        said = table.column(self.answer[0])
        if not self._classes:
            return Block(made.append_column(self._prediction, said))
        said = said.cast(pa.string())
        made = made.append_column(self._prediction, said)
        chances = table.select(self.answer[1:])
        if any(column.null_count for column in chances.columns):
            return Block(made)
        probabilities = np.column_stack([column.to_numpy() for column in chances.columns])
        own = probabilities[:, 1:] if len(self._classes) == 2 else probabilities
        classes = np.array([self._classes[word] for word in said.to_pylist()], np.int64)
        return Block(made.append_column(self._score, pa.array(own.max(axis=1))), Answered(own, classes))


def _reference(site: Site, release: Release) -> Reference:
    digest = release.files.get(packing.FILE)
    if digest is None:
        raise Missing(f"{release.ref} was made without a {packing.FILE}; run the line again: arkwright run")
    return packing.load(site.store.path(digest))
