"""Where the signature of a release is no longer what was kept, by which its log is read: nothing can be said of its
answers, but what is promised of the release itself is measured all the same.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from arkwright.api.endpoints.logged import signature
from arkwright.api.watch import served
from arkwright.api.watch.log import LoggedWindow
from arkwright.api.watch.release import Live
from arkwright.api.watch.window import Answers, Watched, as_watched
from arkwright.core import durations
from arkwright.core.errors import Corrupt
from arkwright.core.nouns import Endpoint, Release
from arkwright.core.promises import Promise, Reading, parse
from arkwright.measures import registry
from arkwright.measures.operations import COUNTED
from arkwright.monitor.measured import Found
from arkwright.sites import Site

_SPAN = 60  # seconds, where the window is none of time: what is looked at is now


class Damaged:
    """In place of its `Answers`: `why` nothing is known but of the release itself, and of what servers counted."""

    def __init__(self, site: Site, endpoint: Endpoint, release: Release, why: str) -> None:
        self._site, self._endpoint, self._release, self._why = site, endpoint, release, why
        self._live = Live(site, release)
        self.settled = int(time.time()) // 60 * 60

    def look_over_time(self) -> None:
        """Nothing is known of any column."""

    def watched(
        self, promises: Sequence[str], window: str, until: int, _late: int = 0, _labels_until: int | None = None
    ) -> list[Watched]:
        """Each promise, in their order."""
        of_time = window != durations.RELEASE and durations.rows(window) is None
        since = until - (durations.seconds(window) if of_time else _SPAN)
        span = (datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC))
        folder = self._site.predictions / self._endpoint.name
        logged = LoggedWindow(site=self._site, folder=folder, release=self._release, since=span[0], until=span[1])
        found = []
        for text in promises:
            reading = self._reading(parse(text), logged, of_time=of_time)
            found.append(as_watched(self._endpoint, self._release, text, reading, since, until))
        return found

    def watched_with_beside(
        self, promises: Sequence[str], window: str, until: int, late: int = 0
    ) -> tuple[list[Watched], list[Found]]:
        """The same, and nothing beside them."""
        return self.watched(promises, window, until, late), []

    def _reading(self, promise: Promise, logged: LoggedWindow, *, of_time: bool) -> Reading:
        measure = registry.measures().get(promise.call.name)
        if measure is not None and measure.stage in registry.OF_RELEASE:
            return self._live.readings(logged, {promise.text: promise})[promise.text]
        if measure is not None and measure.name in COUNTED and of_time:
            return served.counted(logged, {promise.text: promise})[promise.text]
        return Reading(None, note=self._why, failed=True)


def answers(site: Site, endpoint: Endpoint, release: Release) -> Answers | Damaged:
    """What is looked at of a release."""
    try:
        signature(site, release)
    except Corrupt as error:
        return Damaged(site, endpoint, release, f"signature.json of {release.ref} cannot be read: {error}")
    return Answers(site, endpoint, release)
