"""The segment that a worker appends to."""

import errno
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from arkwright.core.locks import lock
from arkwright.serve.tap.blocks import HEAD, append, frame, seal
from arkwright.serve.tap.files import sync_folder
from arkwright.serve.tap.segment import HEADER, MAGIC, RECORDS, RELEASE, SUFFIX, Header, Packed, Record, Release

_KEPT = 2**20  # bytes of a block whose memory is used for the next
_encoder = msgspec.msgpack.Encoder()


class SegmentFile:
    """A new segment in `folder`, locked as long as it is open. Not for two threads at once, but for `sync`.

    It gets its name only when it is locked and has its header: nobody can mistake it for one whose writer is dead.
    Raises OSError, as all of its methods do; after one, only `close` may be called unless `undo` worked.
    """

    def __init__(self, folder: Path, header: Header, releases: Iterable[Release]) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{time.time_ns():020d}-{os.getpid()}-{os.urandom(4).hex()}"
        half, self.path = folder / f".{name}.half", folder / f"{name}{SUFFIX}"
        self.born = time.monotonic()
        self._handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            lock(self._handle)
            head = [MAGIC, frame(HEADER, msgspec.json.encode(header))]
            head += [frame(RELEASE, msgspec.json.encode(release)) for release in releases]
            self.size = 0
            self._write(b"".join(head))
            os.fsync(self._handle)
            half.rename(self.path)
            sync_folder(folder)
        except OSError:
            os.close(self._handle)
            half.unlink(missing_ok=True)
            raise
        self._whole = self.size
        self.broken = False
        self._buffer = bytearray()

    def add_release(self, release: Release) -> None:
        """Name a release; before the first record that speaks of it."""
        self._write(frame(RELEASE, msgspec.json.encode(release)))

    def add(self, records: Sequence[Record]) -> None:
        """Append one block."""
        _encoder.encode_into(records, self._buffer, HEAD)
        seal(RECORDS, self._buffer)
        self._write(self._buffer)
        if len(self._buffer) > _KEPT:
            self._buffer = bytearray()

    def add_packed(self, some: Sequence[Record | Packed]) -> None:
        """Append one block of what is packed already, and what is not."""
        packed = [one if isinstance(one, Packed) else Packed(one.release, 1, _encoder.encode(one)) for one in some]
        array = b"\xdd%b" % sum(one.count for one in packed).to_bytes(4)  # MessagePack's head of an array
        self._write(frame(RECORDS, b"".join([array, *(one.records for one in packed)])))

    def whole(self) -> None:
        """Nothing is half written."""
        self._whole = self.size

    @property
    def removed(self) -> bool:
        """Whether somebody took it away, with its folder or alone: nobody would read what is added."""
        return os.fstat(self._handle).st_nlink == 0

    def sync(self) -> None:
        """Force everything added to the disk; on any thread. After an error this segment must be left: the pages may be
        gone.
        """
        if self.broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        try:
            os.fdatasync(self._handle)
        except OSError:
            self.broken = True
            raise

    def undo(self) -> None:
        """Cut off what was added since it was `whole`."""
        os.ftruncate(self._handle, self._whole)
        os.lseek(self._handle, self._whole, os.SEEK_SET)
        self.size = self._whole

    def close(self) -> None:
        """From here on it may be compacted."""
        os.close(self._handle)

    def _write(self, data: bytes | bytearray) -> None:
        append(self._handle, data)
        self.size += len(data)
