"""Where files of a release that a watch reads are no longer what was kept: nothing can be said of its answers, but what
is promised of the release itself is measured all the same.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from arkwright.api.watch.log import LoggedWindow
from arkwright.api.watch.release import Live
from arkwright.api.watch.window import Watched, as_watched
from arkwright.core.errors import Corrupt
from arkwright.core.nouns import Endpoint, Release
from arkwright.core.promises import Reading, parse
from arkwright.measures import registry
from arkwright.monitor import packing
from arkwright.sites import Site

_READ = ("signature.json", packing.FILE)
_SPAN = 60  # seconds: what is looked at is now


def damage(site: Site, release: Release) -> str:
    """What is wrong with them; empty where nothing is."""
    for name in _READ:
        try:
            if name in release.files:
                site.store.path(release.files[name])
        except Corrupt as error:
            return f"{name} of {release.ref} cannot be read: {error}"
    return ""


def watched(
    site: Site, endpoint: Endpoint, release: Release, promises: Sequence[str], until: int, why: str
) -> list[Watched]:
    """Each promise, in their order; `why` nothing is known but of the release itself."""
    live, since = Live(site, release), until - _SPAN
    span = (datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC))
    folder = site.predictions / endpoint.name
    logged = LoggedWindow(site=site, folder=folder, release=release, since=span[0], until=span[1])
    found = []
    for text in promises:
        promise = parse(text)
        measure = registry.measures().get(promise.call.name)
        reading = Reading(None, note=why, failed=True)
        if measure is not None and measure.stage in registry.OF_RELEASE:
            reading = live.readings(logged, {text: promise})[text]
        found.append(as_watched(endpoint, release, text, reading, since, until))
    return found
