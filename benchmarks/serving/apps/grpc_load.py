"""Load over gRPC: whole requests are sent as they are, so that this process does little.

    python grpc_load.py PORT REQUESTS CALLS SECONDS

Prints what `load` prints. REQUESTS is as `load` reads it, each request a serialised ModelInferRequest.
"""

import asyncio
import json
import struct
import sys
import time
from pathlib import Path

import grpc
import uvloop

METHOD = "/inference.GRPCInferenceService/ModelInfer"


def read(path: Path) -> list[bytes]:
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        found.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return found


async def main(port: str, path: str, calls: str, seconds: str) -> None:
    requests, latencies, samples = read(Path(path)), [], []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        infer = channel.unary_unary(METHOD)
        number, begin = iter(range(sys.maxsize)), time.perf_counter()
        end = begin + float(seconds)

        async def ask() -> None:
            now = time.perf_counter()
            while now < end:
                mine = next(number) % len(requests)
                answer = await infer(requests[mine])
                before, now = now, time.perf_counter()
                latencies.append(now - before)
                if len(latencies) % 97 == 0 and len(samples) < 24:
                    samples.append((mine, answer.hex()))

        await asyncio.gather(*(ask() for _ in range(int(calls))))
        took = time.perf_counter() - begin
    latencies.sort()
    last = len(latencies) - 1
    found = {"answers": len(latencies), "wrong": 0, "status": 200, "seconds": took, "samples": samples}
    print(json.dumps(found | {f"p{p}": latencies[last * p // 100] for p in (50, 90, 99)}))


uvloop.run(main(*sys.argv[1:]))
