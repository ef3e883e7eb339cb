"""Clients that are slow or greedy on purpose."""

import asyncio
import subprocess
import sys
from contextlib import suppress

from siege_load import Load

_HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\n"
MODES = ("headers", "body", "read", "range")


async def slow(port: int, good: bytes, connections: int, seconds: float) -> dict[str, tuple[Load, Load, int]]:
    """For each mode: how good clients fared before and meanwhile, and how many slow ones the server closed.

    The slow ones are in a process of their own, so that nobody waits for them but the server.
    """
    found = {}
    for mode in MODES:
        before = Load(port, good, connections=8, rate=100)
        await before.run(max(1.0, seconds / 4))
        during = Load(port, good, connections=8, rate=100)
        words = (sys.executable, __file__, str(port), mode, str(connections))
        crowd = await asyncio.create_subprocess_exec(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        await during.run(seconds)
        closed, _ = await crowd.communicate(b"")  # the end of its input ends it
        found[mode] = (before, during, int(closed))
    return found


async def _crowd(port: int, mode: str, count: int) -> int:
    """Slow clients until the input ends; how many the server has closed."""
    closed: list[None] = []
    tasks = [asyncio.create_task(_one(port, mode, closed)) for _ in range(count)]
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return len(closed)


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
    writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
    while await reader.read(64):  # noqa: ASYNC110
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


if __name__ == "__main__":
    print(asyncio.run(_crowd(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
