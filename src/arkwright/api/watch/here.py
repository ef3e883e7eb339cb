"""Since when a release has been at an endpoint: who left and came back is there anew."""

from collections.abc import Sequence
from datetime import UTC, datetime

from arkwright.core.nouns import Endpoint
from arkwright.core.record import decode
from arkwright.sites import Site

NEVER = datetime.min.replace(tzinfo=UTC)


def comings(site: Site, endpoint: str, release: str) -> list[datetime]:
    """Each time that it was let in, to answer or to get a copy of each request, in order."""
    found, here = list[datetime](), False
    for event in site.ledger.find(Endpoint.KIND, f"{endpoint}@"):
        now, was_here = decode(Endpoint, event.body), here
        here = release in now.shares or release in now.shadows
        if here and not was_here:
            found.append(datetime.fromisoformat(event.at))
    return found


def last(comings: Sequence[datetime], until: datetime) -> datetime:
    """When it came last, by then; where it was not there yet, when it first came."""
    return max((one for one in comings if one <= until), default=min(comings, default=NEVER))
