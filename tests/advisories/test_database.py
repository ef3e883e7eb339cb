"""A database is somebody else's file: whatever is in it, it is read within bounds, and told by file and entry."""

import os
import zipfile
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
import pytest

from arkwright.advisories import database, files
from arkwright.core.errors import Invalid, Unknown

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def read(path, *names):
    return database.read(path, names or ["requests"], NOW)


def zipped(path, files, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as out:
        for name, data in files.items():
            out.writestr(name, data)
    return path


def test_a_folder_a_zip_and_a_file_say_the_same(entry, written, tmp_path):
    folder = written(entry(), entry("GHSA-2", "jinja2"))
    as_zip = zipped(tmp_path / "all.zip", {p.name: p.read_bytes() for p in folder.iterdir()})
    as_file = tmp_path / "all.json"
    as_file.write_bytes(msgspec.json.encode([entry(), entry("GHSA-2", "jinja2")]))
    for path in (folder, as_zip, as_file):
        found = read(path, "Requests")
        assert {name: [one.id for one in some] for name, some in found.entries.items()} == {
            "requests": ["GHSA-x84v-xcm2-53pg"]
        }
        assert (found.read, found.unreadable) == (2, 0)
        assert f"{found.newest:%Y-%m-%d}" == "2026-11-28"


def test_what_was_withdrawn_is_left_out(entry, written):
    assert read(written(entry(withdrawn="2020-01-01T00:00:00Z"))).entries == {}


def test_a_date_ahead_of_the_clock_makes_nothing_fresh(entry, written):
    found = read(written(entry(modified="2020-01-01T00:00:00Z"), entry("GHSA-2", modified="2999-01-01T00:00:00Z")))
    assert f"{found.newest:%Y-%m-%d}" == "2020-01-01"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"null", "expected"),
        (b'{"id": 1, "modified": "x"}', "expected `str`, got `int` - at `$.id`"),
        (b'{"id": "A"}', "missing required field `modified`"),
        (b'{"id": "A", "modified": "2020-01-01T00:00:00Z", "affected": {}}', "expected `array | null`"),
        (b'{"id": "A", "modified": "yesterday"}', "A cannot be read: it was modified at 'yesterday'"),
        (b"[" * 100_000, ""),
        (b'{"id": "\xff"}', ""),
        (b" " * (files.LARGEST + 1), "more than 16 MiB"),
    ],
)
def test_an_entry_that_cannot_be_read_is_told(entry, tmp_path, data, why):
    found = read(zipped(tmp_path / "all.zip", {"good.json": msgspec.json.encode(entry()), "PyPI/bad.json": data}))
    assert "requests" in found.entries
    assert found.unreadable == 1
    [line] = found.unread
    assert line.startswith("all.zip, 'PyPI/bad.json'")
    assert why.lower() in line.lower()
    assert len(line) < 400
    assert "\n" not in line


def test_many_bad_entries_are_counted_and_few_told(entry, tmp_path):
    files = {f"{n}.json": b"{" for n in range(500)} | {"good.json": msgspec.json.encode(entry())}
    found = read(zipped(tmp_path / "all.zip", files))
    assert (found.unreadable, len(found.unread)) == (500, 10)


def test_of_a_list_every_entry_is_read_by_itself(entry, tmp_path):
    bad = entry("GHSA-2") | {"id": 2}
    (tmp_path / "all.json").write_bytes(msgspec.json.encode([entry(), bad, 7, entry("GHSA-3")]))
    found = read(tmp_path / "all.json")
    assert [one.id for one in found.entries["requests"]] == ["GHSA-x84v-xcm2-53pg", "GHSA-3"]
    assert (found.read, found.unreadable) == (2, 2)
    assert found.unread[0].startswith("all.json, entry 2 cannot be read: Expected `str`, got `int`")


def test_a_small_zip_of_huge_entries_costs_no_memory(entry, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST", 1 << 16)
    monkeypatch.setattr(files, "MOST_BYTES", 1 << 18)
    bomb = zipped(tmp_path / "all.zip", {f"{n}.json": b"[" + b" " * (1 << 20) for n in range(10)})
    with pytest.raises(Invalid, match="cannot be read: it has more than"):
        read(bomb)


def test_a_damaged_zip(entry, tmp_path):
    whole = zipped(tmp_path / "all.zip", {"good.json": msgspec.json.encode(entry())}).read_bytes()
    for cut in range(0, len(whole), 7):
        (tmp_path / "cut.zip").write_bytes(whole[:cut])
        with pytest.raises(Invalid, match=r"in cut\.zip cannot be read: it is no whole zip; bring it here once more"):
            read(tmp_path / "cut.zip")
    for place in range(0, len(whole), 3):
        changed = bytearray(whole)
        changed[place] ^= 0x55
        (tmp_path / "bad.zip").write_bytes(changed)
        with suppress(Invalid):
            assert read(tmp_path / "bad.zip").read == 1


def test_what_is_no_database(written, tmp_path):
    with pytest.raises(Unknown, match=r"there are no advisories at .*nowhere\.zip; put osv"):
        read(tmp_path / "nowhere.zip")
    with pytest.raises(Invalid, match="advisories holds no advisories in OSV format"):
        read(written())
    with pytest.raises(Invalid, match=r"empty\.zip holds no advisories"):
        read(zipped(tmp_path / "empty.zip", {}))


def test_pipes_and_links_in_a_folder(entry, written):
    folder = written(entry())
    os.mkfifo(folder / "pipe.json")
    (folder / "loop.json").symlink_to(folder / "loop.json")
    (folder / "around").symlink_to(folder)
    found = read(folder)
    assert (found.read, found.unreadable) == (1, 2)
