"""Whose look was the last, when it ended and how: a file for each endpoint and dataset; and what a process is at."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from arkwright.sites import Site

BY_HAND = ""
LEFT_S = 7200  # longer than any look lasts
_FAILED = "failed"  # in the second line


@dataclass(frozen=True, slots=True)
class Look:
    """`at`: seconds since 1970 by the clock of the disk, 0 where nobody ever looked; `well`: all could be found out."""

    by: str
    at: float
    well: bool


def note(site: Site, about: str, by: str, *, well: bool = True) -> None:
    """Not one by hand that failed: it says nothing of who watches. Raises OSError where it cannot be written."""
    if not well and by == BY_HAND:
        return
    site.watched.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = site.watched / f"{about}.looked"
    half = file.with_name(f"{file.name}.half")
    half.write_text(by if well else f"{by}\n{_FAILED}", encoding="utf-8")
    with suppress(FileNotFoundError):  # another noted its own look just then
        half.replace(file)


def last(site: Site, about: str) -> Look:
    """What was noted last."""
    file = site.watched / f"{about}.looked"
    try:
        by, _, how = file.read_text(encoding="utf-8", errors="replace").partition("\n")
        return Look(by, file.stat().st_mtime, well=how != _FAILED)
    except OSError:
        return Look(BY_HAND, 0.0, well=False)


def failed(site: Site, about: str) -> bool:
    """Whether the last look did not find out all."""
    look = last(site, about)
    return bool(look.at) and not look.well


@contextmanager
def at(site: Site, about: str, by: str) -> Iterator[None]:
    """Say what a process of theirs is at, as one that is killed or crashes says no more. One at a time for each `by`.
    Where it cannot be written, it is not known.
    """
    file = _at(site, by)
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_text(about, encoding="utf-8")
    for left in site.watched.glob("*.at"):  # by who was killed together with who would ask for it
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > LEFT_S:
                left.unlink()
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink()


def ended_at(site: Site, by: str) -> str:
    """What a process of theirs was at when something ended it, said once; empty where it was at nothing."""
    file, about = _at(site, by), ""
    with suppress(OSError):
        about = file.read_text(encoding="utf-8")
        file.unlink()
    return about


def _at(site: Site, by: str) -> Path:
    return site.watched / f"{by}.at"
