"""When a broken promise is an alarm, and what is due about one: pure, so that a rehearsal decides as the watch does."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from arkwright.core.alarms import Reaction
from arkwright.core.durations import seconds
from arkwright.core.nouns import Endpoint
from arkwright.monitor.measured import Streak

LIVE, CANARY, SHADOW = "live", "canary", "shadow"


class Patience(Protocol):
    """For how long a promise has to be broken, and kept."""

    @property
    def raise_after(self) -> str | None: ...
    @property
    def clear_after(self) -> str | None: ...


def raises(terms: Patience, streak: Streak) -> bool:
    """Whether a promise has been broken for long enough to be an alarm."""
    return streak.verdict == "broken" and streak.lasts >= _span(terms.raise_after)


def clears(terms: Patience, streak: Streak) -> bool:
    """Whether it has been kept for long enough to be none any more; what is unproven leaves it as it is."""
    return streak.verdict == "kept" and streak.lasts >= _span(terms.clear_after)


def part(endpoint: Endpoint, release: str) -> str | None:
    """What a release is at an endpoint: the live one has the largest share, of equal ones the first that had it."""
    if release in endpoint.shadows:
        return SHADOW
    if release not in endpoint.shares:
        return None
    version = {ref: int(ref.rpartition("@")[2]) for ref in endpoint.shares}
    live = max(endpoint.shares, key=lambda ref: (endpoint.shares[ref], -version[ref]))
    return LIVE if release == live else CANARY


def due(
    reactions: Iterable[Reaction], promise: str, at: str | None, stands: float, since_done: Mapping[str, float]
) -> Iterator[tuple[Reaction, str]]:
    """(reaction, what to do) about an alarm on this promise of a release that is `at` an endpoint live, a canary or a
    shadow (None: of a dataset), and that has stood so many seconds. `since_done`: how many seconds ago each thing was
    done there last.
    """
    for reaction in reactions:
        if reaction.to not in (None, promise) or reaction.of not in (None, at) or stands < _span(reaction.after):
            continue
        for do in reaction.do:
            if since_done.get(do, float("inf")) >= _span(reaction.cool_down):
                yield reaction, do


def _span(text: str | None) -> int:
    return seconds(text) if text else 0
