"""Log in through a provider: away to it, and back. What the browser asked lies in a cookie, nothing lies here.

The way back is the one page that a GET lets somebody in by: the provider sends browsers there. What it does needs the
cookie of this very browser, the provider's signature, and is done once.
"""

import logging
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from arkwright.api.people import linking, outside
from arkwright.api.people.entering import Known
from arkwright.core.errors import ArkwrightError, Unknown, Unproven
from arkwright.govern.oidc import Asked, Provider, Unreachable
from arkwright.govern.secrets import SESSION
from arkwright.pages import account
from arkwright.pages.enter import address, again, entered, joining, onto, told
from arkwright.web import context, cookies, onward
from arkwright.web.routes import PUBLIC, route

log = logging.getLogger("arkwright.control")
BACK = "/login/oidc/callback"


class Kept(msgspec.Struct, frozen=True):
    """What lies in the cookie."""

    asked: Asked
    invitation: str = ""
    session: str = ""  # the one that wants to link its account; empty: somebody wants to log in
    next: str = onward.HOME  # where somebody who logs in was going


def routes() -> Sequence[Route]:
    return [
        route("/login/oidc", away, PUBLIC),
        route("/join/{invitation}/oidc", away, PUBLIC),
        route(BACK, back, PUBLIC),
    ]


async def away(request: Request) -> Response:
    """A provider that is away keeps nobody from a password."""
    invitation = request.path_params.get("invitation", "")
    try:
        return await leave(request, invitation=invitation)
    except Unreachable as error:
        _log(request, error)
        if invitation:
            return await run_in_threadpool(joining, request, invitation, onto(request), error)
        return await run_in_threadpool(again, request, "login.html", error, login=onward.login(onto(request)))


async def leave(request: Request, *, invitation: str = "", session: str = "") -> Response:
    """To the provider, with what the way back needs."""
    at = context.context(request)
    found = provider(request)
    if request.headers.get("host") != urlsplit(at.address).netloc:  # a cookie of another name would not come back
        return RedirectResponse(at.address + onward.asked(request.scope), 303)
    place, asked = await at.entry.outside(address(request), lambda: found.begin(at.address + BACK))
    answer = RedirectResponse(place, 303)
    kept = msgspec.json.encode(Kept(asked, invitation, session, onto(request))).hex()
    cookies.put(answer, at.address, cookies.OUTSIDE, kept, outside.FRESH)
    return answer


async def back(request: Request) -> Response:
    at, found = context.context(request), provider(request)
    given = dict(request.query_params)

    def work() -> Response:
        kept = _kept(request)
        person = found.finish(kept.asked, given, at.address + BACK)
        outside.spend(at.site, kept.asked)
        if kept.session:
            linking.offer(at.site, _who_asked(request, kept), person)
            return RedirectResponse(account.LINK, 303)
        secret = outside.enter(at.site, person, invitation=kept.invitation, note=told(request))
        return entered(request, secret, to=onward.ours(kept.next))  # nobody signs the cookie

    try:
        answer = await at.entry.outside(address(request), work)
    except ArkwrightError as error:
        answer = await run_in_threadpool(_refused, request, error)
    cookies.drop(answer, at.address, cookies.OUTSIDE)
    return answer


def _refused(request: Request, error: ArkwrightError) -> Response:
    if isinstance(error, Unreachable):
        _log(request, error)
    known = context.known(request)
    if known and known.via == SESSION:
        return account.shown(request, error)
    try:
        kept = _kept(request)
    except Unproven:
        return again(request, "login.html", error, login=onward.login(onward.HOME))
    to = onward.ours(kept.next)
    if kept.invitation and isinstance(error, Unreachable):
        return joining(request, kept.invitation, to, error)
    return again(request, "login.html", error, login=onward.login(to))


def _log(request: Request, error: Unreachable) -> None:
    if context.context(request).entry.first("the provider"):
        log.warning("nobody logs in through the provider: %s", error)


def _who_asked(request: Request, kept: Kept) -> Known:
    """Nothing signs the cookie, but nobody else knows what this session is called: whoever plants one in a browser,
    with an answer that is meant for another, links nothing.
    """
    known = context.known(request)
    if known is None or known.via != SESSION or known.key != kept.session:
        raise Unproven("this session did not ask to link its account; begin once more")
    return known


def _kept(request: Request) -> Kept:
    text = cookies.read(request.headers, context.context(request).address, cookies.OUTSIDE)
    try:
        return msgspec.json.decode(bytes.fromhex(text), type=Kept)
    except (ValueError, msgspec.MsgspecError):
        raise Unproven("this browser did not ask to log in, or too long ago; begin once more") from None


def provider(request: Request) -> Provider:
    """Raises Unknown where there is none."""
    found = context.context(request).site.provider
    if found is None:
        raise Unknown("no provider is set up here; log in with a password")
    return found
