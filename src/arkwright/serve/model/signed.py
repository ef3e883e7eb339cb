"""The files of a release folder, each read once: what is used is what was checked, with no moment between."""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from arkwright.core.errors import Corrupt

_KEPT = "code/"  # may be imported whenever a request comes to it


class Signed:
    """A release folder as it was signed: path -> SHA-256. None: whoever laid it out answers for it.

    Of code that is imported later the bytes of now are kept. What the release's code reads by itself, a table beside
    it, is checked now and read by that code from the folder.
    """

    def __init__(self, folder: Path, files: Mapping[str, str] | None) -> None:
        """Raises Corrupt for a file that differs, is missing, was added or is no plain file."""
        self.folder = folder
        self._held: dict[str, bytes] | None = None
        if files is None:
            return
        self._held = {}
        found = set(_walk(folder, ""))
        wrong = [f"{path} was added" for path in sorted(found - set(files))]
        wrong += [f"{path} is missing" for path in sorted(set(files) - found)]
        for path in sorted(found & set(files)):
            data = _bytes(folder / path)
            if hashlib.sha256(data).hexdigest() == files[path]:
                self._held[path] = data
            else:
                wrong.append(f"{path} was changed")
        if wrong:
            raise Corrupt(f"the release is not what was signed: {', '.join(wrong[:5])}")

    def has(self, path: str) -> bool:
        return (self.folder / path).exists() if self._held is None else path in self._held

    def read(self, path: str) -> bytes:
        """Raises FileNotFoundError when the release has no such file."""
        if self._held is None:
            return (self.folder / path).read_bytes()
        if path not in self._held:
            raise FileNotFoundError(path)
        return self._held[path]

    def settle(self) -> None:
        """Everything is loaded: let go of all but code."""
        if self._held is not None:
            self._held = {path: data for path, data in self._held.items() if path.startswith(_KEPT)}


def _walk(folder: Path, base: str) -> Iterator[str]:
    """The path of whatever is no folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(folder / entry.name, f"{base}{entry.name}/")
            else:
                yield f"{base}{entry.name}"


def _bytes(path: Path) -> bytes:
    """Of a plain file; nothing else is opened, for a pipe would wait and a link lead elsewhere."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with os.fdopen(handle, "rb") as file:
        return file.read() if stat.S_ISREG(os.fstat(handle).st_mode) else b""
