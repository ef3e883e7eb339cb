"""HTTP/1.1 on a raw asyncio protocol: parsed by llhttp (httptools), every limit enforced before bytes pile up.

One connection answers one request at a time, in order; pipelined requests wait in a short queue. llhttp is strict: a
double Content-Length, Content-Length with Transfer-Encoding, bare line feeds, obsolete folding, odd chunk sizes are
errors (RFC 9112), answered with 400 and a closed connection, so that a proxy in front can never see other borders.
"""

import asyncio
from collections import deque
from functools import partial
from math import inf
from time import monotonic
from typing import cast

import httptools

from arkwright.serve.wire.front import Front, Head
from arkwright.serve.wire.inflate import SMALL, encoded
from arkwright.serve.wire.messages import Problem, Request, Response
from arkwright.serve.wire.target import head_without_offer, is_loopback, origin_form

LINGER = 2.0  # seconds in which a refused sender may finish, so that it can read why
MOST_QUEUED = 16
MOST_HEADS = 1024
LONGEST_HEAD = 2048  # that is remembered
_SPECIAL = frozenset((b"transfer-encoding", b"expect"))
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_ONCE = frozenset(b"host content-length content-type content-encoding transfer-encoding expect".split()) | {
    b"inference-header-content-length"
}


class _StopParsing(Exception):
    """Not the problem itself: a raised one holds the frames it came through, and with them up to 256 KiB of data."""


class Connection(asyncio.Protocol):
    """One client. The four clocks are infinite when they do not run."""

    __slots__ = (
        "_answer_by", "_body", "_busy", "_caller", "_chunks", "_clean", "_continue", "_deaf", "_front", "_head",
        "_headers", "_held", "_idle_body_by", "_idle_by", "_parser", "_paused", "_piece", "_problem", "_queue",
        "_read_by", "_silent", "_size", "_stepping", "_trailing", "_transport", "_url", "_write_by",
    )  # fmt: skip

    def __init__(self, front: Front) -> None:
        self._front = front
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._queue: deque[Request | Response] = deque()
        self._busy: Request | None = None
        self._stepping = self._paused = self._held = self._deaf = self._continue = False
        self._clean, self._piece, self._caller = True, b"", ""
        self._problem: Problem | None = None
        self._size = self._silent = 0
        self._read_by = self._idle_body_by = self._answer_by = self._write_by = inf
        self._idle_by = front.loop.time() + front.limits.header_time
        self.on_message_begin_reset()

    # what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not registered as one
        self._caller = str((transport.get_extra_info("peername") or ("",))[0])
        front = self._front
        front.connections.add(self)
        if len(front.connections) > front.limits.connections:
            self._refuse(Problem(503, "too many connections; try again", b"Retry-After: 1\r\n"))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._front.connections.discard(self)
        self._front.bodies -= self._size
        if self._busy is not None:
            self._busy.gone = True
            self._front.bodies -= len(self._busy.body)
        self._size, self._busy, self._transport = 0, None, None
        self._forget_queue()
        del self._parser  # which knows this object too: what it holds would wait for the garbage collector

    def _forget_queue(self) -> None:
        self._front.bodies -= sum(len(item.body) for item in self._queue if isinstance(item, Request))
        self._queue.clear()

    def data_received(self, data: bytes) -> None:
        if self._deaf or (self._clean and self._known(data)):
            return
        self._piece = data if self._clean else b""
        most = self._front.limits.headers + self._front.limits.url
        step = len(data) if self._trailing or len(data) <= most else most  # a head in small pieces, to be counted
        for at in range(0, len(data), step):
            piece = data[at : at + step]
            self._silent += len(piece)
            try:
                self._feed(piece)
            except httptools.HttpParserError as error:
                why = str(error)[:100].replace("`", "")
                self._refuse(self._problem or Problem(400, f"this is not HTTP/1.1: {why}"))
            else:
                if self._silent > most:
                    self._refuse(Problem(431, f"headers may have {self._front.limits.headers} bytes"))
            if self._deaf:
                return

    def _feed(self, piece: bytes) -> None:
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade as offer:  # declined, by reading the request as if there were none
            old, self._parser = self._parser, httptools.HttpRequestParser(self)
            self._parser.feed_data(head_without_offer(old, self._url, self._headers))
            self._feed(piece[offer.args[0] :])

    def _known(self, data: bytes) -> bool:
        """Take a whole request whose head came before, byte by byte the same: it need not be parsed again."""
        front = self._front
        end = data.find(b"\r\n\r\n") + 4
        head = front.heads.get(data[:end])
        if head is None or len(data) - end != head.length or front.bodies > front.limits.bodies:
            return False
        self._idle_by = inf
        front.bodies += head.length
        self._take(Request(head.method, head.path, head.headers, data[end:], head.keep_alive, head.old))
        return True

    def eof_received(self) -> bool:
        """A client that shut its side down still gets the answers it waits for."""
        if self._busy is None and not self._queue:
            return False
        self._deaf = True
        self._queue.append(Response(0, b"", close=True))
        return True

    def pause_writing(self) -> None:
        self._paused = True
        self._write_by = self._front.loop.time() + self._front.limits.body_idle
        self._hold()

    def resume_writing(self) -> None:
        self._paused = False
        self._write_by = inf
        self._step()

    # what the parser calls

    def on_message_begin_reset(self) -> None:
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._head = self._chunks = 0
        self._body: list[bytes] = []
        self._trailing = False

    def on_message_begin(self) -> None:
        self.on_message_begin_reset()
        self._clean = False
        self._silent = 0
        now = self._front.loop.time()
        self._idle_by, self._read_by = inf, now + self._front.limits.header_time

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
        if length is not None and int(length) > limits.body:
            self._stop(413, f"a body may have {limits.body} bytes")
        if length is not None or chunked:
            now = self._front.loop.time()
            self._read_by, self._idle_body_by = now + limits.request_time, now + limits.body_idle
        if b"expect" in headers:
            if headers[b"expect"].lower() != b"100-continue":
                self._stop(417, "the only expectation that can be met is 100-continue")
            if chunked or length not in (None, b"0"):
                self._continue = True
                self._say_continue()

    def on_body(self, body: bytes) -> None:
        front, size = self._front, len(body)
        self._silent = 0
        self._body.append(body)
        self._size += size
        front.bodies += size
        if self._size > front.limits.body:
            self._stop(413, f"a body may have {front.limits.body} bytes")
        if front.bodies > front.limits.bodies:
            self._stop(503, "too many large requests at once; try again", b"Retry-After: 1\r\n")
        self._idle_body_by = front.loop.time() + front.limits.body_idle

    def on_chunk_header(self) -> None:
        self._silent = 0
        self._chunks += 1
        if self._chunks > self._front.limits.chunks:
            self._stop(400, f"a body may have {self._front.limits.chunks} chunks")

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade():
            return  # it is read again, see _feed
        self._read_by = self._idle_body_by = inf
        self._silent = 0
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
        self._continue = False
        self._clean = True
        self._remember(request)
        self._take(request)

    def _remember(self, request: Request) -> None:
        """Keep the head of a request that came in one piece, its body framed by its length alone."""
        end = self._piece.find(b"\r\n\r\n") + 4
        length = int(request.headers.get(b"content-length", b"0"))
        if end > LONGEST_HEAD or len(self._piece) != end + length or not _SPECIAL.isdisjoint(request.headers):
            return
        heads = self._front.heads
        if len(heads) >= MOST_HEADS:
            heads.clear()
        heads[self._piece[:end]] = Head(
            request.method, request.path, request.headers, length, request.keep_alive, request.old
        )

    def _take(self, request: Request) -> None:
        self._size = 0
        if self._busy is None and not self._queue and not self._paused and not self._stepping:
            self._begin(request)
            return
        self._queue.append(request)
        if len(self._queue) > MOST_QUEUED:
            self._hold()
        self._step()

    def _begin(self, request: Request) -> None:
        front = self._front
        self._busy = request
        request.caller, request.received = self._caller, monotonic()
        self._answer_by = request.received + front.limits.request_time
        if refused := front.refused(request) if front.quota else None:
            self._reply(request, refused)
        else:
            front.handler(request, partial(self._reply, request))

    # one request after the other

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
        encoding = headers.get(b"transfer-encoding")
        if encoding is not None and (version == "1.0" or encoding.lower() != b"chunked"):
            self._stop(400, "the only transfer encoding is chunked, in HTTP/1.1")
        if self._parser.get_method() == b"CONNECT":
            self._stop(400, "this server is no proxy")

    def _stop(self, status: int, message: str, headers: bytes = b"") -> None:
        """Leave the parser: it wraps what a callback raises, so the reason is kept here."""
        self._problem = Problem(status, message, headers)
        raise _StopParsing

    def _refuse(self, problem: Problem) -> None:
        """The last answer on this connection, after those that are due before it."""
        if self._deaf:
            return  # the last answer is said or queued already
        self._deaf = True
        self._read_by = self._idle_body_by = inf
        self._front.bodies -= self._size
        self._size, self._body = 0, []
        response = problem.response(close=True)
        response.bare = bool(self._url) and self._parser.get_method() == b"HEAD"
        self._queue.append(response)
        self._step()

    def _step(self) -> None:
        """Take the next in the queue, unless one is being answered or the client does not read."""
        if self._stepping:
            return
        self._stepping = True
        while self._queue and self._busy is None and not self._paused and self._transport is not None:
            item = self._queue.popleft()
            if isinstance(item, Response):
                self._write(None, item)
                break
            self._begin(item)
        self._stepping = False
        if self._held and not (self._queue or self._busy or self._paused or self._deaf) and self._transport:
            self._held = False
            self._transport.resume_reading()
        self._say_continue()

    def _reply(self, request: Request, response: Response) -> None:
        if self._busy is not request:
            return  # the client left, or the answer came too late
        self._busy = None
        self._answer_by = inf
        self._front.bodies -= len(request.body)
        self._write(request, response)
        if self._queue or self._held or self._continue:
            self._step()

    def _write(self, request: Request | None, response: Response) -> None:
        transport, front = self._transport, self._front
        if transport is None:
            return
        close = response.close or request is None or not request.keep_alive or front.draining
        if response.status:
            body, coding = encoded(request, response) if len(response.body) > SMALL else (response.body, b"")
            more = front.date + coding if coding else front.date
            head = response.head(len(body), more, close=close, old=request is not None and request.old)
            bare = response.bare or (request is not None and request.method == "HEAD")
            transport.write(head if bare else head + body)
        if close:
            self._finish(transport)
        elif self._read_by == inf:
            self._idle_by = front.now + front.limits.idle

    def _finish(self, transport: asyncio.Transport) -> None:
        """Say that no more comes, and read on for a moment: closing at once would reset what is still unread."""
        self._forget_queue()
        self._deaf = True
        self._read_by = self._idle_body_by = inf
        self._idle_by = self._front.loop.time() + LINGER
        if transport.can_write_eof() and not transport.is_closing():
            transport.write_eof()
            transport.resume_reading()
        else:
            transport.close()

    def _hold(self) -> None:
        """Read no further until everything that came is answered."""
        if self._transport is not None and not self._deaf and not self._held:
            self._held = True
            self._transport.pause_reading()

    def _say_continue(self) -> None:
        """Only when it is this request's turn: an interim answer must not overtake the answers before it."""
        if self._continue and self._busy is None and not self._queue and self._transport is not None:
            self._continue = False
            self._transport.write(_CONTINUE)

    # clocks

    def look_at_the_clock(self, now: float) -> None:
        if now > self._write_by:
            self.abort()
        elif now > self._idle_by and self._busy is None:
            self.close()
        elif now > self._read_by or now > self._idle_body_by:
            self._refuse(Problem(408, "the request took too long to arrive"))
        elif now > self._answer_by and self._busy is not None:
            self._busy.gone = True
            self._reply(self._busy, Problem(504, "the answer took too long").response(close=True))

    def close_if_idle(self) -> None:
        if self._busy is None and not self._queue and self._read_by == inf:
            self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
