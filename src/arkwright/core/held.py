"""Folders that a process holds: locked while it lives, and swept by the next one when it was killed."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from arkwright.core.locks import lock

MARK = ".held"  # behind a folder's own name: the file in it by which a process says that it made it


@contextlib.contextmanager
def temporary(name: str) -> Iterator[Path]:
    """A folder `NAME-…` in the place for temporary things, as long as the block runs. Those of this name that this
    user's processes left there when they were killed go first, and nothing else: what somebody made there, or copied
    from one of them, has no file in it that says its own name.

    It is locked: so systemd-tmpfiles, which clears /tmp of what is old, lets it be, whatever its age.
    """
    place = Path(tempfile.gettempdir())
    sweep(folder for folder in place.glob(f"{name}-*") if _is_ours(folder))
    folder, handle = claim(place, name)
    try:
        (folder / f"{folder.name}{MARK}").touch()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def sweep(folders: Iterable[Path]) -> int:
    """Remove those of processes that ended without doing it; their number."""
    removed = 0
    for folder in folders:
        handle = None
        with contextlib.suppress(PermissionError):  # it may not be looked into
            handle = _lock(folder)
        if handle is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(handle)
            removed += 1
    return removed


def claim(parent: Path, name: str) -> tuple[Path, int]:
    """A new folder `NAME-…` in `parent`, and what holds it until it is closed or the process ends."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
        handle = _lock(folder)
        if handle is not None:
            if folder.is_dir():
                return folder, handle
            os.close(handle)  # somebody swept it in the moment before it was locked


def _is_ours(folder: Path) -> bool:
    """Whether a process of this user made it."""
    try:
        return folder.lstat().st_uid == os.geteuid() and (folder / f"{folder.name}{MARK}").is_file()
    except OSError:  # its process ended just now, or it may not be looked into
        return False


def _lock(folder: Path) -> int | None:
    """The folder open and locked, until it is closed; None when it is no folder, or somebody holds it."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if lock(handle):
        return handle
    os.close(handle)
    return None
