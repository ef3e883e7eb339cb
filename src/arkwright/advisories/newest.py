"""The newest versions of packages: by the source that the site names, as of when they were known."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from arkwright.advisories import https, index, versions
from arkwright.advisories.age import stale
from arkwright.advisories.behind import behind
from arkwright.advisories.entry import normal
from arkwright.core.durable import publish, writing
from arkwright.core.errors import ArkwrightError
from arkwright.core.settings import Packages as Setting
from arkwright.measures.shipped import Newest, Packages

ASKED_EVERY = timedelta(days=1)  # an index, however often a promise is measured
_NONE = (
    "no newest versions are known here: name a file of them, or a package index, as source under [packages] in "
    "site.toml"
)


@dataclass(frozen=True, slots=True)
class NewestDesk:
    """`setting`: what `site.toml` says; `folder`: the site's, from which a path is meant."""

    setting: Setting | None
    folder: Path
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def look(self, packages: Packages) -> Newest | str:
        """Which of them have newer versions; why nobody knows, in a line."""
        if self.setting is None:
            return _NONE
        now = self.clock()
        try:
            found, at, where = self._read(self.setting.source, {normal(name) for name, _ in packages}, now)
        except ArkwrightError as error:
            return str(error)
        newer, unknown = behind(packages, found)
        age = f"versions of {at:%Y-%m-%d} from {where}"
        return Newest(
            newer=newer, unknown=unknown, age=age, stale=stale(f"versions from {where}", at, now, self.setting.max_age)
        )

    def _read(self, source: str, names: set[str], now: datetime) -> tuple[dict[str, list[str]], datetime, str]:
        """(versions by name, of when they are, where from)"""
        if "://" not in source:
            path = self.folder / source
            return versions.read(path, names).versions, _changed(path), path.name
        place = https.address(source, "packages.source")
        own = self._kept(place)
        known = versions.read(own).versions if own.is_file() else {}
        whole = names <= known.keys()
        if not whole or now - _changed(own) >= ASKED_EVERY:
            try:
                known = index.ask(place, names | known.keys())  # what other releases have too
                self._keep(own, known)
                return known, now, https.shown(place)
            except ArkwrightError:
                if not whole:
                    raise
        return known, _changed(own), https.shown(place)  # as good as its age, which is looked at

    def _kept(self, place: str) -> Path:
        """What the index answered last, as a file that could have been brought here."""
        return self.folder / "packages" / f"{hashlib.sha256(place.encode()).hexdigest()[:16]}.json"

    def _keep(self, own: Path, found: dict[str, list[str]]) -> None:
        half = own.with_name(f"{own.name}.half-{os.getpid()}")
        with writing(f"the versions in {own.parent}", half):
            own.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            half.write_bytes(msgspec.json.encode(found))
            publish(half, own)


def _changed(path: Path) -> datetime:
    """Of a folder, when its newest file was changed."""
    inside = path.rglob("*.json") if path.is_dir() else ()
    return datetime.fromtimestamp(max((one.lstat().st_mtime for one in inside), default=path.stat().st_mtime), UTC)
