"""Secrets that are handed out once: sessions, tokens, invitations, marks of browsers. Only their digests are kept.

What is handed out is `OWNER.ID.SECRET`: the first two find the record, the third proves it.
"""

import hmac
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, replace

from arkwright.core.errors import Full
from arkwright.core.ports import Vault
from arkwright.core.record import decode, digest_bytes, encode

SESSION, TOKEN, INVITE, DEVICE = "session", "token", "invite", "device"
HOUR = 3600.0
IDLE, NOTED = 12 * HOUR, 5 * 60.0  # seconds: a session that nobody uses ends; how exactly its last use is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What a secret stands for. `role` and `signs`: at most these rights of the account's; None: all of them. `way`: of
    an invitation: how somebody began to take it up.
    """

    account: str
    digest: str
    made: float  # seconds since 1970
    expires: float
    role: str | None = None
    signs: tuple[str, ...] | None = None
    note: str = ""
    seen: float = 0.0  # of a session: when it was last used
    way: str = ""


def issue(
    vault: Vault,
    kind: str,
    account: str,
    lasts: float,
    *,
    role: str | None = None,
    signs: tuple[str, ...] | None = None,
    note: str = "",
) -> str:
    """A new secret, valid for `lasts` seconds; it is never to be seen again."""
    name, secret, now = secrets.token_hex(8), secrets.token_urlsafe(32), time.time()
    kept = Pass(
        account=account,
        digest=digest_bytes(secret.encode()),
        made=now,
        expires=now + lasts,
        role=role,
        signs=signs,
        note=note,
    )
    vault.put(kind, f"{account}/{name}", encode(kept), expires=kept.expires)
    return f"{account}.{name}.{secret}"


def redeem(vault: Vault, kind: str, given: str) -> tuple[str, Pass] | None:
    """(the record's key, what the secret stands for), or None when it is wrong, too old, or was idle too long."""
    account, _, rest = given[:400].partition(".")
    name, _, secret = rest.partition(".")
    body = vault.get(kind, f"{account}/{name}") if secret else None
    if body is None:
        return None
    kept, key = decode(Pass, body), f"{account}/{name}"
    if not hmac.compare_digest(kept.digest, digest_bytes(secret.encode(errors="replace"))):
        return None
    if kind == SESSION and not _used(vault, key, body, kept):
        return None
    return key, kept


def _used(vault: Vault, key: str, body: str, kept: Pass) -> bool:
    """Note that it is used now, unless it was idle too long. Swapped, not put: one that ended meanwhile stays ended.

    On a full disk it is not noted, so that people may go on reading: the session ends the sooner.
    """
    ended, now = idle(SESSION, kept), time.time()
    with suppress(Full):
        if ended:
            vault.remove(SESSION, key)
        elif now - max(kept.made, kept.seen) > NOTED:
            vault.swap(SESSION, key, body, encode(replace(kept, seen=now)))
    return not ended


def bind(vault: Vault, kind: str, key: str, way: str) -> str | None:
    """The way in which alone this secret is of use from now on: this one, unless another was first; None: it ended."""
    while (body := vault.get(kind, key)) is not None:
        kept = decode(Pass, body)
        if kept.way:
            return kept.way
        if vault.swap(kind, key, body, encode(replace(kept, way=way))):
            return way
    return None


def idle(kind: str, kept: Pass) -> bool:
    """Whether it is a session that nobody used for too long."""
    return kind == SESSION and time.time() - max(kept.made, kept.seen) > IDLE


def revoke_all(vault: Vault, kind: str, account: str, *, keep: str = "") -> int:
    """End every secret of this kind that the account has, but the one whose key is `keep`; how many."""
    return sum(vault.remove(kind, key) for key, _ in list(vault.find(kind, f"{account}/")) if key != keep)
