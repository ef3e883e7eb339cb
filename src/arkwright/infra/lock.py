"""One process and one thread at a time, on one machine."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arkwright.core.durable import writing


@contextmanager
def alone(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Wait until nobody else holds this file, and hold it; it ends with the process, however that ends. Without `wait`
    False while somebody does.
    """
    with writing(f"the lock {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)  # who may read it could hold it for ever
    try:
        yield _held(handle, path, wait=wait)
    finally:
        os.close(handle)


def _held(handle: int, path: Path, *, wait: bool) -> bool:
    with writing(f"the lock {path}"):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
    return True
