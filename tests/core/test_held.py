"""What a process holds stays as long as it runs, and goes with the next one when it was killed."""

import errno
import fcntl
import os
import shutil
import tempfile

import pytest

from arkwright.core.held import MARK, claim, sweep, temporary


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


def left(place, name):
    """What a process leaves that is killed."""
    folder, handle = claim(place, name)
    (folder / f"{folder.name}{MARK}").touch()
    (folder / "counters").touch()
    os.close(handle)
    return folder


def test_the_next_one_sweeps_what_was_left(place, monkeypatch):
    """Not what another user left, who may plant what they like."""
    gone, other = left(place, "served"), left(place, "else")
    with monkeypatch.context() as patched:
        patched.setattr(os, "geteuid", lambda: gone.stat().st_uid + 1)
        with temporary("served") as foreign:
            assert set(place.iterdir()) == {gone, other, foreign}
    with temporary("served") as one, temporary("served") as two:
        assert set(place.iterdir()) == {other, one, two}
    assert set(place.iterdir()) == {other}


def test_what_a_person_made_stays_whatever_it_is_called(place):
    """A site in the place for temporary things, a copy of what a process held, a link to it, and a file."""
    (place / "served-demo").mkdir()
    (place / "served-demo" / "ledger.db").touch()
    with temporary("served") as held:
        shutil.copytree(held, place / "served-copied0")
        shutil.copytree(held, place / "aim")
    (place / "served-link").symlink_to(place / "aim")
    (place / "served-file").touch()
    kept = set(place.rglob("*"))
    with temporary("served"):
        pass
    assert set(place.rglob("*")) == kept


def test_what_may_not_be_looked_into_stops_nobody(place, monkeypatch):
    """Whatever the modes say, root may."""
    mine, opened = place / "closed-0300", os.open

    def refused(path, *given, **words):
        if path == mine:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return opened(path, *given, **words)

    mine.mkdir()
    monkeypatch.setattr(os, "open", refused)
    assert sweep([mine]) == 0
    assert mine.exists()
