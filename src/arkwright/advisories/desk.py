"""What is known of some packages by now: by the source that the site names, with its age."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from arkwright.advisories import database, https, online
from arkwright.advisories.age import stale
from arkwright.advisories.database import Database
from arkwright.advisories.matching import matches
from arkwright.core.errors import ArkwrightError
from arkwright.core.settings import Advisories
from arkwright.measures.shipped import Advised, Packages

_NONE = (
    "no advisories are known here: name osv.dev's PyPI/all.zip, or https://api.osv.dev, as source under [advisories] "
    "in site.toml"
)


@dataclass(frozen=True, slots=True)
class Desk:
    """`settings`: what `site.toml` says; `folder`: the site's, from which a path is meant."""

    settings: Advisories | None
    folder: Path
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def look(self, packages: Packages) -> Advised:
        """What is known of them."""
        if self.settings is None:
            return Advised(stale=_NONE)
        now = self.clock()
        try:
            found, where, failed = self._read(self.settings.source, packages, now)
        except ArkwrightError as error:
            return Advised(stale=str(error), failed=True)
        if found.newest is None:
            return Advised(stale=f"no advisory in {where} says when it was modified")
        return Advised(
            known=matches(packages, found.entries),
            age=f"advisories of {found.newest:%Y-%m-%d} from {where}",
            unread=tuple(found.unread),
            unreadable=found.unreadable,
            stale=stale(f"advisories from {where}", found.newest, now, self.settings.max_age),
            failed=failed,
        )

    def _read(self, source: str, packages: Packages, now: datetime) -> tuple[Database, str, bool]:
        """(what is known, where from, whether that is of an earlier time as nobody answers now)"""
        names = [name for name, _ in packages]
        if "://" not in source:
            path = self.folder / source
            return database.read(path, names, now), path.name, False
        place, folder = https.address(source, "advisories.source"), self.folder / "advisories"
        if not online.is_file(place):
            found = Database()
            with https.End() as end:
                whole = online.ask(place, packages, found, folder, now, end)
            return found, place.partition("://")[2], not whole
        read = partial(database.read, names=names, now=now)
        try:
            with https.End() as end:
                return online.fetch(place, folder, end, read), place.partition("://")[2], False
        except ArkwrightError:
            old = online.kept(place, folder)
            if old is None:
                raise
            return read(old), place.partition("://")[2], True  # as good as its age, which is looked at
