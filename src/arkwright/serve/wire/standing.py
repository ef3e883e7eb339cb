"""How each connection of a worker stands, in memory that outlives the worker: who is still owed an answer.

Two numbers for each descriptor. The first says how many bytes were handed to the transport before the last answer, how
many that answer has, and whether a request came since; the second how many bytes were read. What was really sent and
read the kernel knows (`Kernel`), so a worker that dies between the two leaves no doubt: an answer never begins twice,
and nobody goes on behind a request that was read and never seen.
"""

import fcntl
import mmap
import socket
import struct
import sys
import termios
from typing import TYPE_CHECKING, NamedTuple

from arkwright.serve.native import native

MOST = 2**16  # descriptors; those above are not noted
ANSWERED, BUSY, LAST = 1, 2, 3  # waits for a request; has one, or a part of one; will be closed. 0: no connection
LARGEST = 2**22 - 1  # of an answer: so many bytes or more
ROUND = 2**40 - 1  # bytes of a connection, after which they are counted anew
_ALL = 2**64 - 1
_COUNTS_AT = 120  # in struct tcp_info: bytes acknowledged, bytes received
_ESTABLISHED, _LISTENS = 1, 10


def noting() -> memoryview:
    """Both numbers of each descriptor, seen by whoever is forked from here. Pages not written to take no memory."""
    return memoryview(mmap.mmap(-1, 2 * 8 * MOST)).cast("Q")


class Kernel(NamedTuple):
    """What the kernel knows of a TCP connection: bytes that it took to send, and that were read of it, since it began.

    `open`: the other side may send more.
    """

    sent: int  # at most ROUND
    read: int
    open: bool

    @classmethod
    def of(cls, sock: socket.socket) -> "Kernel":
        """On Linux. Raises OSError when it is none or is broken."""
        before, counts, sending, waiting = None, _counts(sock), 0, 0
        while counts != before:  # something came between the questions
            sending, waiting = _bytes(sock, termios.TIOCOUTQ), _bytes(sock, termios.FIONREAD)
            before, counts = counts, _counts(sock)
        acknowledged, received, state = counts
        return cls(acknowledged + sending & ROUND, received - waiting, state == _ESTABLISHED)


def _counts(sock: socket.socket) -> tuple[int, int, int]:
    """Bytes acknowledged and received, and the state."""
    told = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _COUNTS_AT + 16)
    if told[0] == _LISTENS:
        raise OSError("it listens")
    acknowledged, received = struct.unpack_from("=QQ", told, _COUNTS_AT)
    return acknowledged, received, told[0]


def _bytes(sock: socket.socket, what: int) -> int:
    return int.from_bytes(fcntl.ioctl(sock, what, bytes(4)), sys.byteorder)


class PlainStand:
    """How one connection stands, as it notes it itself: before bytes are handed to the transport, not after."""

    __slots__ = ("_at", "_busy", "_numbers", "_read")

    def __init__(self, numbers: memoryview, before: Kernel | None = None) -> None:
        """`before`: what another process has sent and read on it."""
        self._numbers, self._at = numbers, 0
        self._busy, self._read = (before.sent << 24 | BUSY, before.read) if before else (BUSY, 0)

    def begin(self, fd: int) -> None:
        """It is this descriptor's, and quiet."""
        self._at = fd if fd < MOST else 0  # where nobody looks
        self._numbers[MOST + self._at] = self._read
        self._numbers[self._at] = self._busy - BUSY + ANSWERED

    def came(self, size: int) -> None:
        """So many bytes were read. Behind the last answer that changes nothing."""
        numbers, at = self._numbers, self._at
        numbers[at] = self._busy
        self._read = numbers[MOST + at] = self._read + size

    def interim(self, size: int) -> None:
        """So many bytes go out that are no answer."""
        self._numbers[self._at] = self._busy = self._busy + (size << 24) & _ALL

    def answer(self, size: int, *, last: bool, more: bool) -> None:
        """An answer of so many bytes goes out. `more`: something was read that comes behind what it answers."""
        before = self._busy
        self._busy = after = before + (size << 24) & _ALL
        number = before + ((size if size < LARGEST else LARGEST) << 2)  # noqa: FURB136 - min() takes longer
        if last:
            self._busy = self._numbers[self._at] = number - BUSY + LAST
        else:
            self._numbers[self._at] = after if more else number - BUSY + ANSWERED

    def end(self) -> None:
        """The descriptor is closed in a moment."""
        self._numbers[self._at] = 0


if TYPE_CHECKING:
    Stand = PlainStand
else:
    Stand = PlainStand if native is None else native.Stand


def owed(number: int, read: int, kernel: Kernel) -> bool:
    """Whether a request came, and nothing of its answer went to the kernel."""
    if kernel.sent == number >> 24 and (number & 3 == BUSY or number >> 2 & LARGEST):
        return True
    return _whole(number, kernel) and kernel.read != read


def quiet(number: int, read: int, kernel: Kernel) -> bool:
    """Whether every request is answered to the last byte and no part of another one has been read."""
    return _whole(number, kernel) and kernel.read == read


def _whole(number: int, kernel: Kernel) -> bool:
    size = number >> 2 & LARGEST
    said = kernel.sent == (number >> 24) + size & ROUND
    return said and size < LARGEST and number & 3 == ANSWERED and kernel.open
