"""Copies of requests for the shadows of an endpoint, which run in a process of their own.

A copy never delays what it is a copy of: what the other process is too busy to take is dropped, and counted.
"""

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from typing import cast

from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.messages import JSON, REQUEST_ID, Problem, Request, Response, come_again, id_line

MOST_WAITING = 2**24  # bytes that a shadow has not taken yet, beside one body that nothing was waiting before
MOST_TOGETHER = 2**28  # bytes that all shadows have not taken yet
_SMALL = 2**16  # bytes of a body that are sent in one piece with the head; a larger one is not copied for it
_AGAIN = 0.2  # seconds until another try to connect: the other process is being started
LONGEST = Limits().body
TESTER = b"arkwright-tester"  # on what is no copy: its answer is somebody's
_KEPT = (b"content-type", b"inference-header-content-length")
_ASKED = (b"accept", b"arkwright-timeout-ms", REQUEST_ID)  # of a tester, whose answer is told
_TOLD = (b"Arkwright-Release", b"Arkwright-Digest", b"Inference-Header-Content-Length", b"Retry-After")
_HEAD = b"POST %b HTTP/1.1\r\nHost: localhost\r\nArkwright-Release: %b\r\nContent-Length: %d\r\n"


class Mirror:
    """A connection for each shadow, so that none goes without for what another has not taken."""

    def __init__(self, path: str, longest: int = LONGEST) -> None:
        """`longest`: bytes of a body that the other process takes."""
        self.sent = self.dropped = 0
        self._path, self._longest = path, longest
        self._ways: dict[str, _Way] = {}

    def send(self, request: Request, path: str, body: bytes, release: str) -> bool:
        """A copy of this request for one shadow, whose answer is nobody's; False when it was dropped.

        `path` names no version: the shadow is another than what was asked. The id goes with it, by which both answers
        are found, and the label of both.
        """
        way = self._ways.get(release)
        if way is None:
            way = self._ways[release] = _Way(self._path, partial(self._ways.pop, release, None))
        if not self._has_room(way, len(body)) or not way.open():
            self.dropped += 1
            return False
        head = _HEAD % (path.encode(), release.encode(), len(body))
        more = b"".join(b"%b: %b\r\n" % (name, request.headers[name]) for name in _KEPT if name in request.headers)
        more += id_line(request.id)
        if len(body) <= _SMALL:
            way.write(b"%b%b\r\n%b" % (head, more, body))
        else:
            way.write(b"%b%b\r\n" % (head, more), body)
        self.sent += 1
        return True

    async def ask(self, request: Request, path: str, body: bytes, release: str) -> Response:
        """What one shadow answers to a tester who asked for it; the request has the id by which it is noted there.

        Raises Problem (503) when it is not there.
        """
        head = _HEAD % (path.encode(), release.encode(), len(body))
        headers = request.headers
        more = b"".join(b"%b: %b\r\n" % (name, headers[name]) for name in (*_KEPT, *_ASKED) if name in headers)
        more += b"%b: yes\r\n" % TESTER
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
        found = {name: value for name, _, value in lines}
        request.id = found.get(b"X-Request-Id", request.id)
        kept = b"".join(b"%b: %b\r\n" % (name, found[name]) for name in _TOLD if name in found)
        return Response(int(top.split(b" ", 2)[1]), answer, found.get(b"Content-Type", JSON), kept)

    def waiting(self) -> int:
        """Bytes that were not taken yet."""
        return sum(way.waiting() for way in self._ways.values())

    def close(self) -> None:
        for way in self._ways.values():
            way.close()

    def _has_room(self, way: "_Way", size: int) -> bool:
        waiting = way.waiting()
        if not waiting and size <= _SMALL:
            return True
        if size > self._longest or (waiting and waiting + size > MOST_WAITING):
            return False
        together = self.waiting()
        return not together or together + size <= MOST_TOGETHER


class _Way(asyncio.Protocol):
    """A connection, opened when it is first needed and again when it broke."""

    def __init__(self, path: str, gone: Callable[[], object]) -> None:
        self._path, self._gone, self._loop = path, gone, asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._opening: asyncio.Task[object] | None = None
        self._held: list[bytes] = []  # until it is open
        self._not_before = 0.0

    def open(self) -> bool:
        """Whether it is, or is about to be."""
        if self._transport is None and self._opening is None and self._loop.time() >= self._not_before:
            there = socket.socket(socket.AF_UNIX)
            there.setblocking(False)  # noqa: FBT003
            try:
                there.connect(self._path)  # at once, or not
            except OSError:
                there.close()
                self._not_before = self._loop.time() + _AGAIN
                return False
            self._there = there
            self._opening = self._loop.create_task(self._loop.create_unix_connection(lambda: self, sock=there))
        return self._transport is not None or self._opening is not None

    def waiting(self) -> int:
        if self._transport is None:
            return sum(map(len, self._held))
        return self._transport.get_write_buffer_size()

    def write(self, *parts: bytes) -> None:
        if self._transport is None:
            self._held += parts
        else:
            self._transport.writelines(parts)

    def close(self) -> None:
        if self._opening:
            self._opening.cancel()
            self._there.close()
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._opening = cast(asyncio.Transport, transport), None
        self._transport.writelines(self._held)
        self._held = []

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        self._gone()  # of a release that is no shadow any more nothing stays
