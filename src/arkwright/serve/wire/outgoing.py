"""What goes out on one connection: the bytes of its answers, and how fast its client takes them."""

import asyncio
from math import inf

from arkwright.serve.wire.front import Front
from arkwright.serve.wire.left import AHEAD
from arkwright.serve.wire.standing import Stand
from arkwright.serve.wire.unread import Unread, drop_unsent


class Outgoing(asyncio.Protocol):
    """The half of a connection that sends."""

    __slots__ = ("_ahead", "_front", "_stand", "_transport", "_unread")

    def __init__(self, front: Front, stand: Stand | None) -> None:
        self._front, self._stand = front, stand or Stand(front.standing)
        self._transport: asyncio.Transport | None = None
        self._ahead = False  # whether the first byte of the answer that is due was sent
        self._unread: Unread | None = None  # while the client is behind

    def _send(
        self, transport: asyncio.Transport, answer: bytes, body: bytes = b"", *, last: bool = False, more: bool
    ) -> None:
        """`more`: something came that is behind what this answers."""
        self._stand.answer(len(answer) + len(body), last=last, more=more)
        if self._ahead:
            self._ahead, answer = False, answer[len(AHEAD) :]
        transport.write(answer)
        if body:
            transport.write(body)

    def _send_interim(self, transport: asyncio.Transport, said: bytes) -> None:
        """What is no answer."""
        self._stand.interim(len(said))
        transport.write(said)

    def _fall_behind(self) -> None:
        """The client does not take what was sent."""
        front = self._front
        if self._unread is None:
            self._unread = Unread(front.loop.time(), front.limits)
            front.behind.add(self)
        self._unread.more(self.unread())

    def _catch_up(self) -> None:
        """It has taken everything, or takes nothing any more."""
        if self._unread is not None:
            self._unread = None
            self._front.behind.discard(self)
            self._front.freed()

    def unread(self) -> int:
        """Bytes of answers that wait for the client."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def pace(self, now: float) -> float:
        """Bytes a second at which it takes them."""
        return self._unread.pace(now, self.unread()) if self._unread is not None else inf

    def close(self) -> None:
        """Behind what was sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """At once."""
        if self._transport is not None:
            drop_unsent(self._transport)
            self._transport.abort()
