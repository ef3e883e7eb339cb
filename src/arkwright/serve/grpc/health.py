"""gRPC's own health protocol: the service "" is the server, and every endpoint is a service by its name."""

import asyncio
from typing import Any

from arkwright.serve.grpc.messages import CLASSES, read, write
from arkwright.serve.grpc.service import Door
from arkwright.serve.wire.messages import Problem

LOOK = 0.25  # seconds between two looks at what is watched
_WHOLE = ("", "inference.GRPCInferenceService", "grpc.health.v1.Health")
_Status = CLASSES["HealthCheckResponse"].ServingStatus


class Health:
    def __init__(self, door: Door, stopping: asyncio.Event) -> None:
        self._door, self._stopping = door, stopping

    def check(self, body: bytes) -> bytes:
        """Raises Problem (404) for a service that is none."""
        name = read("HealthCheckRequest", body).service
        return write("HealthCheckResponse", status=self._status(name))

    async def watch(self, body: bytes, context: Any) -> None:
        """Say the status now and whenever it changes, until the server stops."""
        name = read("HealthCheckRequest", body).service
        said = None
        while True:
            stopping = self._stopping.is_set()
            try:
                status = self._status(name)
            except Problem:
                status = _Status.Value("SERVICE_UNKNOWN")
            if status != said:
                await context.write(write("HealthCheckResponse", status=status))
                said = status
            if stopping:
                return
            try:
                await asyncio.wait_for(self._stopping.wait(), LOOK)
            except TimeoutError:
                continue

    def _status(self, name: str) -> int:
        whole = name in _WHOLE
        ready = not self._stopping.is_set() and self._door.ready(None if whole else name)
        return int(_Status.Value("SERVING" if ready else "NOT_SERVING"))
