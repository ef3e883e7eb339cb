import os
import threading

import pytest

from arkwright.core.errors import Corrupt, Full, Invalid, Unknown
from arkwright.infra.disk_store import DiskStore
from arkwright.tracking.tracking import Tracking


@pytest.fixture
def tracking(tmp_path):
    made = Tracking(tmp_path, DiskStore(tmp_path / "files"))
    yield made
    made.close()


def test_bytes_and_files_are_read_back(tracking, tmp_path):
    (tmp_path / "big").write_bytes(os.urandom(100_000))
    tracking.artifacts.put("1/a", b"wool", "ana")
    tracking.artifacts.put("1/deep/b", tmp_path / "big", "ana")
    assert tracking.artifacts.get("1/a")[1].read_bytes() == b"wool"
    assert tracking.artifacts.get("1/deep/b")[1].read_bytes() == (tmp_path / "big").read_bytes()
    assert [(file.path, file.is_folder, file.size) for file in tracking.artifacts.list("1")] == [
        ("1/a", False, 4),
        ("1/deep", True, 0),
    ]
    assert [file.path for file in tracking.artifacts.list()] == ["1"]
    with pytest.raises(Unknown):
        tracking.artifacts.get("1/deep")


def test_rotten_bytes_are_not_handed_out(tracking):
    tracking.artifacts.put("1/a", b"wool", "ana")
    place = tracking.artifacts.get("1/a")[1]
    place.chmod(0o600)
    place.write_bytes(b"silk")
    with pytest.raises(Corrupt):
        tracking.artifacts.get("1/a")
    tracking.artifacts.put("1/a", b"wool", "ana")
    assert tracking.artifacts.get("1/a")[1].read_bytes() == b"wool"


def test_equal_bytes_put_and_removed_by_many_at_once_are_never_lost(tracking):
    """Whatever was put last under a name of one's own is there, however often others remove the same bytes."""
    failed = []

    def work(name):
        try:
            for _ in range(40):
                tracking.artifacts.put(name, b"the same wool", name)
                tracking.artifacts.remove(name)
            tracking.artifacts.put(name, b"the same wool", name)
            assert tracking.artifacts.get(name)[1].read_bytes() == b"the same wool"
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"run/{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    for n in range(4):
        assert tracking.artifacts.get(f"run/{n}")[1].read_bytes() == b"the same wool"


def test_a_full_disk_is_said_and_what_is_there_stays(small_disk):
    place = small_disk(4)
    tracking = Tracking(place, DiskStore(place / "files"))
    tracking.artifacts.put("a", b"wool", "ana")
    with pytest.raises(Full, match="make room"):
        tracking.artifacts.put("b", os.urandom(5 << 20), "ana")
    assert [file.path for file in tracking.artifacts.list()] == ["a"]
    tracking.artifacts.put("c", b"more", "ana")
    tracking.close()


def test_names_beside_one_another_do_not_touch(tracking):
    for path in ("a/b", "a.c", "a0/d", "ab"):
        tracking.artifacts.put(path, path.encode(), "ana")
    assert [file.path for file in tracking.artifacts.list("a")] == ["a/b"]
    assert tracking.artifacts.remove("a") == 1
    assert [file.path for file in tracking.artifacts.list()] == ["a.c", "a0", "ab"]
    with pytest.raises(Invalid):
        tracking.artifacts.put("ab/c", b"", "ana")
