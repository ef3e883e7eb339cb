"""What a release ships, and what became of it since: known vulnerabilities, its age, its bytes."""

from typing import Literal

from arkwright.core.counted import many
from arkwright.core.promises import Reading
from arkwright.measures.evaluation import Undefined
from arkwright.measures.registry import live_measure, release_measure
from arkwright.measures.shipped import SEVERITIES, Advised, Advisory, Newer, Newest, Shipped

_DAY_S = 86_400
_SHOWN = 3  # advisories or packages in a note
_BEHIND = ("major", "minor", "any")  # the furthest first


@release_measure(
    source="OSV schema 1.7; CVSS v4.0, v3.1; PEP 440",
    words="of known vulnerabilities[ rated {severity} or worse] the packages of the release have {limit}",
)
def vulnerabilities(shipped: Shipped, severity: Literal["low", "medium", "high", "critical"] = "low") -> Reading:
    """The number of known vulnerabilities, of this severity or worse, of the packages in the bill of materials.

    One with several names counts once, and a withdrawn one does not. The interval reaches up to what may be one:
    without a severity, with versions that cannot be compared, or in an entry that cannot be read. With old advisories,
    or none, nothing is proven; the note names the worst, and what is ignored.
    """
    advised = shipped.advised
    if not shipped.packages:
        raise Undefined("the bill of materials names no packages")
    least = SEVERITIES.index(severity)
    known = sorted((a for a in advised.known if a.severity is None or _rank(a) >= least), key=_order)
    maybe = [one for one in known if not one.ignored]
    worse = [one for one in maybe if _clear(one)]
    unclear = [one for one in maybe if not _clear(one)]
    note = _said(shipped, advised, worse, unclear, [one for one in known if one.ignored])
    if advised.stale:
        return Reading(None, note=f"{advised.stale}; {note}" if known else advised.stale, failed=advised.failed)
    return _counted(len(worse), len(unclear) + advised.unreadable, note, failed=advised.failed)


@release_measure(
    source="PEP 440; PEP 592; PEP 691",
    words="of the packages of the release {limit} have a newer version[, by the {behind} number]",
)
def outdated(shipped: Shipped, behind: Literal["major", "minor", "any"] = "any") -> Reading:
    """The number of packages in the bill of materials of which there is a newer version: one with another major number,
    with another major or minor one, or any.

    Versions before a release and yanked ones do not count. The interval reaches up to the packages of which no version
    is known. Where the versions were looked up long ago, or nowhere, nothing is proven; the note names those furthest
    behind.
    """
    newest = shipped.newest
    if not shipped.packages:
        raise Undefined("the bill of materials names no packages")
    kinds = _BEHIND[: _BEHIND.index(behind) + 1]
    older = sorted((one for one in newest.newer if one.by in kinds), key=_furthest)
    note = _listed(shipped, newest, older)
    if newest.stale:
        return Reading(None, note=f"{newest.stale}; {note}" if older else newest.stale, failed=newest.failed)
    return _counted(len(older), len(newest.unknown), note, failed=newest.failed)


@release_measure(
    source="ISO/IEC 5338:2023, continuous validation",
    words="the model was trained {limit:day} ago",
)
def model_age_days(shipped: Shipped) -> Reading:
    """The days since the run began that trained the model; a later run that takes it as it is changes nothing."""
    if shipped.trained is None or shipped.now is None:
        raise Undefined("the record does not say when the model was trained")
    return Reading((shipped.now - shipped.trained).total_seconds() / _DAY_S, note=f"trained {shipped.trained:%Y-%m-%d}")


@live_measure(
    source="OpenSSF Model Signing 1.0; FIPS 180-4 (SHA-256)",
    words="of the release that answers, {limit:file have} other bytes than were signed",
)
def tampered_files(shipped: Shipped) -> Reading:
    """The number of files of the live release whose bytes in the store, read anew, are not those that were signed.

    What is missing counts, and so does a signature that is not there, does not fit, or is not by the site's key.
    """
    if not shipped.files:
        raise Undefined("the record names no files of the release")
    note = "; ".join(shipped.altered[:_SHOWN]) or f"{many(shipped.files, 'file')} and the signature were read"
    return Reading(len(shipped.altered), note=note)


def _counted(count: int, doubts: int, note: str, *, failed: bool) -> Reading:
    """With an interval up to what may be one more."""
    low, high = (count, count + doubts) if doubts else (None, None)
    return Reading(count, low, high, note=note, failed=failed)


def _clear(one: Advisory) -> bool:
    return one.sure and one.severity is not None


def _rank(one: Advisory) -> int:
    return SEVERITIES.index(one.severity) if one.severity in SEVERITIES else -1


def _order(one: Advisory) -> tuple[int, str, str]:
    """The worst first."""
    return -_rank(one), one.package, one.id


def _said(
    shipped: Shipped, advised: Advised, worse: list[Advisory], unclear: list[Advisory], aside: list[Advisory]
) -> str:
    parts = [str(one) for one in worse[:_SHOWN]]
    if len(worse) > _SHOWN:
        parts.append(f"and {len(worse) - _SHOWN} more")
    parts += [f"not counted: {one}" for one in unclear[:_SHOWN]]
    if len(unclear) > _SHOWN:
        parts.append(f"not counted: {len(unclear) - _SHOWN} more")
    parts += [f"ignored: {one}, {one.ignored}" for one in aside]  # all of them: somebody answers for each
    parts += advised.unread[:_SHOWN]
    return "; ".join([*parts, f"{many(len(shipped.packages), 'package')}, {advised.age}"])


def _furthest(one: Newer) -> tuple[int, str]:
    return _BEHIND.index(one.by), one.package


def _listed(shipped: Shipped, newest: Newest, older: list[Newer]) -> str:
    parts = [str(one) for one in older[:_SHOWN]]
    if len(older) > _SHOWN:
        parts.append(f"and {len(older) - _SHOWN} more")
    parts += [f"not counted: {one}" for one in newest.unknown[:_SHOWN]]
    if len(newest.unknown) > _SHOWN:
        parts.append(f"not counted: {len(newest.unknown) - _SHOWN} more")
    return "; ".join([*parts, f"{many(len(shipped.packages), 'package')}, {newest.age}"])
