"""The verb `rehearse-watch`: a past span of time watched again, and what would have been noticed and done."""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from arkwright.api.build import quiet
from arkwright.api.endpoints import terms
from arkwright.api.people.accounts import allow
from arkwright.api.watch import damaged
from arkwright.api.watch.beside import realised
from arkwright.api.watch.damaged import Damaged
from arkwright.api.watch.data_rehearsal import replayed
from arkwright.api.watch.rehearsed import Rehearsal, Rehearsed
from arkwright.api.watch.window import Answers
from arkwright.core import versions
from arkwright.core.alarms import DATA
from arkwright.core.durations import seconds
from arkwright.core.errors import Away, Invalid
from arkwright.core.nouns import Actor, Endpoint, Release, Terms
from arkwright.core.promises import parse
from arkwright.core.record import decode
from arkwright.core.times import zoned
from arkwright.monitor.measured import Found, Measured
from arkwright.serve.tap.scan import LATE_S
from arkwright.sites import Site
from arkwright.work import compact

DEFAULT = 7 * 86_400  # seconds
STEP = "1h"
MOST = 5_000  # looks: a rehearsal of a year by the minute would take days


def rehearse_watch(
    site: Site,
    by: Actor,
    project: Path,
    *,
    about: str,
    since: datetime | None = None,
    until: datetime | None = None,
    step: str | None = None,
    say: Callable[[str], None] = quiet,
) -> tuple[Rehearsed, ...]:
    """Watch the past (default: the last week) again, and say what would have happened. `about`: an endpoint, looked at
    once in every `step` (default: 1h), as it was at the last look that was made in it, or at its end where none was; or
    data.NAME, of which the looks that were made are gone through again.

    By the promises, spans and reactions that the project has now, which need not be those on record; nothing is raised
    and nothing done. A release that would have been halted is not looked at again until the endpoint was really moved.
    Raises Unknown for what is not there; Invalid for a span without a look, or with too many; Away while another
    process joins rows with labels all the while.
    """
    allow(site, by, "work")
    now = datetime.now(UTC).timestamp()
    end = int(_stamp(until, now))
    begin = int(_stamp(since, end - DEFAULT))
    if about.startswith(DATA):
        if step:
            raise Invalid(f"{about} is rehearsed by the looks that were made at it: leave the step out")
        return replayed(site, project, about.removeprefix(DATA), begin, end)
    name = versions.resolve(site.ledger, Endpoint, about).name
    compact.once(site, [name])
    every = seconds(step or STEP)
    looks = range(begin + every, end + 1, every)
    if not 0 < len(looks) <= MOST:
        raise Invalid(f"that is {len(looks)} looks, and a rehearsal has 1 to {MOST}; choose another span or step")
    return _watched_again(site, project, name, looks, say)


def _watched_again(
    site: Site, project: Path, name: str, looks: range, say: Callable[[str], None]
) -> tuple[Rehearsed, ...]:
    moves = _moves(site, name)
    agreed = terms.current(site, project).get(name) or terms.recorded(moves[-1][1])
    rehearsal = Rehearsal(site, name, looks.start - looks.step, agreed, agreed.promises)
    late = seconds(agreed.labels_after) if agreed.labels_after else 0
    answers: dict[str, Answers | Damaged] = {}
    why = ""
    for at in _moments(site, name, moves, agreed, looks):
        live, before = _at(moves, at), why
        why = _unserved(moves, at, name)
        if why and why != before:
            rehearsal.unknown(at, why)
        if live is None or why:
            continue
        say(f"watch {name} as of {_clock(at)}")
        rehearsal.go_to(at)
        found: list[Found] = []
        for ref in (*live.shares, *live.shadows):
            if not rehearsal.there(ref):
                continue
            if ref not in answers:
                answers[ref] = damaged.answers(site, live, versions.resolve(site.ledger, Release, ref))
            made = answers[ref].watched(agreed.promises, agreed.window, at, late, at + LATE_S)
            failed = [one for one in made if one.failed]
            joined = isinstance(answers[ref], Answers)
            if missed := next((one for one in failed if joined and realised(parse(one.promise))), None):
                raise Away(missed.note)  # a look knows the next time, and a rehearsal would tell what is not so
            for one in failed:
                rehearsal.unknown(at, one.note, one.promise)
            found += [one.found() for one in made]
        rehearsal.look(at, found)
    return tuple(rehearsal.told)


def _moments(site: Site, name: str, moves: list[tuple[float, Endpoint]], agreed: Terms, looks: range) -> Iterator[int]:
    """Of each step the moment of the last look that was made in it, to which it counted, or the step's end."""
    releases = {ref for _, endpoint in moves for ref in (*endpoint.shares, *endpoint.shadows)}
    made = sorted({looks.start - looks.step, *_made(site, name, releases, agreed, looks)})
    for end in looks:
        last = made[bisect_right(made, end) - 1]
        yield last if last > end - looks.step else end


def _made(site: Site, name: str, releases: Collection[str], agreed: Terms, looks: range) -> Iterator[int]:
    """To when looks counted that were made at promises of now."""
    path = site.watched / f"{name}.measured.db"
    if not path.exists():  # a rehearsal begins no file
        return
    with closing(Measured(path)) as measured:
        for text in agreed.promises:
            late = seconds(agreed.labels_after) if agreed.labels_after and realised(parse(text)) else 0
            since, until = (moment - late for moment in (looks.start - looks.step, looks.stop))
            for release in releases:
                yield from (one.until + late for one in measured.between(release, text, since, until))


def _unserved(moves: list[tuple[float, Endpoint]], at: float, name: str) -> str:
    """Why nothing was served then; empty where something was."""
    live = _at(moves, at)
    if live is None:
        return f"nothing was served yet: {name} was first promoted at {_clock(moves[0][0])}"
    if not live.stopped:
        return ""
    again = next((when for when, endpoint in moves if when > at and not endpoint.stopped), None)
    return f"nothing was served: {live.stopped} had stopped {name}" + (f" until {_clock(again)}" if again else "")


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _moves(site: Site, name: str) -> list[tuple[float, Endpoint]]:
    """When an endpoint was moved to what."""
    events = site.ledger.find(Endpoint.KIND, f"{name}@")
    return [(datetime.fromisoformat(event.at).timestamp(), decode(Endpoint, event.body)) for event in events]


def _at(moves: list[tuple[float, Endpoint]], at: float) -> Endpoint | None:
    return next((endpoint for when, endpoint in reversed(moves) if when <= at), None)


def _stamp(moment: datetime | None, default: float) -> float:
    return default if moment is None else zoned(moment).timestamp()
