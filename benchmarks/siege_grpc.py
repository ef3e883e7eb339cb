"""The siege over gRPC: callers that ask again when they are answered, while releases are swapped, workers replaced and
killed.
"""

import asyncio
import os
import random
import signal
from collections import Counter
from pathlib import Path
from typing import Self

import grpc.aio
import numpy as np
from siege_report import Report, until
from siege_server import Server

from arkwright.serve.grpc.messages import CLASSES, read, write

INFER = "/inference.GRPCInferenceService/ModelInfer"
CALLERS, WORKERS, PATIENCE = 8, 2, 30.0
TENSOR = CLASSES["ModelInferRequest"].InferInputTensor(name="said", datatype="FP64", shape=[1, 2])
ASKED = write(
    "ModelInferRequest", model_name="who", inputs=[TENSOR], raw_input_contents=[np.array([[1.0, 2.0]]).tobytes()]
)


class Calls:
    """One call after the other from each caller, on a connection of its own, while the `async with` block runs."""

    def __init__(self, target: str) -> None:
        self._target, self._over = target, False
        self.by: Counter[str] = Counter()  # release -> answers
        self.lost: Counter[str] = Counter()  # code -> calls

    async def __aenter__(self) -> Self:
        self._callers = [asyncio.create_task(self._ask()) for _ in range(CALLERS)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over = True
        await asyncio.gather(*self._callers)

    async def _ask(self) -> None:
        async with grpc.aio.insecure_channel(self._target, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            call = channel.unary_unary(INFER)
            while not self._over:
                try:
                    answer = read("ModelInferResponse", await call(ASKED, timeout=PATIENCE, wait_for_ready=True))
                except grpc.aio.AioRpcError as error:
                    self.lost[error.code().name] += 1
                else:
                    self.by[answer.parameters["release"].string_param] += 1

    async def answered(self, release: str = "") -> None:
        """Until each caller may have been answered twice more, by this release."""
        enough = self._count(release) + 2 * CALLERS
        await until(lambda: self._count(release) >= enough)

    def _count(self, release: str) -> int:
        return self.by[release] if release else self.by.total()


async def over_grpc(folder: Path, *, swaps: int, restarts: int, kills: int) -> list[Report]:
    """A report of each."""
    chosen = random.Random(7)
    with Server(folder, workers=WORKERS, grpc_port=0) as server:
        async with Calls(server.grpc) as swapped:
            for i in range(swaps):
                server.turn_to(2 - i % 2)
                await until(server.followed)
                await swapped.answered(f"release:who@{2 - i % 2}")
        async with Calls(server.grpc) as replaced:
            for _ in range(restarts):
                before = set(server.workers())
                server.process.send_signal(signal.SIGHUP)
                await until(lambda: len(now := set(server.workers())) == WORKERS and not now & before, 120)  # noqa: B023
                await replaced.answered()
        async with Calls(server.grpc) as killed:
            for _ in range(kills):
                await until(lambda: len(server.workers()) == WORKERS)
                await killed.answered()
                os.kill(chosen.choice(server.workers()), signal.SIGKILL)
                await killed.answered()
    return [
        _report(f"gRPC, {swaps} hot swaps", swapped, 0),
        _report(f"gRPC, {restarts} rolling restarts", replaced, 0),
        _report(f"gRPC, kill -9 of {kills} workers", killed, kills),
    ]


def _report(name: str, calls: Calls, kills: int) -> Report:
    bounds = {
        "lost: only what was in flight of a killed one": calls.lost.total() <= CALLERS * kills,
        "each told so": set(calls.lost) <= {"UNAVAILABLE"},
        "each of one release": set(calls.by) <= {"release:who@1", "release:who@2"},
    }
    return Report(name, {"answers": dict(calls.by), "lost": dict(calls.lost)}, bounds)
