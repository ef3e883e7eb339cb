"""What is done about alarms, as an endpoint's terms say: each thing once, on record together with what it changed.

Whoever is killed on the way has done a thing and said so, or neither; running the line again, which takes long, is
begun on record and goes on the next time.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from arkwright.api import lease
from arkwright.api.endpoints.rollout import move, seal
from arkwright.api.talking.talk import say
from arkwright.api.watch.alarms import MACHINE, stand
from arkwright.api.watch.beside import realised
from arkwright.api.watch.deciding import BEGUN, DONE, ENDED, PASSING, REFUSED, WITHHELD, Case, Decided
from arkwright.core import versions
from arkwright.core.alarms import DATA, Alarm, Reacted, Reaction, subject
from arkwright.core.durations import seconds
from arkwright.core.errors import ArkwrightError, Refused
from arkwright.core.nouns import Endpoint, Release
from arkwright.core.ports import Entry, Taken
from arkwright.core.promises import parse
from arkwright.core.record import decode, encode
from arkwright.core.rules import alarmed
from arkwright.core.times import ago
from arkwright.monitor import policy
from arkwright.sites import Site

# what is done, together with the entry that says so, or neither; raises Taken where another did it
Act = Callable[[Case, Decided, Entry], None]
# runs the line, or has it run, since this time, and asks at each step whether it may go on (Refused); what to say of it
Rerun = Callable[[str, Callable[[], None]], str]


def react(
    site: Site,
    about: str,
    now: float,
    reactions: Sequence[Reaction] = (),
    act: Act | None = None,
    clock: Callable[[], float] | None = None,
) -> list[Reacted]:
    """Do what is due about what stands, of all alarms as the endpoint was before; what was done, and what was not and
    why. `now`: seconds since 1970, as of the end of the window. `reactions`: of a dataset; an endpoint's are on record
    with it. `act`, `clock`: other ones, of who only tries.
    """
    made: list[Reacted] = []
    hindered: ArkwrightError | None = None
    for case in list(_cases(site, about, now, reactions)):
        try:
            done = _done(case, act or _act, clock or time.time)
        except PASSING as error:
            hindered = hindered or error  # the others are done all the same
        else:
            made += [done] if done else []
    if hindered:
        raise hindered
    return made


def go_on(site: Site, about: str) -> None:
    """Do the rest about alarms whose release was taken away, as a reaction, by who was killed then; before they are
    left behind with it.
    """
    standing, moved = stand(site, about), site.ledger.last(Endpoint.KIND, f"{about}@")
    now = decode(Endpoint, moved.body) if moved else None
    while now and moved and moved.by == MACHINE.name:  # maybe one after the other
        endpoint = decode(Endpoint, moved.body)
        if not any(endpoint.reason.endswith(f"({one.alarm.ref})") for one in standing):
            return
        then = datetime.fromisoformat(moved.at).timestamp()
        moved = site.ledger.get(Endpoint.KIND, f"{about}@{endpoint.version - 1}")
        assert moved
        for case in list(_cases(site, about, then, (), decode(Endpoint, moved.body))):
            held_back = site.ledger.get(Reacted.KIND, f"{case.key}/{WITHHELD}")  # it is over with the alarm
            if policy.part(now, case.alarm.release) is None and not held_back:
                _done(case, _act, time.time)


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
            except PASSING:
                raise
            except ArkwrightError as error:
                turn.must_be_held()  # else it is no answer
                ended = replace(begun, outcome=REFUSED, says=str(error))
            with suppress(Taken):
                site.ledger.append(MACHINE.name, [Entry(Reacted.KIND, f"{event.key}/{ENDED}", encode(ended))])


def _cases(
    site: Site, about: str, now: float, reactions: Sequence[Reaction], then: Endpoint | None = None
) -> Iterator[Case]:
    """What is due as things stand now, or stood `then`."""
    endpoint = None if about.startswith(DATA) else then or versions.resolve(site.ledger, Endpoint, about)
    for one in stand(site, about):
        for reaction, do in _due(one.alarm, now, reactions, endpoint):
            yield Case(site, one.alarm, reaction, do)


def _due(
    alarm: Alarm, now: float, reactions: Sequence[Reaction], endpoint: Endpoint | None
) -> Iterator[tuple[Reaction, str]]:
    stands = ago(alarm.until, now)
    if endpoint is None:
        yield from policy.due(reactions, alarm.promise, None, stands)
        return
    at = policy.part(endpoint, alarm.release)
    if at is None or endpoint.terms is None:
        return
    if endpoint.terms.labels_after and realised(parse(alarm.promise)):
        stands -= seconds(endpoint.terms.labels_after)  # its window ended so long before it could be measured
    yield from policy.due(endpoint.terms.reactions, alarm.promise, at, stands)


def _done(case: Case, act: Act, clock: Callable[[], float]) -> Reacted | None:
    """Do it, unless that was done or tried before. What somebody else moved just now is looked at the next time."""
    ledger = case.site.ledger
    if ledger.get(Reacted.KIND, case.key) or case.stopped:
        return None
    decided = case.decided(clock())
    noun, entry = case.entry(decided)
    if ledger.get(Reacted.KIND, entry.key):
        return None
    try:
        act(case, decided, entry)
    except Taken:
        return None
    except PASSING:
        raise
    except ArkwrightError as error:
        if case.decided(clock()) != decided:
            return None
        noun, entry = case.entry(Decided(REFUSED, str(error)))
        with suppress(Taken):
            ledger.append(MACHINE.name, [entry])
    return noun


def _act(case: Case, decided: Decided, entry: Entry) -> None:
    """Together with what it changes, or neither."""
    site = case.site
    if decided.moved:
        releases = [versions.resolve(site.ledger, Release, ref) for ref in decided.moved.shares]
        for release in releases:
            seal(site, MACHINE, release)
        move(site, MACHINE, decided.moved, releases, beside=[entry])
    elif (case.do, decided.outcome) == ("discuss", DONE):
        people = case.people()
        text, about = _text(case.alarm, people), subject(case.alarm.about)
        say(site, MACHINE, about=about, text=text, mentions=people, beside=[entry])
    else:
        site.ledger.append(MACHINE.name, [entry])


def _text(alarm: Alarm, people: tuple[str, ...]) -> str:
    """What was found stands as code: it holds values of callers."""
    lines = (alarm.promise, alarmed(alarm), *alarm.causes, *([alarm.rows] if alarm.rows else []))
    code = "\n" + "".join(f"\n    {' '.join(line.split())}" for line in lines)
    asked = f"\n\n{' '.join(f'@{name}' for name in people)}" if people else ""
    when = f"between {alarm.since} and {alarm.until}" if alarm.release else f"at {alarm.until}"
    return f"{alarm.breaker} broke a promise {when} ({alarm.ref}).{code}{asked}"
