"""Files that are there or not there, never half: written beside, forced to the disk, then renamed."""

import contextlib
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arkwright.core.errors import ArkwrightError, Full

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def half(final: Path) -> Iterator[Path]:
    """A temporary name beside `final` for the time of writing. Nothing is left of it, however it ends.

    Raises ArkwrightError when the disk is full, may not be written or fails.
    """
    temporary = final.with_name(f".{final.name}.half")
    try:
        with explained(str(final)):
            yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Say it plainly when the disk is full, may not be written or fails while `what` is written."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise Full(f"the disk is full: {what} was not written; make room and run it again") from None
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR):
            raise ArkwrightError(f"{what} may not be written: {os.strerror(error.errno)}") from None
        if error.errno == errno.EIO:
            raise ArkwrightError(f"the disk failed while {what} was written; check it before you go on") from None
        raise


def publish(temporary: Path, final: Path) -> None:
    """Force a finished file to the disk and give it its name (Pillai et al., OSDI 2014: file, rename, folder)."""
    with explained(str(final)):
        _sync(temporary)
        temporary.replace(final)
        _sync(final.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
