"""Every release in one list, with what its gate says of it now, in pages."""

from dataclasses import dataclass
from pathlib import Path

from arkwright.api import decide
from arkwright.catalog.pages import Page
from arkwright.core.errors import Invalid, did_you_mean
from arkwright.core.nouns import Actor, Endpoint, Release
from arkwright.core.rules import STANDINGS, Judgement
from arkwright.sites import Site

ANSWERS = "answers"
WORDS = (ANSWERS, *STANDINGS)
_MOST = 1000  # endpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A release, when it was made, what its gate says, and whether an endpoint answers with it."""

    release: Release
    at: str
    now: Judgement
    answers: bool


def listed(
    site: Site,
    by: Actor,
    project: Path,
    *,
    name: str | None = None,
    standing: str | None = None,
    limit: int = 50,
    after: str | None = None,
) -> Page[Listed]:
    """Releases, the newest first. `standing`: answers, passed, waits or refused. Raises Invalid."""
    if standing is not None and standing not in WORDS:
        raise Invalid(f"no release stands as {standing[:40]!r}{did_you_mean(standing[:40], WORDS)}")
    live = {ref for one in site.catalog.newest(Endpoint, limit=_MOST) if not one.stopped for ref in one.shares}
    gate, among = (None, live) if standing == ANSWERS else (standing, None)
    found = site.catalog.releases(name=name, standing=gate, among=among, limit=limit, after=after)
    judged = decide.at_a_glance(site, [release for _, release in found.items])
    items = tuple(
        Listed(release=release, at=at, now=now, answers=release.ref in live)
        for (at, release), now in zip(found.items, judged, strict=True)
    )
    return Page(items=items, next=found.next)
