"""The verb `requirements`: all that the project promises, in plain words, with what was found last."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from arkwright.core.nouns import Actor, Dataset, Finding, Model, Release
from arkwright.core.record import split_reference
from arkwright.measures.words import sentence
from arkwright.project import editing, toml
from arkwright.project.spec import ProjectSpec
from arkwright.sites import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Required:
    """A promise of `[section.name]`: as the file spells it, in plain words, and what was found last.

    `subject`: on what; a gate's promise is measured on each model that has to pass it.
    """

    section: str
    name: str
    promise: str
    words: str
    subject: str | None = None
    finding: Finding | None = None


def requirements(site: Site, by: Actor, project: Path) -> tuple[Required, ...]:
    """Every promise of `arkwright.toml`: of data, of gates, of endpoints. Raises Unknown where there is none."""
    spec = toml.read(project).spec
    return tuple(
        required
        for section in editing.SECTIONS
        for name, table in getattr(spec, section).items()
        for promise in table.promises
        for required in _found(site, spec, section, name, promise)
    )


def _found(site: Site, spec: ProjectSpec, section: str, name: str, promise: str) -> Iterator[Required]:
    nothing: list[tuple[str | None, str]] = [(None, "")]
    measured = list(_subjects(site, spec, section, name))
    spelt = editing.spelling(promise)
    for subject, digest in measured or nothing:
        found = [f for f in site.catalog.findings(digest) if editing.spelling(f.promise) == spelt] if digest else []
        yield Required(
            section=section,
            name=name,
            promise=promise,
            words=sentence(promise),
            subject=subject,
            finding=found[-1] if found else None,
        )


def _subjects(site: Site, spec: ProjectSpec, section: str, name: str) -> Iterator[tuple[str, str]]:
    """(reference, digest) of what the promises of this table were measured on last."""
    if section == "data" and (dataset := site.catalog.latest(Dataset, name)):
        yield dataset.ref, dataset.digest
    if section == "gate":
        models = {e.model for e in spec.endpoint.values() if e.gate == name} or set(spec.model)
        for model in sorted(models):
            release = site.catalog.latest(Release, model)
            reference = release.model if release and release.gate.name == name else None
            word, version = split_reference(reference, Model.KIND) if reference else ("", None)
            digest = site.catalog.digest(Model.KIND, word, version or 0) if reference else None
            if reference and digest:
                yield reference, digest
