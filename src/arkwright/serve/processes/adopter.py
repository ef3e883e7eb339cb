"""Connections that a dead worker's keeper passed on: they go on here as if nothing had been."""

import asyncio
import contextlib
import logging
import socket
from functools import partial
from typing import Any

from arkwright.serve.processes.keeper import TOGETHER
from arkwright.serve.wire.front import Front
from arkwright.serve.wire.http import Connection
from arkwright.serve.wire.standing import Kernel, Stand

log = logging.getLogger("arkwright.serve")


class Adopter:
    """Takes what comes on one socket, until it is closed."""

    def __init__(self, front: Front, passed: socket.socket) -> None:
        self._front, self._passed = front, passed
        self._tasks: set[asyncio.Task[Any]] = set()
        passed.setblocking(False)  # noqa: FBT003
        front.loop.add_reader(passed.fileno(), self._take)

    def close(self) -> None:
        self._front.loop.remove_reader(self._passed.fileno())

    def _take(self) -> None:
        """Another worker may have been faster."""
        with contextlib.suppress(BlockingIOError):
            _, fds, _, _ = socket.recv_fds(self._passed, 1, TOGETHER)
            for sock in [socket.socket(fileno=fd) for fd in fds]:
                with contextlib.suppress(OSError):  # a broken one ends here
                    self._adopt(sock)

    def _adopt(self, sock: socket.socket) -> None:
        stand = Stand(self._front.standing, Kernel.of(sock))
        stand.begin(sock.fileno())  # at once: its client is not lost if this worker dies in a moment
        connection = partial(Connection, self._front, stand)
        task = self._front.loop.create_task(self._front.loop.connect_accepted_socket(connection, sock))
        self._tasks.add(task)
        task.add_done_callback(self._adopted)

    def _adopted(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.debug("a connection broke while it was taken over: %s", error)
