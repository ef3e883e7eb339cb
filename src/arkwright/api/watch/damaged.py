"""Where files of a release that a watch reads are no longer what was kept: nothing can be said of its answers, but what
is promised of the release itself is measured all the same.
"""

from contextlib import suppress
from datetime import UTC, datetime

from arkwright.api.watch import served
from arkwright.api.watch.log import LoggedWindow
from arkwright.api.watch.release import Live
from arkwright.api.watch.window import Watched, as_watched
from arkwright.core import durations
from arkwright.core.errors import Corrupt
from arkwright.core.nouns import Endpoint, Release, Terms
from arkwright.core.promises import Reading, parse
from arkwright.measures import registry
from arkwright.measures.operations import COUNTED
from arkwright.monitor import packing
from arkwright.sites import Site

_READ = ("signature.json", packing.FILE)
_SPAN = 60  # seconds, where the window is none of time: what is looked at is now


def damage(site: Site, release: Release) -> str:
    """What is wrong with them; empty where nothing is."""
    for name in _READ:
        try:
            if name in release.files:
                site.store.path(release.files[name])
        except Corrupt as error:
            return f"{name} of {release.ref} cannot be read: {error}"
    return ""


def watched(site: Site, endpoint: Endpoint, release: Release, agreed: Terms, until: int, why: str) -> list[Watched]:
    """Each promise, in their order; `why` nothing is known but of the release itself, and of what servers counted."""
    of_time = agreed.window != durations.RELEASE and durations.rows(agreed.window) is None
    live, since = Live(site, release), until - (durations.seconds(agreed.window) if of_time else _SPAN)
    span = (datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC))
    folder = site.predictions / endpoint.name
    logged = LoggedWindow(site=site, folder=folder, release=release, since=span[0], until=span[1])
    found = []
    for text in agreed.promises:
        promise = parse(text)
        measure = registry.measures().get(promise.call.name)
        reading = Reading(None, note=why, failed=True)
        if measure is not None and measure.stage in registry.OF_RELEASE:
            reading = live.readings(logged, {text: promise})[text]
        elif measure is not None and measure.name in COUNTED and of_time:
            with suppress(Corrupt):  # what the measure may be asked of stands in the signature
                reading = served.counted(logged, {text: promise})[text]
        found.append(as_watched(endpoint, release, text, reading, since, until))
    return found
