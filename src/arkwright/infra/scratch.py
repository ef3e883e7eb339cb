"""Folders for what is being made: gone when their maker is done, and swept by the next one when it was killed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arkwright.core.durable import room, writing


@contextmanager
def scratch(parent: Path, name: str) -> Iterator[Path]:
    """An empty folder `NAME-…` in `parent`, locked while it is used; only such folders may be there.

    Raises ArkwrightError when the disk is full.
    """
    with writing(f"the folder {parent}"):
        parent.mkdir(parents=True, exist_ok=True)
        sweep(parent)
        folder, handle = _claim(parent, name)
    try:
        with room(f"what is worked on in {parent}"):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def sweep(parent: Path) -> int:
    """Remove the folders of processes that ended without doing it; their number."""
    removed = 0
    for folder in parent.iterdir():
        handle = _lock(folder)
        if handle is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(handle)
            removed += 1
    return removed


def _claim(parent: Path, name: str) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
        handle = _lock(folder)
        if handle is not None:
            if folder.is_dir():
                return folder, handle
            os.close(handle)  # somebody swept it in the moment before it was locked


def _lock(folder: Path) -> int | None:
    """The folder open and locked, until it is closed; None when it is no folder, or somebody else's."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
