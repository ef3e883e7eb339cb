"""An open-loop generator of HTTP requests: they are due at their times, whether or not the server keeps up."""

import asyncio
import re
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Self

_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)", re.IGNORECASE)
_LATER = re.compile(rb"\r\nRetry-After: (\d+)\r\n", re.IGNORECASE)
MOST_WAITING = 100_000
Seen = Callable[[int, bytes, bytes], None]


class Load:
    """`rate` requests a second (None: whenever a connection is free) over so many connections that are kept.

    `seen` gets the status, head and body of each answer. A request whose connection breaks is failed; no request is
    sent twice. Times count from when a request was due.
    """

    def __init__(self, port: int, request: bytes, *, connections: int, rate: float | None, seen: Seen | None = None):
        self.port, self.request, self.rate, self.seen = port, request, rate, seen
        self.count = connections
        self.statuses: Counter[int] = Counter()
        self.times: dict[int, list[float]] = {}
        self.failed: list[str] = []
        self.unhelpful = self.unsent = 0  # refused without Retry-After; due, and never sent
        self.idle: deque[_Connection] = deque()
        self.due: deque[float] = deque()
        self.over = False
        self.started = 0.0

    async def run(self, seconds: float) -> None:
        """Returns when the time is over and every answer that is due came, or failed."""
        async with self:
            await asyncio.sleep(seconds)

    async def __aenter__(self) -> Self:
        self._ours = [_Connection(self) for _ in range(self.count)]
        await asyncio.gather(*(one.connect() for one in self._ours))
        self.started = time.perf_counter()
        self._pace = asyncio.create_task(self._paced())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self.started
        self.over = True
        self._pace.cancel()
        self.unsent += len(self.due)
        self.due.clear()
        end = time.perf_counter() + 30
        while any(one.since for one in self._ours) and time.perf_counter() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        self.failed += ["no answer in 30 s"] * sum(1 for one in self._ours if one.since)
        for one in self._ours:
            one.close()

    async def _paced(self) -> None:
        if self.rate is None:
            for one in list(self.idle):
                self.free(one)
            return
        sent = 0
        while True:
            now = time.perf_counter()
            while self.started + sent / self.rate <= now:
                self.due.append(self.started + sent / self.rate)
                sent += 1
            while self.due and self.idle:
                self.idle.popleft().send(self.due.popleft())
            while len(self.due) > MOST_WAITING:
                self.due.popleft()
                self.unsent += 1
            await asyncio.sleep(0.001)

    def free(self, one: "_Connection") -> None:
        if self.over:
            return
        if self.rate is None and self.started:
            one.send(time.perf_counter())
        elif self.due:
            one.send(self.due.popleft())
        else:
            self.idle.append(one)

    def answered(self, status: int, head: bytes, body: bytes, since: float) -> None:
        self.statuses[status] += 1
        self.times.setdefault(status, []).append(time.perf_counter() - since)
        if status in (429, 503) and not _LATER.search(head):
            self.unhelpful += 1
        if self.seen:
            self.seen(status, head, body)

    def goodput(self) -> float:
        return self.statuses[200] / self.seconds

    def quantile(self, part: float, status: int = 200) -> float:
        """Milliseconds."""
        times = sorted(self.times.get(status, [float("nan")]))
        return times[min(len(times) - 1, int(len(times) * part))] * 1000


class Impatient:
    """Clients that close their connection when no answer comes within `patience` seconds, and ask again at once."""

    def __init__(self, port: int, request: bytes, *, patience: float) -> None:
        self.port, self.request, self.patience = port, request, patience
        self.statuses: Counter[int] = Counter()
        self.left = 0

    async def run(self, count: int, seconds: float) -> None:
        end = time.perf_counter() + seconds
        await asyncio.gather(*(self._client(end) for _ in range(count)))

    async def _client(self, end: float) -> None:
        while time.perf_counter() < end:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                async with asyncio.timeout(self.patience):
                    writer.write(self.request)
                    head = await reader.readuntil(b"\r\n\r\n")
                self.statuses[int(head[9:12])] += 1
            except TimeoutError:
                self.left += 1
            finally:
                writer.close()
            await asyncio.sleep(0.01)


class _Connection(asyncio.Protocol):
    def __init__(self, load: Load) -> None:
        self._load, self.since, self._data = load, 0.0, b""
        self._transport: asyncio.Transport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def connect(self) -> None:
        while not self._load.over:
            try:
                await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._load.port)
            except OSError as error:
                self._load.failed.append(f"connect: {error}")
                await asyncio.sleep(0.05)
            else:
                return

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._data = b""
        self._load.free(self)

    def send(self, since: float) -> None:
        assert self._transport
        if self._transport.is_closing():  # it learns of it in a moment
            self._load.due.appendleft(since)
            return
        self.since = since
        self._transport.write(self._load.request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        if end < 0 or not (length := _LENGTH.search(self._data, 0, end + 2)):
            return
        size = end + 4 + int(length[1])
        if len(self._data) < size:
            return
        head, body, since = self._data[: end + 2], self._data[end + 4 : size], self.since
        self._data, self.since = self._data[size:], 0.0
        self._load.answered(int(head[9:12]), head, body, since)
        if b"\r\nconnection: close" in head.lower():
            assert self._transport
            self._transport.close()
        else:
            self._load.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.since:
            self._load.failed.append(f"lost: {exc}")
        self.since, self._transport = 0.0, None
        if self in self._load.idle:
            self._load.idle.remove(self)
        if not self._load.over:
            task = asyncio.ensure_future(self.connect())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        if self._transport:
            self._transport.close()
