"""Verbs that only look: the project at a glance, one thing in full, what differs, the measures."""

import inspect
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from arkwright.api.build import quiet
from arkwright.catalog.events import Wanted
from arkwright.core import versions
from arkwright.core.errors import Corrupt, Invalid, Unknown, did_you_mean
from arkwright.core.nouns import VERSIONED, Account, Actor, Dataset, Endpoint, Finding, Model, Release, Run
from arkwright.core.record import split_reference
from arkwright.data.profile.frame import profile as _profile
from arkwright.data.profile.types import Profile
from arkwright.line.model import measured as candidates
from arkwright.measures import registry
from arkwright.optimize.table import Measured
from arkwright.sites import Site

Noun = Dataset | Model | Release | Run | Endpoint | Account
N = TypeVar("N", Dataset, Model, Release, Endpoint)
LAST = 5  # runs at a glance
_BY_NAME: tuple[type[Noun], ...] = (Release, Model, Dataset, Endpoint, Run)  # what a bare name means first


@dataclass(frozen=True)
class Glance:
    """The latest version of everything."""

    datasets: tuple[Dataset, ...]
    models: tuple[Model, ...]
    releases: tuple[Release, ...]
    endpoints: tuple[Endpoint, ...]
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Shown:
    """One noun with what was found about its bytes."""

    noun: Noun
    findings: tuple[Finding, ...]
    measured: Measured | None = None  # of a model: the candidates among which it was chosen


def show(site: Site, by: Actor, project: Path, *, reference: str | None = None) -> Glance | Shown:
    """The latest of everything, or one noun by its reference (`model:late@7`, `late`)."""
    if reference is None:
        return Glance(
            datasets=_current(site, Dataset),
            models=_current(site, Model),
            releases=_current(site, Release),
            endpoints=_current(site, Endpoint),
            runs=_last_runs(site),
        )
    noun = find(site, reference)
    return Shown(noun, findings(site, noun), measured(site, noun) if isinstance(noun, Model) else None)


def findings(site: Site, noun: Noun) -> tuple[Finding, ...]:
    """What was found about its bytes; of a release, about those of its model."""
    digest = versions.resolve(site.ledger, Model, noun.model).digest if isinstance(noun, Release) else None
    digest = digest or getattr(noun, "digest", None)
    return site.catalog.findings(digest) if digest else ()


def measured(site: Site, model: Model) -> Measured | None:
    """The candidates among which it was chosen; None for a model as it was trained. Raises Corrupt."""
    return candidates(site.store, model)


def file(site: Site, by: Actor, project: Path, *, reference: str, name: str) -> Path:
    """One file of a model or a release, such as its card (`README.md`); its bytes are verified. Raises Unknown,
    Corrupt.
    """
    noun = find(site, reference)
    files = getattr(noun, "files", {})
    if name not in files:
        raise Unknown(f"{noun.ref} has no file {name!r}{did_you_mean(name, files)}")
    try:
        return site.store.path(files[name])
    except Corrupt as error:
        raise type(error)(f"{name} of {noun.ref}: {error}") from None


def _current(site: Site, kind: type[N]) -> tuple[N, ...]:
    """What the bare names mean now, in alphabetical order."""
    return tuple(versions.resolve(site.ledger, kind, name) for name in site.catalog.names(kind))


def _last_runs(site: Site) -> tuple[Run, ...]:
    found = site.catalog.runs(
        name=None, state=None, text=None, wanted=Wanted(), sort="-started", limit=LAST, after=None
    )  # fmt: skip
    return found.items[::-1]


def find(site: Site, reference: str) -> Noun:
    """The noun a reference means; without a kind, releases come before models, datasets, endpoints and runs."""
    kind, colon, _ = reference.partition(":")
    if colon:
        if kind not in VERSIONED:
            raise Unknown(f"{kind!r} is no kind of thing{did_you_mean(kind, VERSIONED)}")
        return versions.resolve(site.ledger, VERSIONED[kind], reference)
    known: set[str] = set()
    for noun in _BY_NAME:
        names = site.catalog.names(noun)
        known.update(names)
        if reference.partition("@")[0] in names:
            return versions.resolve(site.ledger, noun, reference)
    raise Unknown(f"nothing is called {reference!r}{did_you_mean(reference, known)}")


@dataclass(frozen=True)
class Difference:
    """One thing that two versions do not share."""

    what: str
    before: Any
    after: Any


def diff(site: Site, by: Actor, project: Path, *, before: str, after: str) -> tuple[Difference, ...]:
    """What differs between two nouns of one kind: their own facts, their files, and what was found about them."""
    old, new = find(site, before), find(site, after)
    if type(old) is not type(new):
        raise Invalid(f"{old.ref} and {new.ref} are of different kinds; compare two of one kind")
    facts = [_facts(site, noun) for noun in (old, new)]
    words = dict.fromkeys([*facts[0], *facts[1]])
    return tuple(
        Difference(word, facts[0].get(word), facts[1].get(word))
        for word in words
        if facts[0].get(word) != facts[1].get(word)
    )


def _facts(site: Site, noun: Noun) -> dict[str, Any]:
    facts = _flat(msgspec.to_builtins(noun))
    for own in ("version", "run", "recipe"):
        facts.pop(own, None)
    return facts | {f.promise: f.value for f in findings(site, noun)}


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        flat: dict[str, Any] = {}
        for word, inner in value.items():
            flat |= _flat(inner, f"{path}.{word}" if path else str(word))
        return flat
    if isinstance(value, list) and value and isinstance(value[0], dict) and "name" in value[0]:
        return _flat({item["name"]: {k: v for k, v in item.items() if k != "name"} for item in value}, path)
    return {path: value}


def profile(site: Site, by: Actor, project: Path, *, dataset: str, say: Callable[[str], None] = quiet) -> Profile:
    """A dataset in numbers: by its reference, or whatever a source can be (a file, an address, a package's file).

    A file that nobody vouches for is read in a process of its own, as the line reads it.
    """
    try:
        split_reference(dataset, Dataset.KIND)
    except Invalid:
        return _profile_source(site, project, dataset, say)
    noun = versions.resolve(site.ledger, Dataset, dataset)
    return _profile(site.store.path(noun.digest))


def _profile_source(site: Site, project: Path, source: str, say: Callable[[str], None]) -> Profile:
    with site.scratch("profile") as folder, closing(site.runner.start(project, folder / "log", say)) as worker:
        worker.call("read", {"source": source, "folder": str(folder)})
        return _profile(folder / "rows.parquet")


@dataclass(frozen=True)
class Described:
    """A measure, as people read of it. `call`: how a promise says it; `stage`: of Measure; `tasks`: empty for all."""

    name: str
    stage: str
    call: str
    summary: str
    text: str
    source: str
    tasks: tuple[str, ...]


def measures(site: Site, by: Actor, project: Path, *, name: str | None = None) -> tuple[Described, ...]:
    """Every measure a promise can speak of, or the one asked for."""
    known = registry.measures()
    if name is None:
        return tuple(map(_described, sorted(known.values(), key=lambda measure: (measure.stage, measure.name))))
    if name not in known:
        raise registry.no_such(name)
    return (_described(known[name]),)


def _described(measure: registry.Measure) -> Described:
    return Described(
        name=measure.name,
        stage=measure.stage,
        call=spelt(measure),
        summary=measure.summary,
        text=inspect.cleandoc(measure.function.__doc__ or ""),
        source=measure.source,
        tasks=measure.tasks,
    )


def spelt(measure: registry.Measure) -> str:
    """How a promise says it: `recall(at_precision=None)`."""
    words = [str(p).split(":")[0] + (f"={p.default!r}" if p.default is not p.empty else "") for p in measure.parameters]
    return f"{measure.name}({', '.join(words)})" if words else measure.name
