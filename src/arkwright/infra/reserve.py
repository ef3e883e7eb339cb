"""Room on a site's disk that is put aside: a file of a few MiB. A piece of it is given back to a full disk for what an
owner must be able to do there.

Whoever else writes then may be quicker and take the piece: it is of use, no promise.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from arkwright.core.errors import Full

SIZE, PIECE = 4 << 20, 1 << 20  # bytes; a piece is more than a log-in or a stop takes
AMPLE = 16 * SIZE  # what else is free where room is put aside
T = TypeVar("T")


class Reserve:
    """The file at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def room(self) -> int:
        """How many bytes are put aside. Blocks are counted: a copy of the file may have none behind it."""
        try:
            return self.path.stat().st_blocks * 512
        except OSError:
            return 0

    def keep(self) -> None:
        """Put aside what is missing, where there is ample room."""
        with suppress(OSError):  # whatever is done works without
            if self.room >= SIZE or shutil.disk_usage(self.path.parent).free < AMPLE:
                return
            handle = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                os.posix_fallocate(handle, 0, SIZE)
                os.fsync(handle)
            finally:
                os.close(handle)

    def give(self) -> bool:
        """Give a piece back to the disk; False where nothing is left."""
        try:
            size = min(self.path.stat().st_size, self.room)
            if size:
                os.truncate(self.path, max(0, size - PIECE))
        except OSError:
            return False
        return bool(size)

    def helping(self, work: Callable[[], T]) -> T:
        """Do it; where the disk is full, once more with a piece. Raises Full where that does not help."""
        try:
            made = work()
        except Full:
            if not self.give():
                raise
            return work()
        self.keep()
        return made
