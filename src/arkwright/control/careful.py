"""HTTP as uvicorn speaks it, for callers who are slow or greedy on purpose: headers in time and of a size, answers that
are taken, no more connections than one may have. What is asked of a body stands in `web/armour.py`.
"""

import asyncio
import ipaddress
import resource
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
HEADERS = 16 << 10  # bytes of one request's first line and headers
HEADERS_S = 10.0  # seconds in which they have to come
STUCK_S = 60.0  # seconds for which an answer may lie there untaken
FAREWELL_S = 1.0  # seconds that a connection has to close when all is over
MOST, MOST_OF_ONE = 2000, 500  # connections; of one address
FILES = 65_536  # descriptors that it asks for at most
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Careful(HttpToolsProtocol):
    """One connection. `proxies`: networks that speak for others, and may have as many connections as there are."""

    proxies: ClassVar[tuple[Network, ...]] = ()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._size = self._fed = 0
        self._heading: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        if len(self.connections) > MOST or self._of_one() > MOST_OF_ONE:
            transport.abort()
            return
        self._head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._heading = _done(self._heading)
        self._stuck = _done(self._stuck)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._heading is None and (self.cycle is None or self.cycle.response_complete):
            self._head()
        self._fed += len(data)
        super().data_received(data)
        if self._heading is not None and self._fed > HEADERS:  # the parser tells of a header when all of it is there
            self._size = self._fed
            self.send_400_response("")

    def on_message_begin(self) -> None:
        self._size = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._heading = _done(self._heading)
        self._fed = 0
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        if self._size > HEADERS:
            self.transport.write(TOO_LARGE)
            self.transport.close()
        else:
            super().send_400_response(msg)
        self._drop_later()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._drop_later()

    def resume_writing(self) -> None:
        self._stuck = _done(self._stuck)
        super().resume_writing()

    def shutdown(self) -> None:
        super().shutdown()
        if self.transport.is_closing():  # TLS would wait for the other side's farewell
            self.loop.call_later(FAREWELL_S, self.transport.abort)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._drop_later()

    def _count(self, size: int) -> None:
        """Raises ValueError, which the parser tells as a request that is none."""
        self._size += size
        if self._size > HEADERS:
            raise ValueError(self._size)

    def _head(self) -> None:
        self._fed = 0
        self._heading = self.loop.call_later(HEADERS_S, self.transport.abort)

    def _drop_later(self) -> None:
        """What was written is taken in time, or nothing waits for it any more."""
        if self._stuck is None:
            self._stuck = self.loop.call_later(STUCK_S, self.transport.abort)

    def _of_one(self) -> int:
        """How many connections this address has; 0 where they may be many people's."""
        if not self.client or _within(self.client[0], self.proxies):
            return 0
        clients = (getattr(one, "client", None) for one in self.connections)
        return sum(1 for client in clients if client and client[0] == self.client[0])


def careful(proxies: tuple[str, ...]) -> type[Careful]:
    """For these proxies; programs on this machine are not counted. As many files as the system gives are asked for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    networks = tuple(ipaddress.ip_network(text) for text in ("127.0.0.0/8", "::1/128", *proxies))
    return type("Protocol", (Careful,), {"proxies": networks})


def _within(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)


def _done(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """No timer any more."""
    if timer is not None:
        timer.cancel()
    return None
