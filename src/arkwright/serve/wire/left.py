"""Clients that leave while they are owed an answer.

Closing a connection looks from here as a half-close does: the client will send no more. Only what is sent to it tells
one from the other, for a system resets what comes to a connection that nobody has any more. So the first byte of the
answer goes ahead, which is the same in all answers: who is still there reads its answer as ever.
"""

import asyncio
import select
from typing import Protocol

AHEAD = b"H"  # of `HTTP/1.1 `
LOOK = 0.002  # seconds from there until it is looked whether it was refused; and again, each time after twice as long
_ENDED = getattr(select, "POLLRDHUP", 0)  # Linux
_BROKEN = select.POLLHUP | select.POLLERR | select.POLLNVAL


class Sock(Protocol):
    """What has a file descriptor."""

    def fileno(self) -> int: ...


def ended(transport: asyncio.Transport) -> bool:
    """Whether the other side will send no more; where a system cannot say, only whether the connection is broken."""
    return bool(_events(transport.get_extra_info("socket")))


def broken(transport: asyncio.Transport) -> bool:
    """Whether the other side refused what was sent."""
    return bool(_events(transport.get_extra_info("socket")) & _BROKEN)


def _events(sock: Sock) -> int:
    poll = select.poll()
    poll.register(sock.fileno(), _ENDED)
    return next((events for _, events in poll.poll(0)), 0)
