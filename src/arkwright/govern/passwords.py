"""Passwords: argon2id (RFC 9106), checked in the same time whether the account exists or not.

A check costs a third of a second of processor on purpose: never call it on an event loop.
"""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from arkwright.core.errors import Invalid

SHORTEST, LONGEST = 12, 256  # characters; NIST SP 800-63B asks for length, not for kinds of characters
KIND = "password"


def hashed(password: str, name: str) -> str:
    """What is kept of a password. Raises Invalid for one that is easily guessed."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(f"a password has {SHORTEST} to {LONGEST} characters; a few words that you remember will do")
    if len(set(password)) < 5 or name.casefold() in password.casefold():
        raise Invalid("that password is easily guessed; take a few words that have nothing to do with your name")
    return PasswordHasher().hash(password)


def fits(kept: str | None, password: str) -> bool:
    """Whether it is the password. None, where there is no such account, takes as long and is False."""
    try:
        PasswordHasher().verify(kept or _nobody(), password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


@cache
def _nobody() -> str:
    return PasswordHasher().hash("no account has this one")
