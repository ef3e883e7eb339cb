"""Home: what needs me, how the endpoints are, and what happened lately."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api import catalog
from arkwright.api.talking import inbox as verbs
from arkwright.api.watch import looked
from arkwright.core import telling
from arkwright.core.alarms import Alarm
from arkwright.core.counted import many
from arkwright.core.nouns import Dataset, Endpoint, Finding, Model, Release, Run
from arkwright.core.record import split_reference
from arkwright.core.rules import found
from arkwright.pages import alarming, health
from arkwright.pages.render import page
from arkwright.pages.words import address, first_line
from arkwright.sites import Site
from arkwright.web import context
from arkwright.web.routes import route

LATELY, ENDPOINTS, RAISED = 12, 50, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Something that somebody has to do. `at`: since when it waits."""

    kind: str
    tone: str
    title: str
    place: str
    text: str
    at: str | None = None


def routes() -> list[Route]:
    return [route("/", home, "look")]


def home(request: Request) -> Response:
    at, by = context.context(request), context.actor(request)
    mine = verbs.inbox(at.site, by, at.project, limit=20)
    endpoints = health.look(request, at.site.catalog.newest(Endpoint, limit=ENDPOINTS))
    standing = alarming.standing(request)
    waiting = [*_alarms(at.site, endpoints), *_raised(standing)]
    waiting += [*_signatures(mine), *_reviews(mine), *_asked(mine), *_failed(mine)]
    names, releases = at.site.catalog.names, at.site.catalog.count(Release)
    kinds = tuple(kind for kind in at.site.catalog.kinds() if kind in telling.LATELY)
    events = catalog.ledger(at.site, by, at.project, kinds=kinds, last=2 * LATELY) if kinds else ()
    lately = [(event.at, told) for event in reversed(events) if not (told := telling.tell(event)).aside]
    return page(
        request,
        "home.html",
        section="/",
        facts=[*(many(len(names(kind)), kind.KIND) for kind in (Dataset, Model)), many(releases, Release.KIND)],
        waiting=waiting,
        events=lately[:LATELY],
        endpoints=endpoints,
        alarms=alarming.counted(standing),
    )


def _alarms(site: Site, endpoints: tuple[health.Health, ...]) -> Iterator[Waiting]:
    """Endpoints in trouble, or whose watch is; promises that the newest of a dataset or of a model breaks."""
    for one in endpoints:
        if one.tone == "bad":
            place, title = f"/endpoints/{one.endpoint.name}", f"{one.endpoint.name}: {one.word}"
            yield Waiting(kind="alarm", tone="bad", title=title, place=place, text=one.says)
        yield from _unwatched(site, one.endpoint)
    for ref, group in groupby(site.catalog.broken(Dataset, Model), key=itemgetter(0)):
        yield _broken(ref, [finding for _, finding in group])


def _unwatched(site: Site, endpoint: Endpoint) -> Iterator[Waiting]:
    """Where the last look at what it promises did not find out all."""
    if endpoint.terms and endpoint.terms.promises and looked.failed(site, endpoint.name):
        title, place = f"The watch of {endpoint.name} fails", f"/endpoints/{endpoint.name}/watch"
        text = "Not all that it promises could be measured; its watch and the log of the control room say why."
        yield Waiting(kind="watch", tone="bad", title=title, place=place, text=text)


def _raised(standing: Sequence[Alarm]) -> Iterator[Waiting]:
    """What endpoints and data promise and do not keep just now, the newest first."""
    for alarm in standing[:RAISED]:
        title, text = alarming.says(alarm)
        place = f"/endpoints/{alarm.about}{alarming.PLACE}" if alarm.release else address(alarm.ref) or "/"
        yield Waiting(kind="alarm", tone="bad", title=title, place=place, text=text, at=alarm.until)


def _broken(ref: str, broken: list[Finding]) -> Waiting:
    text = "; ".join(f"{finding.promise}: {found(finding)}" for finding in broken[:3])
    title = f"{ref} breaks {many(len(broken), 'promise')}"
    return Waiting(kind="alarm", tone="bad", title=title, place=address(ref) or "/", text=text)


def _signatures(mine: verbs.Inbox) -> Iterator[Waiting]:
    for one in mine.signatures:
        name, version = split_reference(one.release, Release.KIND)
        yield Waiting(
            kind="signature",
            tone="open",
            title=f"Sign {name}@{version}",
            place=address(one.release) or "/releases",
            text=f"Every promise is kept; it waits for you as {' or '.join(one.roles)}.",
            at=one.since,
        )


def _reviews(mine: verbs.Inbox) -> Iterator[Waiting]:
    """What others propose, and this person may decide on."""
    for one in mine.reviews:
        noun = one.proposal
        yield Waiting(
            kind="proposal",
            tone="open",
            title=f"Review proposal {noun.id} for {noun.section}.{noun.name}",
            place=f"/requirements/{noun.id}",
            text=f"{noun.by} proposes: {one.then or f'no more: {one.now}'}",
            at=one.at,
        )


def _asked(mine: verbs.Inbox) -> Iterator[Waiting]:
    """Open questions on what I watch, and who mentioned me since I looked."""
    for thread in mine.questions:
        title, place = first_line(thread.remarks[0].text), f"/discussion/{thread.id}"
        text = f"{thread.by} asks about {thread.about}"
        yield Waiting(kind="question", tone="live", title=title, place=place, text=text, at=thread.at)
    for notice in mine.notices:
        if notice.unread and notice.why == "mentioned":
            title = f"{notice.by} {notice.says} {telling.named(notice.about)}"
            yield Waiting(kind="mention", tone="live", title=title, place="/inbox", text="", at=notice.at)


def _failed(mine: verbs.Inbox) -> Iterator[Waiting]:
    """What I made that did not pass."""
    for one in mine.failed:
        title, place = f"{one.release} did not pass", address(one.release) or "/releases"
        yield Waiting(kind="gate", tone="open", title=title, place=place, text="; ".join(one.missing)[:300])
    for run in mine.failed_runs:
        place = address(run.ref) or f"{Run.KIND}s"
        yield Waiting(
            kind="run", tone="open", title=f"{run.ref} failed", place=place, text=(run.error or "")[:300], at=run.ended
        )
