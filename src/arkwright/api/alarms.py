"""The verb `alarms`, and how what a watch found becomes one: on record once, whoever watches at the same time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from arkwright.catalog.pages import Page, Size, size
from arkwright.core import versions
from arkwright.core.alarms import Alarm, Reacted
from arkwright.core.bounds import Number
from arkwright.core.nouns import Actor, Endpoint, Event
from arkwright.core.ports import Entry, Taken
from arkwright.core.record import decode, encode
from arkwright.core.times import utc
from arkwright.govern import roles
from arkwright.monitor import policy
from arkwright.monitor.measured import Found, Streak
from arkwright.sites import Site

MACHINE = Actor(name=roles.MACHINE, proven=True, rights=roles.rights("owner"))  # acts as an owner's terms say
RAISED, OVER, LEFT = "raised", "over", "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarmed:
    """An alarm as it stands: `raised` and `ended` say when it was put on record, `reactions` what came of it."""

    alarm: Alarm
    state: str  # raised | over | left
    raised: str
    ended: str | None = None
    reactions: tuple[Reacted, ...] = ()


def alarms(
    site: Site,
    by: Actor,
    project: Path,
    *,
    endpoint: str | None = None,
    standing: bool = False,
    limit: Size = 20,
    before: Number | None = None,
) -> Page[Alarmed]:
    """What was noticed at endpoints, the newest first, and what was done about it. `standing`: what is not over."""
    names = [versions.resolve(site.ledger, Endpoint, endpoint).name] if endpoint else None
    found = sorted(of(site, names), key=lambda one: one[0], reverse=True)
    shown = [one for one in found if (not standing or one[1].state == RAISED) and (before is None or one[0] < before)]
    some = shown[: size(limit)]
    return Page(items=tuple(one for _, one in some), next=str(some[-1][0]) if len(shown) > limit else None)


def of(site: Site, names: Iterable[str] | None = None) -> list[tuple[int, Alarmed]]:
    """(number of the event that raised it, the alarm) of these endpoints, or of all, in order."""
    prefixes = [""] if names is None else [f"{name}/" for name in names]
    found: dict[str, tuple[int, Alarmed]] = {}
    for prefix in prefixes:
        for kind in (Alarm.KIND, Reacted.KIND):
            for event in site.ledger.find(kind, prefix):
                take(found, event)
    return list(found.values())


def take(found: dict[str, tuple[int, Alarmed]], event: Event) -> None:
    """What an alarm, or what was done about one, makes of what is known: `found`, by reference."""
    if event.kind == Reacted.KIND:
        done = decode(Reacted, event.body)
        if done.alarm in found:
            seq, one = found[done.alarm]
            others = tuple(r for r in one.reactions if (r.do, r.outcome) != (done.do, "begun"))
            found[done.alarm] = (seq, replace(one, reactions=(*others, done)))
        return
    noun = decode(Alarm, event.body)
    if noun.state == RAISED:
        found[noun.ref] = (event.seq, Alarmed(alarm=noun, state=RAISED, raised=event.at))
    elif noun.ref in found:
        seq, one = found[noun.ref]
        found[noun.ref] = (seq, replace(one, state=noun.state, ended=event.at))


def stand(site: Site, endpoint: Endpoint) -> list[Alarmed]:
    """What is not over at an endpoint."""
    return [one for _, one in of(site, [endpoint.name]) if one.state == RAISED]


def follow(site: Site, endpoint: Endpoint, found: Sequence[tuple[Found, Streak]]) -> list[Alarmed]:
    """Raise what has been broken for long enough, end what has been kept, or whose release left; what stands then."""
    assert endpoint.terms
    standing = {(one.alarm.release, one.alarm.promise): one for one in stand(site, endpoint)}
    for (release, promise), stood in standing.items():
        if release not in (*endpoint.shares, *endpoint.shadows) or promise not in endpoint.terms.promises:
            _end(site, replace(stood.alarm, state=LEFT))
    for one, streak in found:
        before = standing.get((one.release, one.promise))
        if before is None and policy.raises(endpoint.terms, streak):
            _raise(site, endpoint, one)
        elif before is not None and policy.clears(endpoint.terms, streak):
            _end(site, _alarm(endpoint, one, before.alarm.number, OVER))
    return stand(site, endpoint)


def _raise(site: Site, endpoint: Endpoint, one: Found) -> None:
    """Once: who comes second finds it standing."""
    while True:
        known = [a for _, a in of(site, [endpoint.name])]
        if any(a.state == RAISED and (a.alarm.release, a.alarm.promise) == (one.release, one.promise) for a in known):
            return
        made = _alarm(endpoint, one, len(known) + 1, RAISED)
        try:
            site.ledger.append(MACHINE.name, [Entry(Alarm.KIND, f"{made.endpoint}/{made.number}", encode(made))])
        except Taken:
            continue
        return


def _end(site: Site, alarm: Alarm) -> None:
    try:
        site.ledger.append(MACHINE.name, [Entry(Alarm.KIND, f"{alarm.endpoint}/{alarm.number}/over", encode(alarm))])
    except Taken:
        return  # somebody else saw it too


def _alarm(endpoint: Endpoint, one: Found, number: int, state: str) -> Alarm:
    return Alarm(
        endpoint=endpoint.name,
        number=number,
        release=one.release,
        promise=one.promise,
        state=state,
        value=one.value,
        low=one.low,
        high=one.high,
        n=one.n,
        note=one.note,
        since=utc(one.since),
        until=utc(one.until),
    )
