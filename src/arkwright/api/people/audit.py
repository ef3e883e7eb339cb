"""The verb about what was tried and not allowed."""

import math
from datetime import UTC, datetime
from pathlib import Path

from arkwright.api.people.accounts import allow
from arkwright.core.nouns import Actor
from arkwright.govern.denied import Denied
from arkwright.sites import Site

MOST = 1000  # lines in one answer


def denied(
    site: Site,
    by: Actor,
    project: Path,
    *,
    who: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[Denied, ...]:
    """What the control room of this machine refused, the newest first: log-ins, tokens, and what one had no right to.

    `who`: of this account only; empty: of nobody that is known here. Times are UTC. At most 1,000; those before them:
    `until` the last one.
    """
    allow(site, by, "own")
    return tuple(site.denied.find(who, _seconds(since, 0.0), _seconds(until, math.inf), MOST))


def _seconds(at: datetime | None, none: float) -> float:
    return at.replace(tzinfo=UTC).timestamp() if at else none
