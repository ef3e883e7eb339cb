"""People: who is here, who helps, what one of them did; and, for owners, who may do what."""

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api import catalog
from arkwright.api.people import accounts, linking, signing
from arkwright.api.talking import talk
from arkwright.core import telling
from arkwright.core.errors import ArkwrightError, Unknown, did_you_mean
from arkwright.core.nouns import Account
from arkwright.govern.roles import ROLES
from arkwright.pages import asked as listing
from arkwright.pages import forms
from arkwright.pages.render import page
from arkwright.pages.words import person_at
from arkwright.web import context
from arkwright.web.routes import route

PLACE = "/people"
SHOWN, LISTED = 40, 100  # events of one person; people on a page
ASKED = ("name", "role", "email", "also")  # of an invitation


def routes() -> list[Route]:
    return [
        route(PLACE, all_of, "look"),
        route(PLACE, invite, "own", ["POST"]),
        route(PLACE + "/{name}", one, "look"),
        route(PLACE + "/{name}", change, "own", ["POST"]),
        route(PLACE + "/{name}/unlink", unlink, "own", ["POST"]),
    ]


def all_of(request: Request) -> Response:
    return _all(request, None, dict.fromkeys(ASKED, ""), ())


def _all(request: Request, refused: ArkwrightError | None, asked: Mapping[str, str], signs: Sequence[str]) -> Response:
    """`asked`, `signs`: what was typed into the form of an invitation that was refused."""
    at, by = context.context(request), context.actor(request)
    helpers = {one.name: one for one in talk.people(at.site, by, at.project)}
    names = at.site.catalog.names(Account)
    known = set(names)
    everybody = sorted({*names, *helpers}, key=lambda name: (-getattr(helpers.get(name), "points", 0), name))
    begin = listing.whole(request.query_params.get("after") or "0", "after")
    shown = everybody[max(0, begin) :][:LISTED]
    more = str(begin + LISTED) if len(everybody) > begin + LISTED else None
    return page(
        request,
        "people.html",
        status=refused.status if refused else 200,
        problem=str(refused) if refused else None,
        section=PLACE,
        people=[
            (name, accounts.standing(at.site, accounts.account(at.site, name)) if name in known else None)
            for name in shown
        ],
        accounts=len(names),
        helpers=helpers,
        pages=listing.pages(request, more, f"{LISTED} a page, who helps most first"),
        roles=_given_roles(),
        signing=signing.offered(at.site, at.project),
        asked=asked,
        signs=signs,
    )


def one(request: Request) -> Response:
    return _one(request, None)


def _one(request: Request, refused: ArkwrightError | None) -> Response:
    at, by, name = context.context(request), context.actor(request), request.path_params["name"]
    known = at.site.catalog.names(Account)
    events = catalog.ledger(at.site, by, at.project, kinds=(), who=name, last=5 * SHOWN)
    if name not in known and not events:
        raise Unknown(f"nobody is called {name[:80]!r} here{did_you_mean(name, known)}")
    helper = next((one for one in talk.people(at.site, by, at.project) if one.name == name), None)
    return page(
        request,
        "person.html",
        status=refused.status if refused else 200,
        problem=str(refused) if refused else None,
        section=PLACE,
        name=name,
        standing=accounts.standing(at.site, accounts.account(at.site, name)) if name in known else None,
        helper=helper,
        did=[(event.at, told) for event in reversed(events) if not (told := telling.tell(event)).aside][:SHOWN],
        roles=list(ROLES),
        signing=signing.offered(at.site, at.project),
    )


def _given_roles() -> list[str]:
    return [role for role in ROLES if role != "none"]


async def invite(request: Request) -> Response:
    """An account that nobody entered yet. Its link is shown once, on the answer itself, and stands nowhere else."""
    at, by = context.context(request), context.actor(request)
    said = await forms.fields(request, *ASKED)
    signs = await forms.several(request, "signs")

    def work() -> Response:
        made = accounts.invite(
            at.site,
            by,
            at.project,
            name=said["name"],
            role=said["role"],
            signs=(*signs, *forms.listed(said["also"])),
            email=said["email"],
        )
        link = f"{at.address}/join/{made.secret}"
        return page(request, "invited.html", section=PLACE, made=made, link=link)

    return await forms.shown(work, lambda error: _all(request, error, said, signs))


async def change(request: Request) -> Response:
    """Another role, other signing roles, another address; with a reason."""
    at, by, name = context.context(request), context.actor(request), request.path_params["name"]
    said = await forms.fields(request, "role", "email", "also", "reason")
    signs = await forms.several(request, "signs")

    def work() -> str:
        all_signs = (*signs, *forms.listed(said["also"]))
        words = {"role": said["role"], "email": said["email"], "reason": said["reason"]}
        made = accounts.role(at.site, by, at.project, name=name, signs=all_signs, **words)
        signing_as = f", signs as {', '.join(made.signs)}" if made.signs else ""
        return f"{made.name} is shut out" if made.role == "none" else f"{made.name} is {made.role} now{signing_as}"

    return await forms.decided(request, person_at(name), work, _one)


async def unlink(request: Request) -> Response:
    """Nobody enters as them through the provider any more; with a reason."""
    at, by, name = context.context(request), context.actor(request), request.path_params["name"]
    reason = (await forms.fields(request, "reason"))["reason"]

    def work() -> str:
        linking.unlink(at.site, by, at.project, name=name, reason=reason)
        return f"{name} is unlinked from the provider"

    return await forms.decided(request, person_at(name), work, _one)
