"""PostgreSQL, a real one. `ARKWRIGHT_CYCLES` sets how often it is killed under its writers (CI: a tenth of it)."""

import contextlib
import os
import random
import selectors
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

from arkwright.core import record
from arkwright.core.errors import Away, Corrupt, Invalid, Refused
from arkwright.core.ports import Entry, Taken
from arkwright.infra import postgres_link
from arkwright.infra.postgres_ledger import PostgresLedger
from arkwright.infra.postgres_link import PostgresLink
from arkwright.testing.ledger import LedgerContract

psycopg = pytest.importorskip("psycopg")

ROWS, WRITERS = 12, 3
CYCLES = max(4, int(os.environ.get("ARKWRIGHT_CYCLES", "30")) // 10)


class TestContract(LedgerContract):
    @pytest.fixture(autouse=True)
    def _address(self, postgres, schema):
        self.url = postgres.url(schema)

    def open(self, folder):
        return PostgresLedger(self.url, folder / "ledger.head")


class Cut:
    """A socket between the ledger and its server that breaks where it is told: before or behind the COMMIT."""

    def __init__(self, target):
        self.target, self.when, self.seen = target, None, []
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near = self.door.accept()[0]
                far = socket.socket(socket.AF_UNIX)
                far.connect(self.target)
                threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near, far):
        with contextlib.suppress(OSError), near, far, selectors.DefaultSelector() as ready:
            ready.register(near, selectors.EVENT_READ, far)
            ready.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in ready.select():
                    data = key.fileobj.recv(1 << 16)
                    commit = key.fileobj is near and b"COMMIT" in data
                    self.seen += [b"COMMIT"] * commit
                    if not data or (commit and self.when == "before"):
                        self.when = None
                        return
                    key.data.sendall(data)
                    if commit and self.when == "behind":
                        self.when = None
                        far.recv(1 << 16)  # its answer: it was committed, and nobody hears of it
                        return

    def close(self):
        self.door.close()


@pytest.fixture
def cut(postgres):
    uri = postgres.server.get_uri()
    folder = parse_qs(urlsplit(uri).query)["host"][0]
    between = Cut(f"{folder}/.s.PGSQL.5432")
    yield between
    between.close()


@pytest.fixture
def place(postgres, schema, tmp_path):
    """An address and a head of a ledger with some rows."""
    url, head = postgres.url(schema), tmp_path / "ledger.head"
    ledger = PostgresLedger(url, head)
    for number in range(1, ROWS + 1):
        ledger.append("ada", [Entry("model", f"late@{number}", f'{{"n":{number}}}')])
    ledger.close()
    return url, head


@pytest.fixture
def tamper(postgres, schema):
    """As an administrator: no trigger stops them."""

    def run(*statements):
        place = f"{schema}.event"
        postgres.do(f"ALTER TABLE {place} DISABLE TRIGGER ALL", f"SET search_path = {schema}", *statements)

    return run


def told(place, **given):
    ledger = PostgresLedger(*place)
    try:
        return ledger.verify(**given)
    finally:
        ledger.close()


@pytest.mark.parametrize("when", ["before", "behind"])
def test_a_connection_cut_around_the_commit_makes_no_double(cut, schema, tmp_path, when):
    ledger = PostgresLedger(f"postgresql://postgres@127.0.0.1:{cut.port}/postgres?schema={schema}", tmp_path / "head")
    assert ledger.append("ada", [Entry("a", "1", "")]) == 1
    cut.seen.clear()
    cut.when = when
    assert ledger.append("ada", [Entry("a", "2", "x"), Entry("a", "3", "y")]) == 3
    assert cut.when is None
    assert len(cut.seen) == (3 if when == "before" else 2)  # the looking-up commits too
    assert [event.key for event in ledger.find()] == ["1", "2", "3"]
    assert ledger.verify() == 3
    ledger.close()


def test_somebody_elses_event_is_not_taken_for_ours(cut, postgres, schema, tmp_path):
    """Between a commit that never came and the looking-up, another writes the same under the same name."""
    ledger = PostgresLedger(f"postgresql://postgres@127.0.0.1:{cut.port}/postgres?schema={schema}", tmp_path / "head")
    other = PostgresLedger(postgres.url(schema), tmp_path / "other")
    meanwhile, connect = [Entry("a", "1", "x")], ledger._link._connect

    def return_late():
        other.append("ada", meanwhile)
        ledger._link._connect = connect
        return connect()

    ledger._link._connect = return_late
    cut.when = "before"
    with pytest.raises(Taken):
        ledger.append("ada", meanwhile)
    assert other.verify() == 1
    other.close()
    ledger.close()


def test_a_dropped_connection_comes_back(postgres, place):
    ledger = PostgresLedger(*place)
    drop = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'arkwright'"
    postgres.do(drop)
    assert ledger.get("model", "late@3").seq == 3
    postgres.do(drop)
    assert ledger.append("ada", [Entry("a", "1", "")]) == ROWS + 1
    postgres.do(drop)
    assert ledger.verify() == ROWS + 1
    ledger.close()


@pytest.mark.parametrize("statement", ["UPDATE {}.event SET body = ''", "DELETE FROM {}.event", "TRUNCATE {}.event"])
def test_the_table_itself_is_append_only(postgres, schema, place, statement):
    with pytest.raises(psycopg.Error, match="append-only"):
        postgres.do(statement.format(schema))
    with pytest.raises(psycopg.Error, match="append-only"):
        postgres.do("SET session_replication_role = replica", statement.format(schema))
    assert told(place) == ROWS


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["UPDATE event SET body = '{\"n\":6}' WHERE seq = 5"], "event 5 "),
        (["UPDATE event SET at = '2020-01-01T00:00:00.000+00:00' WHERE seq = 7"], "event 7 "),
        (["UPDATE event SET key = '\\xff' WHERE seq = 12"], "event 12 "),
        (["DELETE FROM event WHERE seq = 1"], "event 1 is missing"),
        (["DELETE FROM event WHERE seq = 6"], "event 6 is missing"),
        (["DELETE FROM event WHERE seq = 12"], "tail was cut off"),
        (["TRUNCATE event"], "tail was cut off"),
        (["UPDATE event SET seq = 99 WHERE seq = 5"], "event 5 is missing"),
        (
            [
                "UPDATE event SET seq = CASE seq WHEN 5 THEN -1 ELSE seq END",
                "UPDATE event SET seq = 5 WHERE seq = 6",
                "UPDATE event SET seq = 6 WHERE seq = -1",
            ],
            "event 5 ",
        ),
        (["UPDATE event SET body = set_bit(body, 9, 1 - get_bit(body, 9)) WHERE seq = 4"], "event 4 "),
        (["UPDATE event SET seal = overlay(seal placing chr(ascii(seal) # 1) from 1) WHERE seq = 3"], "event 3 "),
        (["INSERT INTO event VALUES (0, '', '', '', '', '', '')"], "event 1 is missing"),
        (["INSERT INTO event VALUES (13, '', 'eve', 'model', 'x', '', '')"], "event 13 "),
    ],
)
def test_the_first_bad_event_is_named(place, tamper, statements, message):
    tamper(*statements)
    with pytest.raises(Corrupt, match=message):
        told(place)


def test_a_changed_event_is_not_handed_out(place, tamper):
    tamper("UPDATE event SET body = '{\"n\":6}' WHERE seq = 5")
    ledger = PostgresLedger(*place)
    for read in (
        lambda: ledger.get("model", "late@5"),
        lambda: ledger.last("model", "late@5"),
        lambda: list(ledger.find()),
    ):
        with pytest.raises(Corrupt, match="event 5 "):
            read()
    assert ledger.get("model", "late@7").body == '{"n":7}'
    ledger.close()


def test_an_older_database_put_back_is_noticed(place, tamper):
    tamper("DELETE FROM event WHERE seq > 10")
    with pytest.raises(Corrupt, match=r"ends at event 10, but ledger\.head says 12"):
        told(place)
    ledger = PostgresLedger(*place)
    with pytest.raises(Refused, match="if that was on purpose, remove that file"):
        ledger.append("ada", [Entry("a", "1", "")])
    ledger.close()


def test_a_schema_dropped_is_noticed(postgres, schema, place):
    postgres.do(f"DROP SCHEMA {schema} CASCADE")
    with pytest.raises(Corrupt, match="ends at event 0"):
        told(place)


def test_a_chain_written_anew_fits_no_anchor_kept_elsewhere(place, tamper):
    ledger = PostgresLedger(*place)
    anchor, event = ledger.head(), ledger.get("model", "late@12")
    before = ledger.get("model", "late@11").seal
    ledger.close()
    mark = record.seal(before, 12, event.at, event.by, event.kind, event.key, "{}")
    tamper(f"UPDATE event SET body = '{{}}', seal = '{mark}' WHERE seq = 12")
    with pytest.raises(Corrupt, match=r"event 12 is not the one that ledger\.head knows"):
        told(place)
    place[1].unlink()
    with pytest.raises(Corrupt, match="event 12 is not the one that the given anchor knows"):
        told(place, against=anchor)


def test_a_table_of_another_layout_or_maker_is_refused(postgres, schema, place):
    postgres.do(f"COMMENT ON TABLE {schema}.event IS 'arkwright event, layout 2'")
    with pytest.raises(Refused, match="newer Arkwright"):
        PostgresLedger(*place)
    postgres.do(f"COMMENT ON TABLE {schema}.event IS NULL")
    with pytest.raises(Refused, match=r"another \?schema="):
        PostgresLedger(*place)


def test_many_may_begin_it_at_once(postgres, schema, tmp_path):
    """Each looks, finds nothing, and waits for its turn to make the table; the later ones must see the first one's."""
    for round_ in range(10):
        at_once, url = threading.Barrier(6), postgres.url(f"{schema}_{round_}")

        def begin(number, at_once=at_once, url=url):
            at_once.wait()
            PostgresLedger(url, tmp_path / f"head{number}").close()

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(begin, range(6)))


def test_a_name_too_long_for_its_index_is_refused(place):
    ledger = PostgresLedger(*place)
    noise = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=9000))
    with pytest.raises(Invalid, match="too long"):
        ledger.append("ada", [Entry("a", noise, "")])
    assert ledger.append("ada", [Entry("a", "1", noise)]) == ROWS + 1
    ledger.close()


def test_a_server_that_is_not_there_is_said_without_a_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "a rare secret")
    with pytest.raises(Away, match=r"postgresql://127\.0\.0\.1:1/shop cannot be reached") as told:
        PostgresLedger("postgresql://ann@127.0.0.1:1/shop", tmp_path / "head")
    assert "secret" not in str(told.value)


def test_a_server_that_went_away_is_waited_for_once(monkeypatch):
    """And not by everybody who asks, one after the other."""
    clock = SimpleNamespace(now=100.0, slept=0)

    def sleep(seconds):
        clock.now, clock.slept = clock.now + seconds, clock.slept + 1

    monkeypatch.setattr(postgres_link, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=sleep))
    link = PostgresLink("postgresql://127.0.0.1:1/shop", "ledger")
    link._known = True  # it was there before
    with pytest.raises(Away):
        link.rows("SELECT 1")
    assert clock.now == pytest.approx(100 + postgres_link.RETURN_S, abs=0.1)
    slept = clock.slept
    with pytest.raises(Away):
        link.rows("SELECT 1")
    assert clock.slept == slept
    clock.now += postgres_link.FORGOTTEN_S + 1  # nobody asked: that it was away then says nothing of now
    with pytest.raises(Away):
        link.rows("SELECT 1")
    assert clock.slept == pytest.approx(2 * slept, abs=2)


def test_a_forked_child_gets_its_own_connection(place):
    ledger = PostgresLedger(*place)
    child = os.fork()
    if child == 0:
        os._exit(0 if ledger.append("child", [Entry("a", "child", "")]) == ROWS + 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert ledger.append("parent", [Entry("a", "parent", "")]) == ROWS + 2
    assert ledger.verify() == ROWS + 2
    ledger.close()


WRITER = """
import sys
from pathlib import Path
from arkwright.core.errors import ArkwrightError
from arkwright.core.ports import Entry
from arkwright.infra.postgres_ledger import PostgresLedger
url, head, who, stop = sys.argv[1:]
ledger = PostgresLedger(url, Path(head))
print("ready", flush=True)
number = 0
while not Path(stop).exists():
    number += 1
    entries = [Entry("a", f"{who}/{number}/{part}", "x" * (number % 7 * 500)) for part in range(number % 3 + 1)]
    try:
        print(ledger.append(who, entries), entries[-1].key, len(entries), flush=True)
    except ArkwrightError as error:
        print("unknown" if "not known" in str(error) else "failed", entries[-1].key, len(entries), flush=True)
"""


def test_a_server_killed_under_its_writers_loses_and_doubles_nothing(start_postgres, tmp_path_factory, tmp_path):
    """Kill -9 and an immediate stop, again and again; each writer goes on by itself when the server is back."""
    postgres = start_postgres()
    url, head, stop = postgres.url("arkwright"), tmp_path / "head", tmp_path / "stop"
    command = [sys.executable, "-c", WRITER, url, str(head)]
    running = [
        subprocess.Popen([*command, f"w{n}", str(stop)], stdout=subprocess.PIPE, text=True) for n in range(WRITERS)
    ]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    chance = random.Random(7)
    for cycle in range(CYCLES):
        time.sleep(0.1 + chance.random() * 0.2)
        postgres.kill() if cycle % 2 else postgres.stop("immediate")
        postgres.start()
    reader = PostgresLedger(url, head)
    before = reader.head()
    while reader.head() == before:
        pass
    stop.touch()
    lines = [line.split() for process in running for line in process.communicate()[0].splitlines()]
    assert [process.returncode for process in running] == [0] * WRITERS
    there = {event.key: event.seq for event in reader.find()}
    assert reader.verify() == len(there)
    assert sorted(there.values()) == list(range(1, len(there) + 1))
    for said, key, size in lines:
        parts = [there.get(f"{key.rsplit('/', 1)[0]}/{part}") for part in range(int(size))]
        if said == "failed":
            assert parts == [None] * int(size)
        elif said != "unknown":
            assert parts == list(range(int(said) - int(size) + 1, int(said) + 1))
    acknowledged = sum(int(size) for said, _, size in lines if said.isdigit())
    assert acknowledged > 100
    assert len(there) - acknowledged <= 3 * sum(said == "unknown" for said, _, _ in lines)
    reader.close()
