"""The absolute form of a request's target, `POST http://host/path`, as some proxies and clients write it."""

import re

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
