"""Clients that are slow or greedy on purpose."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from siege_load import Load

_HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\n"
MODES = ("headers", "body", "read", "range")


async def slow(port: int, good: bytes, connections: int, seconds: float) -> dict[str, tuple[Load, Load, int]]:
    """For each mode: how good clients fared before and meanwhile, and how many slow ones the server closed."""
    found = {}
    for mode in MODES:
        before = Load(port, good, connections=8, rate=100)
        await before.run(max(1.0, seconds / 4))
        during = Load(port, good, connections=8, rate=100)
        async with _crowd(port, mode, connections) as closed:
            await during.run(seconds)
            found[mode] = (before, during, len(closed))
    return found


@asynccontextmanager
async def _crowd(port: int, mode: str, count: int) -> AsyncIterator[list[None]]:
    closed: list[None] = []
    tasks = [asyncio.create_task(_one(port, mode, closed)) for _ in range(count)]
    try:
        yield closed
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _one(port: int, mode: str, closed: list[None]) -> None:
    """One slow client, which connects once."""
    with suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        try:
            await _MODE[mode](reader, writer)
        except ConnectionError:
            closed.append(None)
        finally:
            writer.transport.abort()


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, piece: bytes) -> None:
    """A few bytes a second until the server has had enough."""
    ended = asyncio.ensure_future(reader.read())
    try:
        while not ended.done():
            writer.write(piece)
            await asyncio.wait((ended,), timeout=1)
    finally:
        ended.cancel()
    raise ConnectionResetError


async def _headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(_HEAD)
    await _drip(reader, writer, b"X-A: b\r\n")


async def _body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(_HEAD + b"Content-Length: 100000\r\n\r\n")
    await _drip(reader, writer, b"x")


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Asks for the largest page, many times at once, and reads a little each second."""
    writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200)
    while await reader.read(64):
        await asyncio.sleep(1)
    raise ConnectionResetError


async def _range(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A thousand byte ranges, then its side is closed and the answer left unread."""
    ranges = b",".join(b"%d-%d" % (i, i + 1) for i in range(1000))
    writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nRange: bytes=" + ranges + b"\r\n\r\n")
    writer.write_eof()
    await asyncio.sleep(2)
    while await reader.read(1024):
        pass
    raise ConnectionResetError


_MODE = {"headers": _headers, "body": _body, "read": _read, "range": _range}


async def large(port: int, kind: str, count: int) -> None:
    """Requests that are refused: too large as announced or as they come in chunks, or large and no JSON."""
    for _ in range(count):
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            piece = b"x" * 2**20
            if kind == "announced":
                writer.write(_HEAD + b"Content-Length: %d\r\n\r\n" % 2**30 + piece)
            elif kind == "chunked":
                writer.write(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
                for _ in range(66):
                    writer.write(b"100000\r\n" + piece + b"\r\n")
                    with suppress(ConnectionError):
                        await writer.drain()
            else:
                writer.write(_HEAD + b"Content-Length: %d\r\n\r\n" % (8 * 2**20))
                for _ in range(8):
                    writer.write(piece)
                    await writer.drain()
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.abort()
