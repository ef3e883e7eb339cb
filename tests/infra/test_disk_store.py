import errno
import hashlib
import os
import random
import stat
import subprocess
import sys
import time

import pytest

from arkwright.core.errors import ArkwrightError, Corrupt
from arkwright.infra import disk_store
from arkwright.infra.disk_store import DiskStore
from arkwright.testing.store import StoreContract


class TestContract(StoreContract):
    def open(self, folder):
        return DiskStore(folder)


@pytest.fixture
def store(tmp_path):
    return DiskStore(tmp_path / "store")


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_two_levels_read_only_and_nothing_else(store):
    digest = store.put_bytes(b"x")
    assert files(store.root) == [f"{digest[:2]}/{digest[2:4]}/{digest}"]
    assert stat.S_IMODE(store.path(digest).stat().st_mode) == 0o444


def test_every_flipped_bit_is_found(store):
    chance = random.Random(7)
    digests = [store.put_bytes(chance.randbytes(size)) for size in (1, 2, 100, 5000, 200_000)]
    for _ in range(1000):
        digest = chance.choice(digests)
        path = store.root / digest[:2] / digest[2:4] / digest
        good, data = path.read_bytes(), bytearray(path.read_bytes())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.chmod(0o644)
        path.write_bytes(data)
        with pytest.raises(Corrupt):
            store.path(digest)
        assert list(store.verify()) == [digest]
        path.write_bytes(good)


def test_a_link_a_folder_or_a_pipe_in_its_place_is_corrupt(store, tmp_path):
    digest = store.put_bytes(b"x")
    path = store.path(digest)
    (tmp_path / "same").write_bytes(b"x")
    for make in (lambda: path.symlink_to(tmp_path / "same"), lambda: os.mkfifo(path)):
        path.unlink()
        make()
        with pytest.raises(Corrupt):
            store.path(digest)
        assert not store.has(digest)
        assert store.put_bytes(b"x") == digest
        assert store.path(digest).read_bytes() == b"x"
        assert not store.path(digest).is_symlink()


def test_it_is_hashed_once_unless_the_file_changes(store, monkeypatch):
    digest = store.put_bytes(b"x" * 100)
    hashed = []
    real = hashlib.file_digest
    monkeypatch.setattr(disk_store.hashlib, "file_digest", lambda *a: hashed.append(1) or real(*a))
    fresh = DiskStore(store.root)
    fresh.path(digest)
    fresh.path(digest)
    assert len(hashed) == 1
    os.utime(fresh.path(digest), ns=(1, 1))
    fresh.path(digest)
    assert len(hashed) == 2
    assert list(fresh.verify()) == []
    assert len(hashed) == 3


def test_old_orphans_are_swept_and_young_ones_are_not(store):
    old, young = store.root / "tmp" / "put-old", store.root / "tmp" / "put-young"
    old.write_bytes(b"x")
    young.write_bytes(b"x")
    os.utime(old, (time.time() - 25 * 3600,) * 2)
    DiskStore(store.root)
    assert files(store.root) == ["tmp/put-young"]


def test_a_failing_write_leaves_nothing(store, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(ArkwrightError, match="disk is full"):
            store.put_bytes(b"x" * 1000)
    assert files(store.root) == []
    assert not store.has(hashlib.sha256(b"x" * 1000).hexdigest())


def test_a_full_disk_loses_nothing_that_was_acknowledged(small_disk):
    store = DiskStore(small_disk(2) / "store")
    kept = {}
    chance = random.Random(3)

    def fill():
        for _ in range(1000):
            data = chance.randbytes(chance.randrange(1, 60_000))
            kept[store.put_bytes(data)] = data

    with pytest.raises(ArkwrightError, match="disk is full"):
        fill()
    assert len(kept) > 10
    assert not list((store.root / "tmp").iterdir())
    assert list(DiskStore(store.root).verify()) == []
    assert {digest: store.path(digest).read_bytes() for digest in kept} == kept
    victim = store.path(next(iter(kept)))
    victim.unlink()
    store.put_bytes(b"room again")


WRITER = """
import os, sys
from pathlib import Path
from arkwright.infra.disk_store import DiskStore
store = DiskStore(Path(sys.argv[1]))
for number in range(100):
    data = (f"{sys.argv[2]} {number} ".encode() * 3000) if number % 2 else f"shared {number}".encode() * 3000
    print(store.put_bytes(data), flush=True)
"""


def test_processes_that_put_the_same(tmp_path):
    root = tmp_path / "store"
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, root, str(n)], stdout=subprocess.PIPE, text=True)
        for n in range(4)
    ]
    said = [process.communicate()[0].split() for process in running]
    assert [process.returncode for process in running] == [0] * 4
    assert len({digest for lines in said for digest in lines}) == 50 + 4 * 50
    assert len(files(root)) == 250
    assert list(DiskStore(root).verify()) == []
