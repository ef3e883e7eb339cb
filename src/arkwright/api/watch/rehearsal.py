"""The verb `rehearse-watch`: a past span of time watched again, and what would have been noticed and done."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from arkwright.api import terms
from arkwright.api.accounts import allow
from arkwright.api.build import quiet
from arkwright.api.watch.window import Answers, Watched
from arkwright.core import versions
from arkwright.core.durations import seconds
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Actor, Endpoint, Release, Terms
from arkwright.core.record import decode
from arkwright.monitor import policy
from arkwright.monitor.measured import Streak
from arkwright.sites import Site
from arkwright.work import compact

DEFAULT = 7 * 86_400  # seconds
MOST = 5_000  # looks: a rehearsal of a year by the minute would take days
RAISED, OVER = "raised", "over"
_LEAVES = ("halt", "rollback", "fallback")  # after these a release answers no more


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """What would have happened at a moment: `what` raised | over, or what would have been done about it."""

    at: datetime
    what: str
    release: str
    promise: str
    value: float | None
    low: float | None
    high: float | None
    n: int | None
    note: str


def rehearse_watch(
    site: Site,
    by: Actor,
    project: Path,
    *,
    endpoint: str,
    since: datetime | None = None,
    until: datetime | None = None,
    step: str = "1h",
    say: Callable[[str], None] = quiet,
) -> tuple[Rehearsed, ...]:
    """Watch an endpoint's past (default: the last week) again, looking every `step`, and say what would have happened.

    By the promises, spans and reactions that the project has now, which need not be those on record; nothing is raised
    and nothing done. A release that would have been halted is not looked at again until the endpoint was really moved.
    Raises Unknown for an endpoint that is not there; Invalid for a span without a look, or with too many.
    """
    allow(site, by, "work")
    name = versions.resolve(site.ledger, Endpoint, endpoint).name
    compact.once(site)
    moves = _moves(site, name)
    now = datetime.now(UTC).timestamp()
    end = int(_stamp(until, now))
    begin = int(_stamp(since, end - DEFAULT))
    every = seconds(step)
    looks = range(begin + every, end + 1, every)
    if not 0 < len(looks) <= MOST:
        raise Invalid(f"that is {len(looks)} looks, and a rehearsal has 1 to {MOST}; choose another span or step")
    agreed = terms.current(site, project).get(name) or terms.recorded(moves[-1][1])
    rehearsal, late = _Rehearsal(agreed), seconds(agreed.labels_after) if agreed.labels_after else 0
    answers: dict[str, Answers] = {}
    for at in looks:
        live = _at(moves, at)
        if live is None or live.stopped:
            continue
        say(f"watch {name} as of {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}")
        for ref in (*live.shares, *live.shadows):
            if ref not in answers:
                answers[ref] = Answers(site, live, versions.resolve(site.ledger, Release, ref))
            if not rehearsal.gone(live, ref):
                found = answers[ref].watched(agreed.promises, answers[ref].begins(agreed.window, at), at, late)
                rehearsal.look(live, at, found)
    return tuple(rehearsal.told)


@dataclass
class _Rehearsal:
    """What stands at a moment of the past."""

    terms: Terms
    told: list[Rehearsed] = field(default_factory=list)
    _streaks: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    _raised: dict[tuple[str, str], int] = field(default_factory=dict)
    _done: dict[tuple[tuple[str, str], int, str], None] = field(default_factory=dict)
    _last: dict[str, tuple[int, tuple[str, str]]] = field(default_factory=dict)
    _gone: set[tuple[int, str]] = field(default_factory=set)

    def gone(self, live: Endpoint, release: str) -> bool:
        return (live.version, release) in self._gone

    def look(self, live: Endpoint, at: int, found: list[Watched]) -> None:
        for one in found:
            key = (one.release, one.promise)
            verdict, since = self._streaks.get(key, ("", at))
            since = since if verdict == one.verdict else at
            self._streaks[key] = (one.verdict, since)
            streak = Streak(one.verdict, at - since)
            if key not in self._raised and policy.raises(self.terms, streak):
                self._raised[key] = at
                self._tell(at, RAISED, one)
            elif key in self._raised and policy.clears(self.terms, streak):
                del self._raised[key]
                self._tell(at, OVER, one)
            if key in self._raised:
                self._react(live, at, one, key)

    def _react(self, live: Endpoint, at: int, one: Watched, key: tuple[str, str]) -> None:
        place = policy.part(live, one.release)
        if place is None or self.gone(live, one.release):
            return
        raised = self._raised[key]
        since_done = {do: float(at - when) for do, (when, whose) in self._last.items() if whose != key}
        for _, do in policy.due(self.terms.reactions, one.promise, place, at - raised, since_done):
            if (key, raised, do) in self._done:
                continue
            self._done[key, raised, do] = None
            self._last[do] = (at, key)
            refused = do == "halt" and place == policy.LIVE
            self._tell(at, do, replace(one, note="the live release is not halted") if refused else one)
            if do in _LEAVES and not refused:
                self._gone.add((live.version, one.release))

    def _tell(self, at: int, what: str, one: Watched) -> None:
        self.told.append(
            Rehearsed(
                at=datetime.fromtimestamp(at, UTC),
                what=what,
                release=one.release,
                promise=one.promise,
                value=one.value,
                low=one.low,
                high=one.high,
                n=one.n,
                note=one.note,
            )
        )


def _moves(site: Site, name: str) -> list[tuple[float, Endpoint]]:
    """When an endpoint was moved to what."""
    events = site.ledger.find(Endpoint.KIND, f"{name}@")
    return [(datetime.fromisoformat(event.at).timestamp(), decode(Endpoint, event.body)) for event in events]


def _at(moves: list[tuple[float, Endpoint]], at: float) -> Endpoint | None:
    return next((endpoint for when, endpoint in reversed(moves) if when <= at), None)


def _stamp(moment: datetime | None, default: float) -> float:
    if moment is None:
        return default
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
