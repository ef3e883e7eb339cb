"""Advisories that were looked at and do not count for a while: on record, with who says so, why, and until when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from arkwright.core.ports import Ledger
from arkwright.core.record import decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """One advisory, by one of its names (GHSA-…, CVE-…), which does not count before `until` (UTC)."""

    KIND: ClassVar[str] = "ignored"

    name: str
    version: int
    by: str
    reason: str
    until: str

    def __str__(self) -> str:
        return f"by {self.by} until {self.until[:16]} UTC: {self.reason}"


def latest(ledger: Ledger) -> dict[str, Ignored]:
    """What was said last of each, by its name without regard to case."""
    found = (decode(Ignored, event.body) for event in ledger.find(Ignored.KIND))
    return {one.name.casefold(): one for one in found}


def of(names: Iterable[str], known: dict[str, Ignored], now: datetime) -> Ignored | None:
    """Why what has these names does not count now; None where it does."""
    there = (known[name.casefold()] for name in names if name.casefold() in known)
    return next((one for one in there if datetime.fromisoformat(one.until) > now), None)
