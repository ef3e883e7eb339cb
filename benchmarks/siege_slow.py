"""Clients that are slow or greedy on purpose."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from siege_load import Load

_HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\n"
_PAGE = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n"
MODES = {"headers": 10, "silence": 15, "body": 60, "read": 25, "range": 25}  # and seconds until the server ends it
_RAMP = 10.0  # seconds over which they come


@dataclass
class Crowd:
    """What became of the slow clients: how long each was let, `open` those that are still there."""

    lives: list[float] = field(default_factory=list)
    open: list[float] = field(default_factory=list)


async def slow(port: int, mode: str, good: bytes, connections: int, seconds: float) -> tuple[Load, Load, Crowd]:
    """How good clients fared before and meanwhile, and what became of the slow ones.

    The slow ones are in a process of their own, so that nobody waits for them but the server. Who is sent away comes
    again.
    """
    before = Load(port, good, connections=8, rate=100)
    await before.run(max(1.0, min(30.0, seconds / 4)))
    during = Load(port, good, connections=8, rate=100)
    words = (sys.executable, __file__, str(port), mode, str(connections), str(min(_RAMP, seconds / 4)))
    crowd = await asyncio.create_subprocess_exec(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    await during.run(seconds)
    said, _ = await crowd.communicate(b"")  # the end of its input ends it
    return before, during, Crowd(**json.loads(said))


async def _crowd(port: int, mode: str, count: int, ramp: float) -> Crowd:
    """Slow clients until the input ends."""
    crowd, since = Crowd(), {}
    tasks = [asyncio.create_task(_one(port, mode, ramp * i / count, crowd, since)) for i in range(count)]
    await asyncio.to_thread(sys.stdin.read)
    crowd.open = [time.monotonic() - start for start in since.values()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return crowd


async def _one(port: int, mode: str, delay: float, crowd: Crowd, since: dict[int, float]) -> None:
    """One slow client, which comes again when it was sent away."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(delay)
    while True:
        with socket.socket() as sock:
            sock.setblocking(False)  # noqa: FBT003
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            try:
                await loop.sock_connect(sock, ("127.0.0.1", port))
                since[id(sock)] = time.monotonic()
                await _MODE[mode](loop, sock)
            except OSError:
                pass  # reset
            if start := since.pop(id(sock), None):
                crowd.lives.append(time.monotonic() - start)
            else:
                await asyncio.sleep(0.1)


async def _drip(loop: asyncio.AbstractEventLoop, sock: socket.socket, piece: bytes) -> None:
    """A few bytes a second until the server has had enough."""
    ended = asyncio.ensure_future(loop.sock_recv(sock, 1024))
    try:
        while not ended.done():
            await loop.sock_sendall(sock, piece)
            await asyncio.wait((ended,), timeout=1)
    finally:
        ended.cancel()
    while await loop.sock_recv(sock, 1024):
        pass


async def _headers(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    await loop.sock_sendall(sock, _HEAD)
    await _drip(loop, sock, b"X-A: b\r\n")


async def _silence(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    await loop.sock_sendall(sock, _HEAD + b"Content-Length: 100000\r\n\r\nx")
    await _drip(loop, sock, b"")


async def _body(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    await loop.sock_sendall(sock, _HEAD + b"Content-Length: 100000\r\n\r\n")
    await _drip(loop, sock, b"x")


async def _read(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    """Asks for the largest page, a hundred times at once, and reads a little each second."""
    await loop.sock_sendall(sock, (_PAGE + b"\r\n") * 100)
    while not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) and await loop.sock_recv(sock, 64):  # noqa: ASYNC110
        await asyncio.sleep(1)


async def _range(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    """A thousand byte ranges, then its side is closed and the answer left unread."""
    ranges = b",".join(b"%d-%d" % (i, i + 1) for i in range(1000))
    await loop.sock_sendall(sock, _PAGE + b"Range: bytes=" + ranges + b"\r\n\r\n")
    sock.shutdown(socket.SHUT_WR)
    await asyncio.sleep(10)
    while await loop.sock_recv(sock, 1024):
        pass


Mode = Callable[[asyncio.AbstractEventLoop, socket.socket], Coroutine[Any, Any, None]]
_MODE: dict[str, Mode] = {"headers": _headers, "silence": _silence, "body": _body, "read": _read, "range": _range}


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
    found = asyncio.run(_crowd(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
    print(json.dumps(vars(found)))
