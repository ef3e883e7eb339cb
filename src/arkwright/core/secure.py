"""Addresses that nobody on the way reads or answers for."""

from typing import Any
from urllib.parse import urlsplit

HERE = ("127.0.0.1", "::1", "localhost")


def is_secure(place: Any) -> bool:
    """Whether it is an https address, or an http one of this machine: nobody's name or password in it, no fragment, and
    nothing that is not seen.
    """
    if not isinstance(place, str) or not place.isprintable() or " " in place or "#" in place:
        return False
    try:
        parts = urlsplit(place)
        _ = parts.port  # it is a number
    except ValueError:
        return False
    kept = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in HERE)
    return kept and bool(parts.hostname) and "@" not in parts.netloc
