"""Files that are there or not there, never half: written beside, forced to the disk, then renamed.

The order is the one that file systems promise to keep over a power loss (Pillai et al., "All File Systems Are Not
Created Equal", OSDI 2014): file, rename, directory.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arkwright.core.errors import ArkwrightError, Full

_FULL = (errno.ENOSPC, errno.EDQUOT)
_NOT_LET = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR)


def publish(temporary: Path, final: Path) -> None:
    """Force a finished file to the disk and give it its name; the name then stands for all of it."""
    sync(temporary)
    temporary.replace(final)
    sync(final.parent)


def make_folder(path: Path) -> None:
    """A folder and its parents, durably; nothing happens when it exists."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    sync(path.parent)


def sync(path: Path) -> None:
    """Force a file or a folder to the disk. An error of fsync is never retried: the pages may be gone."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def room(what: str) -> Iterator[None]:
    """Raises Full where there is none; `what` is what was being written."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise Full(f"the disk is full: {what} was not written; make room and run it again") from None
        raise


@contextmanager
def writing(what: str, *temporaries: Path) -> Iterator[None]:
    """Remove the temporary files however it ends, and say it plainly when the disk is full or fails.

    Raises Full, ArkwrightError; `what` is what was being written.
    """
    try:
        with room(what):
            yield
    except OSError as error:
        if error.errno in _NOT_LET:
            where = f" ({error.filename})" if error.filename is not None else ""
            raise ArkwrightError(f"{what} may not be written: {os.strerror(error.errno)}{where}") from None
        if error.errno == errno.EIO:
            raise ArkwrightError(f"the disk failed while {what} was written; check it before you go on") from None
        raise
    finally:
        for temporary in temporaries:
            temporary.unlink(missing_ok=True)


def write(content: bytes, final: Path, what: str) -> None:
    """A small file that only its owner's programs read, whole or not at all, its folder made where there is none.

    Raises as `writing` does.
    """
    half = final.with_name(f"{final.name}.half-{os.getpid()}")
    with writing(what, half):
        final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        half.write_bytes(content)
        publish(half, final)
