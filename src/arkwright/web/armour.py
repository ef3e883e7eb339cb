"""Around every request: no more bytes, no more time than it needs; on every answer what browsers are to refuse."""

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from arkwright.core.errors import TooLarge, TooSlow

BODY, LARGE_BODY, FILE = 1 << 20, 64 << 20, 4 << 30  # bytes
LINGER = 2.0  # seconds in which whoever is refused before its whole body came may finish, to read why
IDLE = 15  # seconds without a byte of a body
WHOLE, SLOWEST = 60, 100_000  # seconds for all of it, and those that the most takes at so many bytes a second
FILES = "/api/2.0/mlflow-artifacts/"  # files come as a stream, and go to the disk as they come
LARGE = re.compile(r"/endpoints/[^/]+/(predict|labels)|/v2/models/.*", re.DOTALL)
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # with no-referrer browsers would say Origin: null of our own forms
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
SECURE = (*HEADERS, (b"strict-transport-security", b"max-age=31536000"))


def headed(scope: Scope, send: Send, *, secure: bool, behind: Callable[[], int | None]) -> Send:
    """Sends on; what a handler said itself stays as it is. `behind`: the last event that is shown, on a full disk."""
    given = SECURE if secure else HEADERS

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            scope["arkwright.begun"] = True
            headers = list(message["headers"])
            said = {name for name, _ in headers}
            headers += [header for header in given if header[0] not in said]
            headers.append((b"x-request-id", scope["arkwright.request"].encode()))
            if (seq := behind()) is not None and scope.get("arkwright.known"):
                headers.append((b"arkwright-as-of", str(seq).encode()))
            message["headers"] = headers
        await send(message)

    return sending


def lingering(scope: Scope, receive: Receive, send: Send) -> Send:
    """Sends on; an answer before all of the body came is over when the rest has come, or in a moment. A connection that
    is closed while somebody sends breaks before they have read why, and a proxy says that (RFC 9112, 9.6).
    """
    headers = Headers(scope=scope)
    comes = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    if scope.get("arkwright.whole") or not comes or "expect" in headers:  # who waits to be asked for it is not asked
        return send

    async def sending(message: Message) -> None:
        if message["type"] != "http.response.body" or message.get("more_body"):
            await send(message)
            return
        await send({**message, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER):
                while (await receive()).get("more_body"):
                    pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return sending


def bounded(scope: Scope, receive: Receive) -> Receive:
    """Reads on until it is too much or too slow. Raises TooLarge at once where the length is told, and TooSlow."""
    path = scope["path"]
    limit = FILE if path.startswith(FILES) else LARGE_BODY if LARGE.fullmatch(path) else BODY
    told = Headers(scope=scope).get("content-length", "")
    if told.isdecimal() and int(told[:20]) > limit:
        raise TooLarge(f"at most {limit >> 20} MiB are taken here")
    taken, more, until = 0, True, time.monotonic() + WHOLE + limit / SLOWEST

    async def receiving() -> Message:
        nonlocal taken, more
        if not more:  # only that the caller went away, however long it takes
            return await receive()
        try:
            async with asyncio.timeout(min(IDLE, max(0.0, until - time.monotonic()))):
                message = await receive()
        except TimeoutError:
            raise TooSlow(f"nothing came for {IDLE} s, or not all of it in time; send it again") from None
        taken += len(message.get("body", b""))
        scope["arkwright.whole"] = not (more := message.get("more_body", False))
        if taken > limit:
            raise TooLarge(f"at most {limit >> 20} MiB are taken here")
        return message

    return receiving
