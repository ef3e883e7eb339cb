"""Where the files of a source are: a path or glob in the project, or a data file inside an installed package."""

import glob
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

from arkwright.core.errors import Invalid, Missing, Unknown, did_you_mean

_WILD = ("*", "?", "[")


def files(source: str, folder: Path) -> list[Path]:
    """The files that a path or glob means, sorted. Raises Unknown when there is none, Invalid for a folder."""
    path = folder / source
    if path.is_file():
        return [path]
    if path.is_dir():
        raise Invalid(f"{source!r} is a folder; name a file in it, or all of them: {source.rstrip('/')}/*.csv")
    if any(mark in source for mark in _WILD):
        found = glob.glob(source, root_dir=folder, recursive=True)  # noqa: PTH207 - a path may be absolute
        matches = sorted(folder / name for name in found if (folder / name).is_file())
        if not matches:
            raise Unknown(f"no file matches {source!r}" + ("" if Path(source).is_absolute() else f" in {folder}"))
        return matches
    raise Unknown(f"there is no file {source!r}{beside(path, folder)}")


def in_package(spelt: str) -> Path:
    """`NAME/path/in/package` as a file, found by location: the package is never imported.

    Raises Missing when the package is not installed, Unknown when it has no such file.
    """
    name, _, inner = spelt.partition("/")
    if not inner:
        raise Invalid(f"package:{spelt} names no file; write it like package:{name}/data/rows.csv")
    homes = _homes(name)
    if not homes:
        close = did_you_mean(name, packages_distributions())
        close = close if close.endswith("?") else ""
        raise Missing(f"the package {name!r} is not installed{close}; pip install {name} brings it")
    for home in homes:
        path = (home / inner).resolve()
        if not path.is_relative_to(home.resolve()):
            raise Invalid(f"package:{spelt} leaves the package")
        if path.is_file():
            return path
    raise Unknown(f"the package {name} has no file {inner!r}{near(homes[0] / inner)}")


def _homes(name: str) -> list[Path]:
    """The folders of a package, by its import name or by its distribution's."""
    spec = PathFinder.find_spec(name) if name.isidentifier() else None
    if spec is not None and spec.submodule_search_locations:
        return [Path(place) for place in spec.submodule_search_locations]
    try:
        return [Path(str(distribution(name).locate_file("")))]
    except (PackageNotFoundError, ValueError):
        return []


def beside(path: Path, folder: Path) -> str:
    """Where a file that is not there was looked for, and a near miss."""
    return (f" in {folder}" if path.is_relative_to(folder) else "") + near(path)


def near(path: Path) -> str:
    """A near miss among the files beside a path that is not there."""
    if not path.parent.is_dir():
        return ""
    return did_you_mean(path.name, sorted(p.name for p in path.parent.iterdir() if not p.name.startswith(".")))
