"""Bytes of a file as they were before they were packed: plain, .gz, .zst, or the only member of a .zip.

An archive may claim anything. What comes out is read as a stream and bounded: past 1 GiB, at most 200 times the bytes
that went in; and a member's name is never used as a path.
"""

import gzip
import io
import stat
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import pyarrow as pa

from arkwright.core.errors import Invalid

FREE = 1 << 30
RATIO = 200
PACKED = (".gz", ".zst", ".zip")
_MAGIC = {
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "gzip data",
    b"\x28\xb5\x2f\xfd": "zstd data",
    b"PAR1": "a Parquet file",
    b"SQLite format 3\0": "an SQLite database",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}


class Unpacked(io.RawIOBase):
    """A readable stream of at most `most` bytes that watches double quotes on the way."""

    def __init__(self, source: Any, most: int, what: str) -> None:
        self.source, self.most, self.what = source, most, what
        self.read_bytes = self.quotes = 0
        self._ending = b""  # the last byte read
        self._before_quote = b""  # the byte before the last quote

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data: bytes = self.source.read(size)
        self.read_bytes += len(data)
        if b'"' in data:
            self.quotes += data.count(b'"')
            at = data.rindex(b'"')
            self._before_quote = data[at - 1 : at] if at else self._ending
        self._ending = data[-1:] or self._ending
        if self.read_bytes > self.most:
            raise _bomb(self.what)
        return data

    def ends_in_quotes(self, delimiter: str) -> bool:
        """Whether the last quote so far opens a value and an odd number of them leaves it open."""
        return self.quotes % 2 == 1 and self._before_quote in (b"", b"\r", b"\n", delimiter.encode())

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def unpacked(path: Path, what: str) -> Iterator[Unpacked]:
    """The unpacked bytes of a file. Raises Invalid when it is missing, damaged, cut off or a bomb."""
    with reading(what), path.open("rb") as file:
        size = path.stat().st_size
        if not size:
            raise Invalid(f"{what} is empty")
        most = max(FREE, RATIO * size) if path.suffix.lower() in PACKED else sys.maxsize
        with _open(file, path.suffix.lower(), most, what) as source:
            yield Unpacked(source, most, what)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Whatever goes wrong while a file is read, in one line. Raises Invalid."""
    try:
        yield
    except FileNotFoundError:
        raise Invalid(f"{what} is no longer there") from None
    except IsADirectoryError:
        raise Invalid(f"{what} is a folder; name a file in it, or all of them: {what}/*.csv") from None
    except PermissionError:
        raise Invalid(f"{what} may not be read: permission denied") from None
    except EOFError:
        raise Invalid(f"{what} ends in the middle: it is cut off; fetch it again") from None
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, NotImplementedError) as error:
        raise Invalid(f"{what} is damaged or not what its name says: {_short(error)}") from None
    except (OSError, pa.ArrowException) as error:
        said = _short(error)
        if "Truncated" in said:
            raise Invalid(f"{what} ends in the middle: it is cut off; fetch it again") from None
        raise Invalid(f"{what} cannot be read: {said}") from None


def member(path: Path, what: str) -> str:
    """The name of a zip's only file. Raises Invalid when there are none, several, or a name that leaves the archive."""
    with reading(what):
        if not path.stat().st_size:
            raise Invalid(f"{what} is empty")
        with zipfile.ZipFile(path) as archive:
            return _member(archive, what).filename


def check_text(head: bytes, what: str) -> None:
    """Raises Invalid when these first bytes are not those of a text in UTF-8."""
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            raise Invalid(f"{what} is {kind}; {_way_out(kind)}")
    start = head[:4096]
    if start.count(b"\0") > len(start) // 5:
        raise Invalid(f"{what} is UTF-16 text or no text at all; save it as UTF-8")


def _way_out(kind: str) -> str:
    return "save it as UTF-8" if kind == "UTF-16 text" else "give it the name of what it is"


@contextmanager
def _open(file: BinaryIO, suffix: str, most: int, what: str) -> Iterator[Any]:
    if suffix == ".gz":
        with gzip.open(file) as source:
            yield source
    elif suffix == ".zst":
        with pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd") as source:
            yield source
    elif suffix == ".zip":
        with zipfile.ZipFile(file) as archive:
            info = _member(archive, what)
            if info.flag_bits & 1:
                raise Invalid(f"{what} is locked with a password; unpack it and name that file")
            if info.file_size > most:  # no more than it says ever comes out of it
                raise _bomb(what)
            with archive.open(info) as source:
                yield source
    else:
        yield file


def _member(archive: zipfile.ZipFile, what: str) -> zipfile.ZipInfo:
    infos = [i for i in archive.infolist() if not i.is_dir() and not i.filename.startswith("__MACOSX/")]
    if len(infos) != 1:
        names = ", ".join(repr(info.filename[:60]) for info in infos[:5])
        raise Invalid(f"{what} holds {len(infos) or 'no'} files ({names}); it must hold one")
    name = PurePosixPath(infos[0].filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts:
        raise Invalid(f"{what} holds {infos[0].filename[:60]!r}, a name that leaves the archive; do not trust it")
    if stat.S_IFMT(infos[0].external_attr >> 16) not in (0, stat.S_IFREG):  # a link's bytes are where it leads
        raise Invalid(f"{what} holds {infos[0].filename[:60]!r}, which is no plain file; pack what it leads to")
    return infos[0]


def _bomb(what: str) -> Invalid:
    return Invalid(
        f"{what} unpacks to more than {RATIO} times its size; is it a bomb? If not, unpack it and name that file"
    )


def _short(error: BaseException) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:300]
