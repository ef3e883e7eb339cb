"""What would be done about an alarm, and why it would not: from what is on record alone, so that a rehearsal decides as
the watch does. Nothing is done here.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from arkwright.api.endpoints.rollout import back, must_pass
from arkwright.api.watch.alarms import Alarmed, of
from arkwright.core import versions
from arkwright.core.alarms import DATA, Alarm, Reacted, Reaction
from arkwright.core.errors import ArkwrightError, Away, Full, Refused, Throttled
from arkwright.core.nouns import Account, Endpoint, Release
from arkwright.core.ports import Entry
from arkwright.core.record import decode, encode
from arkwright.core.times import utc
from arkwright.monitor import policy
from arkwright.sites import Site

BEGUN, DONE, REFUSED, DRY, WITHHELD = "begun", "done", "refused", "dry-run", "withheld"
ENDED = "ended"  # behind the key of what was begun
PASSING = (Full, Away, Throttled)  # what is no answer: it is done the next time


@dataclass(frozen=True)
class Decided:
    """What comes of it, as it goes on record; `moved`: the endpoint as it is to be then."""

    outcome: str
    says: str
    people: tuple[str, ...] = ()
    moved: Endpoint | None = None


@dataclass(frozen=True)
class Case:
    """One thing that is due about one alarm."""

    site: Site
    alarm: Alarm
    reaction: Reaction
    do: str

    @property
    def key(self) -> str:
        return f"{self.alarm.about}/{self.alarm.number}/{policy.thing(self.reaction, self.do)}"

    @property
    def stopped(self) -> bool:
        """Whether it is about an endpoint that a person stopped, maybe a moment ago: that is left alone."""
        return not self.alarm.about.startswith(DATA) and bool(self._endpoint().stopped)

    def entry(self, decided: Decided) -> tuple[Reacted, Entry]:
        """As it goes on record. What is only said comes before the thing itself, and does not stand for it."""
        noun = Reacted(
            alarm=self.alarm.ref, do=self.do, outcome=decided.outcome, says=decided.says, people=decided.people
        )
        key = f"{self.key}/{decided.outcome}" if decided.outcome in (DRY, WITHHELD) else self.key
        return noun, Entry(Reacted.KIND, key, encode(noun))

    def decided(self, now: float) -> Decided:
        """`now`: seconds since 1970, by the clock."""
        alarms = [one for _, one in of(self.site, [self.alarm.about])]
        deeds = _deeds(self.site, self.alarm.about, alarms)
        if deed := policy.cooling(self.reaction, self.do, self.alarm, deeds, now):
            again = utc(deed.at + policy.span(self.reaction.cool_down))
            return Decided(WITHHELD, f"not before {again[:16]} UTC: done about {deed.alarm} at {utc(deed.at)[:16]} UTC")
        try:
            decided = _DECIDE[self.do](self, alarms)
        except PASSING:
            raise
        except ArkwrightError as error:
            decided = Decided(REFUSED, str(error))
        return Decided(DRY, f"would be {decided.outcome}: {decided.says}") if self.reaction.dry_run else decided

    def _endpoint(self) -> Endpoint:
        return versions.resolve(self.site.ledger, Endpoint, self.alarm.about)

    def _answering(self) -> Endpoint:
        """The endpoint, where the release is still there to be taken away."""
        now = self._endpoint()
        if policy.part(now, self.alarm.release) is None:
            raise Refused(f"{self.alarm.release} has left {now.name} already")
        return now

    def notify(self, _: Iterable[Alarmed]) -> Decided:
        people = self.people()
        if not people and self.reaction.tell:
            raise Refused(f"nobody is let in here as {', '.join(self.reaction.tell)}, or signs as that")
        if not people:
            raise Refused('nobody is named: tell = ["…"] under the reaction')
        return Decided(DONE, f"told {', '.join(people)}", people)

    def discuss(self, _: Iterable[Alarmed]) -> Decided:
        return Decided(DONE, "opened a discussion")

    def people(self) -> tuple[str, ...]:
        """Those named, and those who sign in a role that is named; where a site has accounts, whom it lets in."""
        named = set(self.reaction.tell)
        known = {account.name: account for account in versions.all_of(self.site.ledger, Account)}
        let_in = {name: account for name, account in known.items() if account.role != "none"}
        held = [account.name for account in let_in.values() if named & {*account.signs}]
        people = dict.fromkeys([*self.reaction.tell, *held])
        return tuple(name for name in people if name in let_in or not known)

    def halt(self, _: Iterable[Alarmed]) -> Decided:
        now, bad = self._answering(), self.alarm.release
        if policy.part(now, bad) == policy.LIVE:
            raise Refused(f"{bad} is the live release, which is not halted but rolled back")
        left = {ref: share for ref, share in now.shares.items() if ref != bad}
        total = sum(left.values())
        shares = {ref: round(share / total, 9) for ref, share in left.items()}
        shadows = tuple(ref for ref in now.shadows if ref != bad)
        moved = replace(now, version=now.version + 1, shares=shares, shadows=shadows, resumed=False)
        return self._moved(moved, f"halted {bad}")

    def rollback(self, alarms: Iterable[Alarmed]) -> Decided:
        moved = back(self.site, self._answering(), "", _bad(alarms))
        return self._moved(moved, f"rolled back from {self.alarm.release} to {', '.join(moved.shares)}")

    def fallback(self, alarms: Iterable[Alarmed]) -> Decided:
        now, bad = self._answering(), _bad(alarms)
        terms = now.terms
        assert terms
        for release in reversed(list(versions.all_of(self.site.ledger, Release, terms.fallback or ""))):
            if release.ref in bad or release.gate.name != terms.gate:
                continue
            moved = replace(now, version=now.version + 1, shares={release.ref: 1.0}, shadows=(), resumed=False)
            with suppress(Refused):
                return self._moved(moved, f"fell back from {self.alarm.release} to {release.ref}")
        broke = f"; {', '.join(sorted(bad))} broke a promise here"
        raise Refused(f"no release of {terms.fallback} for the gate {terms.gate} may take over{broke}")

    def run(self, _: Iterable[Alarmed]) -> Decided:
        return Decided(BEGUN, "runs the line again")

    def _moved(self, moved: Endpoint, says: str) -> Decided:
        """Raises Refused where the gate does not let a release through."""
        for ref in moved.shares:
            must_pass(self.site, versions.resolve(self.site.ledger, Release, ref))
        reason = f"{says}: {self.alarm.promise} was broken ({self.alarm.ref})"
        return Decided(DONE, says, moved=replace(moved, reason=reason))


_DECIDE: dict[str, Callable[[Case, Iterable[Alarmed]], Decided]] = {
    one.__name__: one for one in (Case.notify, Case.discuss, Case.halt, Case.rollback, Case.fallback, Case.run)
}


def _bad(alarms: Iterable[Alarmed]) -> set[str]:
    """The releases that broke a promise here which has not held again."""
    return {one.alarm.release for one in alarms if one.state != "over"}


def _deeds(site: Site, about: str, known: Iterable[Alarmed]) -> list[policy.Deed]:
    """What was done about the alarms that are known about this."""
    alarms = {one.alarm.ref: one.alarm for one in known}
    found: list[policy.Deed] = []
    for event in site.ledger.find(Reacted.KIND, f"{about}/"):
        done = decode(Reacted, event.body)
        alarm = alarms.get(done.alarm)
        if alarm is not None and done.outcome in (BEGUN, DONE):
            thing = event.key.removeprefix(f"{about}/{alarm.number}/").removesuffix(f"/{ENDED}")
            at = datetime.fromisoformat(event.at).timestamp()
            found.append(policy.Deed(thing, alarm.ref, alarm.release, alarm.promise, at))
    return found
