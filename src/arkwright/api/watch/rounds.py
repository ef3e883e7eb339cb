"""The verb `watch`: what is promised of endpoints and of datasets, measured on what came; what is broken is an alarm,
and is reacted to.
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Self

from arkwright.api import lease
from arkwright.api.build import quiet, run
from arkwright.api.endpoints import terms
from arkwright.api.people.accounts import allow
from arkwright.api.watch import alarms, damaged, datasets, here, looked
from arkwright.api.watch.alarms import MACHINE
from arkwright.api.watch.beside import realised
from arkwright.api.watch.causes import Explainer
from arkwright.api.watch.data import WatchedData, watch_one
from arkwright.api.watch.reacting import Rerun, finish, go_on, react
from arkwright.api.watch.window import Watched
from arkwright.core import versions
from arkwright.core.alarms import DATA
from arkwright.core.durations import seconds
from arkwright.core.errors import ArkwrightError, Refused
from arkwright.core.nouns import Actor, Endpoint, Release, Terms
from arkwright.core.promises import parse
from arkwright.core.times import must_be_set
from arkwright.monitor.measured import Found, Measured
from arkwright.sites import Site
from arkwright.work import compact

log = logging.getLogger("arkwright.watch")


def watch(
    site: Site,
    by: Actor,
    project: Path,
    *,
    names: Sequence[str] = (),
    say: Callable[[str], None] = quiet,
) -> tuple[Watched | WatchedData, ...]:
    """Count what came since the last time, and measure what each endpoint promises on its last window; read the source
    of each dataset that is watched, and measure what is promised of it. `names`: endpoints, and datasets as data.NAME
    (default: all).

    What was answered in the last minute or two is still on its way to the tables, and is counted the next time. What is
    broken for long enough is an alarm, about which the endpoint's terms say what is done.
    Raises Unknown for what is not there; Refused while another process watches; Invalid for a dataset that is not to be
    watched, or a project with mistakes.
    """
    allow(site, by, "work")
    rerun = partial(_rerun, site, project, say)
    endpoints = [versions.resolve(site.ledger, Endpoint, name).name for name in names if not name.startswith(DATA)]
    data = [name.removeprefix(DATA) for name in names if name.startswith(DATA)]
    found: list[Watched | WatchedData] = []
    trouble = Trouble()
    if endpoints or not names:
        with trouble("the site"):
            found += rounds(site, endpoints or versions.names(site.ledger, Endpoint), rerun, say)
    if not names:
        data = list(datasets.watched(project))
        datasets.leave(site, data)
    for name in data:
        with trouble(f"{DATA}{name}"):
            found += watch_one(site, project, name, rerun, say)
    trouble.told()
    return tuple(found)


def rounds(
    site: Site, names: Sequence[str], rerun: Rerun, say: Callable[[str], None], by: str = looked.BY_HAND
) -> tuple[Watched, ...]:
    """Watch these endpoints once, one process at a time. `rerun`: how a reaction has the line run again; `by`: what the
    looks are known by.

    What stops one of them is raised when the others were watched.
    """
    must_be_set(time.time())
    found: dict[str, list[Watched]] = {}
    trouble = Trouble()
    with lease.held(site, "watch") as turn:
        behind = compact.once(site, names)
        for name in names:
            turn.must_be_held()
            with trouble(name):
                found[name] = _round(site, name, turn, say)
    for name in names:
        with trouble(name):
            finish(site, name, rerun)
        with trouble(name):
            whole = name not in trouble.names and name not in behind and not any(one.failed for one in found[name])
            looked.note(site, name, by, well=whole)
    trouble.told()
    return tuple(one for some in found.values() for one in some)


class Trouble:
    """Entered for one after the other, by name: what goes wrong with one is kept, until all had their turn. Who may not
    watch at all, or is stopped, is told at once.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()
        self._first: Exception | None = None
        self._name = ""

    def __call__(self, name: str) -> Self:
        self._name = name
        return self

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, BrokenPipeError):  # who listens to what is said has gone
            return False
        if isinstance(error, OSError):
            why = (error.strerror or str(error)).lower() or type(error).__name__
            why += f" ({error.filename})" if error.filename else ""
            error = ArkwrightError(f"{self._name} is not watched: {why}; mend it, and watch again")
        if not isinstance(error, Exception) or isinstance(error, Refused):
            return False
        if self._first and not isinstance(error, ArkwrightError):
            log.error("%s is not watched", self._name, exc_info=error)  # a mistake of ours: only the first is raised
        self._first = self._first or error
        self.names.add(self._name)
        return True

    def told(self) -> None:
        if self._first:
            raise self._first


def _round(site: Site, name: str, turn: lease.Lease, say: Callable[[str], None]) -> list[Watched]:
    endpoint = versions.resolve(site.ledger, Endpoint, name)
    watched: list[Watched] = []
    more: list[Found] = []
    for ref in (*endpoint.shares, *endpoint.shadows):
        say(f"watch {endpoint.name}: {ref}")
        made, beside = _last_window(site, endpoint, versions.resolve(site.ledger, Release, ref))
        watched, more = [*watched, *made], [*more, *beside]
    turn.must_be_held()
    return _noticed(site, endpoint, watched, more)


def _last_window(site: Site, endpoint: Endpoint, release: Release) -> tuple[list[Watched], list[Found]]:
    """The promises, and what is measured beside them."""
    agreed = terms.recorded(endpoint)
    answers = damaged.answers(site, endpoint, release)
    late = seconds(agreed.labels_after) if agreed.labels_after else 0
    answers.look_over_time()
    return answers.watched_with_beside(agreed.promises, agreed.window, answers.settled, late)


def _rerun(site: Site, project: Path, say: Callable[[str], None], _since: str, may_go_on: Callable[[], None]) -> str:
    def step(what: str) -> None:
        may_go_on()  # that takes hours, and another who has the turn by then begins anew
        say(what)

    made = run(site, MACHINE, project, say=step)
    return f"ran the line again: {made.run.ref} {made.run.state}" + (f": {made.problem}" if made.problem else "")


def _noticed(site: Site, endpoint: Endpoint, watched: Sequence[Watched], beside: Sequence[Found]) -> list[Watched]:
    """With the alarms that stand about it."""
    if endpoint.terms is None:
        return list(watched)
    found = [one.found() for one in watched]
    with closing(Measured(site.watched / f"{endpoint.name}.measured.db")) as measured:
        measured.put([*found, *beside], int(time.time()))
        came = {ref: _came(site, endpoint, ref) for ref in {one.release for one in found}}
        streaks = [
            (one, streak)
            for one in found
            if (streak := measured.streak(one.release, one.promise, came[one.release] - _late(one, endpoint.terms)))
        ]
    go_on(site, endpoint.name)
    standing = alarms.follow(site, endpoint, streaks, Explainer(site, endpoint))
    react(site, endpoint.name, max((_measured(one, endpoint.terms) for one in found), default=0))
    refs = {(one.alarm.release, one.alarm.promise): one.alarm.ref for one in standing}
    return [replace(one, alarm=refs.get((one.release, one.promise))) for one in watched]


def _came(site: Site, endpoint: Endpoint, release: str) -> int:
    """Since when it is here, seconds since 1970: what was broken before it left is not broken for as long."""
    now = datetime.fromtimestamp(time.time(), UTC)
    return int(here.last(here.comings(site, endpoint.name, release), now).timestamp())


def _measured(one: Found, agreed: Terms) -> int:
    """When it could be."""
    return one.until + _late(one, agreed)


def _late(one: Found, agreed: Terms) -> int:
    """How many seconds after its window ended what rests on labels is measured."""
    late = agreed.labels_after if realised(parse(one.promise)) else None
    return seconds(late) if late else 0
