"""Bytes in a folder, each file named by the SHA-256 of what is in it: `ab/cd/abcd…`.

A name is given only to a file that is wholly on the disk; what is read is hashed before it is handed out.
"""

import hashlib
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path

from arkwright.core.durable import make_folder, publish, sync, writing
from arkwright.core.errors import Corrupt, Invalid, Lost, Unknown

ORPHAN_AGE_S = 24 * 3600
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 20
_ANEW = "run again to make it anew, or put a backup back"
Print = tuple[int, ...]


class DiskStore:
    """The store under `root`. Safe for many processes: equal bytes have one name, and whoever comes last wins nothing.

    A file is hashed again when its size, times or inode differ from when this process last hashed it; `verify` hashes
    everything anew.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._temporary = root / "tmp"
        self._seen: dict[str, Print] = {}
        with writing(f"the folder {root}"):
            make_folder(self._temporary)
        self.sweep()

    def put(self, source: Path) -> str:
        """Keep a copy of this file; its digest. Raises Unknown, Invalid, or ArkwrightError when the disk is full."""
        try:
            file = _open(source)
        except (FileNotFoundError, NotADirectoryError):
            raise Unknown(f"there is no file {source}") from None
        if file is None:
            raise Invalid(f"{source} is not a file that can be kept")
        with file:
            return self._put(_blocks(file), str(source))

    def put_bytes(self, data: bytes) -> str:
        """Keep these bytes; their digest."""
        return self._put([data], f"a file of {len(data)} bytes")

    def has(self, digest: str) -> bool:
        """Whether the bytes are here and still theirs: what has rotted may be put again."""
        file = self._file(digest)
        return file is not None and self._good(file, digest)

    def path(self, digest: str) -> Path:
        """A local file to read, its hash verified. Raises Invalid, Lost or Corrupt."""
        file = self._file(digest)
        if file is None:
            raise Lost(f"{digest[:12]}… is gone from the folder {self.root}; {_ANEW}")
        if not self._good(file, digest):
            raise Corrupt(f"{file} is no longer what was kept; {_ANEW}")
        return file

    def remove(self, digest: str) -> None:
        """Forget bytes that only the caller ever spoke of; nothing happens when they are not there. Raises Invalid."""
        place = self._place(digest)
        with writing(f"the folder {self.root}"):
            place.unlink(missing_ok=True)
            if place.parent.is_dir():
                sync(place.parent)
        self._seen.pop(digest, None)

    def verify(self) -> Iterator[str]:
        """Digests whose bytes are no longer theirs, in order."""
        self._seen.clear()
        for first in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            for file in sorted(first.glob("[0-9a-f][0-9a-f]/*")):
                if _DIGEST.fullmatch(file.name) and not self._good(file, file.name) and os.path.lexists(file):
                    yield file.name

    def sweep(self, older_than_s: float = ORPHAN_AGE_S) -> int:
        """Remove what a killed process left half written; the number of files."""
        removed = 0
        for file in self._temporary.iterdir():
            try:
                if time.time() - file.lstat().st_mtime > older_than_s:
                    file.unlink()
                    removed += 1
            except FileNotFoundError:
                continue  # somebody else was quicker
        return removed

    def _put(self, blocks: Iterable[bytes], what: str) -> str:
        with writing(what):
            handle, name = tempfile.mkstemp(dir=self._temporary, prefix="put-")
        temporary = Path(name)
        with writing(what, temporary), os.fdopen(handle, "wb") as out:
            sha = hashlib.sha256()
            for block in blocks:
                sha.update(block)
                out.write(block)
            out.flush()
            digest = sha.hexdigest()
            final = self._place(digest)
            if os.path.lexists(final) and self._good(final, digest):
                sync(final.parent)  # whoever put it may not have come so far yet
            else:
                os.fchmod(out.fileno(), 0o444)
                make_folder(final.parent)
                publish(temporary, final)
                self._seen[digest] = _print(os.fstat(out.fileno()))  # its name may be gone again by now
            return digest

    def _place(self, digest: str) -> Path:
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise Invalid(f"{str(digest)[:80]!r} is not a digest: 64 characters of 0-9 and a-f")
        return self.root / digest[:2] / digest[2:4] / digest

    def _file(self, digest: str) -> Path | None:
        file = self._place(digest)
        return file if os.path.lexists(file) else None

    def _good(self, path: Path, digest: str) -> bool:
        try:
            file = _open(path, os.O_NOFOLLOW)
        except OSError:  # a link, or a disk that cannot read it
            return False
        if file is None:
            return False
        with file:
            facts = os.fstat(file.fileno())
            if self._seen.get(digest) == _print(facts):
                return True
            try:
                good = hashlib.file_digest(file, "sha256").hexdigest() == digest
            except OSError:
                return False
        if good:
            self._seen[digest] = _print(facts)
        return good


def _open(path: Path, flags: int = 0) -> BufferedReader | None:
    """The file to be read, or None when it is a folder, a pipe (which would wait for ever) or a device."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    return None


def _blocks(file: BufferedReader) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block


def _print(facts: os.stat_result) -> Print:
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
