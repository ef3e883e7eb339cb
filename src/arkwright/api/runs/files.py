"""Files that clients logged, a folder at a time, and where each is fetched."""

from dataclasses import dataclass
from urllib.parse import quote

from arkwright.core.errors import Unknown
from arkwright.sites import Site
from arkwright.tracking import words
from arkwright.tracking.artifacts import File

FILES = "/api/2.0/mlflow-artifacts/artifacts"  # where one is fetched, to be saved and never shown
MOST = 200  # of a folder, at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file or a folder. `path` begins where the owner's files are; `fetch`: empty for a folder; `size` in bytes."""

    name: str
    path: str
    size: int | None = None
    fetch: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A part of a folder. `above`: (name, path) of each folder on the way to it; `next`: what to give as `after`."""

    path: str
    above: tuple[tuple[str, str], ...]
    items: tuple[Entry, ...]
    next: str | None = None


def folder(site: Site, place: str, path: str = "", after: str = "", limit: int = MOST) -> Folder:
    """What is in a folder of the files at this place, where clients are told that files are. Raises Invalid."""
    root = place.removeprefix(words.SCHEME)
    at = f"{root}/{words.path(path)}" if path else root
    after = f"{root}/{words.path(after)}" if after else ""
    found, more = site.tracking.artifacts.part(at, limit, after)
    if not found and not path and not after:
        found = _alone(site, root)
        root = root.rpartition("/")[0]
    parts = path.split("/") if path else []
    items = tuple(_entry(file, root) for file in found)
    return Folder(
        path=path,
        above=tuple((name, "/".join(parts[: number + 1])) for number, name in enumerate(parts)),
        items=items,
        next=items[-1].path if more else None,
    )


def _alone(site: Site, root: str) -> tuple[File, ...]:
    """A version may be made of one file."""
    try:
        return (site.tracking.artifacts.get(root)[0],)
    except Unknown:
        return ()


def _entry(file: File, root: str) -> Entry:
    name, path = file.path.rpartition("/")[2], file.path[len(root) + 1 :]
    if file.is_folder:
        return Entry(name=name, path=path)
    return Entry(name=name, path=path, size=file.size, fetch=f"{FILES}/{quote(file.path)}")
