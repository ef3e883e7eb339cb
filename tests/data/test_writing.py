"""Half a file is no file."""

import errno

import pytest

from arkwright.core.durable import publish
from arkwright.core.errors import ArkwrightError
from arkwright.data.writing import half


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EROFS, "may not be written: Read-only file system"),
        (errno.ENOENT, "may not be written: No such file or directory"),
        (errno.EIO, "the disk failed"),
    ],
)
def test_an_error_is_said_and_leaves_nothing(tmp_path, code, message):
    def write() -> None:
        with half(tmp_path / "x") as temporary:
            temporary.write_bytes(b"half")
            raise OSError(code, "said the system")

    with pytest.raises(ArkwrightError, match=message):
        write()
    assert list(tmp_path.iterdir()) == []


def test_published_it_is_there_whole(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr("os.fsync", done.append)
    with half(tmp_path / "x") as temporary:
        temporary.write_bytes(b"whole")
        publish(temporary, tmp_path / "x")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert len(done) == 2  # the file and its folder


def test_a_failing_fsync_publishes_nothing(tmp_path, monkeypatch):
    def fail(_handle: int) -> None:
        raise OSError(errno.EIO, "said the system")

    monkeypatch.setattr("os.fsync", fail)

    def write() -> None:
        with half(tmp_path / "x") as temporary:
            temporary.write_bytes(b"whole")
            publish(temporary, tmp_path / "x")

    with pytest.raises(ArkwrightError, match="the disk failed"):
        write()
    assert list(tmp_path.iterdir()) == []
