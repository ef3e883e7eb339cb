"""A worker of a small server: the least that speaks HTTP and calls the telemetry as a real one does.

    python worker.py FOLDER WORKER PORT [--access-log FILE] [--otlp URL] [--follows died]

`POST /endpoints/late/predict` answers, every hundredth with 500; `POST /hang` never does; `GET /metrics` tells.
"""

import argparse
import asyncio
import signal
import socket
from pathlib import Path

from arkwright.serve.telemetry import layout
from arkwright.serve.telemetry.telemetry import Telemetry

SHARES = {"release:late@3": 0.9, "release:late@4": 0.1}


class Worker:
    def __init__(self, telemetry):
        self.telemetry, self.answered = telemetry, 0
        self.series = telemetry.series("late", SHARES, 4)

    async def connection(self, reader, writer):
        caller = writer.get_extra_info("peername")[0]
        while head := await reader.readuntil(b"\r\n\r\n"):
            first, *lines = head.decode("latin-1").rstrip().split("\r\n")
            method, path, _ = first.split(" ")
            headers = {k.lower().encode(): v.strip().encode() for k, _, v in (line.partition(":") for line in lines)}
            await reader.readexactly(int(headers.get(b"content-length", 0)))
            kind, answer = await self.answer(method, path, headers, caller)
            status, body = answer
            writer.write(
                b"HTTP/1.1 %d X\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b"
                % (status, kind.encode(), len(body), body)
            )

    async def answer(self, method, path, headers, caller):
        said = {"caller": caller, "method": method, "path": path, "request_id": headers.get(b"x-id", b"").decode()}
        if path == "/metrics":
            kind, body = await asyncio.to_thread(self.telemetry.metrics, headers.get(b"accept", b"").decode())
            return kind, (200, body)
        if path == "/hang":
            self.telemetry.start(self.series["release:late@3"], layout.PREDICT, headers)
            await asyncio.Event().wait()
        if path != "/endpoints/late/predict":
            call = self.telemetry.start(self.telemetry.nobody, layout.PREDICT, headers)
            self.telemetry.done(call, 404, 2, **said)
            return "application/json", (404, b"{}")
        self.answered += 1
        series = self.series["release:late@4" if self.answered % 10 == 0 else "release:late@3"]
        call = self.telemetry.start(series, layout.PREDICT, headers)
        call.rows = call.batch = 1
        for phase in ("decode", "queue", "compute", "encode"):
            if call.span is not None:
                call.span.mark(phase)
        series.batch(1)
        status = 500 if self.answered % 100 == 0 else 200
        self.telemetry.done(call, status, 2, **said)
        return "application/json", (status, b"{}")


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("worker", type=int)
    parser.add_argument("port", type=int)
    parser.add_argument("--access-log")
    parser.add_argument("--otlp")
    parser.add_argument("--follows", default="")
    given = parser.parse_args()
    telemetry = Telemetry(
        given.folder, given.worker, access_log=given.access_log, collector=given.otlp, follows=given.follows
    )
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    listener = socket.create_server(("127.0.0.1", given.port), reuse_port=True)
    server = await asyncio.start_server(Worker(telemetry).connection, sock=listener)
    print(listener.getsockname()[1], flush=True)  # noqa: T201
    await stopped.wait()
    server.close()
    telemetry.close()


if __name__ == "__main__":
    with asyncio.Runner() as runner:
        runner.get_loop().set_exception_handler(lambda *_: None)  # a client that leaves ends its task
        runner.run(main())
