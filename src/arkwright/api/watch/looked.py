"""Whose look was the last, when it ended and how: a file for each endpoint and dataset."""

from contextlib import suppress
from dataclasses import dataclass

from arkwright.sites import Site

BY_HAND = ""
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
