"""Passwords: argon2id (RFC 9106), checked in the same time whether the account exists or not.

A check costs a third of a second of processor on purpose: never call it on an event loop.
"""

import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from arkwright.core.errors import Invalid

SHORTEST, LONGEST = 12, 256  # characters; NIST SP 800-63B asks for length, not for kinds of characters
KIND = "password"
_HASHER = PasswordHasher(parallelism=1)  # of one core at a time: whoever floods the login gets no more


def checked(password: str, name: str) -> None:
    """Raises Invalid for one that is easily guessed."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(f"a password has {SHORTEST} to {LONGEST} characters; a few words that you remember will do")
    if len(set(password)) < 5 or name.casefold() in password.casefold():
        raise Invalid("that password is easily guessed; take a few words that have nothing to do with your name")


def hashed(password: str, name: str) -> str:
    """What is kept of a password. Raises Invalid for one that is easily guessed."""
    checked(password, name)
    try:
        return _HASHER.hash(_spelt(password))
    except UnicodeEncodeError:
        raise Invalid("that password holds half a character") from None


def fits(kept: str | None, password: str) -> bool:
    """Whether it is the password. None, where there is no such account, takes as long and is False."""
    try:
        _HASHER.verify(kept or _nobody(), _spelt(password) if len(password) <= LONGEST else "")
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False
    return kept is not None


@cache
def _nobody() -> str:
    return _HASHER.hash("no account has this one")


def _spelt(password: str) -> str:
    """The same password from every keyboard (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)
