import os
import stat
import subprocess

import pytest
from pysqlite3 import dbapi2 as sqlite

from arkwright.core.errors import ArkwrightError, Corrupt, Refused
from arkwright.infra.sqlite_vault import SqliteVault
from arkwright.testing.vault import VaultContract


class TestContract(VaultContract):
    def open(self, folder):
        return SqliteVault(folder / "vault.db")


@pytest.fixture
def place(tmp_path):
    """A closed vault with one record."""
    vault = SqliteVault(tmp_path / "vault.db")
    vault.put("password", "ada", "a hash")
    vault.close()
    return tmp_path / "vault.db"


def remount(disk, options):
    subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)


def test_only_its_owner_may_read_it(tmp_path):
    before = os.umask(0)
    try:
        vault = SqliteVault(tmp_path / "vault.db")
        vault.put("password", "ada", "a hash")
    finally:
        os.umask(before)
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert files == {"vault.db": 0o600, "vault.db-wal": 0o600, "vault.db-shm": 0o600}
    vault.close()


def test_a_backup_put_back_loses_its_rights(place):
    place.chmod(0o644)
    SqliteVault(place).close()
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_what_was_forgotten_is_not_left_in_the_file(place):
    vault = SqliteVault(place)
    vault.put("token", "x", "a rare secret")
    vault.remove("token", "x")
    vault.close()
    assert b"a rare secret" not in b"".join(path.read_bytes() for path in place.parent.iterdir())


def test_it_is_durable_by_its_settings(place):
    vault = SqliteVault(place)
    settings = {name: vault._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert settings == {"journal_mode": "wal", "synchronous": 2}
    vault.close()


def test_a_full_disk_loses_nothing_and_writes_go_on_with_room(small_disk):
    disk = small_disk(1)
    vault = SqliteVault(disk / "vault.db")
    kept = 0

    def fill():
        nonlocal kept
        for number in range(1000):
            vault.put("done", str(number), "x" * 5000)
            kept += 1

    with pytest.raises(ArkwrightError, match="disk is full"):
        fill()
    assert kept > 20
    assert len(list(vault.find("done"))) == kept
    remount(disk, "size=8m")
    vault.close()
    again = SqliteVault(disk / "vault.db")
    again.put("done", "room", "x" * 5000)
    assert len(list(again.find("done"))) == kept + 1
    again.close()


def test_a_disk_that_may_only_be_read_is_said(small_disk):
    disk = small_disk(1)
    vault = SqliteVault(disk / "vault.db")
    vault.put("password", "ada", "a hash")
    vault.close()
    remount(disk, "ro")
    with pytest.raises(ArkwrightError, match=r"vault.*Read-only"):
        SqliteVault(disk / "vault.db")


def test_a_failing_disk_ends_writing(place):
    vault = SqliteVault(place)

    class Failing:
        def execute(self, *_):
            error = sqlite.OperationalError("disk I/O error")
            error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
            raise error

    good, vault._db = vault._db, Failing()
    with pytest.raises(ArkwrightError, match="the disk failed"):
        vault.put("a", "1", "")
    vault._db = good
    with pytest.raises(ArkwrightError, match="opened again"):
        vault.put("a", "1", "")
    assert vault.get("password", "ada") == "a hash"
    vault.close()


@pytest.mark.parametrize("spoil", [lambda data: b"a text and no vault " * 500, lambda data: data[:4500]])
def test_a_damaged_file_is_said_and_left_alone(place, spoil):
    spoiled = spoil(place.read_bytes())
    place.write_bytes(spoiled)
    with pytest.raises(Corrupt, match="put a backup back"):
        SqliteVault(place).get("password", "ada")
    assert place.read_bytes() == spoiled


def test_a_newer_layout_is_refused_untouched(place):
    db = sqlite.connect(str(place), isolation_level=None)
    db.execute("PRAGMA user_version = 2")
    db.close()
    data = place.read_bytes()
    with pytest.raises(Refused, match="newer Arkwright"):
        SqliteVault(place)
    assert place.read_bytes() == data


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ArkwrightError, match="nowhere"):
        SqliteVault(tmp_path / "nowhere" / "vault.db")


def test_nobody_else_can_hold_a_turn(tmp_path):
    vault = SqliteVault(tmp_path / "vault.db")
    with vault.alone("watch of buys") as held:
        assert held
    (turn,) = (tmp_path / "turns").iterdir()
    assert stat.S_IMODE(turn.stat().st_mode) == 0o600  # whoever may read a file may lock it
