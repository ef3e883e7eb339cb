"""Text that is kept or shown to others, without secrets that a program let slip into it or where the records are."""

import hashlib
import logging
import os
import re
import secrets as random
from collections.abc import Mapping
from dataclasses import dataclass

_PASSWORD = re.compile(r"(?P<before>\b[a-zA-Z][\w+.-]*://[^\s/@:]*:)[^\s/@]+(?=@)")
_SECRET = re.compile(r"PASS(WORD|WD|PHRASE)?|SECRET|TOKEN|KEY|CREDENTIAL", re.IGNORECASE)
_AWAY = re.compile(
    r"(the (?:ledger|vault)) in postgresql://\S+ (cannot be reached|lost its connection)"
    r"( while this was written; whether it was is not known)?.*",
    re.DOTALL,
)
_DATABASE = re.compile(r"(the (?:ledger|vault)) in postgresql://\S+?(?=:?\s|$)")
_SHORTEST = 8  # characters: what is shorter stands in too many texts by accident
HIDDEN = "•••"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """By what another process knows secrets that it must not be told: their lengths and keyed digests."""

    key: str
    digests: tuple[tuple[int, str], ...]


def marks() -> Marks:
    """Of what this process's environment says is secret."""
    key = random.token_hex(16)
    return Marks(key=key, digests=tuple((len(secret), _mark(key, secret)) for secret in _secrets(os.environ)))


def masked(text: str, environment: Mapping[str, str] | None = None, others: Marks | None = None) -> str:
    """The text without passwords in addresses, and without what stands in variables whose names say that it is secret.

    `environment`: by default this process's; `others`: the secrets of the process that wrote the text.
    """
    found = _secrets(os.environ if environment is None else environment)
    for secret in found:
        text = text.replace(secret, HIDDEN)
    unknown = set(others.digests) - {(len(secret), _mark(others.key, secret)) for secret in found} if others else set()
    for length in sorted({length for length, _ in unknown}, reverse=True):
        assert others
        known = {digest for many, digest in unknown if many == length}
        pieces = (text[at : at + length] for at in range(len(text) - length + 1))
        for secret in {piece for piece in pieces if _mark(others.key, piece) in known}:
            text = text.replace(secret, HIDDEN)
    return _PASSWORD.sub(rf"\g<before>{HIDDEN}", text)


def serverless(text: str) -> str:
    """An error's message without the server of the records, and what that said."""
    return _DATABASE.sub(r"\1", _AWAY.sub(_briefly, text))


def quiet_driver() -> None:
    """For a process that is ours alone: the driver of PostgreSQL warns with where the database is; what matters of it,
    we tell.
    """
    logging.getLogger("psycopg").setLevel(logging.ERROR)


def _briefly(found: re.Match[str]) -> str:
    where, what, unknown = found.groups()
    then = f"{unknown}; look before you try again" if unknown else "; try again in a moment"
    return f"{where} {what}{then}"


def _secrets(environment: Mapping[str, str]) -> list[str]:
    """The longest first: one may stand in another."""
    found = {
        line.strip()
        for name, value in environment.items()
        if _SECRET.search(name)
        for line in value.splitlines()
        if len(line.strip()) >= _SHORTEST
    }
    return sorted(found, key=lambda secret: (-len(secret), secret))


def _mark(key: str, text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=key.encode(), digest_size=16).hexdigest()
