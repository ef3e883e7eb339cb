"""Bodies that come compressed, inflated within a limit; large answers compressed for those who ask for it."""

import zlib
from http import HTTPStatus

from arkwright.serve.wire.messages import Problem, Request, Response

SMALL = 1024  # bytes of an answer that are sent as they are
LARGE = 4 * 2**20  # and what would hold up the others too long: about 10 ms for each MiB
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
    inflater = zlib.decompressobj(zlib.MAX_WBITS | (0 if encoding == b"deflate" else 16))
    try:
        body = inflater.decompress(request.body, limit + 1)
    except zlib.error:
        raise Problem(400, f"the body is not {encoding.decode()}") from None
    if len(body) > limit:
        raise Problem(413, f"a body may expand to {limit} bytes")
    if not inflater.eof or inflater.unused_data:
        raise Problem(400, f"the body is cut off, or more follows behind its {encoding.decode()} part")
    return body


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
