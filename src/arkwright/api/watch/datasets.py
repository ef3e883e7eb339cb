"""Which datasets the project has watched; light enough for the control room, which only begins the looks."""

from collections.abc import Iterable
from pathlib import Path

from arkwright.api.watch import alarms
from arkwright.core.alarms import DATA, READABLE, UNCHANGED
from arkwright.core.promises import parse
from arkwright.project import toml
from arkwright.project.spec import DataSpec, DataWatchSpec
from arkwright.sites import Site


def watched(project: Path) -> dict[str, DataWatchSpec]:
    """What is watched, by name; nothing where there is no project. Raises Invalid for a file with mistakes."""
    if not (project / toml.FILE).is_file():
        return {}
    return {name: spec.watch for name, spec in toml.read(project).spec.data.items() if spec.watch}


def promised(spec: DataSpec) -> tuple[str, ...]:
    """Everything that is watched of it."""
    return (READABLE, UNCHANGED, *(parse(text).text for text in spec.promises))


def leave(site: Site, names: Iterable[str]) -> None:
    """Close what stands about datasets that are none of these, which are watched."""
    kept = {f"{DATA}{name}" for name in names}
    for about in {one.alarm.about for _, one in alarms.of(site) if one.state == alarms.RAISED}:
        if about.startswith(DATA) and about not in kept:
            alarms.note(site, about, DataWatchSpec(), (), ())
