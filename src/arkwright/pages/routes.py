"""The routes of the pages."""

from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from arkwright.api import accounts, look
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Actor
from arkwright.pages.render import page
from arkwright.web import context
from arkwright.web.guard import COOKIE
from arkwright.web.routes import PUBLIC, route

NOBODY = Actor(name="")


def routes() -> Sequence[Route]:
    return [
        route("/", home, "look"),
        route("/login", login, PUBLIC),
        route("/login", log_in, PUBLIC, ["POST"]),
        route("/logout", log_out, "look", ["POST"]),
        route("/join/{invitation}", join, PUBLIC),
        route("/join/{invitation}", joined, PUBLIC, ["POST"]),
    ]


def home(request: Request) -> Response:
    at = context.context(request)
    return page(request, "home.html", glance=look.show(at.site, context.actor(request), at.project))


def login(request: Request) -> Response:
    return page(request, "login.html")


async def log_in(request: Request) -> Response:
    at, form = context.context(request), await request.form()
    try:
        secret = await run_in_threadpool(
            accounts.log_in, at.site, NOBODY, at.project, name=str(form["name"]), password=str(form["password"])
        )
    except ArkwrightError as error:
        return page(request, "login.html", problem=str(error), status=error.status)
    return _entered(request, secret)


def log_out(request: Request) -> Response:
    known = context.known(request)
    if known:
        accounts.log_out(context.context(request).site, known)
    gone = RedirectResponse("/login", 303)
    gone.delete_cookie(COOKIE)
    return gone


def join(request: Request) -> Response:
    return page(request, "join.html")


async def joined(request: Request) -> Response:
    at, form = context.context(request), await request.form()
    words = {"invitation": request.path_params["invitation"], "password": str(form["password"])}
    try:
        secret = await run_in_threadpool(accounts.join, at.site, NOBODY, at.project, **words)
    except ArkwrightError as error:
        return page(request, "join.html", problem=str(error), status=error.status)
    return _entered(request, secret)


def _entered(request: Request, secret: str) -> Response:
    entered = RedirectResponse("/", 303)
    secure = request.url.scheme == "https"
    entered.set_cookie(COOKIE, secret, max_age=int(accounts.LOGGED_IN), httponly=True, samesite="lax", secure=secure)
    return entered
