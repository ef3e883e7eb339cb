"""The clock: endpoints are watched by themselves, by one process at a time, whoever is killed."""

import errno
import io
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.api.answering import answered, rows
from tests.api.watch.test_reacting import ONE, TWO, endpoint, up

from arkwright.api import child, lease
from arkwright.api.build import quiet
from arkwright.api.watch import clock, looked, process, rounds
from arkwright.api.watch.clock import PROCESS, Clock
from arkwright.core.alarms import Alarm, Reacted
from arkwright.core.errors import Refused
from arkwright.core.nouns import Endpoint
from arkwright.core.record import encode
from arkwright.work import compact as work

HALT = 'of = "canary"\ndo = ["halt", "discuss"]'


@pytest.fixture
def drifted(two, monkeypatch):
    """A canary whose rows have moved away; the live one has few, which prove nothing."""
    up(two, [HALT], share=0.2)
    answered(two, rows(400, shift=200), monkeypatch, release="buys@2")
    answered(two, rows(20), monkeypatch, ago=500)
    return two


def until(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)


def events(at, kind):
    return [event.key for event in at.site.ledger.find(kind.KIND)]


def test_a_bad_canary_is_halted_by_itself(drifted, monkeypatch):
    monkeypatch.setattr(clock, "LOOK", 0.05)
    with Clock(drifted.site, drifted.folder):
        until(lambda: events(drifted, Reacted) == ["buys/1/halt", "buys/1/discuss"])
    assert endpoint(drifted).shares == {ONE: 1.0}
    assert events(drifted, Alarm) == ["buys/1"]


def test_nothing_is_watched_where_nothing_is_promised(two):
    up(two, promises=())
    assert Clock(two.site, two.folder)._due() == []


@pytest.fixture
def begun(monkeypatch):
    """What a clock has begun just now; of processes that do nothing."""
    monkeypatch.setattr(child, "begin", lambda *_: SimpleNamespace(stdin=io.BytesIO()))

    def made(clock):
        due = clock._due()
        for names in due:
            clock._begin(names)
        clock._at_work.clear()
        return due

    return made


def test_as_often_as_it_is_said(two, begun):
    up(two, watch='every = "1h"')
    clock = Clock(two.site, two.folder)
    assert begun(clock) == [("buys",)]
    assert begun(clock) == []
    clock._begun["buys"] -= 3601
    assert clock._due() == [("buys",)]


def test_what_another_process_looked_at_is_not_looked_at_again_until_it_looks_no_more(two, begun):
    up(two, watch='every = "1h"')
    clock, now = Clock(two.site, two.folder), time.time()

    def due(ago, by="another"):
        looked.note(two.site, "buys", by)
        os.utime(two.site.watched / "buys.looked", (now - ago, now - ago))
        return begun(clock)

    assert due(3600) == []  # the other is just about to begin
    assert due(3700) == [("buys",)]
    clock._begun["buys"] -= 3601
    assert due(60) == []
    assert due(60, clock._name) == [("buys",)]
    clock._begun["buys"] -= 3601
    assert due(-20) == []  # the clock of a file server is ahead
    assert due(-120) == [("buys",)]  # a clock went back


def test_only_a_look_that_ended_well_keeps_the_turn(two, monkeypatch):
    up(two)
    kept = two.site.watched / "buys.measured.db"
    monkeypatch.setattr(rounds, "react", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        two.do(rounds.watch, names=["buys"])
    assert kept.exists()
    assert Clock(two.site, two.folder)._due() == [("buys",)]
    monkeypatch.undo()
    two.do(rounds.watch, names=["buys"])
    clock = Clock(two.site, two.folder)
    assert clock._due() == []
    os.utime(kept, (0, 0))  # who reads it may touch it
    assert clock._due() == []


def aged(at, seconds):
    """What was noted is so old."""
    os.utime(at.site.watched / "buys.looked", (time.time() - seconds, time.time() - seconds))


def test_who_cannot_do_all_of_a_look_leaves_the_turn_to_another_who_keeps_it(two, monkeypatch):
    up(two, watch='every = "1h"')
    (two.site.predictions / "buys").mkdir(parents=True, exist_ok=True)
    one, other = Clock(two.site, two.folder), Clock(two.site, two.folder)
    with monkeypatch.context() as patched:
        patched.setattr(work, "compact", lambda *_, **__: Path("/proc/self").mkdir())
        rounds.rounds(two.site, ["buys"], None, quiet, one._name)
        two.do(rounds.watch, names=["buys"])  # by hand: it is not told which of them may do it
    assert looked.last(two.site, "buys").by == one._name
    assert other._due() == [], "whoever is begun anew again and again looks once a minute"
    aged(two, 61)
    assert other._due() == [("buys",)]
    rounds.rounds(two.site, ["buys"], None, quiet, other._name)
    aged(two, 3601)
    assert one._due() == []


def killed(clock, name):
    """A process was, at this one."""
    clock._site.watched.mkdir(parents=True, exist_ok=True)
    (clock._site.watched / f"{clock._name}.at").write_text(name)


def test_who_was_refused_tries_again_soon_and_who_failed_leaves_a_span_to_the_others(two, begun):
    up(two, watch='every = "1h"')
    clock = Clock(two.site, two.folder)

    def waits(code, **noted):
        clock._begun.clear()
        assert begun(clock) == [("buys",)]
        clock._begun["buys"] -= 4000  # it took long
        if noted:
            looked.note(two.site, "buys", clock._name, **noted)
        if code == -9:
            killed(clock, "buys")
        clock._ended(("buys",), code)
        return round(clock._begun["buys"] + 3600 - time.monotonic())

    assert waits(Refused.exit_code) == 60
    assert waits(0, well=False) == waits(-9) == waits(0) == 3600
    assert waits(0, well=True) == -400, "it is overdue"
    assert waits(-9) == 3600, "what was noted is of the look before"
    assert waits(1) == 60, "it was never at it"


def test_an_endpoint_that_hangs_shuts_out_nobody_and_those_behind_it_come_soon(two, monkeypatch, begun):
    """The process ends with an alarm; the endpoint at which it did comes last in the next one."""
    clock = Clock(two.site, two.folder)
    clock._every = dict.fromkeys(("busy", "dead", "far", "near"), 3600)
    monkeypatch.setattr(clock, "_endpoints", lambda: clock._every)
    names = ("busy", "dead", "far", "near")
    assert begun(clock) == [names]
    looked.note(two.site, "busy", "another")  # ours was refused
    looked.note(two.site, "dead", clock._name)
    killed(clock, "far")
    clock._ended(names, -signal.SIGALRM)
    assert [looked.last(two.site, name).well for name in names] == [True, True, False, False]
    assert looked.last(two.site, "far").by == clock._name
    assert looked.last(two.site, "near").by == looked.BY_HAND, "it was never at it"
    os.utime(two.site.watched / "busy.looked", (0, 0))
    for name in names:
        clock._begun[name] -= 61
    assert begun(clock) == [("busy", "near")]
    clock._begun.clear()
    assert begun(clock) == [("busy", "dead", "near", "far")]
    killed(clock, "near")
    clock._call_off()
    assert not [*two.site.watched.glob("*.at")]


def test_what_cannot_be_begun_is_due_as_before(two, monkeypatch, begun):
    up(two)
    clock = Clock(two.site, two.folder)
    with monkeypatch.context() as patched:
        patched.setattr(child, "begin", raising(BlockingIOError))
        with pytest.raises(BlockingIOError):
            begun(clock)
    gone = io.BytesIO()
    gone.close = raising(BrokenPipeError)
    monkeypatch.setattr(child, "begin", lambda *_: SimpleNamespace(stdin=gone))
    assert begun(clock) == [("buys",)], "who dies at once is reaped as others are"


def test_where_it_cannot_be_said_what_a_process_is_at_who_hangs_comes_last_all_the_same(two, monkeypatch, begun):
    """On a full disk a file has a name and nothing in it, and nothing can be noted."""
    clock = Clock(two.site, two.folder)
    clock._every = dict.fromkeys(("busy", "dead", "near"), 3600)
    monkeypatch.setattr(clock, "_endpoints", lambda: clock._every)
    (names,) = begun(clock)
    looked.note(two.site, "busy", clock._name)
    killed(clock, "")
    with monkeypatch.context() as patched:
        patched.setattr(looked, "note", raising(OSError(errno.ENOSPC, "No space left on device")))
        with pytest.raises(OSError, match="No space"):
            clock._ended(names, -signal.SIGALRM)
    clock._begun.clear()
    assert begun(clock) == [("busy", "near", "dead")]
    looked.note(two.site, "dead", clock._name)
    clock._ended(("busy", "near", "dead"), 0)
    clock._begun.clear()
    assert begun(clock) == [("busy", "dead", "near")], "it ended none this time"


def test_an_endpoint_that_hangs_each_time_is_looked_at_ever_more_rarely(two, begun):
    up(two, watch='every = "5m"')
    clock = Clock(two.site, two.folder)

    def waits(code=-signal.SIGALRM, look=killed):
        clock._begun.clear()
        (names,) = begun(clock)
        look(clock, "buys")
        clock._ended(names, code)
        return round(clock._begun["buys"] + 300 - time.monotonic())

    assert [waits() for _ in range(6)] == [300, 600, 1200, 2400, 3600, 3600]
    assert waits(-signal.SIGKILL) == 300, "that took no time of the others"
    waits(0, lambda clock, name: looked.note(two.site, name, clock._name))
    assert [waits(), waits()] == [300, 600]


def test_an_alarm_that_was_not_told_as_it_was_being_explained_is_told_soon(two, begun):
    up(two, watch='every = "1d"')
    clock = Clock(two.site, two.folder)

    def waits():
        clock._begun.clear()
        (names,) = begun(clock)
        killed(clock, "buys")
        clock._ended(names, -signal.SIGALRM)
        return round(clock._begun["buys"] + 86_400 - time.monotonic())

    two.site.watched.mkdir(parents=True, exist_ok=True)
    (two.site.watched / "buys.why").touch()
    assert (waits(), waits()) == (60, 86_400), "it hangs in something else, and holds up the others no more often"


def test_who_is_refused_while_nobody_looks_says_so_and_who_is_at_it(two, begun, caplog):
    up(two, watch='every = "1h"')
    clock = Clock(two.site, two.folder)

    def refused(later):
        clock._begun.clear()
        (names,) = begun(clock)
        clock._refused = {name: (last, since - later) for name, (last, since) in clock._refused.items()}
        clock._ended(names, Refused.exit_code)
        return [record.getMessage() for record in caplog.records]

    with lease.held(two.site, "watch"):
        assert refused(0) == refused(7000) == []
        who = f"process {os.getpid()} on {socket.gethostname()}"
        said = [f"buys has not been looked at for 120 minutes: {who} is at it, and may hang"]
        assert refused(200) == said
        assert refused(7000) == said, "once in so long"
    looked.note(two.site, "buys", "another")
    aged(two, 9999)
    assert refused(7200) == said, "another looked"


def test_what_was_left_behind_by_who_was_killed_with_its_process_goes(two):
    for by in ("left", "new"):
        two.site.watched.mkdir(parents=True, exist_ok=True)
        (two.site.watched / f"{by}.at").write_text("buys")
    os.utime(two.site.watched / "left.at", (0, time.time() - 7300))
    with looked.at(two.site, "buys", "us"):
        assert {one.stem for one in two.site.watched.glob("*.at")} == {"new", "us"}


def test_a_look_at_a_dataset_has_an_end_outside_of_its_source_too(two, monkeypatch):
    with (two.folder / "arkwright.toml").open("a") as file:
        file.write('\n[data.late]\nsource = "late.csv"\nwatch = { give_up = "20m" }\n')
        file.write('\n[data.later]\nsource = "late.csv"\nwatch = { give_up = "99999w" }\n')
    left = []
    monkeypatch.setattr(process, "watch_one", lambda *_: left.append(signal.alarm(0)))
    monkeypatch.setattr(process.child, "site", lambda _: two.site)
    monkeypatch.setattr(sys, "argv", ["", "site", str(two.folder), "us", "data.late", "data.later"])
    assert process.main() == 0
    assert left == [1800, 2**31 - 1]


def raising(error):
    def called(*_, **__):
        raise error

    return called


def test_a_look_at_an_endpoint_has_a_bound_and_who_is_refused_says_so(two, monkeypatch):
    seen = []

    def watched(site, names, *__):
        seen.extend(names)
        seen.append((site.watched / "us.at").read_text())
        raise Refused("another is at it")

    agreed = {"far": "2h", "mid": "20m", "near": "5m"}
    resolved = {name: SimpleNamespace(terms=SimpleNamespace(every=every)) for name, every in agreed.items()}
    monkeypatch.setattr(process.versions, "resolve", lambda _ledger, _kind, name: resolved[name])
    monkeypatch.setattr(process, "rounds", watched)
    monkeypatch.setattr(process.child, "site", lambda _: two.site)
    monkeypatch.setattr(signal, "alarm", seen.append)
    monkeypatch.setattr(sys, "argv", ["", "site", "project", "us", *agreed])
    assert process.main() == Refused.exit_code
    assert seen == [600, 3600, "far", "far", 600, 1200, "mid", "mid", 600, 600, "near", "near"]
    assert looked.ended_at(two.site, "us") == "", "it ended by itself"


def test_what_was_noted_by_nobody_stops_no_watch(two):
    up(two)
    looked.note(two.site, "buys", "us")
    (two.site.watched / "buys.looked").write_bytes(b"\xff\xfe\x00")
    aged(two, 999)
    assert Clock(two.site, two.folder)._due() == [("buys",)]


def round_of(at):
    process = subprocess.Popen(
        [sys.executable, "-m", PROCESS, str(at.site.folder), str(at.folder), "us", "buys"], stdin=subprocess.PIPE
    )
    process.stdin.write(encode(dict(at.site.engines)).encode() + b"\n")
    process.stdin.close()
    return process


def test_killed_at_any_moment_and_by_several_at_once_it_is_done_once(drifted):
    chance = random.Random(7)
    for _ in range(4):
        some = [round_of(drifted) for _ in range(2)]
        time.sleep(chance.uniform(0.3, 1.5))
        for one in some:
            one.send_signal(signal.SIGKILL)
            one.wait()
    assert round_of(drifted).wait() == 0
    assert sorted(events(drifted, Reacted)) == ["buys/1/discuss", "buys/1/halt"]
    assert events(drifted, Alarm) in (["buys/1"], ["buys/1", "buys/1/over"])
    moves = [event for event in drifted.site.ledger.find(Endpoint.KIND) if event.by == "arkwright"]
    assert len(moves) == 1
    assert endpoint(drifted).shares == {ONE: 1.0}
    assert TWO not in endpoint(drifted).shares
