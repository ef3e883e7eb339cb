"""Whose look was the last that ended well, and when: a file for each endpoint and dataset, which holds a name."""

from arkwright.sites import Site

BY_HAND = ""


def note(site: Site, about: str, by: str) -> None:
    """Raises OSError where it cannot be written."""
    site.watched.mkdir(parents=True, exist_ok=True, mode=0o700)
    (site.watched / f"{about}.looked").write_text(by, encoding="utf-8")


def last(site: Site, about: str) -> tuple[str, float]:
    """(who, seconds since 1970 by the clock of the disk); 0 seconds where nobody ever looked."""
    file = site.watched / f"{about}.looked"
    try:
        return file.read_text(encoding="utf-8"), file.stat().st_mtime
    except OSError:
        return BY_HAND, 0.0
