"""What a process holds stays as long as it runs, and goes with the next one when it was killed."""

import fcntl
import os
import tempfile

import pytest

from arkwright.core.held import temporary


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_is_locked_as_long_as_it_is_used_and_gone_then():
    """Who clears /tmp of what is old asks for a lock first: tmpfiles.d(5)."""
    with temporary("served") as folder:
        (folder / "counters").touch()
        handle = os.open(folder, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(handle)
    assert not folder.exists()


def test_the_next_one_sweeps_what_nobody_holds(place, monkeypatch):
    """Not what is held, is called otherwise, is no folder or lies behind a link, or is another user's."""
    left, other, aim = (place / name for name in ("served-left", "else-left", "aim"))
    for folder in (left, other, aim):
        folder.mkdir()
        (folder / "counters").touch()
    (place / "served-file").touch()
    (place / "served-link").symlink_to(aim)
    kept = {other, aim, place / "served-file", place / "served-link"}
    monkeypatch.setattr(os, "geteuid", lambda: left.stat().st_uid + 1)
    with temporary("served") as foreign:
        assert set(place.iterdir()) == {*kept, left, foreign}
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    with temporary("served") as one, temporary("served") as two:
        assert set(place.iterdir()) == {*kept, one, two}
    assert set(place.iterdir()) == kept
    assert (aim / "counters").exists()
