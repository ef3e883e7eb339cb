"""Bodies that come compressed, inflated within a limit; large answers compressed for those who ask for it."""

import zlib
from http import HTTPStatus
from io import BytesIO

from arkwright.serve.wire.messages import Problem, Request, Response

SMALL = 1024  # bytes of an answer that are sent as they are
LARGE = 4 * 2**20  # and what would hold up the others too long: about 10 ms for each MiB
MOST_MEMBERS = 4096  # of a gzip body
_FEED = 2**16
_VARY = b"Vary: Accept-Encoding\r\n"


def soon_decoded(request: Request, most: int) -> bytes | None:
    """The same if it is a matter of a moment: neither the body nor what it holds has over `most` bytes. Else None.

    Raises Problem.
    """
    if len(request.body) > most and request.headers.get(b"content-encoding") != b"identity":
        return None
    try:
        return decoded_body(request, most)
    except Problem as problem:
        if problem.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return None
        raise


def decoded_body(request: Request, limit: int) -> bytes:
    """The body without its Content-Encoding. Raises Problem: 415, 413 beyond `limit` bytes, or 400."""
    encoding = request.headers.get(b"content-encoding", b"identity").lower()
    if encoding == b"identity":
        return request.body
    if encoding not in (b"gzip", b"x-gzip", b"deflate"):
        raise Problem(415, "this Content-Encoding is not read here; send gzip, deflate or none")
    return inflated(request.body, encoding, limit)


def inflated(data: bytes, encoding: bytes, limit: int) -> bytes:
    """What `data` holds, which is gzip or deflate. Raises Problem: 413 beyond `limit` bytes, or 400."""
    several = encoding != b"deflate"  # a file of gzip may be several, one behind the other (RFC 1952, 2.2)
    try:
        body, members = _inflated(data, zlib.MAX_WBITS | (16 if several else 0), limit, several * MOST_MEMBERS)
    except zlib.error:
        raise Problem(400, f"the body is not {encoding.decode()}") from None
    if len(body) > limit:
        raise Problem(413, f"a body may expand to {limit} bytes")
    if members > MOST_MEMBERS:
        raise Problem(400, f"the body has more than {MOST_MEMBERS} gzip members")
    if not members:
        raise Problem(400, f"the body is cut off, or more follows behind its {encoding.decode()} part")
    return body


def _inflated(data: bytes, window: int, limit: int, most: int) -> tuple[bytes, int]:
    """What the members hold, or over `limit` bytes of it, and how many there are, 0 when the last is cut off. Raises
    zlib.error.
    """
    view, at, size, members = memoryview(data), 0, 0, 1
    whole, inflater = BytesIO(), zlib.decompressobj(window)  # which gives what it has without a copy
    while at < len(data) and size <= limit:
        piece = view[at : at + _FEED]  # what is behind a member is copied, so little at once
        size += whole.write(inflater.decompress(piece, limit + 1 - size))
        at += len(piece) - len(inflater.unused_data)
        if inflater.eof and at < len(data):
            members += 1
            if members > most:
                return b"", members if most else 0
            inflater = zlib.decompressobj(window)
    return whole.getvalue(), members if inflater.eof else 0


def encoded(request: Request | None, response: Response) -> tuple[bytes, bytes]:
    """The body of an answer in a coding that the caller takes, gzip first, and the header lines that say so.

    Predictions only: Triton's client offers gzip with every request and cannot read it where metadata is answered.
    """
    if request is None or request.method != "POST" or response.status != HTTPStatus.OK:
        return response.body, b""
    asked = request.headers.get(b"accept-encoding", b"")
    if not asked or len(response.body) > LARGE:
        return response.body, _VARY
    takes = {}
    for each in asked.lower().split(b","):
        name, _, weight = each.replace(b" ", b"").partition(b";q=")
        takes[name] = not weight or weight.strip(b"0.") != b""
    for name, window in ((b"gzip", 16 + zlib.MAX_WBITS), (b"deflate", zlib.MAX_WBITS)):
        if takes.get(name, takes.get(b"*", False)):
            packer = zlib.compressobj(1, wbits=window)
            packed = packer.compress(response.body) + packer.flush()
            return packed, b"Content-Encoding: %b\r\n" % name + _VARY
    return response.body, _VARY
