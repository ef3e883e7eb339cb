"""Answers that a client has not taken yet: for how long it may leave them, and what a system tells of it."""

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios

from arkwright.serve.wire.limits import Limits

_UNSENT = 2**16  # bytes of answers that the system keeps for a connection beside what is on its way
_SILENT = 60_000  # milliseconds after which it gives up a client that takes nothing, also of what was closed
_OPTIONS = (("TCP_NOTSENT_LOWAT", _UNSENT), ("TCP_USER_TIMEOUT", _SILENT))


class Unread:
    """Since when a client is behind with its answers, and until when it may be: a grace time, and then so many bytes a
    second of all that it asked for. Taking a byte now and then gives it no more time.
    """

    __slots__ = ("_limits", "_since", "_size", "by")

    def __init__(self, now: float, limits: Limits) -> None:
        self._limits, self._since, self._size = limits, now, 0
        self.by = now + limits.body_idle

    def more(self, size: int) -> None:
        """So many bytes wait for it."""
        self._size += size
        self.by += size / self._limits.slowest

    def pace(self, now: float, left: int) -> float:
        """Bytes a second that it has taken, when so many are left."""
        return (self._size - left) / max(now - self._since, 0.001)


def show_unread(listening: socket.socket) -> None:
    """Have the system keep little that was not sent, on all connections of this socket: what a client does not read
    waits here then, where it is counted and has its time.
    """
    for name, value in _OPTIONS:
        if listening.family != socket.AF_UNIX and hasattr(socket, name):
            listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def acknowledged(transport: asyncio.Transport) -> bool:
    """Whether the other side's system has everything that was written."""
    try:
        waiting = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, b"\0" * 4)
    except (OSError, AttributeError):
        return True  # unknown here
    return struct.unpack("i", waiting) == (0,)


def drop_unsent(transport: asyncio.Transport) -> None:
    """Have the connection reset when it is closed: else the system would go on to send what it still has."""
    with contextlib.suppress(OSError, AttributeError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
