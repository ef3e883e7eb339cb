"""Secrets that are handed out once: sessions, tokens, invitations. Only their digests are kept.

What is handed out is `OWNER.ID.SECRET`: the first two find the record, the third proves it.
"""

import hmac
import secrets
import time
from dataclasses import dataclass

from arkwright.core.ports import Vault
from arkwright.core.record import decode, digest_bytes, encode

SESSION, TOKEN, INVITE = "session", "token", "invite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What a secret stands for. `role` and `signs`: at most these rights of the account's; None: all of them."""

    account: str
    digest: str
    made: float  # seconds since 1970
    expires: float
    role: str | None = None
    signs: tuple[str, ...] | None = None
    note: str = ""


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
    """(the record's key, what the secret stands for), or None when it is wrong or too old."""
    account, _, rest = given[:400].partition(".")
    name, _, secret = rest.partition(".")
    body = vault.get(kind, f"{account}/{name}") if secret else None
    if body is None:
        return None
    kept = decode(Pass, body)
    return (f"{account}/{name}", kept) if hmac.compare_digest(kept.digest, digest_bytes(secret.encode())) else None


def revoke_all(vault: Vault, kind: str, account: str) -> int:
    """End every secret of this kind that the account has; how many."""
    return sum(vault.remove(kind, key) for key, _ in list(vault.find(kind, f"{account}/")))
