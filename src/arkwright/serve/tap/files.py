"""Small files that are there or not there, and lock files that are held for a while."""

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from arkwright.core.locks import lock, opened

AGAIN = 0.01  # seconds after which is tried again to lock


def write_whole(path: Path, data: bytes) -> None:
    """Write a file durably under its name: beside, forced to the disk, renamed, the folder forced too."""
    half = path.with_name(f".{path.name}.half")
    handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Force names given and taken in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def locked(path: Path, *, shared: bool = False, within: float | None = None) -> Iterator[bool]:
    """Hold a lock file, alone or shared; whether it was got: somebody else's lock that is not given back `within` so
    many seconds gives False. Shared it is had of a disk, too, that may only be read.
    """
    handle = _to_read(path) if shared else opened(path)
    if handle is None:
        yield True
        return
    try:
        yield _got(handle, within, shared=shared)
    finally:
        os.close(handle)


def _got(handle: int, within: float | None, *, shared: bool) -> bool:
    if within is None:
        return lock(handle, shared=shared, wait=True)
    end = time.monotonic() + within
    while not (got := lock(handle, shared=shared)) and time.monotonic() < end:
        time.sleep(AGAIN)
    return got


def _to_read(path: Path) -> int | None:
    """None on a disk that may only be read, where nobody ever locked it."""
    try:
        return opened(path)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
    with suppress(FileNotFoundError):
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    return None
