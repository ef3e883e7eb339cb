"""The mark by which a folder knows its own records again."""

import secrets
from types import SimpleNamespace

import pytest

from arkwright.api.one_folder import FILE, KEY, KIND, warn_of_another
from arkwright.core.errors import Refused
from arkwright.infra.sqlite_vault import SqliteVault


@pytest.fixture
def site(tmp_path):
    vault = SqliteVault(tmp_path / "vault.db")
    yield SimpleNamespace(folder=tmp_path, vault=vault, settings=SimpleNamespace(ledger="postgresql://h/d"))
    vault.close()


def test_two_that_start_at_once_agree(site, monkeypatch, caplog):
    """The other one starts just as the first one makes its mark."""
    made = secrets.token_hex

    def late(size):
        monkeypatch.setattr(secrets, "token_hex", made)
        token = made(size)
        warn_of_another(site)
        return token

    monkeypatch.setattr(secrets, "token_hex", late)
    for _ in range(2):
        warn_of_another(site)
    assert site.vault.get(KIND, KEY) == (site.folder / FILE).read_text()
    assert {path.name for path in site.folder.iterdir() if path.name.startswith("folder")} == {FILE}
    assert not caplog.records


def test_a_mark_that_is_there_needs_no_writing(site, monkeypatch, caplog):
    warn_of_another(site)
    monkeypatch.setattr(site.vault, "add", may_not)
    warn_of_another(site)
    assert not caplog.records


def test_a_mark_that_cannot_be_made_is_told_and_stops_nobody(site, monkeypatch, caplog):
    """Neither in the records nor in the folder; without where the database is."""
    monkeypatch.setattr(site.vault, "add", may_not)
    warn_of_another(site)
    assert "whether another folder keeps its records where" in caplog.text
    assert "read-only" in caplog.text
    assert "db.example" not in caplog.text
    (site.folder / FILE).write_bytes(b"\xff")
    warn_of_another(site)
    (site.folder / FILE).unlink()
    site.folder = site.folder / "nowhere"
    warn_of_another(site)
    assert len(caplog.records) == 3


def may_not(*_):
    raise Refused("the vault in postgresql://db.example/shop: read-only")
