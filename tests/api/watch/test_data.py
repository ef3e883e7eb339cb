"""Datasets are watched: their sources looked at anew, nothing of it on record but alarms."""

import io
import json
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from tests.conftest import rows
from tests.notify.conftest import receiver
from tests.walked import Site

from arkwright.api import lease
from arkwright.api.watch import clock as watch_clock
from arkwright.api.watch import data as watch_data
from arkwright.api.watch import looked
from arkwright.api.watch.alarms import alarms
from arkwright.api.watch.causes import causes
from arkwright.api.watch.clock import Clock
from arkwright.api.watch.rounds import watch
from arkwright.cli.main import main
from arkwright.core.alarms import READABLE, UNCHANGED, Alarm, Reacted
from arkwright.core.errors import ArkwrightError, Invalid, Refused, Unknown
from arkwright.core.nouns import Comment, Dataset
from arkwright.core.record import decode
from arkwright.core.telling import tell
from arkwright.notify import address, hooks, state
from arkwright.notify.hooks import Receiver
from arkwright.notify.outbox import Outbox
from arkwright.sites import local
from arkwright.work.tasks import work
from arkwright.work.worker import Worker

__all__ = ["receiver"]  # a fixture
HEAD = '\nproject = "shop"\nowner = "team@example.org"\npurpose = "Tell who buys again"\ncode = "shop.py"\n'
CODE = """
from dataclasses import dataclass
from datetime import datetime


@dataclass
class Buyer:
    id: int
    spent: float


@dataclass
class Seen:
    id: int
    at: datetime
"""
PROMISES = 'promises = ["rows >= 100", "duplicates(key) == 0"]\nkey = ["id"]\n'


class Data(Site):
    """A project of datasets alone."""

    def __init__(self, folder):
        self.folder, self.site = folder, local(folder)
        folder.mkdir(exist_ok=True)
        (folder / "shop.py").write_text(CODE)
        (folder / "buyers.csv").write_text(rows())
        super().__init__(self)

    def says(self, **tables):
        """`[data.NAME]` for each; its text."""
        text = "".join(f"\n[data.{name}]\n{table}\n" for name, table in tables.items())
        (self.folder / "arkwright.toml").write_text(HEAD + text)
        return self

    def look(self, *names, **words):
        return {one.promise: one for one in self.do(watch, names=names, **words)}

    def stands(self):
        return [one.alarm.promise for one in self.do(alarms, standing=True).items]

    def events(self, kind):
        return [event.key for event in self.site.ledger.find(kind.KIND)]


def told_about(shop, about):
    return [one for one in map(tell, shop.site.ledger.find(Alarm.KIND)) if one.about.startswith(about)]


class Here:
    """Runs the tasks in the test's own process: a process for each look is what takes long."""

    def start(self, folder, log, say, *, within=None):
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
        self.worker = Worker(folder, say)
        return self

    def call(self, task, arguments):
        return json.loads(json.dumps(work(self.worker, task, json.loads(json.dumps(arguments)))))

    def close(self):
        pass


@pytest.fixture
def shop(tmp_path):
    return Data(tmp_path / "shop")


@pytest.fixture
def here(shop, monkeypatch):
    """The shop, looked at in this process."""
    monkeypatch.chdir(shop.folder)
    shop.site.__dict__["runner"] = Here()
    return shop


def buyers(more="", source="buyers.csv", row="", watch="", promises=PROMISES):
    named = f'row = "{row}"\n' if row else ""
    return f'source = "{source}"\n{named}{promises}watch = {{ {watch} }}\n{more}'


def verdicts(found):
    return {promise: one.verdict for promise, one in found.items()}


def test_a_look_makes_nothing_and_reads_the_same_bytes_once(here):
    here.says(buyers=buyers())
    said = []
    first = here.look(say=said.append)
    assert verdicts(first) == {
        READABLE: "kept", UNCHANGED: "unproven", "rows >= 100": "kept", "duplicates(key) == 0": "kept"
    }  # fmt: skip
    assert (first["rows >= 100"].value, first[READABLE].dataset) == (400, "dataset:buyers")
    assert "read buyers" in said
    said.clear()
    assert verdicts(here.look("data.buyers", say=said.append)) == verdicts(first)
    assert "read buyers" not in said
    assert here.events(Dataset) == here.events(Alarm) == []
    assert (here.site.watched / "data.buyers" / "rows.parquet").is_file()
    here.run()
    assert here.look()[UNCHANGED].verdict == "kept"
    assert not (here.site.watched / "data.buyers" / "rows.parquet").is_file()  # those on record are the same
    assert here.events(Dataset) == ["buyers@1"]


def test_a_source_that_vanishes_is_an_alarm_until_it_comes_back(shop, capsys):
    shop.says(buyers=buyers())
    shop.look()
    (shop.folder / "buyers.csv").rename(shop.folder / "away")
    found = shop.look()
    assert verdicts(found) == {READABLE: "broken"}
    assert "there is no file 'buyers.csv'" in found[READABLE].note
    assert main(["watch", "data.buyers", "--project", str(shop.folder), "--by", "ana"]) == 1
    told = capsys.readouterr().out
    assert "alarm:data.buyers/1 stands" in told
    assert "data.buyers, last 7d: " in told
    assert shop.events(Alarm) == ["data.buyers/1"]
    (shop.folder / "away").rename(shop.folder / "buyers.csv")
    assert verdicts(shop.look())[READABLE] == "kept"
    assert shop.events(Alarm) == ["data.buyers/1", "data.buyers/1/over"]
    assert main(["alarms", "data.buyers", "--project", str(shop.folder), "--by", "ana"]) == 0
    assert "over" in capsys.readouterr().out
    assert [one.says for one in told_about(shop, "alarm:data.buyers/")] == ["raised", "ended"]


def test_columns_that_come_go_and_change(here):
    here.says(buyers=buyers(), visits=buyers(row="Buyer"))
    here.run()
    lines = [f"{n},{n}.5,{n}x" for n in range(400)]
    (here.folder / "buyers.csv").write_text("\n".join(["id,spent,country", *lines]))
    found = {(one.dataset, one.promise): one for one in here.do(watch)}
    loose = found["dataset:buyers", UNCHANGED]
    assert loose.note == "age is missing; again is missing"
    assert found["dataset:visits", UNCHANGED].note == loose.note  # what the class leaves out is a column too
    (here.folder / "buyers.csv").write_text("id,spent,country,age,again,new\na,1.5,DE,3,1,x")
    found = {(one.dataset, one.promise): one for one in here.do(watch)}
    assert found["dataset:buyers", UNCHANGED].note == "new was added; id is str instead of int"
    assert found["dataset:visits", UNCHANGED].note == "new was added"
    assert found["dataset:visits", READABLE].note == "1 row more did not fit"
    assert found["dataset:buyers", "rows >= 100"].verdict == "broken"
    assert sorted(here.stands()) == sorted([UNCHANGED, "rows >= 100"] * 2)
    (here.folder / "buyers.csv").write_text("id,spend\n1,2\n")
    found = {(one.dataset, one.promise): one for one in here.do(watch)}
    assert "has no column 'spent'" in found["dataset:visits", READABLE].note


def test_a_promise_that_does_not_fit_what_came_is_unproven_and_the_others_hold(here):
    promises = 'promises = ["mean(spent) <= 100", "rows >= 1"]\n'
    here.says(buyers=buyers(promises=promises))
    here.run()
    (here.folder / "buyers.csv").write_text("id,spent\n1,much\n")
    found = here.look()
    assert verdicts(found)["mean(spent) <= 100"] == "unproven"
    assert "spent" in found["mean(spent) <= 100"].note
    assert verdicts(found)["rows >= 1"] == "kept"
    assert verdicts(found)[UNCHANGED] == "broken"


def test_how_old_it_is_is_measured_each_time(here):
    at = datetime.now(UTC) - timedelta(hours=2)
    (here.folder / "seen.csv").write_text(f"id,at\n1,{at:%Y-%m-%d %H:%M:%S}\n")
    here.says(seen=buyers(source="seen.csv", row="Seen", promises='promises = ["freshness_hours(at) <= 1"]\n'))
    first = here.look()["freshness_hours(at) <= 1"]
    assert (first.verdict, round(first.value)) == ("broken", 2)
    time.sleep(0.01)
    said = []
    again = here.look(say=said.append)["freshness_hours(at) <= 1"]
    assert again.value > first.value
    assert "read seen" not in said
    assert again.alarm == "alarm:data.seen/1"


def test_made_from_others_as_they_are_now(here):
    (here.folder / "grown.sql").write_text("SELECT id, age FROM buyers WHERE age >= 30")
    here.says(
        buyers='source = "buyers.csv"\n',
        grown='promises = ["references(id, buyers.id) == 1"]\nwatch = {}\n',
    )
    here.run()
    assert verdicts(here.look())["references(id, buyers.id) == 1"] == "kept"
    text = (here.folder / "buyers.csv").read_text()
    (here.folder / "buyers.csv").write_text(text + "9999,DE,1.5,40,1\n")
    assert here.look()["references(id, buyers.id) == 1"].verdict == "broken"
    assert here.events(Dataset) == ["buyers@1", "grown@1"]


def test_what_is_said_of_it_is_done_once(here):
    reaction = '[[data.buyers.reactions]]\ndo = ["discuss", "run"]\ntell = ["ana"]\nto = "rows >= 500"\n'
    dry = '[[data.buyers.reactions]]\ndo = ["notify"]\nto = "readable == 1"\ndry_run = true\n'
    promises = 'promises = ["rows >= 500"]\n'
    here.says(buyers=buyers(reaction + dry, promises=promises))
    here.look()
    here.look()
    done = [f"data.buyers/1/{do}" for do in ("discuss/tell=ana", "run", "run/ended")]
    assert here.events(Reacted) == done
    (found,) = here.do(alarms, about="data.buyers").items
    assert [(one.do, one.outcome) for one in found.reactions] == [("discuss", "done"), ("run", "done")]
    assert "the line again: run:shop@1 failed" in found.reactions[1].says
    (said,) = [decode(Comment, event.body) for event in here.site.ledger.find(Comment.KIND)]
    assert said.about == "dataset:buyers"
    assert said.text.startswith("dataset:buyers broke a promise at ")
    assert said.mentions == ("ana",)
    (here.folder / "buyers.csv").unlink()
    here.look()
    assert here.events(Reacted)[-1] == "data.buyers/2/notify/dry-run"


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", ["note", "react", "finish"])
def test_killed_at_any_step_a_look_resumes_and_nothing_is_done_twice(here, monkeypatch, step, done):
    more = '[[data.buyers.reactions]]\ndo = ["discuss", "notify", "run"]\ntell = ["ana"]\nto = "rows >= 500"\n'
    here.says(buyers=buyers(more, promises='promises = ["rows >= 500"]\n'))
    where = watch_data.alarms if step == "note" else watch_data
    real = getattr(where, step)

    def killed(*given):
        if done:
            real(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(where, step, killed)
        with pytest.raises(KeyboardInterrupt):
            here.look()
    here.look()
    here.look()
    assert here.events(Alarm) == ["data.buyers/1"]
    assert here.events(Reacted) == [
        f"data.buyers/1/{do}" for do in ("discuss/tell=ana", "notify/tell=ana", "run", "run/ended")
    ]
    assert len(list(here.site.ledger.find(Comment.KIND))) == 1


def test_a_clock_that_jumps_raises_and_does_nothing_twice(here, monkeypatch):
    more = '[[data.buyers.reactions]]\ndo = ["discuss"]\ntell = ["ana"]\nto = "readable == 1"\n'
    here.says(buyers=buyers(more, promises=""))
    source, now = here.folder / "buyers.csv", time.time()
    source.rename(here.folder / "away")
    for hours in (0, 24 * 365, -24, 1):
        monkeypatch.setattr(watch_data.time, "time", lambda hours=hours: now + hours * 3600)
        assert here.look()[READABLE].alarm == "alarm:data.buyers/1"
    assert (here.events(Alarm), here.events(Reacted)) == (["data.buyers/1"], ["data.buyers/1/discuss/tell=ana"])
    (here.folder / "away").rename(source)
    monkeypatch.setattr(watch_data.time, "time", lambda: 1000.0)
    with pytest.raises(ArkwrightError, match="the clock of this machine says 1970"):
        here.look()
    monkeypatch.setattr(watch_data.time, "time", lambda: now - 3600)
    assert here.look()[READABLE].alarm is None
    assert here.events(Alarm) == ["data.buyers/1", "data.buyers/1/over"]


def test_a_notifier_that_hangs_stops_no_look(here, receiver):
    here.says(buyers=buyers(promises=""))
    hook = hooks.new("ci", 1, f"{receiver.url}/hang", "cloudevents", ("alarms",))
    state.begin(here.site.vault, hook.id, 0)
    hooks.add(here.site.vault, hook)
    told = [Receiver(hook, "urn:x", str, address.networks(["127.0.0.1/32"]))]
    source = here.folder / "buyers.csv"
    source.rename(here.folder / "away")
    with Outbox(here.site.ledger, here.site.vault, lambda: told, look=0.02):
        here.look()
        receiver.wait("/hang")  # and nobody answers
        (here.folder / "away").rename(source)
        assert here.look()[READABLE].verdict == "kept"
        source.rename(here.folder / "away")
        here.look()
        assert here.events(Alarm) == ["data.buyers/1", "data.buyers/1/over", "data.buyers/2"]
        assert len(receiver.at("/hang")) == 1
        receiver.open.set()


def test_not_before_it_has_been_broken_for_so_long_and_left_when_it_is_not_watched(here):
    here.says(buyers=buyers(source="none.csv", watch='raise_after = "1h"'))
    assert here.look()[READABLE].alarm is None
    assert here.events(Alarm) == []
    here.says(buyers=buyers(source="none.csv"))
    assert here.look()[READABLE].alarm == "alarm:data.buyers/1"
    here.says(buyers='source = "none.csv"')
    assert here.look() == {}
    (found,) = here.do(alarms, about="data.buyers").items
    assert found.state == "left"
    with pytest.raises(Invalid, match=r"data\.buyers is not watched; say  watch = \{\}"):
        here.look("data.buyers")
    with pytest.raises(Unknown, match='did you mean "buyers"'):
        here.look("data.buyerz")


def test_one_process_looks_at_a_dataset_at_a_time(here):
    here.says(buyers=buyers())
    who = rf"the watch of data\.buyers is at work already: process {os.getpid()}"
    with lease.held(here.site, "watch of data.buyers"), pytest.raises(Refused, match=who):
        here.look()


class Slow(BaseHTTPRequestHandler):
    """Answers, or never ends to answer, as `mode` says."""

    mode, reads = "well", 0

    def do_HEAD(self):
        self._head()

    def do_GET(self):
        type(self).reads += 1
        self._head()
        self.wfile.write(b"id,spent\n1,2\n")
        self.wfile.flush()

    def _head(self):
        if self.mode == "hangs":
            self.server.over.wait(60)
        self.send_response(200)
        self.send_header("ETag", f'"{self.mode}"')
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def slow():
    Slow.mode, Slow.reads = "well", 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    server.daemon_threads, server.over = True, threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/buyers.csv"
    server.over.set()
    server.shutdown()
    server.server_close()


def test_a_source_that_hangs_is_given_up(shop, slow):
    shop.says(far=buyers(source=slow, promises=""), near=buyers(watch='give_up = "60s"'))
    shop.look()
    shop.look()
    assert Slow.reads == 1  # the same ETag is the same file
    Slow.mode = "hangs"
    shop.says(far=buyers(source=slow, promises="", watch='give_up = "1s"'), near=buyers())
    found = {(one.dataset, one.promise): one for one in shop.do(watch)}
    assert found["dataset:far", READABLE].note == "it took longer than 1 second and was given up"
    assert found["dataset:near", "rows >= 100"].verdict == "kept"
    assert shop.stands() == [READABLE]


def test_a_database_that_goes_down(here, start_postgres):
    postgres = start_postgres()
    source = postgres.url("public").replace(":@", "@").replace("schema=public", "table=watched")
    postgres.do("DROP TABLE IF EXISTS watched", "CREATE TABLE watched (id int)", "INSERT INTO watched VALUES (1), (2)")
    here.says(buyers=buyers(source=source, promises='promises = ["rows >= 2"]\n'))
    assert verdicts(here.look())["rows >= 2"] == "kept"
    postgres.stop("fast")
    try:
        found = here.look()
    finally:
        postgres.start()
    assert verdicts(found) == {READABLE: "broken"}
    assert "cannot be reached" in found[READABLE].note
    postgres.do("DELETE FROM watched WHERE id = 2")
    assert verdicts(here.look())["rows >= 2"] == "broken"
    assert here.stands() == ["rows >= 2"]


def until(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)


def test_the_clock_looks_by_itself_and_a_hanging_source_holds_up_no_other(shop, slow, monkeypatch):
    Slow.mode = "hangs"
    shop.says(far=buyers(source=slow, promises=""), gone=buyers(source="none.csv"))
    monkeypatch.setattr(watch_clock, "LOOK", 0.05)
    with Clock(shop.site, shop.folder) as clock:
        until(lambda: shop.events(Alarm) == ["data.gone/1"])
        assert ("data.far",) in clock._at_work
    assert all(process.returncode is not None for process in clock._at_work.values())


def test_when_the_clock_looks(shop, monkeypatch):
    shop.says(**{name: buyers(watch='every = "2h"') for name in "abcdef"})
    clock = Clock(shop.site, shop.folder)
    monkeypatch.setattr(watch_clock.child, "begin", lambda *_: SimpleNamespace(stdin=io.BytesIO()))

    def begun():
        due = clock._due()
        for names in due:
            clock._begin(names)
        return due

    four = begun()
    assert four == [("data.a",), ("data.b",), ("data.c",), ("data.d",)]
    assert begun() == []
    del clock._at_work["data.a",]
    assert begun() == [("data.e",)]
    clock._at_work = {}
    clock._begun["data.b"] -= 7201
    assert begun() == [("data.b",), ("data.f",)]
    (shop.folder / "arkwright.toml").write_text("[data.a\n")
    clock._at_work = {}
    clock._begun.clear()
    assert begun() == four  # a file with a mistake changes nothing


def test_a_look_that_cannot_read_the_source_leaves_it_to_another_process(here):
    here.says(buyers=buyers(promises=""))
    source = here.folder / "buyers.csv"
    away = source.rename(here.folder / "away.csv")
    here.look()
    assert Clock(here.site, here.folder)._due() == [("data.buyers",)]
    away.rename(source)
    here.look()
    assert Clock(here.site, here.folder)._due() == []


def test_what_could_not_be_measured_is_measured_the_next_time_and_left_to_another_process(here, monkeypatch):
    here.says(buyers=buyers(promises='promises = ["rows >= 1"]\n'))

    def no_memory(_, task, __):
        raise Invalid(f"{task} ran out of memory")

    def look():
        watch_data.watch_one(here.site, here.folder, "buyers", None, lambda _: None, "us")
        return looked.last(here.site, "data.buyers").well

    real = Here.call
    with monkeypatch.context() as patched:
        patched.setattr(Here, "call", lambda *given: (no_memory if given[1] == "measure_data" else real)(*given))
        assert not look()
    assert look()
    assert verdicts(here.look())["rows >= 1"] == "kept"


def test_what_explains_an_alarm_of_a_dataset(here, monkeypatch, capsys):
    promises = ["rows >= 500", "missing(country) <= 0.01", "duplicates(key) == 0", "mean(spent) <= 1"]
    spec = buyers(promises=f"promises = {json.dumps(promises)}\nkey = ['id']\n")
    here.says(buyers=spec.replace("watch = {  }", "").replace(json.dumps(promises), "[]"))
    here.run()
    here.says(buyers=spec)
    here.look()
    why = causes_of(here)
    assert why["rows >= 500"].says == ("the source has the rows that are on record, and no others were before",)
    lines = (here.folder / "buyers.csv").read_text().splitlines()
    came = [line.replace(",DE,", ",,") for line in lines[:301]]
    (here.folder / "buyers.csv").write_text("\n".join(came) + "\n")
    here.look()
    why = causes_of(here)
    missing = why["missing(country) <= 0.01"]
    assert missing.says[0].startswith("country=empty: ")
    assert missing.says[0].endswith(" % of rows, was 0 %")
    assert (missing.before, missing.rows) == ("the rows of dataset:buyers@1", ())
    assert {part.label for part in missing.columns[0][0].parts if part.now} == {"FR", "empty"}
    assert why["rows >= 500"].says[0].startswith("country=")  # whose rows are gone
    assert why["mean(spent) <= 1"].says == ("no value of spent moved by more than chance would",)
    (raised,) = (one.alarm for one in here.do(alarms).items if one.alarm.promise == "missing(country) <= 0.01")
    assert raised.causes == missing.says
    monkeypatch.chdir(here.folder)
    assert main(["alarms", "data.buyers", "--project", str(here.folder), "--by", "ana"]) == 0
    assert "why: country=empty: " in capsys.readouterr().out
    (here.folder / "buyers.csv").unlink()
    here.look()
    dead = causes_of(here)[READABLE]
    assert (dead.says, dead.without[:27]) == ((), "it is about the source as a")
    with pytest.raises(Unknown, match=r"no alarm is called 'data.buyers/99'; arkwright alarms data.buyers lists them"):
        here.do(causes, alarm="data.buyers/99")


def causes_of(at):
    return {one.alarm.promise: at.do(causes, alarm=one.alarm.ref) for one in at.do(alarms).items}
