"""At the door: the right host name, no other site's page, a proven caller, and the right to do it."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from arkwright.api import accounts
from arkwright.core.errors import ArkwrightError, Forbidden, Unproven
from arkwright.govern import roles, secrets
from arkwright.web import problems
from arkwright.web.context import Context
from arkwright.web.routes import PUBLIC

COOKIE = "arkwright"
SAFE = ("GET", "HEAD", "OPTIONS")


class Guard:
    """ASGI middleware in front of everything."""

    def __init__(self, app: ASGIApp, *, context: Context, routes: Sequence[BaseRoute]) -> None:
        self.app, self.context, self.routes = app, context, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            await self._let_in(scope)
        except ArkwrightError as error:
            await self._refuse(scope, error)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _let_in(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if _host(headers.get("host", "")) not in self.context.hosts:
            raise Forbidden("this host name is not known here")
        right = self._right(scope)
        via, secret = _credentials(headers)
        if via == secrets.SESSION and scope["method"] not in SAFE:
            _same_origin(headers)
        known = await run_in_threadpool(accounts.prove, self.context.site, via, secret) if secret else None
        scope["arkwright.known"] = known
        if right != PUBLIC:
            if known is None:
                raise Unproven("log in, or send a token: Authorization: Bearer …")
            roles.must(known.account, right)

    def _right(self, scope: Scope) -> str:
        """What the route asks for; a path that is no route is shown to nobody who has not logged in."""
        for route in self.routes:
            if route.matches(scope)[0] == Match.FULL:
                return getattr(route, "right", "own")
        return "look"

    def _refuse(self, scope: Scope, error: ArkwrightError) -> Response:
        headers = Headers(scope=scope)
        page = "text/html" in headers.get("accept", "") and scope["method"] in SAFE
        if isinstance(error, Unproven) and page:
            return RedirectResponse("/login", 303)
        return problems.of(error)


def _host(text: str) -> str:
    return (urlsplit(f"//{text}").hostname or "").casefold()


def _credentials(headers: Headers) -> tuple[str, str]:
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.casefold() == "bearer":
        return secrets.TOKEN, value.strip()
    cookies: dict[str, Any] = cookie_parser(headers.get("cookie", ""))
    return secrets.SESSION, cookies.get(COOKIE, "")


def _same_origin(headers: Headers) -> None:
    """A browser says where a request comes from; what a cookie would let in must come from our own pages."""
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    same = urlsplit(origin).netloc == headers.get("host") if origin else site == "same-origin"
    if not same or site not in (None, "same-origin"):
        raise Forbidden("this came from another site's page; open the control room itself and try again")
