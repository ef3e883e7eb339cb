"""What is done about alarms, as an endpoint's terms say: each thing once, on record together with what it changed.

Whoever is killed on the way has done a thing and said so, or neither; running the line again, which takes long, is
begun on record and goes on the next time.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from arkwright.api import lease
from arkwright.api.endpoints.rollout import back, move, must_pass, seal
from arkwright.api.talking.talk import say
from arkwright.api.watch.alarms import MACHINE, RAISED, of
from arkwright.api.watch.beside import realised
from arkwright.core import versions
from arkwright.core.alarms import DATA, Alarm, Reacted, Reaction, subject
from arkwright.core.durations import seconds
from arkwright.core.errors import ArkwrightError, Away, Full, Refused, Throttled
from arkwright.core.nouns import Account, Endpoint, Release
from arkwright.core.ports import Entry, Taken
from arkwright.core.promises import parse
from arkwright.core.record import decode, encode
from arkwright.core.rules import alarmed
from arkwright.core.times import ago
from arkwright.monitor import policy
from arkwright.sites import Site

BEGUN, DONE, REFUSED, DRY = "begun", "done", "refused", "dry-run"
ENDED = "ended"  # behind the key of what was begun
_PASSING = (Full, Away, Throttled)  # what is no answer: it is done the next time
# runs the line, or has it run, since this time, and asks at each step whether it may go on (Refused); what to say of it
Rerun = Callable[[str, Callable[[], None]], str]


def react(site: Site, about: str, now: float, reactions: Sequence[Reaction] = ()) -> list[Reacted]:
    """Do what is due about what stands; what was done, and what was refused. `now`: seconds since 1970, as of the end
    of the window. `reactions`: of a dataset; an endpoint's are on record with it.
    """
    made: list[Reacted] = []
    hindered: ArkwrightError | None = None
    for one in [one for _, one in of(site, [about]) if one.state == RAISED]:
        for reaction, do in list(_due(site, one.alarm, now, reactions)):
            try:
                done = _Doing(site, one.alarm, reaction, do).done()
            except _PASSING as error:
                hindered = hindered or error  # the others are done all the same
            else:
                made += [done] if done else []
    if hindered:
        raise hindered
    return made


def go_on(site: Site, about: str) -> None:
    """Do the rest about an alarm whose release was taken away, as a reaction, by who was killed then; before the alarm
    is left behind with it.
    """
    moved = site.ledger.last(Endpoint.KIND, f"{about}@")
    if moved is None or moved.by != MACHINE.name:
        return
    endpoint = decode(Endpoint, moved.body)
    for one in [one for _, one in of(site, [about]) if one.state == RAISED]:
        if endpoint.reason.endswith(f"({one.alarm.ref})"):
            before = versions.resolve(site.ledger, Endpoint, f"{about}@{endpoint.version - 1}")
            then = datetime.fromisoformat(moved.at).timestamp()
            for reaction, do in list(_due(site, one.alarm, then, (), before)):
                _Doing(site, one.alarm, reaction, do).done()


def finish(site: Site, about: str, rerun: Rerun) -> None:
    """Run the line where that was begun on record, once what is quick is done; one process at a time. Who goes on after
    another was killed makes nothing again that was made; who loses the turn on the way leaves it to the next one.
    """
    for event in list(site.ledger.find(Reacted.KIND, f"{about}/")):
        begun = decode(Reacted, event.body)
        if begun.outcome != BEGUN or site.ledger.get(Reacted.KIND, f"{event.key}/{ENDED}"):
            continue
        with suppress(Refused), lease.held(site, "line that is run again") as turn:
            if site.ledger.get(Reacted.KIND, f"{event.key}/{ENDED}"):
                continue  # by another, until a moment ago
            try:
                ended = replace(begun, outcome=DONE, says=rerun(event.at, turn.must_be_held))
            except _PASSING:
                raise
            except ArkwrightError as error:
                turn.must_be_held()  # else it is no answer
                ended = replace(begun, outcome=REFUSED, says=str(error))
            with suppress(Taken):
                site.ledger.append(MACHINE.name, [Entry(Reacted.KIND, f"{event.key}/{ENDED}", encode(ended))])


def _due(
    site: Site, alarm: Alarm, now: float, reactions: Sequence[Reaction], then: Endpoint | None = None
) -> Iterator[tuple[Reaction, str]]:
    """As things stand now, or stood `then`: what was done a moment ago may have moved the endpoint."""
    stands = ago(alarm.until, now)
    since_done = _since_done(site, alarm)
    if alarm.about.startswith(DATA):
        yield from policy.due(reactions, alarm.promise, None, stands, since_done)
        return
    endpoint = then or versions.resolve(site.ledger, Endpoint, alarm.about)
    at = policy.part(endpoint, alarm.release)
    if at is None or endpoint.terms is None or endpoint.stopped:
        return
    if endpoint.terms.labels_after and realised(parse(alarm.promise)):
        stands -= seconds(endpoint.terms.labels_after)  # its window ended so long before it could be measured
    yield from policy.due(endpoint.terms.reactions, alarm.promise, at, stands, since_done)


def _since_done(site: Site, alarm: Alarm) -> dict[str, float]:
    """How many seconds ago each thing was done about another alarm here; a halt is of one release alone."""
    now, found = datetime.now(UTC), {}
    releases = {one.alarm.ref: one.alarm.release for _, one in of(site, [alarm.about])}
    for event in site.ledger.find(Reacted.KIND, f"{alarm.about}/"):
        done = decode(Reacted, event.body)
        if done.do == "halt" and releases.get(done.alarm) != alarm.release:
            continue
        if done.alarm != alarm.ref and done.outcome in (BEGUN, DONE):
            found[done.do] = max(0.0, ago(event.at, now.timestamp()))
    return found


@dataclass(frozen=True)
class _Doing:
    """One thing about one alarm."""

    site: Site
    alarm: Alarm
    reaction: Reaction
    do: str

    def done(self) -> Reacted | None:
        """Do it, unless that was done or tried before. What somebody else moved just now is looked at the next time."""
        if self.reaction.dry_run:
            return self._record(DRY, self._would())
        if self.site.ledger.get(Reacted.KIND, self._key):
            return None
        before = self._version()
        try:
            return _ACTS[self.do](self)
        except Taken:
            return None
        except _PASSING:
            raise
        except ArkwrightError as error:
            if self._version() != before:
                return None
            return self._record(REFUSED, str(error))

    @property
    def _key(self) -> str:
        return f"{self.alarm.about}/{self.alarm.number}/{self.do}"

    def _endpoint(self) -> Endpoint:
        return versions.resolve(self.site.ledger, Endpoint, self.alarm.about)

    def _version(self) -> int:
        """Of the endpoint; datasets are not moved."""
        return 0 if self.alarm.about.startswith(DATA) else self._endpoint().version

    def _entry(self, outcome: str, says: str, people: tuple[str, ...] = ()) -> tuple[Reacted, Entry]:
        noun = Reacted(alarm=self.alarm.ref, do=self.do, outcome=outcome, says=says, people=people)
        key = f"{self._key}/{outcome}" if outcome == DRY else self._key
        return noun, Entry(Reacted.KIND, key, encode(noun))

    def _record(self, outcome: str, says: str, people: tuple[str, ...] = ()) -> Reacted | None:
        noun, entry = self._entry(outcome, says, people)
        try:
            self.site.ledger.append(MACHINE.name, [entry])
        except Taken:
            return None
        return noun

    def _would(self) -> str:
        words = {
            "notify": f"would tell {', '.join(self._people()) or 'nobody'}",
            "discuss": "would open a discussion",
            "halt": f"would take its requests from {self.alarm.release}",
            "rollback": "would move back to the last release that kept its promises",
            "fallback": "would have the fallback model answer",
            "run": "would run the line again",
        }
        return words[self.do]

    def _people(self) -> tuple[str, ...]:
        """Those named, and those who sign in a role that is named."""
        named = set(self.reaction.tell)
        known = {account.name: account for account in versions.all_of(self.site.ledger, Account)}
        held = [account for account in known.values() if account.role != "none" and named & {*account.signs}]
        people = dict.fromkeys([*self.reaction.tell, *(account.name for account in held)])
        roles = {role for account in held for role in account.signs}
        return tuple(name for name in people if name not in roles)

    def notify(self) -> Reacted | None:
        people = self._people()
        if not people:
            raise Refused('nobody is named: tell = ["…"] under the reaction')
        return self._record(DONE, f"told {', '.join(people)}", people)

    def discuss(self) -> Reacted:
        people = self._people()
        text = _text(self.alarm, people)
        noun, entry = self._entry(DONE, "opened a discussion")
        say(
            self.site,
            MACHINE,
            about=subject(self.alarm.about),
            text=text,
            mentions=people,
            beside=[entry],
        )
        return noun

    def halt(self) -> Reacted:
        now, bad = self._endpoint(), self.alarm.release
        if policy.part(now, bad) == policy.LIVE:
            raise Refused(f"{bad} is the live release, which is not halted but rolled back")
        left = {ref: share for ref, share in now.shares.items() if ref != bad}
        total = sum(left.values())
        shares = {ref: round(share / total, 9) for ref, share in left.items()}
        shadows = tuple(ref for ref in now.shadows if ref != bad)
        moved = replace(now, version=now.version + 1, shares=shares, shadows=shadows, resumed=False)
        return self._moved(moved, f"halted {bad}")

    def rollback(self) -> Reacted:
        moved = back(self.site, self._endpoint(), "", self._bad())
        return self._moved(moved, f"rolled back from {self.alarm.release} to {', '.join(moved.shares)}")

    def fallback(self) -> Reacted:
        now, bad = self._endpoint(), self._bad()
        terms = now.terms
        assert terms
        for release in reversed(list(versions.all_of(self.site.ledger, Release, terms.fallback or ""))):
            if release.ref in bad or release.gate.name != terms.gate:
                continue
            with suppress(Refused):
                must_pass(self.site, release)
                seal(self.site, MACHINE, release)
                moved = replace(now, version=now.version + 1, shares={release.ref: 1.0}, shadows=(), resumed=False)
                return self._moved(moved, f"fell back from {self.alarm.release} to {release.ref}")
        broke = f"; {', '.join(sorted(bad))} broke a promise here"
        raise Refused(f"no release of {terms.fallback} for the gate {terms.gate} may take over{broke}")

    def _bad(self) -> set[str]:
        """The releases that broke a promise here which has not held again."""
        return {one.alarm.release for _, one in of(self.site, [self.alarm.about]) if one.state != "over"}

    def _moved(self, moved: Endpoint, says: str) -> Reacted:
        """Together with the reaction, or neither."""
        noun, entry = self._entry(DONE, says)
        releases = [versions.resolve(self.site.ledger, Release, ref) for ref in moved.shares]
        reason = f"{says}: {self.alarm.promise} was broken ({self.alarm.ref})"
        move(self.site, MACHINE, replace(moved, reason=reason), releases, beside=[entry])
        return noun

    def run(self) -> Reacted | None:
        return self._record(BEGUN, "runs the line again")


_ACTS: dict[str, Callable[[_Doing], Reacted | None]] = {
    one.__name__: one
    for one in (_Doing.notify, _Doing.discuss, _Doing.halt, _Doing.rollback, _Doing.fallback, _Doing.run)
}


def _text(alarm: Alarm, people: tuple[str, ...]) -> str:
    """What was found stands as code: it holds values of callers."""
    lines = (alarm.promise, alarmed(alarm), *alarm.causes, *([alarm.rows] if alarm.rows else []))
    code = "\n" + "".join(f"\n    {' '.join(line.split())}" for line in lines)
    asked = f"\n\n{' '.join(f'@{name}' for name in people)}" if people else ""
    when = f"between {alarm.since} and {alarm.until}" if alarm.release else f"at {alarm.until}"
    return f"{alarm.breaker} broke a promise {when} ({alarm.ref}).{code}{asked}"
