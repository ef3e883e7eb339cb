"""How far packages are behind the newest versions that there are, by PEP 440."""

from collections.abc import Collection, Mapping

from packaging.version import Version

from arkwright.advisories.entry import normal
from arkwright.advisories.matching import parsed
from arkwright.core.visible import visible
from arkwright.measures.shipped import Newer, Packages


def behind(packages: Packages, versions: Mapping[str, Collection[str]]) -> tuple[tuple[Newer, ...], tuple[str, ...]]:
    """(those that have a newer version, a line for each of which nobody can tell); `versions`: by the normal name."""
    newer: list[Newer] = []
    unknown: list[str] = []
    for name, version in packages:
        own, newest = parsed(version), _newest(versions.get(normal(name), ()))
        if own is None or newest is None:
            why = "no version of it is known" if newest is None else "that is no version of PEP 440"
            unknown.append(visible(" ".join(f"{name} {version[:60]}, {why}".split())))
        elif newest > own:
            newer.append(Newer(package=name, version=version, newest=str(newest), by=_by(own, newest)))
    return tuple(newer), tuple(unknown)


def _newest(versions: Collection[str]) -> Version | None:
    """Without what comes before a release; what is no version was made up."""
    found = (parsed(one) for one in versions)
    return max((one for one in found if one is not None and not one.is_prerelease), default=None)


def _by(own: Version, newest: Version) -> str:
    """The first number that differs: that of an epoch counts as a major one."""
    if (own.epoch, own.major) != (newest.epoch, newest.major):
        return "major"
    return "minor" if own.minor != newest.minor else "any"
