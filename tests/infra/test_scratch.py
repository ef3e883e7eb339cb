"""Folders for what is being made: one's own, gone afterwards, and swept when their maker was killed."""

import errno
import subprocess
import sys

import pytest

from arkwright.core.errors import ArkwrightError, Full
from arkwright.core.held import sweep
from arkwright.infra.scratch import scratch

HOLDER = """
import sys
from pathlib import Path
from arkwright.infra.scratch import scratch
with scratch(Path(sys.argv[1]), "run") as folder:
    (folder / "half").write_text("made")
    print(folder, flush=True)
    sys.stdin.read()
"""


def hold(place):
    command = [sys.executable, "-c", HOLDER, str(place)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith(str(place))
    return process


def test_a_disk_that_is_full_while_it_is_used(tmp_path):
    with (
        pytest.raises(Full, match=r"the disk is full: what is worked on in .* was not written; make room"),
        scratch(tmp_path / "tmp", "run"),
    ):
        raise OSError(errno.ENOSPC, "Error writing bytes to file")  # as Arrow does
    with pytest.raises(FileNotFoundError), scratch(tmp_path / "tmp", "run") as folder:
        (folder / "nothing").read_text()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_it_is_empty_and_ones_own_and_goes(tmp_path):
    with scratch(tmp_path / "tmp", "run") as one, scratch(tmp_path / "tmp", "run") as other:
        assert one != other
        assert one.parent == other.parent == tmp_path / "tmp"
        assert list(one.iterdir()) == []
        (one / "file").write_text("x")
        assert sweep((tmp_path / "tmp").iterdir()) == 0
        assert (one / "file").exists()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_it_goes_when_the_work_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), scratch(tmp_path, "run") as folder:
        folder.joinpath("x").write_text(str(1 / 0))
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_and_what_a_living_one_holds_stays(tmp_path):
    killed, living = hold(tmp_path), hold(tmp_path)
    killed.kill()
    killed.communicate()
    with scratch(tmp_path, "run") as own:
        (held,) = set(tmp_path.iterdir()) - {own}
        assert (held / "half").read_text() == "made"
    living.communicate("")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_folder_stays(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path)
    assert sweep(tmp_path.iterdir()) == 0
    assert len(list(tmp_path.iterdir())) == 2


def test_a_full_disk_is_said(tmp_path, monkeypatch):
    def full(**_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("arkwright.core.held.tempfile.mkdtemp", full)
    with pytest.raises(ArkwrightError, match="the disk is full"), scratch(tmp_path, "run"):
        pass
