"""Bodies that come compressed, inflated within a limit."""

import zlib

from arkwright.serve.messages import Problem, Request


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
