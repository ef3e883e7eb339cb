"""What would have happened in a past span of time, look by look, by what the watch itself does: over a ledger of then,
which keeps what is raised and done in memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from arkwright.api.watch import alarms
from arkwright.api.watch.alarms import MACHINE, OVER, RAISED
from arkwright.api.watch.deciding import Case, Decided
from arkwright.api.watch.past import Past, PastSite
from arkwright.api.watch.reacting import react
from arkwright.core import versions
from arkwright.core.alarms import DATA, Alarm, Reacted, Reaction
from arkwright.core.nouns import Endpoint, Event, Terms
from arkwright.core.ports import Entry
from arkwright.core.record import decode, encode
from arkwright.monitor import policy
from arkwright.monitor.measured import Found, Streaks
from arkwright.sites import Site

UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """What would have happened at a moment: `what` raised | over, or what would have been done about it; `outcome` is
    then done | begun | refused | withheld | dry-run, and `note` says what, or why not. unknown: nobody can say, from
    this moment on, for the reason in `note`.
    """

    at: datetime
    what: str
    release: str
    promise: str
    value: float | None
    low: float | None
    high: float | None
    n: int | None
    note: str
    outcome: str = ""


class Rehearsal:
    """What stands at a moment of the past. `patience`: of an endpoint the terms that are tried."""

    def __init__(
        self,
        site: Site,
        about: str,
        begin: float,
        patience: policy.Patience,
        promises: Sequence[str],
        reactions: Sequence[Reaction] = (),
    ) -> None:
        self.told: list[Rehearsed] = []
        self._about, self._patience, self._promises, self._reactions = about, patience, promises, reactions
        self._past = Past(site.ledger, about, begin, patience if isinstance(patience, Terms) else None)
        self._site = PastSite(folder=site.folder, engines=site.engines, past=self._past)
        self._streaks = Streaks()
        self._alarms: dict[str, Alarm] = {}
        for one in alarms.stand(self._site, about):  # it is raised anew
            alarms.end(self._site, replace(one.alarm, state=OVER))

    def go_to(self, at: int) -> None:
        """On to this moment, seconds since 1970."""
        self._past.go_to(at)

    def there(self, release: str) -> bool:
        """Whether it would answer at the endpoint, or get a copy, after what was done so far."""
        return release in self._releases()

    def unknown(self, at: int, why: str, promise: str = "") -> None:
        """From then on nobody can say what would have happened, which is told once."""
        if not any((one.what, one.promise, one.note) == (UNKNOWN, promise, why) for one in self.told):
            self._tell(at, UNKNOWN, Found("", promise, at, at, "unproven", None, None, None, None, ""), why)

    def look(self, at: int, found: Sequence[Found]) -> None:
        """What is raised and over by what was found at this moment, and what is done then."""
        begun = len(self._past.tried)
        self._streaks.stay(self._releases())
        streaks = [(one, self._streaks.look(one)) for one in found]
        watched = {(release, promise) for release in self._releases() for promise in self._promises}
        alarms.note(self._site, self._about, self._patience, watched, streaks)
        react(self._site, self._about, at, self._reactions, act=_try, clock=lambda: at)
        known = {(one.release, one.promise): one for one in found}
        for event in self._past.tried[begun:]:
            self._came(at, event, known)

    def _releases(self) -> tuple[str, ...]:
        if self._about.startswith(DATA):
            return ("",)
        endpoint = versions.latest(self._site.ledger, Endpoint, self._about)
        return (*endpoint.shares, *endpoint.shadows) if endpoint else ()

    def _came(self, at: int, event: Event, found: Mapping[tuple[str, str], Found]) -> None:
        if event.kind == Alarm.KIND:
            alarm = decode(Alarm, event.body)
            self._alarms[alarm.ref] = alarm
            if alarm.state in (RAISED, OVER):
                self._tell(at, alarm.state, alarm, alarm.note)
        elif event.kind == Reacted.KIND:
            done = decode(Reacted, event.body)
            alarm = self._alarms[done.alarm]
            self._tell(at, done.do, found.get((alarm.release, alarm.promise), alarm), done.says, done.outcome)

    def _tell(self, at: int, what: str, one: Found | Alarm, note: str, outcome: str = "") -> None:
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
                note=note,
                outcome=outcome,
            )
        )


def _try(case: Case, decided: Decided, entry: Entry) -> None:
    """Nobody is told, nothing signed and no line run."""
    moved = decided.moved
    moves = [Entry(Endpoint.KIND, f"{moved.name}@{moved.version}", encode(moved))] if moved else []
    case.site.ledger.append(MACHINE.name, [*moves, entry])
