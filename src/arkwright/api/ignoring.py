"""The verb `ignore`: an advisory that does not concern the releases here does not count, for a reason and a while."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from arkwright.api.people.accounts import allow
from arkwright.core import ignored
from arkwright.core.durations import seconds
from arkwright.core.errors import Invalid, Refused
from arkwright.core.ignored import Ignored
from arkwright.core.nouns import Actor
from arkwright.core.ports import Entry, Taken
from arkwright.core.record import encode
from arkwright.core.times import utc
from arkwright.sites import Site

LONGEST = timedelta(days=366)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]{2,59}")


def ignore(
    site: Site, by: Actor, project: Path, *, advisory: str, reason: str, lasts: str | None = None, off: bool = False
) -> Ignored:
    """Have an advisory not count for as long as `lasts` (90d, at most a year), by its OSV id or another of its names.
    Wherever vulnerabilities are counted it is named with who said so, why, and until when; then it counts again.

    `off`: it counts again from now on. Raises Invalid without a reason or a span, and for what is no name of one.
    """
    allow(site, by, "own")
    if not _NAME.fullmatch(advisory):
        raise Invalid(f"{advisory[:60]!r} names no advisory; write it like GHSA-x84v-xcm2-53pg or CVE-2018-18074")
    if not reason.strip():
        raise Invalid("say why it does not count: whoever reads what was found is told so")
    if off == (lasts is not None):
        raise Invalid("say for how long it does not count, such as 90d, or that it counts again")
    span = timedelta(seconds=seconds(lasts)) if lasts else timedelta()
    if span > LONGEST:
        raise Invalid(f"an advisory is ignored for a year at most, not for {lasts}; look at it again then")
    before = ignored.latest(site.ledger).get(advisory.casefold())
    noun = Ignored(
        name=before.name if before else advisory,
        version=before.version + 1 if before else 1,
        by=by.name,
        reason=" ".join(reason.split())[:200],
        until=utc((datetime.now(UTC) + span).timestamp()),
    )
    try:
        site.ledger.append(by.name, [Entry(noun.KIND, f"{noun.name}@{noun.version}", encode(noun))])
    except Taken:
        raise Refused(f"somebody else spoke of {noun.name} just now; look at it and try again") from None
    return noun
