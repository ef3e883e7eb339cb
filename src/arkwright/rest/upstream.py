"""Asks the server of the endpoints: HTTP/1.1 over its socket, pieces in and pieces out, connections used again."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import httptools

Headers = Sequence[tuple[bytes, bytes]]
PIECE = 1 << 16  # bytes
CONNECT, ANSWER, PAUSE = 5.0, 75.0, 30.0  # seconds: to connect; until an answer begins; between its pieces
REST = 30.0  # seconds for which a connection is kept: the other side keeps it for 60
MOST_KEPT = 64


class Gone(Exception):
    """The other side is not there, or left in the middle."""


class Late(Exception):
    """The other side took too long."""


@dataclass(eq=False)
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    since: float = 0.0

    def fit(self, now: float) -> bool:
        """Whether it may be used again."""
        return now - self.since < REST and not self.reader.at_eof() and not self.writer.is_closing()

    def close(self) -> None:
        self.writer.transport.abort()


@dataclass(eq=False)
class _Parts:
    """What a parser has heard."""

    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    begun: bool = False
    whole: bool = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.begun = True

    def on_body(self, body: bytes) -> None:
        self.pieces.append(body)

    def on_message_complete(self) -> None:
        self.whole = True


class Answer:
    """One answer, as far as it came."""

    def __init__(self, upstream: "Upstream", connection: Connection, *, bare: bool) -> None:
        """`bare`: no body comes, whatever its head says."""
        self._upstream, self._connection, self._bare = upstream, connection, bare
        self._parts = _Parts()
        self._parser = httptools.HttpResponseParser(self._parts)
        self.sent = False  # whether all of the question was taken

    @property
    def status(self) -> int:
        return int(self._parser.get_status_code())

    @property
    def headers(self) -> Headers:
        return self._parts.headers

    async def begin(self) -> None:
        """Until its head is there. Raises Gone, Late."""
        while not self._parts.begun:
            await self._read(ANSWER)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body. Raises Gone, Late."""
        try:
            while not self._bare:
                while self._parts.pieces:
                    yield self._parts.pieces.pop(0)
                if self._parts.whole:
                    break
                await self._read(PAUSE)
        finally:
            self.end()

    async def body(self, most: int) -> bytes:
        """At most so much of it."""
        taken = b""
        async with contextlib.aclosing(self.pieces()) as pieces:
            async for piece in pieces:
                taken += piece
                if len(taken) > most:
                    break
        return taken[:most]

    def end(self) -> None:
        """The connection is free for another, if nothing is left on it."""
        if self._parts.whole and not self._bare and self.sent and self._parser.should_keep_alive():
            self._upstream.keep(self._connection)
        else:
            self._connection.close()

    async def _read(self, seconds: float) -> None:
        try:
            data = await asyncio.wait_for(self._connection.reader.read(PIECE), seconds)
            if not data:
                raise Gone
            self._parser.feed_data(data)
        except TimeoutError:
            raise Late from None
        except (OSError, httptools.HttpParserError) as error:
            raise Gone from error


class Upstream:
    """The socket at `path`, and the connections to it that rest."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._kept: list[Connection] = []

    async def connect(self) -> Connection:
        """Raises Gone, Late."""
        now = asyncio.get_running_loop().time()
        while self._kept:
            if (found := self._kept.pop()).fit(now):
                return found
            found.close()
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_unix_connection(self._path), CONNECT)
        except TimeoutError:
            raise Late from None
        except OSError as error:
            raise Gone from error
        return Connection(reader, writer)

    def keep(self, connection: Connection) -> None:
        connection.since = asyncio.get_running_loop().time()
        if len(self._kept) < MOST_KEPT:
            self._kept.append(connection)
        else:
            connection.close()

    async def ask(
        self,
        method: str,
        target: bytes,
        headers: Headers,
        body: AsyncIterator[bytes] | None,
        left: Callable[[], Awaitable[None]],
    ) -> Answer:
        """The answer, begun; `body` goes out in pieces. Raises Gone, Late, and what `body` and `left` raise.

        `left` waits until nobody wants the answer any more, and raises; then the other side sees it, and stops.
        """
        connection = await self.connect()
        answer = Answer(self, connection, bare=method == "HEAD")

        async def asking() -> None:
            await _send(connection.writer, method, target, headers, body)
            answer.sent = True
            await left()

        tasks = asking_, beginning = asyncio.create_task(asking()), asyncio.create_task(answer.begin())
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            (beginning if beginning.done() else asking_).result()
        except BaseException:
            connection.close()
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return answer


async def _send(
    writer: asyncio.StreamWriter, method: str, target: bytes, headers: Headers, body: AsyncIterator[bytes] | None
) -> None:
    """In chunks where its length is not told. What is not taken is found out by who waits for the answer."""
    counted = body is None or any(name == b"content-length" for name, _ in headers)
    lines = b"".join(b"%b: %b\r\n" % pair for pair in headers)
    more = b"" if counted else b"Transfer-Encoding: chunked\r\n"
    with contextlib.suppress(ConnectionError):
        writer.write(b"%b %b HTTP/1.1\r\nHost: localhost\r\n%b%b\r\n" % (method.encode(), target, lines, more))
        if body is not None:
            async for piece in body:
                if piece:
                    writer.write(piece if counted else b"%x\r\n%b\r\n" % (len(piece), piece))
                    await writer.drain()
        writer.write(b"" if counted else b"0\r\n\r\n")
        await writer.drain()
