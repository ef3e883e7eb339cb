"""Datasets as people look at them: versions, promises with their history, rows that did not fit."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arkwright.api.runs.walked import files, promised, settings
from arkwright.catalog.events import Wanted
from arkwright.catalog.pages import Page, Size, cursor, place, size
from arkwright.core import versions
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Actor, Dataset, Finding, Run
from arkwright.core.promises import parse
from arkwright.core.rules import latest
from arkwright.data.quarantine import Kept, read
from arkwright.sites import Site

SHOWN, LOOKED = 50, 40  # versions in a list; measurements in one history


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What was found of a measure on an earlier version, whatever was promised of it then."""

    version: int
    promise: str
    verdict: str
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """A dataset at a glance. `findings`: of what is promised now; `before`: of what only was promised once."""

    noun: Dataset
    findings: tuple[Finding, ...]
    before: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A dataset in full. `history`: for each finding's promise, oldest first; `runs`: the newest that used it."""

    data: Data
    history: dict[str, tuple[Past, ...]]
    versions: tuple[tuple[str, Dataset], ...]
    runs: tuple[str, ...]


def datasets(site: Site, by: Actor, project: Path) -> tuple[Data, ...]:
    """Each by its name, as it stands now."""
    run = next(iter(site.catalog.runs(name=None, state=None, text=None, wanted=Wanted(), sort="-started", limit=1,
                                      after=None).items), None)  # fmt: skip
    said = settings(site, run, files(site, run)) if run else {}
    nouns = [versions.resolve(site.ledger, Dataset, name) for name in site.catalog.names(Dataset)]
    return tuple(_data(site, noun, said) for noun in nouns)


def dataset(site: Site, by: Actor, project: Path, *, reference: str, before: int | None = None) -> Whole:
    """One of them, with its versions before `before`. Raises Unknown."""
    noun = versions.resolve(site.ledger, Dataset, reference)
    used = site.catalog.keys(Wanted(kinds=(Run.KIND,), about=noun.ref), 10)
    runs = tuple(dict.fromkeys(f"run:{key.removeprefix(versions.ENDED)}" for _, _, key in used))
    last = versions.resolve(site.ledger, Run, runs[0]) if runs else None
    data = _data(site, noun, settings(site, last, files(site, last)) if last else {})
    return Whole(
        data=data,
        history=_history(site, f"dataset:{noun.name}", data.findings),
        versions=tuple(site.catalog.versions(Dataset, noun.name, SHOWN, before)),
        runs=runs,
    )


def quarantine(
    site: Site, by: Actor, project: Path, *, dataset: str, text: str | None = None, limit: Size = 50,
    after: str | None = None,
) -> Page[Kept]:  # fmt: skip
    """Rows that did not fit, in the order of their source; `text`: in the reason or in what the row holds.

    Raises Unknown, Invalid.
    """
    noun = versions.resolve(site.ledger, Dataset, dataset)
    most = size(limit)
    (skip,) = place(after, int) if after else (0,)
    if noun.quarantine is None:
        return Page(items=())
    found = read(site.store.path(noun.quarantine), text or "", max(skip, 0), most + 1)
    return Page(items=tuple(found[:limit]), next=cursor(skip + limit) if len(found) > limit else None)


def _data(site: Site, noun: Dataset, said: Mapping[str, Any]) -> Data:
    found = latest(site.catalog.findings(noun.digest), noun.digest)
    now = [promise for promise in (promised(said, noun) if said else found) if promise in found]
    once = [finding for promise, finding in found.items() if promise not in now]
    return Data(noun=noun, findings=tuple(found[promise] for promise in now), before=tuple(once))


def _history(site: Site, subject: str, found: tuple[Finding, ...]) -> dict[str, tuple[Past, ...]]:
    calls: dict[str, list[str]] = {}
    for promise in site.catalog.promised(subject):
        calls.setdefault(_measure(promise), []).append(promise)
    made = {}
    for finding in found:
        rows = [
            (*row, promise)
            for promise in calls.get(_measure(finding.promise), ())
            for row in site.catalog.measured(subject, promise, LOOKED)
        ]
        made[finding.promise] = tuple(
            Past(version=version, promise=promise, verdict=verdict, value=value)
            for _, version, verdict, value, promise in sorted(rows)[-LOOKED:]
        )
    return made


def _measure(promise: str) -> str:
    """What is measured, without the limit."""
    try:
        return str(parse(promise).call)
    except ArkwrightError:
        return promise
