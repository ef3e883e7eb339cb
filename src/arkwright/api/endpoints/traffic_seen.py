"""What went through an endpoint lately, as its pages show it: from the log of predictions."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from arkwright.core.durations import seconds
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Actor, Endpoint
from arkwright.serve.tap.over_time import Slot, begins, over_time
from arkwright.sites import Site

SLOTS, LONGEST = 60, 90 * 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Slots of `seconds` each from `since` on (seconds since 1970); `sample`: the share of requests that is logged."""

    since: int
    until: int
    seconds: int
    sample: float
    slots: tuple[Slot, ...]


def seen(site: Site, by: Actor, project: Path, *, endpoint: Endpoint, span: str = "1h") -> Seen:
    """The last span of an endpoint's life, in about 60 slots. Raises Invalid for a span that is none."""
    length = seconds(span)
    if not SLOTS <= length <= LONGEST:
        raise Invalid(f"{span[:20]!r}: traffic is shown over 1m to 90d")
    since, each = begins(datetime.now(UTC), int(length), SLOTS)
    until = since + timedelta(seconds=each * SLOTS)
    with site.scratch("traffic") as scratch:
        folder = site.predictions / endpoint.name
        slots = over_time(folder, site.store, site.tables, scratch, since, until, each)
    sample = endpoint.terms.sample if endpoint.terms and endpoint.terms.log else 1.0
    start = int(since.timestamp())
    return Seen(since=start, until=start + each * SLOTS, seconds=each, sample=sample, slots=slots)
