"""Advisories in a zip, in a folder, or in one file: read once, and of them kept what is about the packages asked for.

Nothing in it is trusted: sizes and counts are bounded, and what cannot be read is told by file and entry.
"""

import os
import stat
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from arkwright.advisories.entry import LARGEST, Entry, decode, normal
from arkwright.advisories.matching import about
from arkwright.core.errors import Invalid, Unknown
from arkwright.core.visible import visible

MOST = 1_000_000  # entries; osv.dev's export of PyPI has some 20,000
MOST_BYTES = 8 << 30  # of all of them, unpacked
_KEPT = 10  # lines of what cannot be read
_SOON = timedelta(days=1)  # a clock may be ahead; a date beyond that is no date


@dataclass(slots=True)
class Database:
    """`entries`: by the normal name of the package; `newest`: when one was changed last; `read`: how many there are.

    `unread`: a line for each of the first entries that cannot be read, of `unreadable`.
    """

    entries: dict[str, list[Entry]] = field(default_factory=dict)
    newest: datetime | None = None
    read: int = 0
    unread: list[str] = field(default_factory=list)
    unreadable: int = 0

    def take(self, data: bytes, where: str, wanted: Collection[str], now: datetime) -> None:
        """Everything in one file."""
        try:
            found = decode(data)
        except Invalid as error:
            self.miss(where, str(error))
            return
        for entry in found:
            self.read += 1
            changed = _moment(entry.modified)
            if changed is None:
                self.miss(f"{where}, {entry.shown}", f"it was modified at {entry.modified[:40]!r}, which is no time")
            elif changed <= now + _SOON:
                self.newest = max(self.newest or changed, changed)
            if entry.withdrawn is None:
                for name in {about(one) for one in entry.affected or ()} & set(wanted):
                    if name is not None:
                        self.entries.setdefault(name, []).append(entry)

    def miss(self, where: str, why: str) -> None:
        self.unreadable += 1
        if len(self.unread) < _KEPT:
            self.unread.append(visible(" ".join(f"{where} cannot be read: {why}".split())))


def read(path: Path, names: Collection[str], now: datetime) -> Database:
    """What it says of the packages of these names. Raises Unknown where there is nothing, Invalid where it is none."""
    found, wanted = Database(), {normal(name) for name in names}
    try:
        for where, data in _files(path, found):
            found.take(data, where, wanted, now)
    except FileNotFoundError:
        raise Unknown(f"there are no advisories at {path}; put osv.dev's PyPI/all.zip there") from None
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        why = (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
        raise Invalid(f"the advisories in {path.name} cannot be read: {why[:200].lower()}") from None
    if not found.read:
        raise Invalid(f"{path.name} holds no advisories in OSV format{': ' + found.unread[0] if found.unread else ''}")
    return found


def _files(path: Path, found: Database) -> Iterator[tuple[str, bytes]]:
    """(name of the file and entry, bytes), one after the other."""
    if path.is_dir():
        yield from _folder(path, found)
    elif zipfile.is_zipfile(path):
        yield from _zip(path, found)
    else:
        yield path.name, _bytes(path)


def _folder(folder: Path, found: Database) -> Iterator[tuple[str, bytes]]:
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
                found.miss(where, (error.strerror if isinstance(error, OSError) else str(error)) or "")
                continue
            bounds.add(len(data))
            yield where, data


def _zip(path: Path, found: Database) -> Iterator[tuple[str, bytes]]:
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
                found.miss(where, str(error)[:100])
                continue
            bounds.add(len(data))
            yield where, data


@dataclass(slots=True)
class _Bounds:
    """Raises ValueError where there is more than any such database has."""

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


def _moment(text: str) -> datetime | None:
    """RFC 3339, as OSV has its times."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
