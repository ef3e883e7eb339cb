"""Runs that clients logged by hand, beside those of the line: one list of both, and one of them in full."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from arkwright.api import catalog
from arkwright.catalog.pages import Page, cursor, place, size
from arkwright.core.errors import Invalid, Unknown, did_you_mean
from arkwright.core.nouns import Actor, Run
from arkwright.sites import Site
from arkwright.tracking.inputs import Dataset
from arkwright.tracking.runs import Tracked

KIND = "tracked"  # in a reference: tracked:0f3a…
SOURCES = ("all", "line", "clients")
STATES = {
    "started": ("RUNNING", "SCHEDULED"),
    "finished": ("FINISHED",),
    "failed": ("FAILED", "KILLED"),
}
MOST_CURVES, MOST_POINTS = 24, 200
_END = "-"
_STATE = {theirs: ours for ours, many in STATES.items() for theirs in many}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A run of either kind. `ref`: run:late@3 or tracked:ID; `about`: the experiment, or why it failed."""

    ref: str
    name: str
    state: str
    by: str
    started: str
    seconds: float | None
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A metric over steps, thinned."""

    what: str
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A run that a client logged."""

    ref: str
    run: Tracked
    state: str
    started: str
    ended: str | None
    experiment: str
    datasets: tuple[Dataset, ...]
    curves: tuple[Curve, ...]


def listed(
    site: Site,
    by: Actor,
    project: Path,
    *,
    source: str = "all",
    name: str | None = None,
    author: str | None = None,
    state: str | None = None,
    text: str | None = None,
    sort: str = "-started",
    limit: int = 50,
    after: str | None = None,
) -> Page[Listed]:
    """Runs of the line and of clients, by their start; sorted otherwise, those of the line. Raises Invalid."""
    if source not in SOURCES:
        raise Invalid(f"{source[:40]!r} is no source of runs{did_you_mean(source, SOURCES)}")
    if state is not None and state not in STATES:
        raise Invalid(f"{state[:40]!r} is no state of a run{did_you_mean(state, STATES)}")
    size(limit)
    first, second = place(after, str, str) if after else ("", "")
    asked = {"name": name, "author": author, "state": state, "text": text}

    def ours(many: int) -> Page[Listed]:
        found = catalog.runs(site, by, project, **asked, sort=sort, limit=many, after=first or None)  # type: ignore[arg-type]
        return Page(items=tuple(map(_ours, found.items)), next=found.next)

    def theirs(many: int) -> Page[Listed]:
        return _clients(site, asked, down=sort == "-started", limit=many, after=second)

    nothing: Page[Listed] = Page(items=())
    line = nothing if source == "clients" or first == _END else ours(limit)
    both = source != "line" and second != _END and sort.removeprefix("-") == "started"
    clients = theirs(limit) if both else nothing
    every = sorted((*line.items, *clients.items), key=lambda one: one.started, reverse=sort == "-started")
    shown = tuple(every[:limit]) if both else line.items
    among = sum(one.ref.startswith(Run.KIND) for one in shown)
    on = (_onward(line, among, first, ours), _onward(clients, len(shown) - among, second, theirs))
    return Page(items=shown, next=None if on == (_END, _END) else cursor(*on))


def _onward(page: Page[Listed], shown: int, before: str, ask: Callable[[int], Page[Listed]]) -> str:
    """Where the next page goes on, after so many of this one."""
    if shown == len(page.items):
        return page.next or _END
    return (ask(shown).next or _END) if shown else before


def _ours(run: Run) -> Listed:
    seconds = sum(run.seconds.values()) if run.ended else None
    why = (run.error or "").partition("\n")[0]
    return Listed(
        ref=run.ref, name=f"{run.name}@{run.version}", state=run.state, by=run.author, started=run.started,
        seconds=seconds, about=why,
    )  # fmt: skip


def _clients(site: Site, asked: Mapping[str, str | None], *, down: bool, limit: int, after: str) -> Page[Listed]:
    clauses = []
    for word, clause in (("author", "attributes.user_id = {}"), ("text", "attributes.run_name ILIKE {}")):
        if value := asked[word]:
            if "'" in value and '"' in value:
                return Page(items=())  # no client could ask for it either
            said = f"%{value}%" if word == "text" else value
            clauses.append(clause.format(f'"{said}"' if "'" in said else f"'{said}'"))
    if asked["state"]:
        clauses.append(f"attributes.status IN ({', '.join(repr(one) for one in STATES[asked['state']])})")
    try:
        among = [site.tracking.experiment(name=asked["name"]).id] if asked["name"] else None
    except Unknown:
        return Page(items=())
    order = () if down else ("attributes.start_time ASC",)
    found = site.tracking.runs(
        filter=" and ".join(clauses), order=order, experiments=among, limit=limit, after=after
    )  # fmt: skip
    names = {id_: site.tracking.experiment(id=id_).name for id_ in {run.experiment for run in found.items}}
    items = tuple(_theirs(run, names[run.experiment]) for run in found.items)
    return Page(items=items, next=found.next)


def _theirs(run: Tracked, experiment: str) -> Listed:
    seconds = (run.ended - run.started) / 1000 if run.ended else None
    return Listed(
        ref=f"{KIND}:{run.uid}", name=run.name or run.uid, state=_STATE.get(run.status, "started"), by=run.user,
        started=stamp(run.started), seconds=seconds, about=experiment,
    )  # fmt: skip


def logged(site: Site, by: Actor, project: Path, *, uid: str) -> Logged:
    """One of them in full. Raises Unknown, Invalid."""
    run = site.tracking.run(uid)
    links = site.tracking.links([run])
    return Logged(
        ref=f"{KIND}:{run.uid}",
        run=run,
        state=_STATE.get(run.status, "started"),
        started=stamp(run.started),
        ended=stamp(run.ended) if run.ended else None,
        experiment=site.tracking.experiment(id=run.experiment).name,
        datasets=tuple(links[run.id].datasets) if run.id in links else (),
        curves=curves(site, run),
    )


def curves(site: Site, run: Tracked) -> tuple[Curve, ...]:
    """Each metric that was logged more than once."""
    made = []
    for key in sorted(run.metrics)[:MOST_CURVES]:
        points = site.tracking.curve(run.uid, key, most=MOST_POINTS)
        if len(points) > 1:
            known = tuple((step, value) for step, _, value in points if math.isfinite(value))
            made.append(Curve(what=key, points=known))
    return tuple(made)


def stamp(milliseconds: int) -> str:
    """As the ledger writes times; a client may have said any number."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return ""
