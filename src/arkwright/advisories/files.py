"""JSON files in a zip, in a folder, or one by itself, brought here by somebody: sizes and counts are bounded, and what
cannot be read is told by file and entry.
"""

import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from arkwright.core.errors import Invalid, Unknown

LARGEST = 16 << 20  # bytes of one; the largest of osv.dev's export of PyPI has less than one million
MOST = 1_000_000  # entries; osv.dev's export of PyPI has some 20,000
MOST_BYTES = 8 << 30  # of all of them, unpacked
Miss = Callable[[str, str], None]  # is told (where, why) of what cannot be read


def read(path: Path, miss: Miss, what: str, then: str) -> Iterator[tuple[str, bytes]]:
    """(name of the file and entry, bytes), one after the other. `what`: they are; `then`: what to do without them.

    Raises Unknown where there is nothing, Invalid where the whole cannot be read.
    """
    try:
        yield from _files(path, miss)
    except FileNotFoundError:
        raise Unknown(f"there are no {what} at {path}; {then}") from None
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        why = (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
        raise Invalid(f"the {what} in {path.name} cannot be read: {why[:1].lower()}{why[1:200]}") from None


def _files(path: Path, miss: Miss) -> Iterator[tuple[str, bytes]]:
    """(name of the file and entry, bytes), one after the other."""
    if path.is_dir():
        yield from _folder(path, miss)
    elif zipfile.is_zipfile(path):
        yield from _zip(path, miss)
    elif path.suffix == ".zip" and path.is_file():
        raise zipfile.BadZipFile("it is no whole zip; bring it here once more")
    else:
        yield path.name, _bytes(path)


def _folder(folder: Path, miss: Miss) -> Iterator[tuple[str, bytes]]:
    bounds = _Bounds(folder.name)
    for base, folders, files in os.walk(folder):  # links to folders are not followed
        folders.sort()
        for name in sorted(files):
            path = Path(base, name)
            where = str(path.relative_to(folder.parent))
            if not name.endswith(".json"):
                continue
            try:
                data = _bytes(path)
            except (OSError, ValueError) as error:
                miss(where, (error.strerror if isinstance(error, OSError) else str(error)) or "")
                continue
            bounds.add(len(data))
            yield where, data


def _zip(path: Path, miss: Miss) -> Iterator[tuple[str, bytes]]:
    bounds = _Bounds(path.name)
    with closing(zipfile.ZipFile(path)) as archive:
        for member in archive.infolist():
            if not member.filename.endswith(".json"):
                continue
            where = f"{path.name}, {member.filename[:100]!r}"
            try:
                with archive.open(member) as file:
                    data = file.read(LARGEST + 1)  # whatever its header claims
            except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
                miss(where, str(error)[:100])
                continue
            bounds.add(len(data))
            yield where, data


@dataclass(slots=True)
class _Bounds:
    """Raises ValueError where there is more than any such collection has."""

    what: str
    files: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        self.files, self.bytes = self.files + 1, self.bytes + size
        if self.files > MOST or self.bytes > MOST_BYTES:
            raise ValueError(f"it has more than {MOST:,} entries, or {MOST_BYTES >> 30} GiB")


def _bytes(path: Path) -> bytes:
    """Raises OSError, and ValueError for what is no file."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("it is no file")
        return file.read(LARGEST + 1)
