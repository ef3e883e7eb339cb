"""Requests that a proxy and a server might cut in two ways, sent through nginx and HAProxy to our HTTP parser.

The server answers each request with its own path. After every attack, bystanders ask through the same proxy, whose
connections to the server are kept: whoever gets somebody else's answer shows that one of the two was led astray.
"""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from arkwright.serve.wire.front import Front
from arkwright.serve.wire.http import Connection
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.messages import Reply, Request, json_response

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream us {{ server 127.0.0.1:{servers[0]}; keepalive 4; }}
  server {{ listen 127.0.0.1:{port}; location / {{
    proxy_pass http://us; proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_set_header Host $http_host; proxy_request_buffering off; }} }}
}}
"""
HAPROXY = """
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
  http-reuse always
frontend in
  bind 127.0.0.1:{port}
  default_backend us
backend us
"""
LOOKS = "  option httpchk GET /v2/health/ready\n  option redispatch\n  default-server check inter 100ms fall 1 rise 1\n"
CODINGS = (
    b"Transfer-Encoding: chunked", b"Transfer-Encoding : chunked", b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding:\tchunked", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: CHUNKED",
    b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding\n: chunked", b" Transfer-Encoding: chunked",
    b"A: b\r\n Transfer-Encoding: chunked", b"A: b\nTransfer-Encoding: chunked", b"Transfer-Encoding: \x0bchunked",
    b"Transfer-Encoding: chunked\x00", b'Transfer-Encoding: "chunked"', b"Transfer-Encoding: chunk\xc4\x8fd",
    b"Transfer-Encoding: chunked, identity", b"transfer_encoding: chunked", b"A: b\r\rTransfer-Encoding: chunked",
)  # fmt: skip
LENGTHS = (
    b"Content-Length: %d", b"Content-Length: +%d", b"Content-Length: 0\r\nContent-Length: %d", b"Content-Length:\t%d",
    b"Content-Length: %d\r\nContent-Length: 0", b"Content-Length: 0, %d", b"Content-Length : %d", b"content_length: %d",
)  # fmt: skip
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\nX: "
HEAD = b"POST /attack HTTP/1.1\r\nHost: localhost\r\n"


def attacks() -> Iterator[bytes]:
    """CL.TE, TE.CL, TE.TE, CL.CL, and lines that end in other ways."""
    for coding in CODINGS:
        inner = b"0\r\n\r\n" + SMUGGLED
        yield HEAD + LENGTHS[0] % len(inner) + b"\r\n" + coding + b"\r\n\r\n" + inner
        chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
        yield HEAD + LENGTHS[0] % 4 + b"\r\n" + coding + b"\r\n\r\n" + chunk
        yield HEAD + coding + b"\r\n\r\n" + chunk
        yield HEAD + coding + b"\r\n\r\n" + inner
    for length in LENGTHS:
        yield HEAD + length % len(SMUGGLED) + b"\r\n\r\n" + SMUGGLED
        yield HEAD.replace(b"POST", b"GET") + length % len(SMUGGLED) + b"\r\n\r\n" + SMUGGLED
    for end in (b"\n\n", b"\r\n\n", b"\n\r\n", b"\r\r\n\r\n"):
        yield HEAD[:-2] + b"\r\nContent-Length: 0" + end + SMUGGLED
    for size in (b"0x2", b"+2", b" 2", b"2 ", b"2;a=\n", b"00000000000000000002", b"fffffffffffffffff", b"-1", b"2_0"):
        yield HEAD + CODINGS[0] + b"\r\n\r\n" + size + b"\r\n{}\r\n0\r\n\r\n" + SMUGGLED
    yield HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n" + SMUGGLED
    yield HEAD + b"Connection: Content-Length\r\nContent-Length: 2\r\n\r\n{}" + SMUGGLED
    yield HEAD + b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA\r\n\r\n" + SMUGGLED


@asynccontextmanager
async def server(seen: list[str]) -> AsyncIterator[int]:
    """Our parser; every request is answered with its own path."""

    def handler(request: Request, reply: Reply) -> None:
        seen.append(request.path)
        reply(json_response({"path": request.path}))

    front = Front(handler, Limits(), loopback=False)
    listening = await asyncio.get_running_loop().create_server(partial(Connection, front), "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        await front.drain()


@asynccontextmanager
async def proxy(kind: str, folder: Path, *behind: int) -> AsyncIterator[int]:
    """nginx in front of a port, or HAProxy, in front of several too: of these it looks which are ready. Raises
    RuntimeError where it is not installed or does not start.
    """
    program = shutil.which(kind, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        raise RuntimeError(f"{kind} is not installed (Debian: apt install nginx-light haproxy)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = folder / f"{kind}.conf"
    lines = "".join(f"  server s{one} 127.0.0.1:{one}\n" for one in behind)
    conf = NGINX if kind == "nginx" else HAPROXY + (LOOKS if len(behind) > 1 else "") + lines
    file.write_text(conf.format(folder=folder, servers=behind, port=port))
    words = ["-c", str(file), "-e", f"{folder}/nginx.err"] if kind == "nginx" else ["-f", str(file), "-db"]
    process = await asyncio.create_subprocess_exec(program, *words, stderr=asyncio.subprocess.DEVNULL)
    try:
        for _ in range(200):
            with suppress(OSError):
                if await attack(port, b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"):
                    break
            await asyncio.sleep(0.05)
        else:
            raise RuntimeError(f"{kind} does not answer")
        yield port
    finally:
        process.terminate()
        await process.wait()


async def ask(port: int, path: str) -> str:
    """The path that the answer names."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % path.encode())
        body = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")[2]
        return body.partition(b'"path":"')[2].partition(b'"')[0].decode()
    finally:
        writer.close()


async def attack(port: int, data: bytes) -> int:
    """Send it, and how many answers came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    got = b""
    with suppress(TimeoutError, ConnectionError):
        while piece := await asyncio.wait_for(reader.read(65536), 0.2):
            got += piece
    writer.close()
    return got.count(b"HTTP/1.1 ")


async def through(kind: str, folder: Path) -> dict[str, int]:
    """What came of all attacks through one proxy."""
    seen: list[str] = []
    found = {"attacks": 0, "bystanders": 0, "astray": 0}
    async with server(seen) as behind, proxy(kind, folder, behind) as port:
        for i, data in enumerate(attacks()):
            await attack(port, data)
            paths = [f"/bystander/{i}/{n}" for n in range(4)]
            answers = await asyncio.gather(*(ask(port, path) for path in paths))
            found["attacks"] += 1
            found["bystanders"] += len(paths)
            found["astray"] += sum(a != b for a, b in zip(answers, paths, strict=True))
    found["reached the server"] = seen.count("/attack")
    return found
