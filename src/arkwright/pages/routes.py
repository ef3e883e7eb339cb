"""The routes of the pages."""

from collections.abc import Sequence
from functools import partial

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from arkwright.api import accounts
from arkwright.core.errors import ArkwrightError, Invalid, Throttled
from arkwright.core.nouns import Actor
from arkwright.govern.secrets import SESSION
from arkwright.pages import (
    account,
    audit,
    data,
    endpoints,
    home,
    inbox,
    ledger,
    people,
    releases,
    requirements,
    runs,
    talk,
)
from arkwright.pages.render import page
from arkwright.web import context
from arkwright.web.guard import COOKIE, SECURE_COOKIE
from arkwright.web.routes import PUBLIC, route

NOBODY = Actor(name="")


def routes() -> Sequence[Route]:
    return [
        *home.routes(),
        *releases.routes(),
        *endpoints.routes(),
        *audit.routes(),
        *talk.routes(),
        *people.routes(),
        *inbox.routes(),
        *account.routes(),
        *runs.routes(),
        *data.routes(),
        *ledger.routes(),
        *requirements.routes(),
        route("/login", login, PUBLIC),
        route("/login", log_in, PUBLIC, ["POST"]),
        route("/logout", log_out, "self", ["POST"]),
        route("/password", password, "self"),
        route("/password", change_password, "self", ["POST"]),
        route("/join/{invitation}", join, PUBLIC),
        route("/join/{invitation}", joined, PUBLIC, ["POST"]),
    ]


def login(request: Request) -> Response:
    return page(request, "login.html")


async def log_in(request: Request) -> Response:
    at = context.context(request)
    address = request.client.host if request.client else ""
    try:
        name, password = await _fields(request, "name", "password")
        request.scope["arkwright.claimed"] = name.strip().lower()
        log_in = partial(accounts.log_in, at.site, NOBODY, at.project, name=name, password=password)
        secret = await at.entry.trying(name, address, log_in)
    except ArkwrightError as error:
        return _again(request, "login.html", error)
    return _entered(request, secret)


def log_out(request: Request) -> Response:
    known = context.known(request)
    if known:
        accounts.log_out(context.context(request).site, known)
    gone = RedirectResponse("/login", 303)
    gone.delete_cookie(COOKIE)
    gone.delete_cookie(SECURE_COOKIE, secure=True, httponly=True)
    return gone


def join(request: Request) -> Response:
    """Whose account it is, for who wants to keep the password; or that the invitation is of no use any more."""
    at = context.context(request)
    name = accounts.invited(at.site, request.path_params["invitation"])
    return page(request, "join.html", name=name)


async def joined(request: Request) -> Response:
    at = context.context(request)
    try:
        (password,) = await _fields(request, "password")
        words = {"invitation": request.path_params["invitation"], "password": password}
        secret = await at.entry.hashing(accounts.join, at.site, NOBODY, at.project, **words)
    except ArkwrightError as error:
        return _again(request, "join.html", error, name=None)
    return _entered(request, secret)


def password(request: Request) -> Response:
    return page(request, "password.html")


async def change_password(request: Request) -> Response:
    at, by = context.context(request), context.actor(request)
    address = request.client.host if request.client else ""
    try:
        old, new = await _fields(request, "old", "new")
        change = partial(accounts.change_password, at.site, by, at.project, old=old, new=new)
        secret = await at.entry.trying(by.name, address, change)
    except ArkwrightError as error:
        return _again(request, "password.html", error)
    return _entered(request, secret)


async def _fields(request: Request, *names: str) -> list[str]:
    """These fields of the form. Raises Invalid."""
    form = await request.form()
    given = [form.get(name) for name in names]
    if not all(isinstance(one, str) for one in given):
        raise Invalid(f"the form has to say: {', '.join(names)}")
    return [str(one) for one in given]


def _again(request: Request, template: str, error: ArkwrightError, **said: str | None) -> Response:
    answer = page(request, template, problem=str(error), status=error.status, **said)
    if isinstance(error, Throttled):
        answer.headers["Retry-After"] = str(error.after)
    return answer


def _entered(request: Request, secret: str) -> Response:
    """Always under a new secret: what the browser brought along is never taken up, and its session ends."""
    before, at = context.known(request), context.context(request)
    if before and before.via == SESSION:
        accounts.log_out(at.site, before)
    entered = RedirectResponse("/", 303)
    secure = at.address.startswith("https:")
    name = SECURE_COOKIE if secure else COOKIE
    entered.set_cookie(name, secret, max_age=int(accounts.LOGGED_IN), httponly=True, samesite="lax", secure=secure)
    return entered
