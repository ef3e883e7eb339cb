"""Link my account with who I am at the provider: away to it, back, and the password; and unlink it.

Nothing is linked on the way back, which is a GET: what came back is shown, and a form with the password links it.
"""

from collections.abc import Callable, Sequence
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api.people import linking
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Account
from arkwright.pages import account, forms
from arkwright.pages.enter import address
from arkwright.pages.outside import leave, provider
from arkwright.pages.render import page
from arkwright.web import context
from arkwright.web.routes import route


def routes() -> Sequence[Route]:
    return [
        route(account.LINK + "/begin", begin, "self"),
        route(account.LINK, confirm, "self"),
        route(account.LINK, link, "self", ["POST"]),
        route(account.UNLINK, unlink, "self", ["POST"]),
    ]


async def begin(request: Request) -> Response:
    at, known = context.context(request), context.known(request)
    assert known
    provider(request)
    try:
        await run_in_threadpool(linking.may_begin, at.site, known.account.name)
    except ArkwrightError as error:
        refusal = error
        return await run_in_threadpool(account.shown, request, refusal)
    return await leave(request, session=known.key)


def confirm(request: Request) -> Response:
    return _confirm(request, None)


def _confirm(request: Request, refused: ArkwrightError | None) -> Response:
    at, known = context.context(request), context.known(request)
    assert known
    person = linking.offered(at.site, known)
    return page(
        request,
        "link.html",
        status=refused.status if refused else 200,
        problem=str(refused) if refused else None,
        section=account.PLACE,
        label=provider(request).label,
        person=person,
    )


async def link(request: Request) -> Response:
    return await _with_password(request, linking.link, "linked: both ways in lead here now", _confirm)


async def unlink(request: Request) -> Response:
    said = "unlinked: only the password leads here now"
    return await _with_password(request, linking.unlink_own, said, account.shown)


async def _with_password(
    request: Request,
    act: Callable[..., Account],
    said: str,
    again: Callable[[Request, ArkwrightError], Response],
) -> Response:
    """Wrong passwords are counted as they are where one is changed."""
    at, known = context.context(request), context.known(request)
    assert known
    (password,) = await forms.raw(request, "password")
    act = partial(act, at.site, known, password=password)
    try:
        await at.entry.trying(known.account.name, address(request), act, device=known.key)
    except ArkwrightError as error:
        refusal = error
        return await run_in_threadpool(again, request, refusal)
    return forms.went(request, account.PLACE, said)
