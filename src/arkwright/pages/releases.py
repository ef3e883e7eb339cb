"""Models and releases: the gate as sentences, who signed, why it may not be deployed, and what one can do about it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api import decide, look, rollout
from arkwright.api.lineage import lineage
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Endpoint
from arkwright.core.rules import may_sign
from arkwright.pages import forms, talk
from arkwright.pages.render import page
from arkwright.pages.words import address
from arkwright.web import context
from arkwright.web.routes import route

PLACE = "/releases"


def routes() -> list[Route]:
    return [
        route(PLACE, all_of, "look"),
        route(PLACE + "/{name}", one, "look"),
        route(PLACE + "/{name}/sign", sign, "talk", ["POST"]),
        route(PLACE + "/{name}/refuse", refuse, "talk", ["POST"]),
        route(PLACE + "/{name}/promote", promote, "own", ["POST"]),
        route("/models/{name}", model, "look"),
    ]


def all_of(request: Request) -> Response:
    """The latest release of each name, with what its gate says now."""
    at, by = context.context(request), context.actor(request)
    glance = look.show(at.site, by, at.project)
    assert isinstance(glance, look.Glance)
    judged = [(release, decide.judgement(at.site, release)) for release in glance.releases]
    live = {ref for endpoint in glance.endpoints for ref in endpoint.shares}
    return page(request, "releases.html", section=PLACE, judged=judged, models=glance.models, live=live)


def one(request: Request) -> Response:
    return _one(request, None)


def _one(request: Request, refused: ArkwrightError | None) -> Response:
    """The release's page; with what was refused just now on top of it."""
    at, by = context.context(request), context.actor(request)
    reference = f"release:{request.path_params['name']}"
    release, now = decide.why(at.site, by, at.project, release=reference)
    shown = look.show(at.site, by, at.project, reference=release.model)
    assert isinstance(shown, look.Shown)
    card = look.file(at.site, by, at.project, reference=release.ref, name="README.md").read_text(encoding="utf-8")
    roles = [r for r in now.unsigned if r in by.signs and not may_sign(release, by.name, r, now.signatures)]
    return page(
        request,
        "release.html",
        status=refused.status if refused else 200,
        problem=str(refused) if refused else None,
        section=PLACE,
        release=release,
        now=now,
        measured=shown.measured,
        card=card,
        roles=roles,
        refusable=[role for role in release.gate.signed_by if role in by.signs],
        live=[e for e in _endpoints(request) if release.ref in e.shares or release.ref in e.shadows],
        lineage=lineage(at.site, by, at.project, reference=release.ref),
        talk=talk.panel(request, release.ref, release.model),
    )


def model(request: Request) -> Response:
    """A model: what was measured of it and of the candidates it was chosen from."""
    at, by = context.context(request), context.actor(request)
    reference = f"model:{request.path_params['name']}"
    shown = look.show(at.site, by, at.project, reference=reference)
    assert isinstance(shown, look.Shown)
    made = lineage(at.site, by, at.project, reference=shown.noun.ref)
    return page(
        request,
        "model.html",
        section=PLACE,
        model=shown.noun,
        shown=shown,
        lineage=made,
        talk=talk.panel(request, shown.noun.ref),
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
    at, by, reference = context.context(request), context.actor(request), f"release:{request.path_params['name']}"
    said = await forms.fields(request, "share")

    def work() -> str:
        share = forms.part(said["share"]) if said["share"] else None
        moved = rollout.promote(at.site, by, at.project, release=reference, share=share)
        return f"{moved.ref}: {moved.reason}"

    return await forms.decided(request, address(reference) or PLACE, work, _one)


def _endpoints(request: Request) -> tuple[Endpoint, ...]:
    at = context.context(request)
    glance = look.show(at.site, context.actor(request), at.project)
    assert isinstance(glance, look.Glance)
    return glance.endpoints
