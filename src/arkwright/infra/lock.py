"""One process and one thread at a time, on one machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arkwright.core.durable import writing
from arkwright.core.locks import lock, opened


@contextmanager
def alone(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Wait until nobody else holds this file, and hold it; it ends with the process, however that ends. Without `wait`
    False while somebody does.
    """
    with writing(f"the lock {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = opened(path)
    try:
        with writing(f"the lock {path}"):
            got = lock(handle, wait=wait)
        yield got
    finally:
        os.close(handle)
