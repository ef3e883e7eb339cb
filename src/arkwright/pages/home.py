"""Home: what needs me, how the endpoints are, and what happened lately."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api import decide, look
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import VERSIONED, Actor, Endpoint, Event, Release
from arkwright.core.rules import may_sign
from arkwright.pages.render import page
from arkwright.pages.words import address, many, percent
from arkwright.sites import Site
from arkwright.web import context
from arkwright.web.routes import route

LATELY = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Something that only the person who looks can do."""

    kind: str
    tone: str
    title: str
    place: str
    text: str
    at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One event, in the words of somebody who tells it."""

    by: str
    says: str
    ref: str | None
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One endpoint at a glance."""

    name: str
    word: str
    tone: str
    text: str


def routes() -> list[Route]:
    return [route("/", home, "look")]


def home(request: Request) -> Response:
    at, by = context.context(request), context.actor(request)
    glance = look.show(at.site, by, at.project)
    assert isinstance(glance, look.Glance)
    there = [
        ("/releases", "Releases", f"{len(glance.releases)} by name"),
        ("/endpoints", "Endpoints", f"{len(glance.endpoints)} by name"),
    ]
    return page(
        request,
        "home.html",
        section="/",
        facts=(
            many(len(glance.datasets), "dataset"),
            many(len(glance.models), "model"),
            many(len(glance.releases), "release"),
        ),
        waiting=list(_waiting(at.site, by, glance.releases)),
        events=list(_lately(at.site)),
        endpoints=[_health(endpoint) for endpoint in glance.endpoints],
        there=there,
    )


def _waiting(site: Site, by: Actor, releases: tuple[Release, ...]) -> Iterator[Waiting]:
    """Releases that keep every promise and lack a signature that this person may give."""
    for release in releases:
        try:
            now = decide.judgement(site, release)
        except ArkwrightError:
            continue
        mine = [
            role for role in now.unsigned if role in by.signs and not may_sign(release, by.name, role, now.signatures)
        ]
        if now.promises_kept and mine:
            yield Waiting(
                kind="signature",
                tone="open",
                title=f"Sign {release.name}@{release.version}",
                place=address(release.ref) or "/releases",
                text=f"Every promise of the gate {release.gate.name} is kept; it waits for you as {' or '.join(mine)}.",
            )


def _lately(site: Site) -> Iterator[Happened]:
    """The last events that people caused, the newest first."""
    newest = int(site.ledger.head().partition(":")[0] or 0)
    recent = list(site.ledger.find(after=max(0, newest - 10 * LATELY)))
    yield from islice((told for event in reversed(recent) if (told := _told(event))), LATELY)


_SAYS = {
    "dataset": "made",
    "model": "made",
    "release": "made",
    "endpoint": "moved",
    "run": "started",
    "account": "changed",
}


def _told(event: Event) -> Happened | None:
    if event.kind not in VERSIONED:
        return None
    key = event.key.removeprefix("ended:")
    says = "finished" if key != event.key else _SAYS[event.kind]
    return Happened(by=event.by, says=says, ref=f"{event.kind}:{key}", at=event.at)


def _health(endpoint: Endpoint) -> Health:
    told = ", ".join(f"{ref.partition(':')[2]} {percent(part)}" for ref, part in endpoint.shares.items())
    word = "canary" if len(endpoint.shares) > 1 else "one release"
    return Health(name=endpoint.name, word=word, tone="live", text=told)
