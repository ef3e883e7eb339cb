"""Messages that come compressed. gRPC's core would inflate each of them when it comes, however many there are, so it is
told to leave them as they are, and they are inflated here, within the same room as over REST.

The core does not tell which those are, so their first bytes do: no message begins as gzip does (its first field would
be of a wire type that there is not), and none of the protocol's has the field 15 that zlib's head would be.
"""

from http import HTTPStatus

from arkwright.serve.wire.inflate import inflated
from arkwright.serve.wire.messages import Problem

_GZIP, _ZLIB = b"\x1f\x8b", 0x78


def coding(body: bytes) -> bytes:
    """`gzip`, `deflate`, or nothing for what is a message as it came."""
    if body[:1] not in (b"\x1f", b"x"):  # in a tenth of a microsecond
        return b""
    if body[:2] == _GZIP:
        return b"gzip"
    head = int.from_bytes(body[:2], "big")
    return b"deflate" if head >> 8 == _ZLIB and head % 31 == 0 else b""  # RFC 1950, 2.2


def short(body: bytes, most: int) -> bytes | None:
    """The message, if that takes a moment: neither what came nor what it holds has over `most` bytes. Else None.

    Raises Problem (400).
    """
    if len(body) > most:
        return None
    coded = coding(body)
    if not coded:
        return body
    try:
        return inflated(body, coded, most)
    except Problem as problem:
        if problem.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return None
        raise


def plain(body: bytes, most: int) -> bytes:
    """The message of a call that asks about something. Raises Problem: 400, or 413 beyond so many bytes."""
    message = short(body, most)
    if message is None:
        raise Problem(413, f"a message of this call may have {most} bytes")
    return message
