"""Decision tables of a project: CSV files that the TOML names. They are part of it, as its code is."""

from pathlib import Path

from arkwright.core.errors import Invalid, did_you_mean
from arkwright.project.spec import ProjectSpec


def file(folder: Path, name: str) -> Path:
    """The table's path. Raises Invalid unless it is a CSV file inside the project."""
    path, parts = folder / name, Path(name).parts
    if Path(name).is_absolute() or ".." in parts or any(p.startswith(".") for p in parts) or not name.endswith(".csv"):
        raise Invalid(f"the table {name[:80]!r} must be a CSV file inside the project, like limits.csv")
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        there = [p.relative_to(folder).as_posix() for p in sorted(path.parent.glob("*.csv"))]
        raise Invalid(f"there is no file {name[:80]!r} in the project{did_you_mean(name, there)}")
    return path


def files(folder: Path, spec: ProjectSpec) -> dict[str, Path]:
    """Path -> file of the tables that are there; of one that is not the rehearsal tells."""
    found = {}
    for name in {e.table for e in spec.endpoint.values()} | {m.table for m in spec.model.values()}:
        if name is not None:
            try:
                found[name] = file(folder, name)
            except Invalid:
                continue
    return found
