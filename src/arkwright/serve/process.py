"""One worker process, seen from outside."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from typing import Any

from arkwright.serve import control
from arkwright.serve.limits import Limits
from arkwright.serve.poison import Page, shared_memory
from arkwright.serve.sockets import is_loopback


class Worker:
    """`served`: it did what it was told once, so it can live. `gone`: it ended, and what was shared with it is closed.
    `page`: what it notes of what it computes.
    """

    def __init__(self, listening: socket.socket, limits: Limits, cpu: int | None) -> None:
        self.cpu, self.served, self.gone = cpu, False, False
        self._listening, self._limits = listening, limits
        self._asking = asyncio.Lock()

    async def start(self) -> None:
        """Raises OSError when no process can be made."""
        ours, theirs = socket.socketpair()
        page = shared_memory()
        inherited = (self._listening.fileno(), theirs.fileno(), page)
        start = control.Start(*inherited, is_loopback(self._listening.getsockname()[0]), self._limits, self.cpu)
        try:
            self.page = Page(page)
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "arkwright.serve.worker",
                control.line(start).decode(),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=inherited,
                start_new_session=True,  # Ctrl-C reaches the supervisor, which decides
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(page)
        self._reader, self._writer = await asyncio.open_connection(sock=ours)

    async def tell(self, order: control.Order) -> dict[str, str] | None:
        """Send, and wait until it is done: endpoint -> why not. None when the worker dies meanwhile."""
        async with self._asking:
            try:
                self._writer.write(control.line(order))
                await self._writer.drain()
                said = await self._reader.readline()
            except ConnectionError:
                return None
        if not said:
            return None
        self.served = True
        failed: dict[str, str] = control.read(said, control.Done).failed
        return failed

    async def ended(self) -> int:
        return await self.process.wait()

    async def stop(self, sign: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, and after the time for draining end it."""
        process: Any = getattr(self, "process", None)
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(sign)
        try:
            await asyncio.wait_for(process.wait(), self._limits.drain_delay + self._limits.drain_time + 5)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        self.forget()

    def forget(self) -> None:
        """Let go of what was shared with a worker that ended."""
        self.gone = True
        self._writer.close()
        self.page.map.close()


def how(code: int) -> str:
    """How a process ended, in words."""
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
