"""Models and releases: the gate as sentences, who signed, why it may not be deployed, and what one can do about it."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api import catalog, decide, every_release, look
from arkwright.api.endpoints import rollout, terms
from arkwright.api.lineage import lineage
from arkwright.api.runs import registered
from arkwright.catalog.pages import Page
from arkwright.core import versions
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Actor, Decision, Endpoint, Finding, Model, Release
from arkwright.core.record import decode
from arkwright.core.rules import Judgement, may_sign
from arkwright.pages import asked, forms, lost, promoting, talk
from arkwright.pages.render import page
from arkwright.pages.words import address
from arkwright.sites import Site
from arkwright.web import context
from arkwright.web.routes import route

PLACE = "/releases"
SHOWN = 50
FEW = 5  # registered models, which have a page of their own
STANDINGS = {  # how a release stands, in words and in a colour
    "answers": ("answers", "live"),
    "passed": ("may be deployed", "good"),
    "waits": ("waits for signatures", "open"),
    "refused": ("refused", "bad"),
}


def routes() -> list[Route]:
    return [
        route(PLACE, all_of, "look"),
        route(PLACE + "/{name}", one, "look"),
        route(PLACE + "/{name}/compare", compare, "look"),
        route(PLACE + "/{name}/sign", sign, "talk", ["POST"]),
        route(PLACE + "/{name}/refuse", refuse, "talk", ["POST"]),
        route(PLACE + "/{name}/promote", promote, "own", ["POST"]),
        route("/models/{name}", model, "look"),
    ]


def all_of(request: Request) -> Response:
    """Every release, with what its gate says now; the latest model of each name."""
    at, by = context.context(request), context.actor(request)
    words, problem = asked.texts(request, "name", "standing", "after"), None
    found: Page[every_release.Listed] = Page(items=())
    try:
        given = {word: text for word, text in words.items() if text}
        found = every_release.listed(at.site, by, at.project, **given, limit=SHOWN)
    except ArkwrightError as error:
        problem = error
    return page(
        request,
        "releases.html",
        status=problem.status if problem else 200,
        problem=str(problem) if problem else None,
        section=PLACE,
        releases=found.items,
        asked=words,
        standings=STANDINGS,
        names=at.site.catalog.names(Release),
        pages=asked.pages(request, found.next, f"{SHOWN} a page, the newest first"),
        models=at.site.catalog.newest(Model),
        registered=registered.registered(at.site, by, at.project, limit=FEW).items,
    )


def one(request: Request) -> Response:
    return _one(request, None)


def _one(request: Request, refused: ArkwrightError | None) -> Response:
    """The release's page; with what was refused just now on top of it."""
    at, by = context.context(request), context.actor(request)
    reference = f"release:{request.path_params['name']}"
    release, now = decide.why(at.site, by, at.project, release=reference)
    model = versions.resolve(at.site.ledger, Model, release.model)
    measured, no_table = lost.part(request, lambda: look.measured(at.site, model))
    card, no_card = lost.part(request, lambda: _card(at.site, release))
    roles = [r for r in now.unsigned if r in by.signs and not may_sign(release, by.name, r, now.signatures)]
    return page(
        request,
        "release.html",
        status=refused.status if refused else 200,
        problem=str(refused) if refused else None,
        section=PLACE,
        release=release,
        now=now,
        measured=measured,
        no_table=no_table,
        card=card,
        no_card=no_card,
        said=_said(request, release, now),
        against=_against(request, release),
        roles=roles,
        refusable=[role for role in release.gate.signed_by if role in by.signs],
        **_moves(request, release),
        live=[e for e in _endpoints(request) if release.ref in e.shares or release.ref in e.shadows],
        versions=_versions(request, release),
        lineage=lineage(at.site, by, at.project, reference=release.ref),
        talk=talk.panel(request, release.ref, release.model),
    )


def model(request: Request) -> Response:
    """A model: what was measured of it and of the candidates it was chosen from."""
    at, by = context.context(request), context.actor(request)
    reference = f"model:{request.path_params['name']}"
    noun = versions.resolve(at.site.ledger, Model, reference)
    measured, no_table = lost.part(request, lambda: look.measured(at.site, noun))
    return page(
        request,
        "model.html",
        section=PLACE,
        model=noun,
        findings=look.findings(at.site, noun),
        measured=measured,
        no_table=no_table,
        lineage=lineage(at.site, by, at.project, reference=noun.ref),
        talk=talk.panel(request, noun.ref),
    )


async def sign(request: Request) -> Response:
    return await _decide(request, yes=True)


async def refuse(request: Request) -> Response:
    return await _decide(request, yes=False)


async def _decide(request: Request, *, yes: bool) -> Response:
    at, by, reference = context.context(request), context.actor(request), f"release:{request.path_params['name']}"
    said = await forms.fields(request, "role", "reason", "digest")
    acting = forms.in_role(by, said["role"])

    def work() -> str:
        forms.same_bytes(at.site, reference, said["digest"])
        verb = decide.sign if yes else decide.refuse
        made = verb(at.site, acting, at.project, release=reference, reason=said["reason"])
        return f"{made.by} {'signed' if yes else 'refused'} {made.release} as {made.role}, digest {made.digest[:12]}"

    return await forms.decided(request, address(reference) or PLACE, work, _one)


async def promote(request: Request) -> Response:
    place = address(f"release:{request.path_params['name']}") or PLACE
    return await promoting.promote(request, place, _one)


def _moves(request: Request, release: Release) -> dict[str, Any]:
    """The endpoint that the release is for, none where it fits none or several, and the version that is moved."""
    at = context.context(request)
    try:
        name = rollout.endpoint_for(terms.current(at.site, at.project), release)
    except ArkwrightError:
        return {"moves": None}
    now = at.site.catalog.latest(Endpoint, name)
    return {"moves": name, "moved_from": now.version if now else 0, "stopped": now if now and now.stopped else None}


def _endpoints(request: Request) -> tuple[Endpoint, ...]:
    return context.context(request).site.catalog.newest(Endpoint, limit=1000)


def _card(site: Site, release: Release) -> str:
    """The card as people read it: what programs read of it stands at its head, between two lines of dashes."""
    path = look.file(site, Actor(name=""), site.folder, reference=release.ref, name="README.md")
    card = path.read_text(encoding="utf-8")
    head, dashes, rest = card.partition("\n---\n")
    return rest if dashes and head.startswith("---\n") else card


def _versions(request: Request, release: Release) -> list[str]:
    """The versions before and after this one, as far as there are any."""
    newest = context.context(request).site.catalog.latest(Release, release.name)
    near = (release.version - 1, release.version + 1)
    return [f"{release.KIND}:{release.name}@{v}" for v in near if newest and 0 < v <= newest.version]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A decision, when it was made, and whether it counts now."""

    decision: Decision
    at: str
    counts: bool


def _said(request: Request, release: Release, now: Judgement) -> list[Said]:
    """Every decision on this release, the newest first; also such as count no more."""
    at, by = context.context(request), context.actor(request)
    events = catalog.ledger(at.site, by, at.project, about=release.ref, last=100)
    made = [(decode(Decision, event.body), event.at) for event in reversed(events) if event.kind == Decision.KIND]
    standing = [*now.signatures, *now.refusals]
    found: list[Said] = []
    for decision, when in made:  # who said the same twice meant it once
        counted = decision in standing and all(decision != one.decision for one in found)
        found.append(Said(decision=decision, at=when, counts=counted))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """What answers in the place of this release, and both beside one another: (promise, what answers, this one) of each
    promise that one of the two gives. What else was ever measured on the same models is no matter of theirs.
    """

    ref: str
    endpoint: str
    rows: list[tuple[str, Finding | None, Finding | None]]


def _against(request: Request, release: Release) -> Against | None:
    """Compared with what is live: the release with the largest share of an endpoint that this one could answer."""
    site = context.context(request).site
    for endpoint in _endpoints(request):
        others = {ref: part for ref, part in endpoint.shares.items() if ref != release.ref}
        if not others or not endpoint.terms or endpoint.terms.model != release.name:
            continue
        ref = max(others, key=others.__getitem__)
        live = versions.resolve(site.ledger, Release, ref)
        old, new = ({f.promise: f for f in look.findings(site, one)} for one in (live, release))
        promised = dict.fromkeys([*release.gate.promises, *live.gate.promises])
        rows = [(promise, old.get(promise), new.get(promise)) for promise in promised]
        return Against(ref=ref, endpoint=endpoint.name, rows=rows)
    return None


def compare(request: Request) -> Response:
    """All that differs between two releases: what was found, the gate, the files, what they were made of."""
    at, by = context.context(request), context.actor(request)
    this = f"release:{request.path_params['name']}"
    given = request.query_params.get("with") or this
    other = given if ":" in given else f"release:{given}"
    found = look.diff(at.site, by, at.project, before=other, after=this)
    return page(request, "releases_compare.html", section=PLACE, this=this, other=other, found=found)
