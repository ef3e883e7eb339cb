"""Whether a package in its version is one that an advisory speaks of: the evaluation of the OSV schema, by PEP 440."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from packaging.version import InvalidVersion, Version

from arkwright.advisories import severity
from arkwright.advisories.entry import ECOSYSTEM, Affected, Entry, Range, normal
from arkwright.measures.shipped import Advisory, Packages

_LONGEST = 200  # characters of a version
_OF_VERSIONS = ("ECOSYSTEM", "SEMVER")  # and not of commits
_ORDER = ("fixed", "introduced", "last_affected")  # of those at one version: where it is fixed and brought, it is there


@dataclass(frozen=True, slots=True)
class _Match:
    """An entry that speaks of the package; `sure`: whether its version is known to be affected."""

    entry: Entry
    sure: bool
    severity: str | None
    fixed: str | None


def matches(packages: Packages, entries: Mapping[str, Sequence[Entry]]) -> tuple[Advisory, ...]:
    """What is known of these packages; `entries`: by the normal name of the package, none of them withdrawn."""
    return tuple(
        _one(name, version, group)
        for name, version in packages
        for group in _groups(_matches(name, version, entries.get(normal(name), ())))
    )


def _matches(name: str, version: str, entries: Iterable[Entry]) -> list[_Match]:
    found = []
    for entry in entries:
        own = [one for one in entry.affected or () if about(one) == normal(name)]
        said = [_affects(one, version) for one in own]
        if True in said or None in said:
            ratings = [*(entry.severity or ()), *(rating for one in own for rating in one.severity or ())]
            fixed = min((v for one in own if (v := _fixed(one, version))), default=None)
            found.append(_Match(entry, True in said, severity.severity(entry, ratings), str(fixed) if fixed else None))
    return found


def about(affected: Affected) -> str | None:
    """The normal name of the package on PyPI; None where it is another's."""
    package = affected.package
    return normal(package.name) if package and package.ecosystem.partition(":")[0] == ECOSYSTEM else None


def _affects(affected: Affected, version: str) -> bool | None:
    """None where it cannot be told: a version that is none stands on one of the sides."""
    listed = affected.versions or []
    if version in listed:
        return True
    own = parsed(version)
    if own is not None and any(at == _held_against(at, own) for one in listed if (at := parsed(one)) is not None):
        return True
    said = [_within(one, own) for one in affected.ranges or () if one.type in _OF_VERSIONS]
    if True in said:
        return True
    if listed:
        return False  # a list of all versions tells what a range cannot
    return None if None in said or not said else False


def _within(ranged: Range, version: Version | None) -> bool | None:
    """Of the events up to this version in the order of versions, whether the last one brought it. OSV schema, 1.7."""
    if version is None:
        return None
    events = [edge for event in ranged.events for edge in _edges(event.introduced, event.fixed, event.last_affected)]
    if any(at is None for at, _ in events) or all(kind != "introduced" for _, kind in events):
        return None
    inside = False
    for at, kind in sorted(events, key=lambda edge: (edge[0], _ORDER.index(edge[1]))):
        assert at is not None
        if kind == "introduced" and version >= at:
            inside = True
        elif (kind == "fixed" and version >= at) or (kind == "last_affected" and _held_against(at, version) > at):
            inside = False
    return inside


def _held_against(at: Version, own: Version) -> Version:
    """A build of a version, such as 2.0.1+cu118, is that version, except beside one that is a build too. PEP 440."""
    return own if at.local else Version(own.public)


def _edges(introduced: str | None, fixed: str | None, last: str | None) -> list[tuple[Version | None, str]]:
    given = (("introduced", introduced), ("fixed", fixed), ("last_affected", last))
    return [(_FIRST if kind == "introduced" and text == "0" else parsed(text), kind) for kind, text in given if text]


def _fixed(affected: Affected, version: str) -> Version | None:
    """The first version above this one in which it is fixed."""
    own = parsed(version)
    fixes = [parsed(e.fixed) for r in affected.ranges or () if r.type in _OF_VERSIONS for e in r.events if e.fixed]
    return min((one for one in fixes if one is not None and own is not None and one > own), default=None)


@lru_cache(maxsize=1 << 16)
def parsed(text: str) -> Version | None:
    """None for what PEP 440 does not know; whoever wrote it made it up, or it is older than that."""
    try:
        return Version(text) if len(text) <= _LONGEST else None
    except InvalidVersion:
        return None


_FIRST = Version("0.dev0")  # "0" means before every version


def _groups(found: list[_Match]) -> list[list[_Match]]:
    """Those that are one vulnerability under several names: an id or an alias in common, over others too."""
    groups: list[tuple[set[str], list[_Match]]] = []
    for match in found:
        names, together = {match.entry.id, *(match.entry.aliases or ())}, [match]
        apart = []
        for other in groups:
            if other[0] & names:
                names |= other[0]
                together = other[1] + together
            else:
                apart.append(other)
        groups = [*apart, (names, together)]
    return [together for _, together in groups]


def _one(name: str, version: str, group: list[_Match]) -> Advisory:
    """By the name that GitHub gave it, where it did: that one people can look up with its severity."""
    certain = [one for one in group if one.sure] or group
    first = min(certain, key=lambda one: (not one.entry.id.startswith("GHSA-"), one.entry.id))
    return Advisory(
        package=name,
        version=version,
        id=first.entry.shown,
        severity=severity.worst(one.severity for one in group),
        fixed=first.fixed or next((one.fixed for one in certain if one.fixed), None),
        sure=any(one.sure for one in group),
        names=tuple(dict.fromkeys(name for one in group for name in (one.entry.id, *(one.entry.aliases or ())))),
    )
