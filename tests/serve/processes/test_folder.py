"""What the processes of one run share stays as long as it runs."""

import fcntl
import os

import pytest

from arkwright.serve.processes.folder import shared


def test_it_is_locked_as_long_as_it_is_used_and_gone_then():
    """Who clears /tmp of what is old asks for a lock first: tmpfiles.d(5)."""
    with shared() as folder:
        (folder / "counters").touch()
        handle = os.open(folder, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(handle)
    assert not folder.exists()
