"""Log in, join, log out, another password."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from arkwright.api.people import entering, first_owner, sessions
from arkwright.core.errors import ArkwrightError, Throttled, Unproven
from arkwright.core.nouns import Actor
from arkwright.govern.secrets import SESSION
from arkwright.pages import errors
from arkwright.pages.forms import fields, raw
from arkwright.pages.render import page
from arkwright.sites import Site
from arkwright.web import context, cookies, onward
from arkwright.web.routes import PUBLIC, route

NOBODY = Actor(name="")


def routes() -> Sequence[Route]:
    return [
        route("/login", login, PUBLIC),
        route("/login", log_in, PUBLIC, ["POST"]),
        route("/logout", log_out, "self", ["POST"]),
        route("/password", password, "self"),
        route("/password", change_password, "self", ["POST"]),
        route("/join/{invitation}", join, PUBLIC),
        route("/join/{invitation}", joined, PUBLIC, ["POST"]),
    ]


def login(request: Request) -> Response:
    return page(request, "login.html", login=onward.login(onto(request)))


async def log_in(request: Request) -> Response:
    at = context.context(request)
    try:
        name, password = await raw(request, "name", "password")
        request.scope["arkwright.claimed"] = name.strip().lower()
        mark = cookies.read(request.headers, at.address, cookies.DEVICE)
        device = await run_in_threadpool(sessions.remembered, at.site, mark, name)
        words = {"name": name, "password": password, "note": told(request)}
        work = partial(entering.log_in, at.site, NOBODY, at.project, **words)
        secret = await at.entry.trying(name, address(request), work, device=device)
    except ArkwrightError as error:
        name = request.scope.get("arkwright.claimed", "")
        return again(request, "login.html", error, login=onward.login(onto(request)), name=name)
    return await run_in_threadpool(entered, request, secret, known=bool(device), to=onto(request))


def log_out(request: Request) -> Response:
    known, at = context.known(request), context.context(request)
    if known:
        entering.log_out(at.site, known)
    gone = RedirectResponse("/login", 303)
    cookies.drop(gone, at.address, cookies.SESSION)
    return gone


def join(request: Request) -> Response:
    return joining(request, request.path_params["invitation"], onto(request))


def joining(request: Request, invitation: str, to: str, error: ArkwrightError | None = None) -> Response:
    """Whose account it is, for who wants to keep the password; or that the invitation is of no use any more. `to`: a
    path of this room; `error`: why the other way in is closed.
    """
    site = context.context(request).site
    try:
        name, chooses = first_owner.opened(site, invitation)
    except Unproven as used:
        return errors.shown(request, 410, str(used))  # who has no account yet cannot log in first
    words: dict[str, Any] = {
        "invitation": invitation,
        "to": to,
        "name": name,
        "chooses": chooses,
    }
    return again(request, "join.html", error, **words) if error else page(request, "join.html", **words)


async def joined(request: Request) -> Response:
    at, invitation, name = context.context(request), request.path_params["invitation"], ""
    try:
        (password,) = await raw(request, "password")
        name = (await fields(request, "name"))["name"]
        words = {"invitation": invitation, "password": password, "name": name, "note": told(request)}
        secret = await at.entry.hashing(first_owner.join, at.site, NOBODY, at.project, **words)
    except ArkwrightError as error:
        chooses = await run_in_threadpool(_chooses, at.site, invitation)
        said = {"invitation": invitation, "to": onto(request), "name": name if chooses else None, "chooses": chooses}
        return again(request, "join.html", error, **said)
    return await run_in_threadpool(entered, request, secret, to=onto(request))


def _chooses(site: Site, invitation: str) -> bool:
    try:
        return first_owner.opened(site, invitation)[1]
    except ArkwrightError:
        return False


def password(request: Request) -> Response:
    return page(request, "password.html")


async def change_password(request: Request) -> Response:
    at, known = context.context(request), context.known(request)
    assert known
    try:
        old, new = await raw(request, "old", "new")
        words = {"old": old, "new": new, "note": told(request)}
        work = partial(entering.change_password, at.site, known.actor, at.project, **words)
        secret = await at.entry.trying(known.account.name, address(request), work, device=known.key)
    except ArkwrightError as error:
        return again(request, "password.html", error)
    return await run_in_threadpool(entered, request, secret)


def again(request: Request, template: str, error: ArkwrightError, **said: str | bool | None) -> Response:
    answer = page(request, template, problem=str(error), status=error.status, **said)
    if isinstance(error, Throttled):
        answer.headers["Retry-After"] = str(error.after)
    return answer


def onto(request: Request) -> str:
    """Where whoever logs in was going."""
    return onward.ours(request.query_params.get("next", ""))


def entered(request: Request, secret: str, *, known: bool = False, to: str = onward.HOME) -> Response:
    """Always under a new secret: what the browser brought along is never taken up, and its session ends. `known`: it
    has its mark already; `to`: a path of this room.
    """
    before, at = context.known(request), context.context(request)
    if before and before.via == SESSION:
        entering.log_out(at.site, before)
    answer = RedirectResponse(to, 303)  # without a fragment, so that a browser keeps the one it has (RFC 9110, 10.2.2)
    cookies.put(answer, at.address, cookies.SESSION, secret, entering.LOGGED_IN)
    if not known:
        mark = sessions.remember(at.site, entering.prove(at.site, SESSION, secret))
        cookies.put(answer, at.address, cookies.DEVICE, mark, sessions.REMEMBERED)
    return answer


def address(request: Request) -> str:
    return request.client.host if request.client else ""


def told(request: Request) -> str:
    """From where, for the list of one's own sessions."""
    return f"{address(request)}, {request.headers.get('user-agent', 'a program')}"
