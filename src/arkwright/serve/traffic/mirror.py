"""Copies of requests for the shadows of an endpoint, which run in a process of their own.

A copy never delays what it is a copy of: what the other process is too busy to take is dropped, and counted.
"""

import asyncio
from typing import cast

from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.messages import JSON, REQUEST_ID, Problem, Request, Response, come_again, id_line

MOST_WAITING = 2**24  # bytes that the other process has not taken yet, beside one body that nothing was waiting before
_SMALL = 2**16  # bytes of a body that are sent in one piece with the head; a larger one is not copied for it
LONGEST = Limits().body
_KEPT = (b"content-type", b"inference-header-content-length")
_ASKED = (b"accept", b"arkwright-timeout-ms", REQUEST_ID)  # of a tester, whose answer is told
_TOLD = (b"Arkwright-Release", b"Arkwright-Digest", b"Inference-Header-Content-Length", b"Retry-After")
_HEAD = b"POST %b HTTP/1.1\r\nHost: localhost\r\nArkwright-Release: %b\r\nContent-Length: %d\r\n"


class Mirror(asyncio.Protocol):
    """One connection to the process of the shadows, opened when it is first needed and again when it broke."""

    def __init__(self, path: str, longest: int = LONGEST) -> None:
        """`longest`: bytes of a body that the other process takes."""
        self.sent = self.dropped = 0
        self._path, self._longest = path, longest
        self._transport: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None

    def send(self, request: Request, path: str, body: bytes, release: str) -> bool:
        """A copy of this request for one shadow, whose answer is nobody's; False when it was dropped.

        `path` names no version: the shadow is another than what was asked. The id goes with it, by which both answers
        are found, and the label of both.
        """
        transport = self._transport
        if transport is None:
            self.dropped += 1
            if self._opening is None:
                self._opening = asyncio.create_task(self._open())
            return False
        waiting = transport.get_write_buffer_size()
        if (waiting and waiting + len(body) > MOST_WAITING) or len(body) > self._longest:
            self.dropped += 1
            return False
        head = _HEAD % (path.encode(), release.encode(), len(body))
        more = b"".join(b"%b: %b\r\n" % (name, request.headers[name]) for name in _KEPT if name in request.headers)
        more += id_line(request.id)
        if len(body) <= _SMALL:
            transport.write(b"%b%b\r\n%b" % (head, more, body))
        else:
            transport.writelines((b"%b%b\r\n" % (head, more), body))
        self.sent += 1
        return True

    async def ask(self, request: Request, path: str, body: bytes, release: str) -> Response:
        """What one shadow answers to a tester who asked for it. Raises Problem (503) when it is not there."""
        head = _HEAD % (path.encode(), release.encode(), len(body))
        headers = request.headers
        more = b"".join(b"%b: %b\r\n" % (name, headers[name]) for name in (*_KEPT, *_ASKED) if name in headers)
        try:
            reader, writer = await asyncio.open_unix_connection(self._path)
            try:
                writer.write(b"%b%bConnection: close\r\n\r\n" % (head, more))
                writer.write(body)
                said = await reader.read()
            finally:
                writer.close()
        except OSError:
            said = b""
        top, end, answer = said.partition(b"\r\n\r\n")
        if not end:
            raise Problem(503, f"the shadow {release} is being started; try again", come_again())
        lines = [line.partition(b": ") for line in top.split(b"\r\n")[1:]]
        kind = next((value for name, _, value in lines if name == b"Content-Type"), JSON)
        kept = b"".join(b"%b: %b\r\n" % (name, value) for name, _, value in lines if name in _TOLD)
        return Response(int(top.split(b" ", 2)[1]), answer, kind, kept)

    def close(self) -> None:
        if self._opening:
            self._opening.cancel()
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None

    async def _open(self) -> None:
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: self, self._path)
        except OSError:
            await asyncio.sleep(0.2)  # it is being started
        finally:
            self._opening = None
