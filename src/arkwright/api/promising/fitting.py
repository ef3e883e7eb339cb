"""Whether a promise fits the project: its measure, arguments and columns, as the project would be loaded with it."""

from pathlib import Path

from arkwright.api.build import quiet
from arkwright.core.errors import Invalid, Unknown, did_you_mean
from arkwright.core.nouns import Actor, Dataset
from arkwright.core.promises import Promise, parse
from arkwright.line import line
from arkwright.measures import binding, registry
from arkwright.measures.registry import Scope
from arkwright.measures.traffic import mentioned
from arkwright.project import on_traffic, toml
from arkwright.project.editing import SECTIONS
from arkwright.project.spec import ProjectSpec
from arkwright.sites import Site


def fits(site: Site, by: Actor, project: Path, section: str, name: str, text: str, *, sure: bool = True) -> Promise:
    """The promise, if the project can be loaded with it there. Raises Unknown or Invalid with near misses.

    Columns are those on record. Where one is not among them, `sure` rehearses the project to see whether it is by now.
    """
    spec, read = toml.read(project).spec, parse(text)
    known_names = getattr(spec, section)
    if name not in known_names:
        raise Unknown(f"arkwright.toml has no [{section}.{name[:80]}]{did_you_mean(name, known_names)}")
    if section == "gate":
        models = {e.model for e in spec.endpoint.values() if e.gate == name} or set(spec.model)
        for model in sorted(models & set(spec.model)):
            binding.bind(read.call, registry.GATE, Scope(spec.model[model].groups), spec.model[model].task)
    if section in ("data", "endpoint"):
        _fits_columns(site, by, project, spec, section, name, read, sure=sure)
    return read


def _fits_columns(
    site: Site, by: Actor, project: Path, spec: ProjectSpec, section: str, name: str, read: Promise, *, sure: bool
) -> None:
    dataset = name
    if section == "endpoint" and (model := spec.model.get(spec.endpoint[name].model)):
        dataset = model.source

    def fit(known: dict[str, tuple[str, ...]]) -> None:
        if section == "data":
            _bind_data(spec, known, name, read)
        else:
            on_traffic.must_fit(spec, spec.endpoint[name], known, read.call)

    known = _on_record(site, spec)
    try:
        fit(known)
    except Unknown:
        if not sure or read.call.name not in registry.measures():
            raise
        fit(_rehearsed(site, by, project))
    else:
        if sure and not known.get(dataset):
            fit(_rehearsed(site, by, project))


def place(where: str) -> tuple[str, str]:
    """`gate.production` as its two words. Raises Invalid."""
    section, dot, name = where.strip().strip("[]").partition(".")
    if not dot or section not in SECTIONS:
        raise Invalid(f"{where[:80]!r} is no place for a promise{did_you_mean(section, SECTIONS)}: say gate.production")
    return section, name


def _on_record(site: Site, spec: ProjectSpec) -> dict[str, tuple[str, ...]]:
    """The columns of each dataset as it was made last; none where it never was."""
    found = {name: site.catalog.latest(Dataset, name) for name in spec.data}
    return {name: tuple(c.name for c in noun.columns) if noun else () for name, noun in found.items()}


def _rehearsed(site: Site, by: Actor, project: Path) -> dict[str, tuple[str, ...]]:
    """The columns that the project's row classes and functions say there are."""
    plan = line.plan(site, by.name, project, say=quiet)
    return {step.name: tuple(c.name for c in step.columns or ()) for step in plan.data}


def _bind_data(spec: ProjectSpec, known: dict[str, tuple[str, ...]], name: str, read: Promise) -> None:
    """Where no columns are known, only reading the source can tell; the next run does."""
    columns = known[name] or tuple(mentioned(read.call))
    others = tuple(f"{other}.{column}" for other in known if other != name for column in known[other])
    if not all(known.values()):
        others += tuple(word for word in mentioned(read.call) if "." in word)
    binding.bind(read.call, "data", Scope(columns, spec.data[name].key, others))()
