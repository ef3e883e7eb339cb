"""A segment: one file of logged predictions, appended to by one worker, and how it is read again.

Block H (JSON) stands first and names the endpoint and the redacted columns. Block R (JSON) names a release before its
first record. Block D (MessagePack) holds records. Whoever reads a segment needs nothing but the segment.

A file without a lock has no writer any more: it was closed, or its worker is dead.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from arkwright.core.errors import Corrupt
from arkwright.core.locks import lock
from arkwright.core.nouns import Column
from arkwright.core.signature import Tensor
from arkwright.serve.tap.blocks import Blocks

T = TypeVar("T")
MAGIC = b"ARKWTAP1"
SUFFIX = ".segment"
HEADER, RELEASE, RECORDS = b"H", b"R", b"D"
INFER, SHADOW, ARROW = 1, 2, 4  # flags; of ARROW the body is a stream of rows


class Header(msgspec.Struct, frozen=True):
    """What stands once per segment. `redact`: columns that were never written."""

    endpoint: str
    redact: tuple[str, ...] = ()


class Release(msgspec.Struct, frozen=True):
    """A release that answers: its place in this segment's records, and what its rows and answers look like.

    `columns` leaves out what is redacted; `classes` is empty unless the answer is a label. `outputs` are the graph's.
    """

    index: int
    ref: str
    digest: str
    columns: tuple[Column, ...]
    classes: tuple[int | str | bool, ...] = ()
    outputs: tuple[Tensor, ...] = ()


class Record(msgspec.Struct, array_like=True, gc=False):
    """One answered request. `at`: nanoseconds since 1970, UTC; `latency`: microseconds.

    `head` and `answer_head`: the bytes of JSON in front of binary tensors, 0 when there are none.
    """

    at: int
    latency: int
    status: int
    flags: int
    release: int
    head: int
    answer_head: int
    id: bytes
    caller: bytes
    body: bytes
    answer: bytes


class Packed(msgspec.Struct, gc=False):
    """Records of one release, in MessagePack, one behind the other."""

    release: int
    count: int
    records: bytes


_records = msgspec.msgpack.Decoder(list[Record])


class Segment:
    """A segment to be read, finished or still growing. `header` is None when not even that reached the disk.

    Raises Corrupt for a file that is no segment of this version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb")
        try:
            self._blocks = Blocks(self._file, MAGIC)
            self.releases: dict[int, Release] = {}
            first = next(iter(self._blocks), None)
            self.header = None if first is None else self._decoded(first[1], Header)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[list[Record]]:
        """The records, block by block; `releases` knows each record's release by then."""
        if self.header is None:
            return
        for kind, payload in self._blocks:
            if kind == RECORDS:
                try:
                    yield _records.decode(payload)
                except msgspec.DecodeError as error:
                    raise Corrupt(f"{self.path} holds records of another version: {error}") from None
            elif kind == RELEASE:
                release = self._decoded(payload, Release)
                self.releases[release.index] = release

    @property
    def read(self) -> int:
        """Bytes up to behind the last block that was read."""
        return self._blocks.end

    @property
    def torn(self) -> int:
        """Bytes behind the last whole block, once every block was read: what a crash tore off."""
        return os.fstat(self._file.fileno()).st_size - self._blocks.end

    def _decoded(self, payload: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(payload, type=kind)
        except msgspec.DecodeError as error:
            raise Corrupt(f"{self.path} has a {kind.__name__.lower()} of another version: {error}") from None


def is_closed(path: Path) -> bool:
    """Whether nobody appends to this segment any more."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return lock(handle, shared=True)
    finally:
        os.close(handle)


def segments(folder: Path) -> list[Path]:
    """The segments in a folder, oldest name first."""
    return sorted(folder.glob(f"*{SUFFIX}"))
