"""The verb `alarms`, and how what a watch found becomes one: on record once, whoever watches at the same time."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from arkwright.catalog.pages import Page, Size, size
from arkwright.core import versions
from arkwright.core.alarms import DATA, Alarm, Reacted
from arkwright.core.bounds import Number
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Actor, Dataset, Endpoint, Event
from arkwright.core.ports import Entry, Taken
from arkwright.core.record import decode, encode
from arkwright.core.times import utc
from arkwright.govern import roles
from arkwright.monitor import policy
from arkwright.monitor.measured import Found, Streak
from arkwright.project import toml
from arkwright.sites import Site

log = logging.getLogger("arkwright.watch")
MACHINE = Actor(name=roles.MACHINE, proven=True, rights=roles.rights("owner"))  # acts as an owner's terms say
RAISED, OVER, LEFT = "raised", "over", "left"
Why = Callable[[Found], tuple[tuple[str, ...], str]]  # what explains it, and the command that lists the rows


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
    about: str | None = None,
    standing: bool = False,
    limit: Size = 20,
    before: Number | None = None,
) -> Page[Alarmed]:
    """What was noticed, the newest first, and what was done about it. `about`: an endpoint, or a dataset as data.NAME;
    `standing`: what is not over.
    """
    found = sorted(of(site, [known(site, project, about)] if about else None), key=lambda one: one[0], reverse=True)
    shown = [one for one in found if (not standing or one[1].state == RAISED) and (before is None or one[0] < before)]
    some = shown[: size(limit)]
    return Page(items=tuple(one for _, one in some), next=str(some[-1][0]) if len(shown) > limit else None)


def known(site: Site, project: Path, about: str) -> str:
    """What alarms are about, by its name. Raises Unknown for what is neither on record nor in the project."""
    if not about.startswith(DATA):
        return versions.resolve(site.ledger, Endpoint, about).name
    name = about.removeprefix(DATA)
    with suppress(ArkwrightError):
        if name in toml.read(project).spec.data:
            return about
    if site.ledger.last(Alarm.KIND, f"{about}/") is None:
        versions.resolve(site.ledger, Dataset, name)
    return about


def of(site: Site, names: Iterable[str] | None = None) -> list[tuple[int, Alarmed]]:
    """(number of the event that raised it, the alarm) of what was noticed about these, or of all, in order."""
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


def stand(site: Site, about: str) -> list[Alarmed]:
    """What is not over."""
    return [one for _, one in of(site, [about]) if one.state == RAISED]


def follow(site: Site, endpoint: Endpoint, found: Sequence[tuple[Found, Streak]], why: Why) -> list[Alarmed]:
    """At an endpoint; what stands then. `why`: explains what is raised."""
    assert endpoint.terms
    here = (*endpoint.shares, *endpoint.shadows)
    watched = {(release, promise) for release in here for promise in endpoint.terms.promises}
    with explaining(site, endpoint.name, why) as marked:
        return note(site, endpoint.name, endpoint.terms, watched, found, marked)


def note(
    site: Site,
    about: str,
    patience: policy.Patience,
    watched: Collection[tuple[str, str]],
    found: Sequence[tuple[Found, Streak]],
    why: Why = lambda _: ((), ""),
) -> list[Alarmed]:
    """Raise what has been broken for long enough, end what has been kept, or is not `watched` any more (release and
    promise); what stands then. On record, and nowhere else.
    """
    standing = {(one.alarm.release, one.alarm.promise): one for one in stand(site, about)}
    for key, stood in standing.items():
        if key not in watched:
            end(site, replace(stood.alarm, state=LEFT))
    for one, streak in found:
        before = standing.get((one.release, one.promise))
        if before is None and policy.raises(patience, streak):
            _raise(site, about, one, why)
        elif before is not None and policy.clears(patience, streak):
            end(site, _alarm(about, one, before.alarm.number, OVER))
    return stand(site, about)


@contextmanager
def explaining(site: Site, about: str, why: Why) -> Iterator[Why]:
    """`why`, which marks that it explains, for as long as it does. Where that ended the last one who did, what is
    raised is not explained, and the mark goes once it is raised.
    """
    if not hung(site, about):
        yield partial(_explained, site, about, why)
        return
    yield _unexplained
    _explaining(site, about).unlink(missing_ok=True)


def hung(site: Site, about: str) -> bool:
    """Whether who explained an alarm last did not come to its end."""
    return _explaining(site, about).exists()


def _raise(site: Site, about: str, one: Found, why: Why) -> None:
    """Once: who comes second finds it standing."""
    causes, rows = why(one)
    while True:
        number = _last(site, about) + 1  # who raises the same meanwhile takes it
        known = [a for _, a in of(site, [about])]
        if any(a.state == RAISED and (a.alarm.release, a.alarm.promise) == (one.release, one.promise) for a in known):
            return
        made = replace(_alarm(about, one, number, RAISED), causes=causes, rows=rows)
        try:
            site.ledger.append(MACHINE.name, [Entry(Alarm.KIND, f"{about}/{made.number}", encode(made))])
        except Taken:
            continue
        return


def _last(site: Site, about: str) -> int:
    """The highest number; a past in which a clock ran ahead lacks some below it, or knows only that one is over."""
    return max((decode(Alarm, event.body).number for event in site.ledger.find(Alarm.KIND, f"{about}/")), default=0)


def _unexplained(one: Found) -> tuple[tuple[str, ...], str]:
    log.warning("%s is raised unexplained: what explained it did not come to an end the last time", one.promise)
    return (), ""


def _explained(site: Site, about: str, why: Why, one: Found) -> tuple[tuple[str, ...], str]:
    """Nothing where that cannot be marked: who hangs in it, and is ended, is to be told from one who does not."""
    mark = _explaining(site, about)
    try:
        mark.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        mark.touch(mode=0o600)
    except OSError as error:
        log.warning("%s: %s is not explained: %s", about, one.promise, error)
        return (), ""
    found = why(one)
    mark.unlink(missing_ok=True)
    return found


def _explaining(site: Site, about: str) -> Path:
    return site.watched / f"{about}.why"


def end(site: Site, alarm: Alarm) -> None:
    """As its state says. Once, whoever sees it."""
    try:
        site.ledger.append(MACHINE.name, [Entry(Alarm.KIND, f"{alarm.about}/{alarm.number}/over", encode(alarm))])
    except Taken:
        return  # somebody else saw it too


def _alarm(about: str, one: Found, number: int, state: str) -> Alarm:
    return Alarm(
        about=about,
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
