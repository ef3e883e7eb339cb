"""From bytes to requests: parsed by llhttp (httptools), every limit enforced before bytes pile up.

llhttp is strict: a double Content-Length, Content-Length with Transfer-Encoding, bare line feeds, obsolete folding, odd
chunk sizes are errors (RFC 9112), so that a proxy in front can never see other borders.
"""

from collections import deque
from math import inf

import httptools

from arkwright.serve.wire.front import LARGE, Front, Head
from arkwright.serve.wire.messages import REQUEST_ID, Problem, Request, come_again, named
from arkwright.serve.wire.parted import parted
from arkwright.serve.wire.target import head_without_offer, is_foreign, is_loopback, origin_form

MOST_HEADS = 1024
LONGEST_HEAD = 2048  # that is remembered
_PIECE = 2**14  # of a chunked body, in which other requests may follow
_SPECIAL = frozenset((b"transfer-encoding", b"expect"))
_ANEW = frozenset((REQUEST_ID, b"traceparent"))  # which answers, logs and traces repeat
_ONCE = frozenset(b"host content-length content-type content-encoding transfer-encoding expect".split()) | {
    b"inference-header-content-length"
}


class _StopParsing(Exception):
    """Not the problem itself: a raised one holds the frames it came through, and with them up to 256 KiB of data."""


class Reader:
    """The requests of one connection. `whole` are those that came; the two clocks are infinite when they do not run.

    `clean`: nothing of a next request has come. `continues`: its sender waits for 100 Continue. `problem`: why nothing
    more can be read.
    """

    __slots__ = (
        "_body", "_chunks", "_front", "_head", "_headers", "_known", "_length", "_parser", "_silent", "_tail",
        "_trailing", "_url", "by", "clean", "continues", "idle_by", "problem", "size", "whole",
    )  # fmt: skip

    def __init__(self, front: Front) -> None:
        self._front = front
        self._parser = httptools.HttpRequestParser(self)
        self.whole: deque[Request] = deque()
        self.clean, self.continues, self._known, self._tail = True, False, b"", b""
        self.problem: Problem | None = None
        self.size = self._silent = 0
        self.by = self.idle_by = inf
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._reset()

    def read(self, data: bytes, at: int) -> int:
        """Take bytes from `at` to where a request ends, or as many as may be looked at at once; where they end.

        What is no request, or too much, is said in `problem`.
        """
        most = self._front.limits.headers + self._front.limits.url
        if not self._trailing:
            end = self._end_of_head(data, at)
            self._known = data[at:end] if self.clean and at < end <= at + LONGEST_HEAD else b""
            end = min(end or len(data), at + most)  # a head in small pieces, to be counted
        else:
            end = at + (_PIECE if self._length < 0 else max(1, self._length - self.size))
        piece = data[at:end]
        self._tail = b"" if self._trailing else (self._tail + piece[-3:])[-3:]
        self._silent += len(piece)
        try:
            self._feed(piece)
        except httptools.HttpParserError as error:
            self.problem = self.problem or _unread(error)
        else:
            if self._silent > most:
                self.problem = Problem(431, f"headers may have {self._front.limits.headers} bytes")
        return at + len(piece)

    def asks_for_head(self) -> bool:
        return bool(self._url) and self._parser.get_method() == b"HEAD"

    def half_read(self) -> Request:
        """What is known of a request that is not read to its end: nothing of one that has not begun. A target that is
        no path is left out: it may hold a password.
        """
        if self.clean or not self._url:
            return Request("", "", {}, b"")
        path = self._url.partition(b"?")[0] if self._url[:1] in b"/*" else b""
        return Request(self._parser.get_method().decode("ascii"), path.decode("latin-1"), self._headers, b"")

    def named(self) -> bytes:
        """What its sender calls the request that comes, if that has come."""
        return named(self._headers)

    def forget(self) -> None:
        """Let go of the body that is coming, which nobody will ask for."""
        self._front.bodies -= self.size
        self.size, self._body = 0, []
        self.by = self.idle_by = inf

    def end(self) -> None:
        """Nothing more will be read."""
        self.forget()
        del self._parser  # which knows this object too: what it holds would wait for the garbage collector

    def _end_of_head(self, data: bytes, at: int) -> int:
        """Behind the empty line, which may have begun in the piece before; 0 where there is none."""
        tail = b"" if self.clean else self._tail
        found = (tail + data[at : at + 3]).find(b"\r\n\r\n")
        if found >= 0:
            return at + found + 4 - len(tail)
        found = data.find(b"\r\n\r\n", at)
        return found + 4 if found >= 0 else 0

    def _feed(self, piece: bytes) -> None:
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade as offer:  # declined, by reading the request as if there were none
            old, self._parser = self._parser, httptools.HttpRequestParser(self)
            self._parser.feed_data(head_without_offer(old, self._url, self._headers))
            self._feed(piece[offer.args[0] :])

    # what the parser calls

    def _reset(self) -> None:
        self._url = b""
        self._headers = {}
        self._head = self._chunks = 0
        self._length = -1
        self._body = []
        self._trailing = False

    def on_message_begin(self) -> None:
        self._reset()
        self.clean = False
        self._silent = 0
        self.by = self._front.loop.time() + self._front.limits.header_time

    def on_url(self, url: bytes) -> None:
        self._url += url
        if len(self._url) > self._front.limits.url:
            self._stop(414, f"a URL may have {self._front.limits.url} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._silent = 0
        self._head += len(name) + len(value) + 4
        if self._head > self._front.limits.headers:
            self._stop(431, f"headers may have {self._front.limits.headers} bytes")
        if self._trailing:
            return
        name = name.lower()
        if name in self._headers:
            if name in _ONCE:
                self._stop(400, f"the header {name.decode('latin-1')} occurs twice")
            value = self._headers[name] + b", " + value
        self._headers[name] = value

    def on_headers_complete(self) -> None:
        limits, headers = self._front.limits, self._headers
        self._trailing = True
        self._silent = 0
        self._check_head(headers)
        if self._parser.should_upgrade():
            return
        length = headers.get(b"content-length")
        chunked = b"transfer-encoding" in headers
        if length is not None:
            self._length = int(length)
            if self._length > limits.body:
                self._stop(413, f"a body may have {limits.body} bytes")
        if length is not None or chunked:
            now = self._front.loop.time()
            self.by, self.idle_by = now + limits.request_time, now + limits.body_idle
        if b"expect" in headers:
            if headers[b"expect"].lower() != b"100-continue":
                self._stop(417, "the only expectation that can be met is 100-continue")
            self.continues = chunked or length not in (None, b"0")

    def on_body(self, body: bytes) -> None:
        front, size = self._front, len(body)
        self._silent = 0
        self._body.append(body)
        self.size += size
        front.bodies += size
        if self.size > LARGE:
            front.freed()
        if self.size > front.limits.body:
            self._stop(413, f"a body may have {front.limits.body} bytes")
        if front.bodies > front.limits.bodies:
            self._stop(503, "too many large requests at once; try again", come_again())
        self.idle_by = front.loop.time() + front.limits.body_idle

    def on_chunk_header(self) -> None:
        self._silent = 0
        self._chunks += 1
        if self._chunks > self._front.limits.chunks:
            self._stop(400, f"a body may have {self._front.limits.chunks} chunks")

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade():
            return  # it is read again, see _feed
        self.by = self.idle_by = inf
        self._silent = self.size = 0
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        parser, self._body, self._trailing = self._parser, [], False
        path, _, _ = self._url.partition(b"?")
        request = Request(
            parser.get_method().decode("ascii"),
            path.decode("latin-1"),
            self._headers,
            body,
            parser.should_keep_alive(),
            parser.get_http_version() == "1.0",
        )
        self.continues, self.clean = False, True
        request.way = self._front.way(request)
        self._remember(request)
        self.whole.append(request)

    def _remember(self, request: Request) -> None:
        """Keep the head of a request that came in one piece, the body framed by its length alone."""
        head, self._known = self._known, b""
        headers = self._headers
        if not head or not _SPECIAL.isdisjoint(headers):
            return
        rest, anew = parted(head) or (head, {})
        if any(headers[name] != value for name, value in anew.items()):  # it stands elsewhere once more, written oddly
            return
        heads = self._front.heads
        if len(heads) >= MOST_HEADS:
            heads.clear()
        same = {name: value for name, value in headers.items() if name not in anew}
        simple = request.keep_alive and not request.old and _ANEW.isdisjoint(same)
        heads[rest] = Head(
            request.method,
            request.path,
            same,
            len(request.body),
            request.keep_alive,
            request.old,
            request.way,
            getattr(request.way, "turn", None) if simple else None,
            getattr(request.way, "timeout", inf),
        )

    def _check_head(self, headers: dict[bytes, bytes]) -> None:
        version, host = self._parser.get_http_version(), headers.get(b"host")
        if version not in ("1.1", "1.0"):
            self._stop(505, "this server speaks HTTP/1.1")
        if self._url[:1] not in (b"/", b"*"):
            found = origin_form(self._url, host, self._parser.get_method())
            if found is None:
                self._stop(400, "the target must be a path, or http:// with the host that the Host header says")
            else:
                self._url, host = found
        if b"host" not in headers and version == "1.1":
            self._stop(400, "the Host header is missing")
        if self._front.loopback and host is not None and not is_loopback(host):
            # a page elsewhere may point its own name at this address (DNS rebinding)
            self._stop(403, "this server answers on this machine only, as localhost or 127.0.0.1")
        if not self._front.gateway and is_foreign(headers.get(b"origin"), host, self._parser.get_method()):
            self._stop(403, "a page of another address asks; a browser may ask from pages of this one only")
        encoding = headers.get(b"transfer-encoding")
        if encoding is not None and (version == "1.0" or encoding.lower() != b"chunked"):
            self._stop(400, "the only transfer encoding is chunked, in HTTP/1.1")
        if self._parser.get_method() == b"CONNECT":
            self._stop(400, "this server is no proxy")

    def _stop(self, status: int, message: str, headers: bytes = b"") -> None:
        """Leave the parser: it wraps what a callback raises, so the reason is kept here."""
        self.problem = Problem(status, message, headers)
        raise _StopParsing


def _unread(error: httptools.HttpParserError) -> Problem:
    """Why nothing more can be read, which the server itself may be."""
    if isinstance(error.__context__, MemoryError):  # of what the parser called
        return Problem(503, "no memory is left to read this request; try again", come_again())
    why = str(error)[:100].replace("`", "")
    return Problem(400, f"this is not HTTP/1.1: {why}")
