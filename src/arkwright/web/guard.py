"""At the door: the right host name, no other site's page, a proven caller, and the right to do it."""

import os
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from arkwright.api.people import entering
from arkwright.core.errors import ArkwrightError, Forbidden, Invalid, Unproven
from arkwright.govern import roles, secrets
from arkwright.web import armour, cookies, onward, problems
from arkwright.web.context import Context
from arkwright.web.proofs import Proofs
from arkwright.web.refusals import SAFE, Refusals, place
from arkwright.web.routes import PUBLIC, Index

ONCE = (b"host", b"authorization", b"origin", b"sec-fetch-site", b"cookie", b"content-length", b"content-type")
LONGEST_URL = 8 << 10  # bytes
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::[0-9]{1,5})?", re.IGNORECASE)


AGAIN = 1.0  # seconds after which whoever still reads an answer has to be somebody yet


class Ended(Exception):
    """The session or the token ended while its answer was still being sent."""


class Guard:
    """ASGI middleware in front of everything. `refused`: how an error is told to a program that asks at this path;
    `shown`: how it is shown in a browser; `ended`: how a page that is open yet is told that its session ended.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        context: Context,
        routes: Sequence[BaseRoute],
        refused: Callable[[str, ArkwrightError], Response],
        shown: Callable[[Request, ArkwrightError], Response],
        ended: Callable[[Request], Awaitable[Response]],
    ) -> None:
        self.app, self.context = app, context
        self.refused, self.shown, self.ended = refused, shown, ended
        self._refusals = Refusals(context.site, context.entry)
        self._proofs = Proofs(context.site)
        self._index = Index(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        scope["arkwright.request"] = os.urandom(8).hex()
        secure = self.context.address.startswith("https:")
        send = self._refusals.noting(scope, armour.headed(scope, send, secure=secure, behind=self._behind))
        try:
            await self._let_in(scope)
            await self.app(scope, armour.bounded(scope, receive), self._lasting(scope, send))
        except Ended:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except ArkwrightError as error:
            answer = await self._refuse(scope, receive, error)
            await answer(scope, receive, armour.lingering(scope, receive, send))
        except Exception as error:
            if scope.get("arkwright.begun"):
                raise
            answer = await self._failed(Request(scope), error)
            await answer(scope, receive, send)

    async def _failed(self, request: Request, error: Exception) -> Response:
        text = problems.logged(request, error)
        if _by_page(request.headers):
            with suppress(Exception):  # what shows pages may be what failed
                return await run_in_threadpool(self.shown, request, ArkwrightError(text))
        return problems.problem(500, "Unexpected", text)

    def _behind(self) -> int | None:
        return self.context.site.catalog.behind

    async def _let_in(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        names = [name for name, _ in scope["headers"]]
        if any(names.count(name) > 1 for name in ONCE):
            raise Invalid("a header that must stand once stands here twice")
        if len(scope.get("raw_path") or b"") + len(scope.get("query_string", b"")) > LONGEST_URL:
            raise Invalid(f"an address has at most {LONGEST_URL} bytes")
        scope["arkwright.near"] = near = self._index.near(scope)
        scope["arkwright.place"] = _, right = place(near, scope)
        if _host(headers.get("host", "")) not in self.context.hosts:
            raise Forbidden(
                f"this host name is not known here; open {self.context.address}/ instead, or have the control room "
                "started with --public-url and this name"
            )
        scope["arkwright.shown"] = via, secret = _credentials(headers, self.context.address)
        if via == secrets.SESSION and not secret and right != PUBLIC:
            raise Unproven("log in, or send a token: Authorization: Bearer …")
        if via == secrets.SESSION and scope["method"] not in SAFE:
            _same_origin(headers, self.context)
        nobodys = right == PUBLIC and scope["path"].startswith("/static/")  # what pages are made of
        known = None if nobodys else await self._known(via, secret, right)
        scope["arkwright.known"] = known
        if right != PUBLIC:
            if known is None:
                raise Unproven("log in, or send a token: Authorization: Bearer …")
            roles.must(known.actor, right)

    async def _known(self, via: str, secret: str, right: str) -> entering.Known | None:
        """What is open to all stays so for a browser whose session has ended: it must be able to log in again."""
        if not secret and via == secrets.SESSION:
            return None
        try:
            return await self._proofs.prove(via, secret)
        except Unproven:
            if right == PUBLIC and via == secrets.SESSION:
                return None
            raise

    def _lasting(self, scope: Scope, send: Send) -> Send:
        """Sends on for as long as the caller may have it: a stream without an end ends with its session."""
        until = time.monotonic() + AGAIN

        async def sending(message: Message) -> None:
            nonlocal until
            if message.get("more_body") and scope["arkwright.known"] and time.monotonic() > until:
                try:
                    await run_in_threadpool(entering.prove, self.context.site, *scope["arkwright.shown"])
                except Unproven:
                    raise Ended from None
                until = time.monotonic() + AGAIN
            await send(message)

        return sending

    async def _refuse(self, scope: Scope, receive: Receive, error: ArkwrightError) -> Response:
        scope["arkwright.refused"] = error
        headers = Headers(scope=scope)
        if not _by_page(headers):
            return self.refused(scope["path"], error)
        if isinstance(error, Unproven) and scope["method"] in SAFE and "hx-request" not in headers:
            return RedirectResponse(onward.login(onward.asked(scope)), 303)
        request = Request(scope, armour.bounded(scope, receive))
        try:
            if isinstance(error, Unproven) and _ours(scope, headers, self.context):
                return await self.ended(request)
            return await run_in_threadpool(self.shown, request, error)
        except ArkwrightError:
            return self.refused(scope["path"], error)


def _by_page(headers: Headers) -> bool:
    """Whether a browser will show the answer to somebody, alone or (htmx) in a page."""
    mode = headers.get("sec-fetch-mode", "navigate")
    shown = mode == "navigate" or "hx-request" in headers
    return shown and "text/html" in headers.get("accept", "") and "authorization" not in headers


def _host(text: str) -> str:
    found = _HOST.fullmatch(text)
    return found[1].strip("[]").casefold() if found else ""


def _credentials(headers: Headers, address: str) -> tuple[str, str]:
    given = headers.get("authorization")
    if given is not None:
        scheme, _, value = given.partition(" ")
        return secrets.TOKEN, value.strip() if scheme.casefold() == "bearer" else ""
    return secrets.SESSION, cookies.read(headers, address, cookies.SESSION)


def _ours(scope: Scope, headers: Headers, context: Context) -> bool:
    """No other site has us show what it says that somebody typed."""
    try:
        if scope["method"] not in SAFE:
            _same_origin(headers, context)
    except Forbidden:
        return False
    return True


def _same_origin(headers: Headers, context: Context) -> None:
    """A browser says where a request comes from; what a cookie would let in must come from our own pages."""
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    scheme = context.address.partition(":")[0]
    same = origin == f"{scheme}://{headers.get('host')}" if origin else site == "same-origin"
    if not same or site not in (None, "same-origin"):
        raise Forbidden("this came from another site's page; open the control room itself and try again")
