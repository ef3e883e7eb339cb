"""Every run in one list: those of the line and those that clients logged by hand, in any order, in pages."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from arkwright.api.runs.tracked import KIND, STATE_OF, STATES, stamp
from arkwright.catalog.events import Wanted
from arkwright.catalog.pages import Page, cursor, place, size
from arkwright.catalog.runs import NUMBER
from arkwright.core.errors import Invalid, Unknown, did_you_mean
from arkwright.core.nouns import Actor, Run
from arkwright.sites import Site
from arkwright.tracking.runs import Tracked

SOURCES = ("all", "line", "clients")
_END = "-"
_LEAST = "-1e999"  # below every number, as it is read; NaN is none
# how each order is called in MLflow's words
_ORDERS = {"started": "start_time", "seconds": "duration", "name": "run_name", NUMBER: ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A run of either kind. `ref`: run:late@3 or tracked:ID; `about`: the experiment, or why it failed; `number`: the
    one that was asked about, None where it has none.
    """

    ref: str
    name: str
    state: str
    by: str
    started: str
    seconds: float | None
    about: str
    number: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    site: Site
    name: str | None
    author: str | None
    state: str | None
    text: str | None
    sort: str
    number: str | None

    @property
    def word(self) -> str:
        return self.sort.removeprefix("-")

    @property
    def down(self) -> bool:
        return self.sort.startswith("-")


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
    number: str | None = None,
    limit: int = 50,
    after: str | None = None,
) -> Page[Listed]:
    """Runs of the line and of clients. `sort`: started, seconds, name or number, with - in front the other way round.

    `number`: which one is told of each run, a measure such as roc_auc or a metric that clients log. In its order stand
    the runs that have it. Raises Invalid.
    """
    for word, given, known in (("source", source, SOURCES), ("state", state, STATES), ("order", sort, _ORDERS)):
        if given is not None and given.removeprefix("-" if word == "order" else "") not in known:
            raise Invalid(f"{given[:40]!r} is no {word} of runs{did_you_mean(given[:40].removeprefix('-'), known)}")
    asked = _Asked(site=site, name=name, author=author, state=state, text=text, sort=sort, number=number)
    if asked.word == NUMBER and not number:
        raise Invalid("say by which number runs are put in order")
    size(limit)
    places = place(after, str, str) if after else ("", "")
    lists: list[Callable[[int, str], Page[Listed]]] = [
        lambda many, at: _line(asked, many, at),
        lambda many, at: _clients(asked, many, at),
    ]
    left_out = {"all": (), "line": (1,), "clients": (0,)}[source]
    found: list[Page[Listed]] = [
        Page(items=()) if at == _END or which in left_out else ask(limit, at)
        for which, (ask, at) in enumerate(zip(lists, places, strict=True))
    ]
    every = sorted((one for page in found for one in page.items), key=lambda one: _key(asked, one), reverse=asked.down)
    shown = tuple(every[:limit])
    among = [sum(one.ref.startswith(f"{kind}:") for one in shown) for kind in (Run.KIND, KIND)]
    on = [_onward(*one) for one in zip(found, among, places, lists, strict=True)]
    return Page(items=shown, next=None if on == [_END, _END] else cursor(*on))


def numbers(site: Site) -> list[str]:
    """What runs can be put in order by."""
    return sorted({*site.catalog.number_names(), *site.tracking.metrics()})


def _key(asked: _Asked, one: Listed) -> str | float:
    """By which both lists are in order, each by itself."""
    if asked.word == "started":
        return one.started
    if asked.word == "name":
        return one.name if one.ref.startswith(KIND) else one.name.rpartition("@")[0]
    if asked.word == "seconds":
        return one.seconds or 0.0
    return one.number if one.number is not None else -math.inf


def _onward(page: Page[Listed], shown: int, before: str, ask: Callable[[int, str], Page[Listed]]) -> str:
    """Where the next page goes on, after so many of this one."""
    if shown == len(page.items):
        return page.next or _END
    return (ask(shown, before).next or _END) if shown else before


def _line(asked: _Asked, limit: int, after: str) -> Page[Listed]:
    catalog = asked.site.catalog
    found = catalog.runs(
        name=asked.name,
        state=asked.state,
        text=asked.text,
        wanted=Wanted(who=asked.author),
        sort=asked.sort,
        number=asked.number,
        limit=limit,
        after=after or None,
    )
    numbers = catalog.numbers(asked.number, found.items) if asked.number else {}
    return Page(items=tuple(_ours(run, numbers.get(run.ref)) for run in found.items), next=found.next)


def _ours(run: Run, number: float | None) -> Listed:
    return Listed(
        ref=run.ref,
        name=f"{run.name}@{run.version}",
        state=run.state,
        by=run.author,
        started=run.started,
        seconds=sum(run.seconds.values()) if run.ended else None,
        about=(run.error or "").partition("\n")[0],
        number=number,
    )


def _clients(asked: _Asked, limit: int, after: str) -> Page[Listed]:
    site = asked.site
    try:
        among = [site.tracking.experiment(name=asked.name).id] if asked.name else None
        clauses, order = _filter(asked), _order(asked)
    except Unknown:
        return Page(items=())
    found = site.tracking.runs(
        filter=" and ".join(clauses), order=order, experiments=among, limit=limit, after=after
    )  # fmt: skip
    names = {id_: site.tracking.experiment(id=id_).name for id_ in {run.experiment for run in found.items}}
    items = tuple(_theirs(run, names[run.experiment], asked.number) for run in found.items)
    return Page(items=items, next=found.next)


def _filter(asked: _Asked) -> Sequence[str]:
    """What is asked in MLflow's words."""
    clauses = []
    if asked.author:
        clauses.append(f"attributes.user_id = {_quoted(asked.author, _QUOTES)}")
    if asked.text:
        clauses.append(f"attributes.run_name ILIKE {_quoted(f'%{asked.text}%', _QUOTES)}")
    if asked.state:
        clauses.append(f"attributes.status IN ({', '.join(repr(one) for one in STATES[asked.state])})")
    if asked.word == NUMBER:
        clauses.append(f"metrics.{_quoted(asked.number or '', _NAMES)} >= {_LEAST}")
    return clauses


def _order(asked: _Asked) -> Sequence[str]:
    if asked.sort == "-started":
        return ()  # as they come
    what = f"metrics.{_quoted(asked.number or '', _NAMES)}" if asked.word == NUMBER else _ORDERS[asked.word]
    return [f"{what} {'DESC' if asked.down else 'ASC'}"]


_QUOTES, _NAMES = "'\"", '`"'


def _quoted(text: str, signs: str) -> str:
    """Raises Unknown for what no client could ask for either."""
    sign = next((sign for sign in signs if sign not in text), None)
    if sign is None or not text:
        raise Unknown(f"nothing is called {text[:80]!r}")
    return f"{sign}{text}{sign}"


def _theirs(run: Tracked, experiment: str, number: str | None) -> Listed:
    value = run.metrics.get(number) if number else None
    return Listed(
        ref=f"{KIND}:{run.uid}",
        name=run.name,
        state=STATE_OF.get(run.status, "started"),
        by=run.user,
        started=stamp(run.started),
        seconds=(run.ended - run.started) / 1000 if run.ended else None,
        about=experiment,
        number=value[0] if value else None,
    )
