"""Since when a release has been at an endpoint: who left and came back is there anew."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from arkwright.core.nouns import Endpoint
from arkwright.core.record import decode
from arkwright.core.times import AHEAD
from arkwright.sites import Site

NEVER = datetime.min.replace(tzinfo=UTC)


def comings(site: Site, endpoint: str, release: str) -> list[datetime]:
    """Each time that it was let in, to answer or to get a copy of each request, in order. By a clock that ran ahead it
    has not been yet, and then it came long ago.
    """
    found, here, soon = list[datetime](), False, time.time() + AHEAD
    for event in site.ledger.find(Endpoint.KIND, f"{endpoint}@"):
        now, was_here = decode(Endpoint, event.body), here
        here = release in now.shares or release in now.shadows
        if here and not was_here:
            at = datetime.fromisoformat(event.at)
            found.append(at if at.timestamp() <= soon else NEVER)
    return found


def last(comings: Sequence[datetime], until: datetime) -> datetime:
    """When it came last, by then; where it was not there yet, when it first came."""
    return max((one for one in comings if one <= until), default=min(comings, default=NEVER))
