"""The verb `watch`: what endpoints promise, measured on what came."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from arkwright.api import terms, watching_labels, watching_rows, watching_served
from arkwright.api.accounts import allow
from arkwright.api.build import quiet
from arkwright.api.watching_log import LoggedWindow, log
from arkwright.core import versions
from arkwright.core.durations import seconds
from arkwright.core.errors import Invalid, Missing, Unknown
from arkwright.core.nouns import Actor, Endpoint, Release
from arkwright.core.promises import Promise, Reading, judge, parse
from arkwright.measures import registry
from arkwright.measures.registry import Scope
from arkwright.measures.window import Window
from arkwright.monitor import packing
from arkwright.monitor.counting import Reference
from arkwright.monitor.following import follow
from arkwright.monitor.kept import Kept
from arkwright.sites import Site
from arkwright.work import compact


@dataclass(frozen=True, kw_only=True)
class Watched:
    """One promise of an endpoint, measured on what one release answered `since` and `until` (UTC).

    `verdict`: kept | broken | unproven, by the 95 % interval from `low` to `high`; `n`: the rows it rests on. `shadow`:
    the release only gets a copy of each request.
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


def watch(
    site: Site, by: Actor, project: Path, *, endpoints: Sequence[str] = (), say: Callable[[str], None] = quiet
) -> tuple[Watched, ...]:
    """Count what came since the last time, and measure what each endpoint (default: all) promises on its last window.

    What was answered in the last minute or two is still on its way to the tables, and is counted the next time.
    Raises Unknown for an endpoint that is not there.
    """
    allow(site, by, "work")
    names = [versions.resolve(site.ledger, Endpoint, name).name for name in endpoints]
    compact.once(site)
    found: list[Watched] = []
    for name in names or versions.names(site.ledger, Endpoint):
        endpoint = versions.resolve(site.ledger, Endpoint, name)
        for ref in (*endpoint.shares, *endpoint.shadows):
            say(f"watch {endpoint.name}: {ref}")
            found += _release(site, endpoint, versions.resolve(site.ledger, Release, ref))
    return tuple(found)


def _release(site: Site, endpoint: Endpoint, release: Release) -> Iterable[Watched]:
    agreed, folder = terms.recorded(endpoint), site.predictions / endpoint.name
    folder.mkdir(parents=True, exist_ok=True)
    reference, came = _reference(site, release), log(site, folder, release)
    with closing(Kept(site.watched / f"{endpoint.name}.db")) as kept:
        follow(kept, release.ref, reference, came)
        since, until = came.settled - seconds(agreed.window), came.settled
        window = reference.window(kept.window(release.ref, reference, since, until))
    span = (datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC))
    logged = LoggedWindow(site=site, folder=folder, release=release, since=span[0], until=span[1])
    window = replace(window, served=watching_served.counted(folder, release.ref, *span))
    found = _readings([parse(text) for text in agreed.promises], window, logged)
    return [_watched(endpoint, release, text, found[text], span) for text in agreed.promises]


def _readings(promises: Sequence[Promise], window: Window, logged: LoggedWindow) -> dict[str, Reading]:
    """Each promise by its text: what it says of rows, of answers whose labels came, or of both beside the reference."""
    found: dict[str, Reading] = {}
    of: dict[str, dict[str, Promise]] = {"data": {}, "model": {}, "timed": {}}
    for promise in promises:
        measure = registry.measures().get(promise.call.name)
        if measure is None:
            found[promise.text] = Reading(None, note=str(registry.no_such(promise.call.name)))
        elif measure.stage == "endpoint":
            found[promise.text] = _reading(promise, window)
        else:
            of["timed" if measure.timed and measure.stage == "model" else measure.stage][promise.text] = promise
    for stage, measured in _STAGES.items():
        found |= measured(logged, of[stage]) if of[stage] else {}
    return found


_STAGES: Mapping[str, Callable[[LoggedWindow, Mapping[str, Promise]], dict[str, Reading]]] = {
    "data": watching_rows.readings,
    "model": watching_labels.readings,
    "timed": watching_served.readings,
}


def _watched(
    endpoint: Endpoint, release: Release, text: str, reading: Reading, span: tuple[datetime, datetime]
) -> Watched:
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


def _reference(site: Site, release: Release) -> Reference:
    digest = release.files.get(packing.FILE)
    if digest is None:
        raise Missing(f"{release.ref} was made without a {packing.FILE}; run the line again: arkwright run")
    return packing.load(site.store.path(digest))
