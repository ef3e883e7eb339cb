"""Verbs that make: rehearse the project, walk the line, prove that a run can be made again."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from arkwright.api.people.accounts import allow
from arkwright.core import versions
from arkwright.core.bounds import Between
from arkwright.core.errors import Invalid, Refused
from arkwright.core.nouns import Actor, Artifact, Dataset, Model, Run
from arkwright.core.record import digest_of
from arkwright.line import line
from arkwright.line.line import Result
from arkwright.line.walk import label
from arkwright.project.plan import Plan
from arkwright.sites import Site

SEEDS = Between(0, 2**32 - 1)
Seed = Annotated[int, SEEDS]


def quiet(_: str) -> None:
    """For whoever wants to hear of no progress."""


def check(site: Site, by: Actor, project: Path, *, say: Callable[[str], None] = quiet) -> Plan:
    """Rehearse the project on empty and made-up rows. Raises Invalid with every mistake."""
    return line.plan(site, by.name, project, say=say)


def run(
    site: Site, by: Actor, project: Path, *, seed: Seed | None = None, say: Callable[[str], None] = quiet
) -> Result:
    """Walk the line. `Result.problem` says which promise was not kept; every finding is on record either way.

    Raises Invalid for a seed that no framework takes.
    """
    allow(site, by, "work")
    if seed is not None:
        SEEDS.check("seed", seed)
    return line.run(site, by.name, project, say=say, seed=seed)


@dataclass(frozen=True)
class Again:
    """Whether a run can be made again: for every artifact the digest then and now."""

    run: str
    then: dict[str, str]
    now: dict[str, str]
    lock_changed: bool

    @property
    def same(self) -> bool:
        return self.then == self.now


def again(site: Site, by: Actor, project: Path, *, run: str | None = None, say: Callable[[str], None] = quiet) -> Again:
    """Make a run's models again from its recorded code, seed and snapshots, and compare every digest.

    Nothing is kept. Raises Refused when the run did not finish, Unknown when it does not exist.
    """
    record = _finished(site, project, run)
    datasets, models = _artifacts(site, record)
    with site.scratch("again") as folder:
        files = msgspec.json.decode(site.store.path(record.code).read_bytes(), type=dict[str, str])
        for path, digest in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(site.store.path(digest), folder / path)
        plan = line.plan(site, by.name, folder, say=say)
        made = line.remake(site, by.name, folder, say=say, seed=record.seed, datasets=datasets)
    derived = {step.name for step in plan.data if step.kind != "source"}
    kept: list[Artifact] = [d for name, d in datasets.items() if name in derived]
    then = {label(noun): noun.digest for noun in [*kept, *models]}
    return Again(record.ref, then, made, digest_of(plan.engines) != record.lock)


def _finished(site: Site, project: Path, reference: str | None) -> Run:
    if reference is None:
        finished = [r for r in versions.all_of(site.ledger, Run) if r.ended and (r.made or r.reused)]
        if not finished:
            raise Refused("no run has finished here yet; start one with: arkwright run")
        return finished[-1]
    record = versions.resolve(site.ledger, Run, reference)
    if record.state == "started":
        raise Refused(f"{record.ref} did not finish, so there is nothing to make again; run it first: arkwright run")
    return record


def _artifacts(site: Site, record: Run) -> tuple[dict[str, Dataset], list[Model]]:
    datasets: dict[str, Dataset] = {}
    models: list[Model] = []
    for reference in (*record.made, *record.reused):
        if reference.startswith("dataset:"):
            dataset = versions.resolve(site.ledger, Dataset, reference)
            datasets[dataset.name] = dataset
        elif reference.startswith("model:"):
            models.append(versions.resolve(site.ledger, Model, reference))
    if not datasets:
        raise Invalid(f"{record.ref} made no dataset")
    return datasets, models
