"""Signatures as Standard Webhooks has them (https://www.standardwebhooks.com): HMAC-SHA256 of id, time and body."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

PREFIX = "whsec_"


def new_secret() -> str:
    """32 random bytes, as receivers' libraries take them."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def headers(keys: Iterable[str], name: str, at: int, body: bytes) -> dict[str, str]:
    """`name`: the message's id, the same however often it is sent; `at`: seconds since 1970. With several keys the
    receiver may hold any of them, as while they change.
    """
    signed = [f"v1,{_signature(key, name, at, body)}" for key in keys]
    return {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": " ".join(signed)}


def _signature(key: str, name: str, at: int, body: bytes) -> str:
    secret = base64.b64decode(key.removeprefix(PREFIX))
    found = hmac.new(secret, f"{name}.{at}.".encode() + body, hashlib.sha256).digest()
    return base64.b64encode(found).decode()
