"""The bytes of one answer, head and body."""

from arkwright.serve.wire.front import LARGE
from arkwright.serve.wire.inflate import SMALL, encoded
from arkwright.serve.wire.messages import Request, Response, called, id_line


def whole(request: Request | None, response: Response, date: bytes, *, close: bool) -> tuple[bytes, bytes]:
    """What is sent, and a body behind it that it would take a while to copy. Without a request for one that never was
    whole. `date` is a header line.
    """
    body, coding = encoded(request, response) if len(response.body) > SMALL else (response.body, b"")
    more = date + coding if coding else date
    if request is not None:
        more += id_line(called(request))
    head = response.head(len(body), more, close=close, old=request is not None and request.old)
    if response.bare or (request is not None and request.method == "HEAD"):
        return head, b""
    return (head, body) if len(body) > LARGE else (head + body, b"")
