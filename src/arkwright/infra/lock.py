"""One process and one thread at a time, on one machine."""

import fcntl
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
        opened = path.open("ab")
    with opened as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
