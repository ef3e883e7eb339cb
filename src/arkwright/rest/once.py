"""The header Idempotency-Key: what was asked under a key is done once, and whoever asks again hears the same answer.

Kept for a day, for each account, and so that only the key itself opens it: an answer may have a secret in it that is
shown once. Follows draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.requests import Request
from starlette.responses import Response

from arkwright.core.errors import Invalid, Refused
from arkwright.core.ports import Vault
from arkwright.core.record import decode, digest_bytes, encode
from arkwright.web import context

KIND, HEADER = "idempotency", "idempotency-key"
KEPT = 24 * 60 * 60.0  # seconds
_PATIENCE, _LOOK = 30.0, 0.05  # seconds that a second one waits for the first, and between two looks
_PROCESS = secrets.token_hex(8)  # a claim of another process that has no answer may never have one
_KEY = re.compile(r"[!-~]{1,255}")
Run = Callable[[Callable[[], Any]], Awaitable[Any]]


class Kept(msgspec.Struct):
    """What was asked, by the digest of it, who works on it, and the answer as soon as there is one."""

    asked: str
    process: str
    status: int = 0
    headers: dict[str, str] = {}
    body: bytes = b""


async def once(request: Request, body: bytes, act: Callable[[], Response], run: Run) -> Response:
    """Do it, unless it was done under this key. `run` runs what blocks, aside. Raises Invalid, Refused."""
    key = request.headers.get(HEADER)
    if key is None:
        made: Response = await run(act)
        return made
    if not _KEY.fullmatch(key):
        raise Invalid("an Idempotency-Key has 1 to 255 visible ASCII characters")
    vault = context.context(request).site.vault
    name = f"{context.actor(request).name}/{digest_bytes(key.encode())}"
    asked = digest_bytes(b"\0".join((request.method.encode(), request.url.path.encode(), body)))
    claim = Kept(asked=asked, process=_PROCESS)
    if await run(lambda: vault.add(KIND, name, encode(claim), expires=time.time() + KEPT)):
        first: Response = await run(lambda: _done(vault, name, claim, _lock(key), act))
        return first
    return await _again(vault, name, asked, _lock(key), run)


def _lock(key: str) -> AESGCM:
    return AESGCM(hashlib.sha256(b"an answer under a key\0" + key.encode()).digest())


def _done(vault: Vault, name: str, claim: Kept, lock: AESGCM, act: Callable[[], Response]) -> Response:
    """A failure of ours is not kept: it may go well the next time."""
    try:
        made = act()
    except BaseException:
        vault.remove(KIND, name)
        raise
    if made.status_code >= 500:
        vault.remove(KIND, name)
        return made
    headers = {k: v for k, v in made.headers.items() if k != "content-length"}
    kept = Kept(claim.asked, claim.process, made.status_code, headers, _sealed(lock, bytes(made.body)))
    vault.put(KIND, name, encode(kept), expires=time.time() + KEPT)
    return made


def _sealed(lock: AESGCM, body: bytes) -> bytes:
    nonce = secrets.token_bytes(12)
    return nonce + lock.encrypt(nonce, body, None)


async def _again(vault: Vault, name: str, asked: str, lock: AESGCM, run: Run) -> Response:
    until = time.monotonic() + _PATIENCE
    while True:
        found = await run(lambda: vault.get(KIND, name))
        if found is None:
            raise Refused("what was asked under this key failed just now; ask again under another key")
        kept = decode(Kept, found)
        if kept.asked != asked:
            raise Invalid("this Idempotency-Key was used for something else; take another")
        if kept.status:
            body = lock.decrypt(kept.body[:12], kept.body[12:], None)
            return Response(body, kept.status, {**kept.headers, "Idempotent-Replayed": "true"})
        if time.monotonic() > until:
            raise Refused(_unsure(kept))
        await anyio.sleep(_LOOK)


def _unsure(kept: Kept) -> str:
    if kept.process == _PROCESS:
        return "what was asked under this key is still being done; ask again later"
    return (
        "what was asked under this key is being done elsewhere, or was cut off; look whether it was done, "
        "then ask under another key"
    )
