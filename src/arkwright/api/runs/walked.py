"""One run as people look at it: its steps, what it was given, what came of it, and the code that it ran."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from arkwright.api.jobs import jobs
from arkwright.api.runs.tracked import MOST_CURVES, MOST_POINTS, Curve
from arkwright.core import versions
from arkwright.core.errors import ArkwrightError, Corrupt, Unknown, did_you_mean
from arkwright.core.nouns import Actor, Dataset, Finding, Model, Release, Run
from arkwright.core.ports import Store
from arkwright.core.promises import parse
from arkwright.core.rules import latest
from arkwright.line.model import drawn, measured
from arkwright.optimize import table
from arkwright.project.toml import FILE
from arkwright.sites import Site
from arkwright.train.curves import FILE as FITTED
from arkwright.train.curves import thinned

Value = str | int | float | bool
T = TypeVar("T")
Artifact = Dataset | Model | Release
_KINDS: Mapping[str, type[Artifact]] = {noun.KIND: noun for noun in (Dataset, Model, Release)}
_DATA, _MODEL = ("look at ", "read ", "make ", "keep "), ("train ", "optimize ", "judge ", "assemble ")
_CHECK = "check "
LONGEST_VALUE = 400  # characters of one parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that the run did, and how many seconds it took."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """A run in full. `job`: the job that did it, where it was begun here and is remembered; `files`: path -> digest;
    `lost`: which files of its models the store has lost, or are damaged there, and why, so that numbers or curves are
    missing.
    """

    run: Run
    steps: tuple[Step, ...]
    parameters: dict[str, Value]
    metrics: dict[str, Value]
    findings: tuple[Finding, ...]
    artifacts: tuple[Artifact, ...]
    files: dict[str, str]
    curves: tuple[Curve, ...]
    lost: dict[str, str]
    job: jobs.Job | None


def walked(site: Site, by: Actor, project: Path, *, run: str) -> Walked:
    """Raises Unknown."""
    record = versions.resolve(site.ledger, Run, run)
    made = artifacts(site, record)
    code = files(site, record)
    said = settings(site, record, code)
    lost: dict[str, str] = {}
    return Walked(
        run=record,
        steps=steps(record),
        parameters=parameters(record, said, made),
        metrics=dict(metrics(site, made, lost)),
        findings=findings(site, said, made),
        artifacts=made,
        files=code,
        curves=tuple(curves(site, made, lost))[:MOST_CURVES],
        lost=lost,
        job=jobs.of_run(site, record),
    )


def steps(record: Run) -> tuple[Step, ...]:
    """In the order in which the line takes them: the record keeps them sorted by name."""
    order = [ref.partition(":")[2].partition("@")[0] for ref in (*record.made, *record.reused)]

    def place(step: str) -> tuple[int, int, int]:
        for phase, verbs in enumerate((_DATA, (_CHECK,), _MODEL)):
            for rank, verb in enumerate(verbs):
                name = step.removeprefix(verb)
                if name != step:
                    return phase, order.index(name) if name in order else len(order), rank
        return 3, 0, 0

    return tuple(Step(name=name, seconds=record.seconds[name]) for name in sorted(record.seconds, key=place))


def artifacts(site: Site, record: Run) -> tuple[Artifact, ...]:
    """What it made and what it took as it was."""
    refs = [ref for ref in (*record.made, *record.reused) if ref.partition(":")[0] in _KINDS]
    return tuple(versions.resolve(site.ledger, _KINDS[ref.partition(":")[0]], ref) for ref in refs)


def files(site: Site, record: Run) -> dict[str, str]:
    """The project's code as it ran: path -> digest. Empty where its bytes are gone."""
    try:
        return msgspec.json.decode(site.store.path(record.code).read_bytes(), type=dict[str, str])
    except (ArkwrightError, msgspec.DecodeError):
        return {}


def source(site: Site, record: Run, path: str) -> str:
    """One file of the code that ran. Raises Unknown."""
    known = files(site, record)
    if path not in known:
        raise Unknown(f"{record.ref} ran no file {path[:80]!r}{did_you_mean(path[:80], known)}")
    return site.store.path(known[path]).read_text("utf-8", "replace")


def findings(site: Site, settings: Mapping[str, Any], made: tuple[Artifact, ...]) -> tuple[Finding, ...]:
    """Of the promises as they stood then, what was found on the bytes that it made or took."""
    return tuple(
        replace(found[promise], subject=noun.ref)
        for noun in made
        if not isinstance(noun, Release)
        for found in (latest(site.catalog.findings(noun.digest), noun.digest),)
        for promise in (promised(settings, noun) if settings else found)
        if promise in found
    )


def promised(settings: Mapping[str, Any], noun: Artifact) -> Iterator[str]:
    """What the settings promise of it."""
    if isinstance(noun, Dataset):
        said = [settings.get("data", {}).get(noun.name, {})]
    else:
        gates = {e.get("gate") for e in settings.get("endpoint", {}).values() if e.get("model") == noun.name}
        said = [gate for name, gate in settings.get("gate", {}).items() if name in gates]
    for promise in dict.fromkeys(promise for one in said for promise in one.get("promises", ())):
        with suppress(ArkwrightError):
            yield parse(promise).text


def settings(site: Site, record: Run, code: Mapping[str, str]) -> dict[str, Any]:
    """`arkwright.toml` as it was; empty where its bytes are gone, which is told elsewhere."""
    if FILE in code:
        with suppress(ArkwrightError, tomllib.TOMLDecodeError):
            return tomllib.loads(source(site, record, FILE))
    return {}


def parameters(record: Run, settings: Mapping[str, Any], made: tuple[Artifact, ...]) -> dict[str, Value]:
    """The seed, what `arkwright.toml` said apart from promises, and what the models say of how they were fitted."""
    found: dict[str, Value] = {"seed": record.seed, **dict(_flat(settings))}
    for noun in made:
        if isinstance(noun, Model):
            said = {f"{noun.name}, {noun.format}: {k}": v for k, v in noun.facts.items() if isinstance(v, str)}
            found |= {k: v[:LONGEST_VALUE] for k, v in said.items()}
    return found


def metrics(site: Site, made: tuple[Artifact, ...], lost: dict[str, str]) -> Iterator[tuple[str, Value]]:
    """Numbers that nobody promised anything about: rows, what the models measured of themselves."""
    for noun in made:
        if isinstance(noun, Dataset):
            yield f"{noun.name}: rows", noun.rows
            if noun.quarantined:
                yield f"{noun.name}: rows in quarantine", noun.quarantined
        elif isinstance(noun, Model):
            yield from ((f"{noun.name}: {k}", v) for k, v in noun.facts.items() if not isinstance(v, str))
            found = _kept(measured, site, noun, table.FILE, lost)
            for one in found.candidates if found else ():
                if found and one.chosen:
                    said = {found.score: one.score, "agreement": one.agreement, "p50, ms": one.p50_ms}
                    said |= {"p99, ms": one.p99_ms, "bytes": one.size_bytes}
                    yield from ((f"{noun.name}: {k}", v) for k, v in said.items() if v is not None)


def curves(site: Site, made: tuple[Artifact, ...], lost: dict[str, str]) -> Iterator[Curve]:
    """How each model was fitted, step by step, thinned; of a model that was taken as it was, too."""
    for noun in made:
        found = _kept(drawn, site, noun, FITTED, lost) if isinstance(noun, Model) else None
        for what, points in (found or {}).items():
            yield Curve(what=f"{noun.name}: {what}", points=tuple(thinned(points, MOST_POINTS)))


def _kept(read: Callable[[Store, Model], T], site: Site, model: Model, file: str, lost: dict[str, str]) -> T | None:
    """What a file of a model says; None where it is lost, which is noted."""
    try:
        return read(site.store, model)
    except Corrupt as error:
        lost[f"{file} of {model.ref}"] = str(error)
        return None


def log(site: Site, record: Run) -> str | None:
    """What it said and what its code printed; None where none was kept, or its bytes are gone."""
    try:
        return site.store.path(record.log).read_text("utf-8") if record.log else None
    except ArkwrightError:
        return None


def _flat(value: object, path: str = "") -> Iterator[tuple[str, Value]]:
    """Settings by their dotted names. Promises are listed with what was found of them."""
    if isinstance(value, Mapping):
        for word, inner in value.items():
            if word not in ("promises", "rules"):
                yield from _flat(inner, f"{path}.{word}" if path else str(word))
    elif isinstance(value, list):
        yield path, ", ".join(str(one) for one in value)[:LONGEST_VALUE]
    elif isinstance(value, str):
        yield path, value[:LONGEST_VALUE]
    elif isinstance(value, bool | int | float):
        yield path, value
    else:
        yield path, str(value)
