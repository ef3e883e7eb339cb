"""Log in through a provider: away to it, and back. What the browser asked lies in a cookie, nothing lies here.

The way back is the one page that a GET lets somebody in by: the provider sends browsers there. What it does needs the
cookie of this very browser, the provider's signature, and is done once.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from arkwright.api import outside
from arkwright.core.errors import ArkwrightError, Unknown, Unproven
from arkwright.govern.oidc import Asked, Provider
from arkwright.pages.enter import address, again, entered, told
from arkwright.web import context, cookies
from arkwright.web.routes import PUBLIC, route

BACK = "/login/oidc/callback"


class Kept(msgspec.Struct, frozen=True):
    """What lies in the cookie."""

    asked: Asked
    invitation: str = ""


def routes() -> Sequence[Route]:
    return [
        route("/login/oidc", away, PUBLIC),
        route("/join/{invitation}/oidc", away, PUBLIC),
        route(BACK, back, PUBLIC),
    ]


async def away(request: Request) -> Response:
    at = context.context(request)
    provider = _provider(request)
    if request.headers.get("host") != urlsplit(at.address).netloc:  # a cookie of another name would not come back
        return RedirectResponse(f"{at.address}{request.url.path}", 303)
    place, asked = await at.entry.outside(address(request), lambda: provider.begin(at.address + BACK))
    answer = RedirectResponse(place, 303)
    kept = msgspec.json.encode(Kept(asked, request.path_params.get("invitation", ""))).hex()
    cookies.put(answer, at.address, cookies.OUTSIDE, kept, outside.FRESH)
    return answer


async def back(request: Request) -> Response:
    at, provider = context.context(request), _provider(request)
    given = dict(request.query_params)

    def work() -> str:
        kept = _kept(request)
        person = provider.finish(kept.asked, given, at.address + BACK)
        outside.spend(at.site, kept.asked)
        return outside.enter(at.site, person, invitation=kept.invitation, note=told(request))

    try:
        secret = await at.entry.outside(address(request), work)
    except ArkwrightError as error:
        answer = await run_in_threadpool(again, request, "login.html", error)
    else:
        answer = await run_in_threadpool(entered, request, secret)
    cookies.drop(answer, at.address, cookies.OUTSIDE)
    return answer


def _kept(request: Request) -> Kept:
    text = cookies.read(request.headers, context.context(request).address, cookies.OUTSIDE)
    try:
        return msgspec.json.decode(bytes.fromhex(text), type=Kept)
    except (ValueError, msgspec.MsgspecError):
        raise Unproven("this browser did not ask to log in, or too long ago; begin once more") from None


def _provider(request: Request) -> Provider:
    provider = context.context(request).site.provider
    if provider is None:
        raise Unknown("no provider is set up here; log in with a password")
    return provider
