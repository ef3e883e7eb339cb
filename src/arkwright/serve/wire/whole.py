"""The bytes of one answer, head and body."""

from arkwright.serve.wire.inflate import SMALL, encoded
from arkwright.serve.wire.messages import REQUEST_ID, Request, Response, id_line, named


def whole(request: Request | None, response: Response, date: bytes, *, close: bool) -> bytes:
    """What is sent: without a request for one that never was whole. `date` is a header line."""
    body, coding = encoded(request, response) if len(response.body) > SMALL else (response.body, b"")
    more = date + coding if coding else date
    if request is not None and (request.id or REQUEST_ID in request.headers):
        more += id_line(request.id or named(request.headers))
    head = response.head(len(body), more, close=close, old=request is not None and request.old)
    bare = response.bare or (request is not None and request.method == "HEAD")
    return head if bare else head + body
