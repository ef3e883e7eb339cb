import os
import random
import shutil
import subprocess
import sys

import pytest
from pysqlite3 import dbapi2 as sqlite

from arkwright.core import record
from arkwright.core.errors import ArkwrightError, Corrupt, Missing, Refused
from arkwright.core.ports import Entry
from arkwright.infra import sqlite_ledger
from arkwright.infra.sqlite_ledger import SqliteLedger
from arkwright.testing.ledger import LedgerContract

ROWS = 12
TABLE = 'SELECT seq, at, "by", kind, key, body, seal FROM event ORDER BY seq'


class TestContract(LedgerContract):
    def open(self, folder):
        return SqliteLedger(folder / "ledger.db")


@pytest.fixture
def place(tmp_path):
    """A closed ledger with some rows, all of it in one file."""
    ledger = SqliteLedger(tmp_path / "ledger.db")
    for number in range(1, ROWS + 1):
        ledger.append("ada", [Entry("model", f"late@{number}", f'{{"n":{number}}}')])
    ledger.close()
    return tmp_path / "ledger.db"


def tamper(place, *statements):
    """As somebody with the file and an editor: no trigger, no index stops them."""
    db = sqlite.connect(str(place), isolation_level=None)
    for statement in ("DROP TRIGGER event_no_update", "DROP TRIGGER event_no_delete", *statements):
        db.execute(statement)
    db.close()


def told(place, **given):
    ledger = SqliteLedger(place)
    try:
        return ledger.verify(**given)
    finally:
        ledger.close()


@pytest.mark.parametrize("statement", ["UPDATE event SET body = ''", "DELETE FROM event WHERE seq = 3"])
def test_the_table_itself_is_append_only(place, statement):
    db = sqlite.connect(str(place), isolation_level=None)
    with pytest.raises(sqlite.IntegrityError, match="append-only"):
        db.execute(statement)
    db.close()
    assert told(place) == ROWS


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["UPDATE event SET body = '{\"n\":6}' WHERE seq = 5"], "event 5 "),
        (["UPDATE event SET at = '2020-01-01T00:00:00.000+00:00' WHERE seq = 7"], "event 7 "),
        (["UPDATE event SET \"by\" = 'bob' WHERE seq = 1"], "event 1 "),
        (["UPDATE event SET key = 'late@99' WHERE seq = 12"], "event 12 "),
        (["UPDATE event SET kind = 'run' WHERE seq = 2"], "event 2 "),
        (["UPDATE event SET seal = substr(seal, 2) || substr(seal, 1, 1) WHERE seq = 4"], "event 4 "),
        (["DELETE FROM event WHERE seq = 1"], "event 1 is missing"),
        (["DELETE FROM event WHERE seq = 6"], "event 6 is missing"),
        (["DELETE FROM event WHERE seq = 12"], "tail was cut off"),
        (["DELETE FROM event"], "tail was cut off"),
        (["DELETE FROM event WHERE seq < 6"], "event 1 is missing"),
        (["UPDATE event SET seq = 99 WHERE seq = 5"], "event 5 is missing"),
        (
            [
                "UPDATE event SET seq = -1 WHERE seq = 5",
                "UPDATE event SET seq = 5 WHERE seq = 6",
                "UPDATE event SET seq = 6 WHERE seq = -1",
            ],
            "event 5 ",
        ),
        (["INSERT INTO event VALUES (0, '', '', '', '', '', '')"], "event 1 is missing"),
        (["INSERT INTO event VALUES (13, '', 'eve', 'model', 'x', '', '')"], "event 13 "),
        (
            ["UPDATE event SET seq = seq + 100 WHERE seq > 4", "UPDATE event SET seq = seq - 99 WHERE seq > 100"],
            "event 5",
        ),
    ],
)
def test_the_first_bad_event_is_named(place, statements, message):
    tamper(place, *statements)
    with pytest.raises(Corrupt, match=message):
        told(place)


def test_a_changed_event_is_not_handed_out(place):
    tamper(place, "UPDATE event SET body = '{\"n\":6}' WHERE seq = 5")
    ledger = SqliteLedger(place)
    for read in (
        lambda: ledger.get("model", "late@5"),
        lambda: ledger.last("model", "late@5"),
        lambda: list(ledger.find()),
    ):
        with pytest.raises(Corrupt, match="event 5 "):
            read()
    assert ledger.get("model", "late@7").body == '{"n":7}'
    ledger.close()


def test_an_event_without_the_one_before_is_not_handed_out(place):
    ledger = SqliteLedger(place)
    event = ledger.get("model", "late@5")
    ledger.close()
    mark = record.seal(record.GENESIS, 5, event.at, event.by, event.kind, event.key, event.body)
    tamper(place, "DELETE FROM event WHERE seq < 5", f"UPDATE event SET seal = '{mark}' WHERE seq = 5")
    ledger = SqliteLedger(place)
    with pytest.raises(Corrupt, match="event 5 "):
        ledger.get("model", "late@5")
    ledger.close()


def forge(place, change):
    """Everything from an event on written anew, with seals that fit."""
    db = sqlite.connect(str(place), isolation_level=None)
    rows = [list(row) for row in db.execute(TABLE)]
    db.close()
    change(rows)
    mark, statements = record.GENESIS, []
    for row in rows:
        mark = record.seal(mark, *row[:-1])
        statements.append(f"UPDATE event SET body = '{row[5]}', seal = '{mark}' WHERE seq = {row[0]}")
    tamper(place, *statements)


def test_a_chain_written_anew_fits_no_anchor_kept_elsewhere(place):
    ledger = SqliteLedger(place)
    anchor = ledger.head()
    ledger.close()
    forge(place, lambda rows: rows[4].__setitem__(5, '{"n":666}'))
    with pytest.raises(Corrupt, match=r"event 12 is not the one that ledger\.db\.head knows"):
        told(place)
    place.with_name("ledger.db.head").unlink()
    with pytest.raises(Corrupt, match="head is missing"):
        told(place)
    ledger = SqliteLedger(place)
    ledger.append("eve", [Entry("model", "late@13", "")])  # they own the file: the head beside it is theirs too
    assert ledger.verify() == 13
    with pytest.raises(Corrupt, match="event 12 is not the one that the given anchor knows"):
        ledger.verify(against=anchor)
    ledger.close()


def test_an_older_copy_put_back_is_noticed(place, tmp_path):
    shutil.copy(place, tmp_path / "yesterday")
    ledger = SqliteLedger(place)
    ledger.append("ada", [Entry("model", "late@13", "")])
    anchor = ledger.head()
    ledger.close()
    shutil.copy(tmp_path / "yesterday", place)
    with pytest.raises(Corrupt, match=r"ends at event 12, but ledger\.db\.head says 13"):
        told(place)
    ledger = SqliteLedger(place)
    with pytest.raises(Refused, match="if that was on purpose, remove that file"):
        ledger.append("ada", [Entry("model", "late@13", "another")])
    place.with_name("ledger.db.head").unlink()
    ledger.close()
    ledger = SqliteLedger(place)
    assert ledger.append("ada", [Entry("model", "late@13", "another")]) == 13
    assert ledger.verify() == 13
    with pytest.raises(Corrupt, match="event 13 is not the one"):
        ledger.verify(against=anchor)
    ledger.close()


def test_a_ledger_taken_away_is_noticed(place):
    place.unlink()
    with pytest.raises(Corrupt, match="ends at event 0"):
        told(place)


def test_a_damaged_head_is_said(place):
    place.with_name("ledger.db.head").write_bytes(b"\xff" * 86)
    with pytest.raises(Corrupt, match="head is damaged"):
        told(place)


def test_flipped_bits_are_found_or_change_nothing(place):
    """1,000 bits: what is read is what was written, or an error."""
    ledger = SqliteLedger(place)
    right = list(ledger.find())
    ledger.close()
    good, chance, found = place.read_bytes(), random.Random(11), 0
    for _ in range(1000):
        data = bytearray(good)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        place.write_bytes(data)
        try:
            ledger = SqliteLedger(place)
            try:
                count = ledger.verify()
                assert count == ROWS
                assert list(ledger.find()) == right
                assert [ledger.get(e.kind, e.key) for e in right] == right
            finally:
                ledger.close()
        except ArkwrightError:
            found += 1
    assert found > 50
    place.write_bytes(good)
    assert told(place) == ROWS


def test_every_flipped_bit_of_a_body_is_found(place):
    good = place.read_bytes()
    start = good.index(b'{"n":12}')
    for bit in range(8 * 8):
        data = bytearray(good)
        data[start + bit // 8] ^= 1 << bit % 8
        place.write_bytes(data)
        with pytest.raises(Corrupt, match="event 12 "):
            told(place)


def test_a_file_cut_short_or_of_another_kind(place):
    data = place.read_bytes()
    for cut in (len(data) // 2, 4096, 5000, 100):
        place.write_bytes(data[:cut])
        with pytest.raises(ArkwrightError, match="ledger"):
            told(place)
    place.write_bytes(b"this is a text and no ledger " * 100)
    with pytest.raises(Corrupt, match="damaged"):
        SqliteLedger(place)


def test_a_full_disk_loses_nothing_and_writes_go_on_with_room(small_disk):
    disk = small_disk(1)
    ledger = SqliteLedger(disk / "ledger.db")
    kept = 0

    def fill():
        nonlocal kept
        for number in range(1000):
            ledger.append("ada", [Entry("a", str(number), "x" * 5000)])
            kept += 1

    with pytest.raises(ArkwrightError, match="disk is full"):
        fill()
    assert kept > 20
    assert len(list(ledger.find())) == kept
    assert ledger.verify() == kept
    subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
    ledger.append("ada", [Entry("a", "room", "x" * 5000)])
    ledger.close()
    assert told(disk / "ledger.db") == kept + 1


def test_a_full_disk_refuses_a_new_ledger(small_disk):
    disk = small_disk(1)
    (disk / "filler").write_bytes(b"x" * (1 << 20))
    with pytest.raises(ArkwrightError, match="disk is full"):
        SqliteLedger(disk / "ledger.db")


def test_a_failing_disk_ends_writing(place, monkeypatch):
    ledger = SqliteLedger(place)

    class Failing:
        in_transaction = False

        def execute(self, *_):
            error = sqlite.OperationalError("disk I/O error")
            error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
            raise error

    good, ledger._db = ledger._db, Failing()
    with pytest.raises(ArkwrightError, match="the disk failed"):
        ledger.append("ada", [Entry("a", "1", "")])
    ledger._db = good
    with pytest.raises(ArkwrightError, match="opened again"):
        ledger.append("ada", [Entry("a", "1", "")])
    assert ledger.verify() == ROWS
    ledger.close()


def test_order_is_by_seq_and_not_by_the_clock(place, monkeypatch):
    ledger = SqliteLedger(place)
    clock = iter(["2031-01-01", "1999-01-01", "2026-01-01"])
    monkeypatch.setattr(sqlite_ledger, "now", lambda: next(clock))
    for number in (13, 14, 15):
        ledger.append("ada", [Entry("model", f"late@{number}", "")])
    assert [e.seq for e in ledger.find(after=12)] == [13, 14, 15]
    assert ledger.last("model", "late@").key == "late@15"
    assert ledger.verify() == 15
    ledger.close()


def test_an_old_sqlite_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite_ledger.sqlite, "sqlite_version_info", (3, 51, 2))
    with pytest.raises(Missing, match=r"3\.51\.3"):
        SqliteLedger(tmp_path / "ledger.db")
    assert list(tmp_path.iterdir()) == []


def test_a_newer_layout_is_refused_untouched(place):
    db = sqlite.connect(str(place), isolation_level=None)
    db.execute("PRAGMA user_version = 2")
    db.close()
    data = place.read_bytes()
    with pytest.raises(Refused, match="newer Arkwright"):
        SqliteLedger(place)
    assert place.read_bytes() == data


def test_it_is_durable_by_its_settings(place):
    ledger = SqliteLedger(place)
    settings = {name: ledger._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert settings == {"journal_mode": "wal", "synchronous": 2}
    ledger.close()


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ArkwrightError, match="nowhere"):
        SqliteLedger(tmp_path / "nowhere" / "ledger.db")


def test_a_forked_child_gets_its_own_connection(place):
    ledger = SqliteLedger(place)
    child = os.fork()
    if child == 0:
        before = ledger._db
        done = ledger.append("child", [Entry("a", "child", "")]) == ROWS + 1 and ledger._db is not before
        os._exit(0 if done else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert ledger.append("parent", [Entry("a", "parent", "")]) == ROWS + 2
    assert ledger.verify() == ROWS + 2
    ledger.close()


WRITER = """
import sys
from pathlib import Path
from arkwright.core import versions
from arkwright.core.nouns import Endpoint
from arkwright.infra.sqlite_ledger import SqliteLedger
ledger = SqliteLedger(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    print(versions.add(ledger, sys.argv[2], Endpoint(name="late", version=0, shares={})).version)
"""


def test_versions_of_eight_processes_have_no_gaps(tmp_path):
    place, each = tmp_path / "ledger.db", 40
    command = [sys.executable, "-c", WRITER, str(place)]
    running = [
        subprocess.Popen([*command, f"writer-{n}", str(each)], stdout=subprocess.PIPE, text=True) for n in range(8)
    ]
    made = [int(line) for process in running for line in process.communicate()[0].split()]
    assert [process.returncode for process in running] == [0] * 8
    assert sorted(made) == list(range(1, 8 * each + 1))
    ledger = SqliteLedger(place)
    assert ledger.verify() == 8 * each
    assert ledger.head().startswith(f"{8 * each}:")
    assert place.with_name("ledger.db.head").read_text().startswith(f"{8 * each:020d}:")
    ledger.close()
