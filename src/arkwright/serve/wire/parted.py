"""A request's head in two: what clients say anew each time, and the rest, which came before."""

import re

_ANEW = re.compile(rb"\r\n(x-request-id|traceparent): ([!-~]{1,128})(?=\r\n)", re.IGNORECASE)
Rest = tuple[bytes, ...]  # the head without these lines, then their names as they were written


def parted(head: bytes) -> tuple[Rest, dict[bytes, bytes]] | None:
    """The rest, and what is said anew by lower-case names; None where nothing is. A rest is a known one only if a head
    of which it was a part has been parsed and said just that.
    """
    found = _ANEW.findall(head)
    if not found or head[0] in b"\r\n":  # then such a line may stand before the request line
        return None
    return (_ANEW.sub(b"", head), *(name for name, _ in found)), {name.lower(): value for name, value in found}
