"""The folder of one run of a server: what its processes share lies there. A worker that comes later needs it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def shared() -> Iterator[Path]:
    """A new one, as long as the block runs. It is locked: so systemd-tmpfiles, which clears /tmp of what is old, lets
    it be, whatever its age.
    """
    with TemporaryDirectory(prefix="arkwright-") as made:
        handle = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield Path(made)
        finally:
            os.close(handle)
