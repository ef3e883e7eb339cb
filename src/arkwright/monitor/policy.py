"""When a broken promise is an alarm, and what is due about one: pure, so that a rehearsal decides as the watch does."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Protocol

from arkwright.core.alarms import Alarm, Reaction
from arkwright.core.durations import seconds
from arkwright.core.nouns import Endpoint
from arkwright.core.record import digest_of
from arkwright.core.times import AHEAD

if TYPE_CHECKING:
    from arkwright.monitor.measured import Streak  # who reads a project opens no database

LIVE, CANARY, SHADOW = "live", "canary", "shadow"
LONG = 500  # characters of a key that is read; an index of PostgreSQL takes 2,700 bytes of all of it
_SAID = ("notify", "discuss")  # to people; everything else moves the endpoint, or has the line run


class Patience(Protocol):
    """For how long a promise has to be broken, and kept."""

    @property
    def raise_after(self) -> str | None: ...
    @property
    def clear_after(self) -> str | None: ...


def raises(terms: Patience, streak: "Streak") -> bool:
    """Whether a promise has been broken for long enough to be an alarm."""
    return streak.verdict == "broken" and streak.lasts >= span(terms.raise_after)


def clears(terms: Patience, streak: "Streak") -> bool:
    """Whether it has been kept for long enough to be none any more; what is unproven leaves it as it is."""
    return streak.verdict == "kept" and streak.lasts >= span(terms.clear_after)


def part(endpoint: Endpoint, release: str) -> str | None:
    """What a release is at an endpoint: the live one has the largest share, of equal ones the first that had it."""
    if release in endpoint.shadows:
        return SHADOW
    if release not in endpoint.shares:
        return None
    version = {ref: int(ref.rpartition("@")[2]) for ref in endpoint.shares}
    live = max(endpoint.shares, key=lambda ref: (endpoint.shares[ref], -version[ref]))
    return LIVE if release == live else CANARY


def due(reactions: Iterable[Reaction], promise: str, at: str | None, stands: float) -> Iterator[tuple[Reaction, str]]:
    """(reaction, what to do) about an alarm on this promise of a release that is `at` an endpoint live, a canary or a
    shadow (None: of a dataset), and that has stood so many seconds; infinitely many where the clock says that it has
    not begun. Then only words wait no longer: it may be our own clock that is back, and what was not left standing for
    so long is moved no sooner.
    """
    for reaction in reactions:
        if reaction.to in (None, promise) and reaction.of in (None, at) and stands >= span(reaction.after):
            for do in reaction.do:
                if do in _SAID or not reaction.after or isfinite(stands):
                    yield reaction, do


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done, or begun, about an alarm on a promise of a release; `at`, seconds since 1970."""

    thing: str
    alarm: str  # alarm:late/7
    release: str
    promise: str
    at: float


def thing(reaction: Reaction, do: str) -> str:
    """What is done once about an alarm. An endpoint is moved, and the line run, whichever reaction says so; a word is
    another one to other people, and later.
    """
    if do not in _SAID:
        return do
    people = ",".join(sorted(set(reaction.tell)))
    if len(people) > LONG:
        people = digest_of(people)
    return do + (f"/tell={people}" if people else "") + (f"/after={reaction.after}" if reaction.after else "")


def cooling(reaction: Reaction, do: str, alarm: Alarm, deeds: Iterable[Deed], now: float) -> Deed | None:
    """What was done so shortly ago that the same is not done about this alarm before it has cooled down. The same is a
    move of the endpoint, or a run of the line, whatever the alarm was about; a halt is of one release, and a word of
    one promise of it. What a clock that ran ahead put on record is long over.
    """
    deeds = (one for one in deeds if one.at <= now + AHEAD)
    same = [one for one in deeds if one.alarm != alarm.ref and one.thing == thing(reaction, do) and _as(do, one, alarm)]
    last = max(same, key=lambda one: one.at, default=None)
    return last if last and now - last.at < span(reaction.cool_down) else None


def _as(do: str, deed: Deed, alarm: Alarm) -> bool:
    if do in _SAID:
        return (deed.release, deed.promise) == (alarm.release, alarm.promise)
    return do != "halt" or deed.release == alarm.release


def never(reactions: Sequence[Reaction]) -> Iterator[tuple[Reaction, str]]:
    """(reaction, what it would do) of what never happens, as another of these reactions has done it each time."""
    for number, reaction in enumerate(reactions):
        for place, do in enumerate(reaction.do):
            before = ((n, one, first) for n, one in enumerate(reactions) for first in _places(one, do))
            if any(_first((n, first), one, (number, place), reaction, do) for n, one, first in before):
                yield reaction, do


def _places(reaction: Reaction, do: str) -> list[int]:
    return [place for place, other in enumerate(reaction.do) if other == do]


def _first(at: tuple[int, int], one: Reaction, then: tuple[int, int], other: Reaction, do: str) -> bool:
    """Whether one reaction does the same, wherever the other would, and before it."""
    return (
        not one.dry_run
        and thing(one, do) == thing(other, do)
        and one.to in (None, other.to)
        and one.of in (None, other.of)
        and (span(one.after), at) < (span(other.after), then)
        and span(one.cool_down) <= span(other.cool_down)
    )


def span(text: str | None) -> int:
    """Seconds."""
    return seconds(text) if text else 0
