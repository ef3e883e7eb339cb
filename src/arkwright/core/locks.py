"""Locks between processes of one machine: a file that one of them holds, until it is closed or the process ends."""

import fcntl
import os
from pathlib import Path


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
