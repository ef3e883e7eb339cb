"""The contract of the socket `Store`. A plug-in's author subclasses it in a test file and says how to open one."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from arkwright.core.errors import Corrupt, Invalid, Lost, Unknown
from arkwright.core.ports import Store

NO_DIGESTS = (
    "",
    "abc",
    "g" * 64,
    "A" * 64,
    "../../etc/passwd",
    "/etc/passwd",
    "a" * 63,
    "a" * 65,
    "a" * 64 + "\n",
    "../" + "a" * 61,
    "\uff41" * 64,
    "a" * 10_000,
)


class StoreContract:
    """What every store must do."""

    def open(self, folder: Path) -> Store:
        """The store that lives in `folder`; opened twice with one folder it is the same one."""
        raise NotImplementedError

    def damage(self, store: Store, digest: str) -> None:
        """Flip a bit of these bytes where they are kept, without changing their number."""
        path = store.path(digest)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.chmod(0o644)
        path.write_bytes(data)

    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return self.open(tmp_path / "store")

    @pytest.mark.parametrize("size", [0, 1, 1000, 3_000_001])
    def test_bytes_and_files_are_kept_under_their_digest(self, store: Store, tmp_path: Path, size: int) -> None:
        data = os.urandom(size)
        source = tmp_path / "source"
        source.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        assert not store.has(digest)
        assert store.put(source) == store.put_bytes(data) == digest
        assert store.has(digest)
        assert store.path(digest).read_bytes() == data
        assert list(store.verify()) == []

    def test_a_copy_is_kept(self, store: Store, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"before")
        digest = store.put(source)
        source.write_bytes(b"behind")
        assert store.path(digest).read_bytes() == b"before"
        source.unlink()
        assert store.path(digest).read_bytes() == b"before"

    def test_what_is_not_there_is_lost_and_what_never_was_unknown(self, store: Store, tmp_path: Path) -> None:
        assert not store.has("0" * 64)
        with pytest.raises(Lost):
            store.path("0" * 64)
        with pytest.raises(Unknown):
            store.put(tmp_path / "nothing")

    def test_only_files_are_kept(self, store: Store, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        for source in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
            with pytest.raises(Invalid):
                store.put(source)

    @pytest.mark.parametrize("digest", NO_DIGESTS, ids=range(len(NO_DIGESTS)))
    def test_only_digests_are_names(self, store: Store, digest: str) -> None:
        with pytest.raises(Invalid, match="digest"):
            store.path(digest)
        with pytest.raises(Invalid, match="digest"):
            store.has(digest)

    def test_damage_is_seen_named_and_mended(self, store: Store) -> None:
        good, bad = store.put_bytes(b"good" * 100), store.put_bytes(b"bad" * 100)
        self.damage(store, bad)
        with pytest.raises(Corrupt):
            store.path(bad)
        assert not store.has(bad)
        assert list(store.verify()) == [bad]
        assert store.path(good).read_bytes() == b"good" * 100
        assert store.put_bytes(b"bad" * 100) == bad
        assert store.path(bad).read_bytes() == b"bad" * 100
        assert list(store.verify()) == []

    def test_what_is_removed_is_lost_and_may_come_again(self, store: Store, tmp_path: Path) -> None:
        gone, stays = store.put_bytes(b"gone"), store.put_bytes(b"stays")
        store.remove(gone)
        store.remove(gone)
        assert not store.has(gone)
        with pytest.raises(Lost):
            store.path(gone)
        assert not self.open(tmp_path / "store").has(gone)
        assert store.path(stays).read_bytes() == b"stays"
        assert store.put_bytes(b"gone") == gone
        assert store.path(gone).read_bytes() == b"gone"
        with pytest.raises(Invalid, match="digest"):
            store.remove("../../etc/passwd")

    def test_another_sees_it_at_once(self, store: Store, tmp_path: Path) -> None:
        other = self.open(tmp_path / "store")
        digest = store.put_bytes(b"x")
        assert other.has(digest)
        self.damage(store, digest)
        with pytest.raises(Corrupt):
            self.open(tmp_path / "store").path(digest)

    def test_many_threads_may_put_the_same(self, store: Store) -> None:
        data = [os.urandom(50_000) for _ in range(4)]
        with ThreadPoolExecutor(8) as pool:
            digests = list(pool.map(store.put_bytes, data * 16))
        assert digests == [hashlib.sha256(d).hexdigest() for d in data * 16]
        assert list(store.verify()) == []
