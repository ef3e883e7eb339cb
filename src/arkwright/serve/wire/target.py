"""Heads of requests that mean the same as a plainer one: absolute targets, offers to speak another protocol."""

import re
from collections.abc import Mapping
from typing import Any

_LOOPBACK = (b"localhost", b"127.0.0.1", b"[::1]")
_OFFER = (b"upgrade", b"http2-settings")
_ABSOLUTE = re.compile(rb"http://(?P<authority>[^/?#@]+)(?P<rest>[/?].*)?", re.IGNORECASE)


def origin_form(target: bytes, host: bytes | None, method: bytes) -> tuple[bytes, bytes] | None:
    """The path with its query, and the host; None for a target that this server cannot be meant by.

    RFC 9112 §3.2.2: a server accepts the absolute form, and the target's host counts. A Host header that says another
    one is refused (None), since two readers of such a request may take it for two different servers.
    """
    found = _ABSOLUTE.fullmatch(target)
    if found is None or (host is not None and host.lower() != found["authority"].lower()):
        return None
    rest = found["rest"] or (b"*" if method == b"OPTIONS" else b"/")
    return (rest if rest[:1] in b"/*" else b"/" + rest), found["authority"]


def head_without_offer(parser: Any, url: bytes, headers: Mapping[bytes, bytes]) -> bytes:
    """The head that was parsed, without its offer to speak another protocol, which a server may ignore (RFC 9110 §7.8).

    Java's client offers HTTP/2 with its first request, and its body follows as if there were no offer; the parser would
    take that body for the other protocol.
    """
    tokens = [token.strip() for token in headers.get(b"connection", b"").split(b",")]
    kept = {name: value for name, value in headers.items() if name not in _OFFER}
    kept[b"connection"] = b", ".join(token for token in tokens if token.lower() not in _OFFER)
    first = b"%b %b HTTP/%b\r\n" % (parser.get_method(), url, parser.get_http_version().encode())
    return first + b"".join(b"%b: %b\r\n" % line for line in kept.items()) + b"\r\n"


def is_loopback(host: bytes) -> bool:
    name, _, port = host.lower().rpartition(b":")
    return host.lower() in _LOOPBACK or (name in _LOOPBACK and port.isdigit())


def is_foreign(origin: bytes | None, host: bytes | None, method: bytes) -> bool:
    """Whether a browser sends what may change something for a page that did not come from this host. Others say no
    origin; a proxy may speak another scheme.
    """
    if origin is None or method in (b"GET", b"HEAD", b"OPTIONS"):
        return False
    return origin.partition(b"://")[2].lower() != (host or b"").lower()
