"""A worker process, as its supervisor sees it."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from arkwright.serve import control

Asked = Callable[[control.Ask], Awaitable[str | None]]  # what to do when it asks; why not, or None


class Child:
    """One worker process: started, told what to serve, stopped."""

    def __init__(self, listening: socket.socket, start: control.Start, asked: Asked) -> None:
        self.listening, self.served = listening, False
        self._start, self._asked = start, asked
        self._done: dict[int, asyncio.Future[dict[str, str]]] = {}

    async def start(self) -> None:
        ours, theirs = socket.socketpair()
        start = msgspec.structs.replace(self._start, control=theirs.fileno())
        try:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "arkwright.serve.worker",
                control.line(start).decode(),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(self.listening.fileno(), theirs.fileno()),
                start_new_session=True,  # Ctrl-C reaches the supervisor, which decides
            )
        finally:
            theirs.close()
        self._born = asyncio.get_running_loop().time()
        self._reader, self._writer = await asyncio.open_connection(sock=ours)
        self._listening = asyncio.create_task(self._listen())

    def twin(self) -> "Child":
        """Another for the same place."""
        return Child(self.listening, self._start, self._asked)

    async def tell(self, message: control.Serve) -> dict[str, str]:
        """Send, and wait until it is done. Nothing failed, as far as is known, when the worker dies meanwhile."""
        if self._listening.done():
            return {}
        done: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        self._done[message.turn] = done
        self._writer.write(control.line(message))
        return await done

    async def _listen(self) -> None:
        """What the worker says, until it is gone."""
        with contextlib.suppress(ConnectionError):
            while said := await self._reader.readline():
                message = control.read(said, control.Done | control.Ask)
                if isinstance(message, control.Done):
                    self.served = True
                    self._done.pop(message.turn).set_result(message.failed)
                else:
                    self._answering = asyncio.create_task(self._answer(message))
        for done in self._done.values():
            done.set_result({})
        self._done.clear()

    async def _answer(self, ask: control.Ask) -> None:
        self._writer.write(control.line(control.Answer(ask.number, await self._asked(ask))))

    async def ended(self) -> int:
        return await self.process.wait()

    def age(self) -> float:
        return asyncio.get_running_loop().time() - self._born

    async def stop(self, sign: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, and after the time for draining end it."""
        process: Any = getattr(self, "process", None)
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(sign)
        try:
            await asyncio.wait_for(process.wait(), self._start.limits.drain_delay + self._start.limits.drain_time + 5)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        self._writer.close()
        await self._listening
