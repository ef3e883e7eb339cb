"""The newest versions of packages: by the source that the site names, as of when they were known."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec

from arkwright.advisories import https, index, versions
from arkwright.advisories.age import stale
from arkwright.advisories.behind import behind
from arkwright.advisories.entry import normal
from arkwright.advisories.turns import Turns
from arkwright.core import durable
from arkwright.core.errors import ArkwrightError
from arkwright.core.settings import Packages as Setting
from arkwright.measures.shipped import Newest, Packages

ASKED_EVERY = timedelta(days=1)  # an index, however often a promise is measured
_NONE = (
    "no newest versions are known here: name a file of them, or a package index, as source under [packages] in "
    "site.toml"
)


class _Answered(msgspec.Struct):
    """The versions of one package, and when an index said so."""

    at: Annotated[datetime, msgspec.Meta(tz=True)]
    versions: list[str]


@dataclass(frozen=True, slots=True)
class NewestDesk:
    """`setting`: what `site.toml` says; `folder`: the site's, from which a path is meant."""

    setting: Setting | None
    folder: Path
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def look(self, packages: Packages) -> Newest:
        """Which of them have newer versions."""
        if self.setting is None:
            return Newest(stale=_NONE)
        now = self.clock()
        try:
            found, at, where, failed = self._read(self.setting.source, {normal(name) for name, _ in packages}, now)
        except ArkwrightError as error:
            return Newest(stale=str(error), failed=True)
        newer, unknown = behind(packages, found)
        return Newest(
            newer=newer,
            unknown=unknown,
            age=f"versions of {at:%Y-%m-%d} from {where}",
            stale=stale(f"versions from {where}", at, now, self.setting.max_age),
            failed=failed,
        )

    def _read(self, source: str, names: set[str], now: datetime) -> tuple[dict[str, list[str]], datetime, str, bool]:
        """(versions by name, as of when, where from, whether that is of an earlier time as nobody answers now)"""
        if "://" not in source:
            path = self.folder / source
            return versions.read(path, names).versions, _changed(path), path.name, False
        place = https.address(source, "packages.source")
        own = self._kept(place)
        known = _answered(own)
        due = [name for name in names if name not in known or abs(now - known[name].at) >= ASKED_EVERY]
        turns = Turns(own)
        wrong: ArkwrightError | None = None
        with https.End() as end:
            for name in turns.of(due):
                try:
                    with turns.asks(name):
                        known[name] = _Answered(now, index.ask(place, name, end))
                except ArkwrightError as error:  # of one package, or of an index that is not asked again for a while
                    wrong = wrong or error
        if due:
            # of the others too, which are asked no sooner for it
            durable.write(msgspec.json.encode(known), own, f"the versions in {own.parent}")
        if wrong:
            turns.keep()
        if wrong and not names <= known.keys():
            raise wrong
        at = min((known[name].at for name in names), default=now)  # as good as its age, which is looked at
        return {name: known[name].versions for name in names}, at, https.shown(place), wrong is not None

    def _kept(self, place: str) -> Path:
        """What the index answered last."""
        return self.folder / "packages" / f"{hashlib.sha256(place.encode()).hexdigest()[:16]}.json"


def _answered(own: Path) -> dict[str, _Answered]:
    """By the normal name; nothing where nobody was asked, or what is there is none."""
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(own.read_bytes(), type=dict[str, _Answered])
    return {}


def _changed(path: Path) -> datetime:
    """Of a folder, when its newest file was changed."""
    inside = path.rglob("*.json") if path.is_dir() else ()
    return datetime.fromtimestamp(max((one.lstat().st_mtime for one in inside), default=path.stat().st_mtime), UTC)
