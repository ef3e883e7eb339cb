"""How bad an advisory is, in the four words of CVSS: low, medium, high, critical; "none" for a score of 0."""

from collections.abc import Iterable

from cvss import CVSS2, CVSS3, CVSS4
from cvss.exceptions import CVSSError

from arkwright.advisories.entry import Entry, Rating
from arkwright.measures.shipped import SEVERITIES

_LONGEST = 1000  # characters of a vector
_WORDS = {word: word for word in SEVERITIES} | {"moderate": "medium", "none": "none"}  # moderate: as GitHub says
_ORDER = ("none", *SEVERITIES)
_MALICIOUS = "MAL-"  # what OpenSSF calls a package that was made to do harm; nobody rates those


def severity(entry: Entry, ratings: Iterable[Rating]) -> str | None:
    """The word of whoever keeps the database where there is one, else the worst of the newest CVSS that is there; None
    where nobody rated it, or nobody that can be understood. `ratings`: of the entry and of the package.
    """
    if entry.id.startswith(_MALICIOUS):
        return "critical"
    said = _WORDS.get((entry.word or "").lower())
    if said:
        return said
    given = list(ratings)
    for kind in ("CVSS_V4", "CVSS_V3", "CVSS_V2"):
        found = [word for one in given if one.type == kind and (word := _rated(kind, one.score))]
        if found:
            return worst(found)
    return None


def worst(words: Iterable[str | None]) -> str | None:
    """The worst of them; what is not rated tells nothing."""
    return max((word for word in words if word), key=_ORDER.index, default=None)


def _rated(kind: str, vector: str) -> str | None:
    if len(vector) > _LONGEST:
        return None
    try:
        if kind == "CVSS_V4":
            return _of(float(CVSS4(vector).base_score))
        return _of(float((CVSS3 if kind == "CVSS_V3" else CVSS2)(vector).base_score))
    except (CVSSError, ArithmeticError, ValueError, KeyError):
        return None


def _of(score: float) -> str:
    """The qualitative rating scale of CVSS v3.1 (section 5) and v4.0 (section 6)."""
    return next(
        (word for word, least in (("critical", 9), ("high", 7), ("medium", 4), ("low", 0.1)) if score >= least), "none"
    )
