"""My own account: what I may do, and the tokens with which programs act for me."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api import accounts
from arkwright.core.errors import ArkwrightError
from arkwright.govern.roles import RIGHTS, ROLES, lesser
from arkwright.govern.secrets import TOKEN
from arkwright.pages import forms
from arkwright.pages.render import page
from arkwright.web import context
from arkwright.web.routes import route

PLACE = "/account"
SPANS = {"1d": "a day", "7d": "a week", "30d": "30 days", "90d": "90 days", "365d": "a year"}


def routes() -> list[Route]:
    return [
        route(PLACE, account, "self"),
        route(PLACE + "/tokens", make, "self", ["POST"]),
        route(PLACE + "/tokens/revoke", revoke, "self", ["POST"]),
    ]


def account(request: Request) -> Response:
    return _account(request, None)


def _account(request: Request, refused: ArkwrightError | None) -> Response:
    at, by = context.context(request), context.actor(request)
    own = accounts.account(at.site, by.name)
    return page(
        request,
        "account.html",
        status=refused.status if refused else 200,
        problem=str(refused) if refused else None,
        section=PLACE,
        own=own,
        rights=[text for right, text in RIGHTS.items() if right in by.rights],
        roles=[role for role in ROLES if role != "none" and lesser(role, own.role) == role],
        tokens=[one for one in accounts.passes(at.site, by) if one.kind == TOKEN],
        spans=SPANS,
    )


async def make(request: Request) -> Response:
    """A token. It is shown once, on the answer itself, and stands nowhere else."""
    at, by = context.context(request), context.actor(request)
    said = await forms.fields(request, "role", "expires", "note")
    signs = await forms.several(request, "signs")

    def work() -> Response:
        words = {"role": said["role"], "expires": said["expires"], "note": said["note"]}
        made = accounts.token(at.site, by, at.project, signs=signs, **words)
        return page(request, "token.html", section=PLACE, made=made, note=said["note"])

    return await forms.shown(work, lambda error: _account(request, error))


async def revoke(request: Request) -> Response:
    at, by = context.context(request), context.actor(request)
    said = await forms.fields(request, "id")

    def work() -> str:
        accounts.revoke(at.site, by, at.project, id=said["id"])
        return f"token {said['id']} was revoked"

    return await forms.decided(request, PLACE, work, _account)
