"""Locks between processes of one machine: a file that one of them holds, until it is closed or the process ends."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

AGAIN = 0.01  # seconds after which is tried again to lock


def opened(path: Path) -> int:
    """The file to be locked, made where it is missing. Its owner's alone: who may read it could hold it for ever."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def lock(handle: int, *, shared: bool = False, wait: bool = False) -> bool:
    """Lock an open file until it is closed; whether it was got. Without `wait` somebody else's lock gives False."""
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


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
