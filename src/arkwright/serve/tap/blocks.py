"""Blocks appended to a file, each behind its length and checksum, so that a tail torn by a crash is seen and cut.

file  = magic, 8 bytes that name the format and its version, then blocks
block = kind (1 byte), length of the payload (4, little-endian), crc32 of kind, length and payload (4), payload
"""

import os
import struct
from collections.abc import Iterator
from io import BufferedReader
from itertools import islice
from zlib import crc32

from arkwright.core.errors import Corrupt

MAGIC = 8
HEAD = 9
LONGEST = 1 << 30  # of a payload: what claims more is no block
_HEAD = struct.Struct("<cII")
_START = struct.Struct("<cI")


def frame(kind: bytes, payload: bytes) -> bytes:
    """One block around a payload."""
    return _HEAD.pack(kind, len(payload), _sum(kind, payload)) + payload


def seal(kind: bytes, block: bytearray) -> None:
    """Make a block of a buffer whose first `HEAD` bytes were left free."""
    payload = memoryview(block)[HEAD:]
    _HEAD.pack_into(block, 0, kind, len(payload), _sum(kind, payload))
    payload.release()


def append(handle: int, data: bytes | bytearray) -> None:
    """Write all of it. Raises OSError; part of it may be in the file then."""
    left = memoryview(data)
    while left:
        left = left[os.write(handle, left) :]


class Blocks:
    """The whole blocks of an open file, in order, up to the first that is torn or altered.

    `end` is the offset behind the last whole block; what follows it is no longer anything.
    """

    def __init__(self, file: BufferedReader, magic: bytes) -> None:
        self._file = file
        start = file.read(MAGIC)
        if start != magic[: len(start)]:
            raise Corrupt(f"{file.name} does not begin as {magic.decode()}; it is another format or another version")
        self.end = len(start) if len(start) == MAGIC else 0

    def at(self, place: int) -> Iterator[tuple[bytes, bytes]]:
        """The one that begins there, if it is whole."""
        return islice(self.behind(place), 1)

    def behind(self, place: int) -> Iterator[tuple[bytes, bytes]]:
        """Those from there on, where one begins or all end."""
        self._file.seek(place)
        self.end = place
        return iter(self)

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """(kind, payload)."""
        while self.end:
            head = self._file.read(HEAD)
            if len(head) < HEAD:
                return
            kind, length, found = _HEAD.unpack(head)
            if length > LONGEST:
                return
            payload = self._file.read(length)
            if len(payload) < length or _sum(kind, payload) != found:
                return
            self.end += HEAD + length
            yield kind, payload


def _sum(kind: bytes, payload: "bytes | memoryview") -> int:
    return crc32(payload, crc32(_START.pack(kind, len(payload))))
