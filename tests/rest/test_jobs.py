"""Verbs that take long: begun, followed as they go, fetched, stopped, cut off with the server."""

import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.rest.conftest import up

from arkwright.api.jobs import jobs
from arkwright.api.jobs import keeper as jobs_keeper
from arkwright.api.jobs import process as job_process
from arkwright.core import shapes, versions
from arkwright.core.errors import ArkwrightError, Away, Unknown
from arkwright.core.nouns import Run
from arkwright.core.record import encode
from arkwright.line import line
from arkwright.line.line import Result
from arkwright.project.plan import Plan

SLOW = """

def features(visits: pl.DataFrame) -> pl.DataFrame:
    import time
    from pathlib import Path

    if visits.height >= 300:  # no rehearsal
        print("a line of the log", flush=True)
        while Path("{gate}").exists():
            time.sleep(0.02)
    return visits.select(pl.col("spent"), pl.col("age").fill_null(41).cast(pl.Float64))
"""


def until(true, seconds=60):
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)
    return found


@pytest.fixture
def gate(at):
    """While this file is there, the project's code waits."""
    path = at.folder.parent / "gate"
    path.touch()
    code = at.folder / "shop.py"
    begin, _, rest = code.read_text().partition("def features")
    code.write_text(begin + "def buys" + rest.partition("def buys")[2] + SLOW.replace("{gate}", str(path)))
    yield path
    path.unlink(missing_ok=True)


def begun(room, verb="run", words=None, **headers):
    answer = room.ask("POST", f"/api/{verb}", words or {}, by="carl", **headers)
    assert answer.status == 202, answer.data
    assert answer.headers["Location"] == f"/api/jobs/{answer.json()['id']}"
    return answer.headers["Location"]


def state(room, job):
    return room.ask("GET", job).json()["state"]


def test_checked_and_run(room):
    job = begun(room, "check", Idempotency_Key="once")
    assert begun(room, "check", Idempotency_Key="once") == job
    told = room.events(job + "/events")
    assert (told[-1]["kind"], told[-1]["text"]) == ("end", "done")
    assert shapes.decode(Plan, room.ask("GET", job + "/answer").json()).project == "shop"
    job = begun(room, "run", {"seed": 3})
    told = room.events(job + "/events")
    assert [one["id"] for one in told] == list(range(1, len(told) + 1))
    assert sum(one["kind"] == "say" for one in told) > 2
    result = shapes.decode(Result, room.ask("GET", job + "/answer").json())
    assert (result.run.author, result.run.seed, result.problem) == ("carl", 3, None)
    last = room.events(job + "/events", Last_Event_ID=str(len(told) - 2))
    assert last == told[-2:]
    listed = room.ask("GET", "/api/jobs?limit=1")
    assert [one["id"] for one in listed.json()] == [job.rpartition("/")[2]]
    assert 'rel="next"' in listed.headers["Link"]
    assert room.ask("POST", job + "/stop", {}).status == 409


def test_a_mistake_is_told_as_here(room):
    room.at.shop.edit("arkwright.toml", "signed_by", "signed_bye")
    job = begun(room, "check")
    assert room.events(job + "/events")[-1]["text"].startswith("failed: arkwright.toml:")
    answer = room.ask("GET", job + "/answer")
    assert answer.status == 422
    assert 'did you mean "signed_by"?' in answer.json()["detail"]
    assert str(room.at.folder) not in answer.data.decode()


def test_code_that_fails_is_no_failure_of_the_server(room):
    room.at.shop.edit("shop.py", "fill_null(40)", "no_such_word()")
    job = begun(room, "run", {"seed": 4})
    assert room.events(job + "/events")[-1]["text"].startswith("failed: ")
    answer = room.ask("GET", job + "/answer")
    assert answer.status in (409, 422), answer.data
    name = ended(room.at.site, state="failed", error="ArkwrightError", problem="its process ended (SIGKILL)")
    answer = room.ask("GET", f"/api/jobs/{name}/answer")
    assert (answer.status, answer.json()["title"]) == (409, "ArkwrightError")
    refused = room.ask("POST", "/api/run", {"seed": -1})
    assert (refused.status, refused.json()["detail"]) == (422, "seed: -1 is none; it goes from 0 up to 4,294,967,295")
    assert room.ask("GET", job + "/answer").status == 422


def test_who_may_and_what_may_be(room):
    assert room.ask("POST", "/api/run", {}, by="vera").status == 403
    assert room.ask("POST", "/api/run", {"project": "/etc"}, by="carl").status == 422
    assert room.ask("POST", "/api/run", {"seed": "7"}, by="carl").status == 422
    for path in ("/api/jobs/nothing", "/api/jobs/..%2f..%2fx", "/api/jobs/nothing/events"):
        assert room.ask("GET", path).status in (404, 406)
    assert room.ask("GET", "/api/jobs/nothing/events", Accept="text/event-stream").status == 404


def test_one_at_a_time_and_stopped(gate, room):
    first = begun(room)
    until(lambda: state(room, first) == "working")
    second, third = begun(room, "check"), begun(room, "check")
    lines = until(lambda: [e for e in jobs.events(room.at.site, first.rpartition("/")[2]) if e.kind == "log"])
    assert lines[0].text == "a line of the log"
    assert (state(room, second), room.ask("POST", third + "/stop", {}, by="carl").json()["state"]) == (
        "waiting",
        "stopped",
    )
    assert room.events(third + "/events")[-1]["text"] == "stopped: stopped by carl"
    for _ in range(7):
        begun(room, "check")
    full = room.ask("POST", "/api/check", {}, by="carl")
    assert (full.status, full.headers["Retry-After"]) == (429, "30")
    assert room.ask("POST", first + "/stop", {}, by="vera").status == 403
    assert room.ask("POST", first + "/stop", {}, by="carl").json()["state"] == "stopped"
    assert room.events(first + "/events")[-1]["text"] == "stopped: stopped by carl"
    assert room.ask("GET", first + "/answer").status == 409
    assert last_run(room.at.site).error == "stopped by carl"
    assert not processes(room.at.folder, "arkwright.work")
    until(lambda: state(room, second) in ("working", "done"))


def processes(folder, word):
    """Who works for this project."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                said = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in said and word.encode() in said:
                found.append(int(entry.name))
    return found


def test_a_server_that_was_killed_tells_what_it_cut_off(gate, at):
    with up(at) as room:
        first = begun(room)
        until(lambda: [e for e in jobs.events(at.site, first.rpartition("/")[2]) if e.kind == "log"])
        second = begun(room, "check")
        room.process.send_signal(signal.SIGSEGV)  # as native code that crashes
        room.process.wait()
        assert "Fatal Python error: Segmentation fault" in (at.folder / "up.log").read_text()
        until(lambda: not processes(at.folder, "arkwright."))  # nobody goes on unseen
    gate.unlink()
    with up(at) as room:
        until(lambda: state(room, second) == "done")
        assert state(room, first) == "cut"
        assert room.events(first + "/events")[-1]["text"].startswith("cut: the server ended while")
        assert room.ask("GET", first + "/answer").status == 409
    assert last_run(at.site).error == job_process.GONE


def test_a_run_whose_process_was_killed_says_so(gate, room):
    job = begun(room)
    until(lambda: [e for e in jobs.events(room.at.site, job.rpartition("/")[2]) if e.kind == "log"])
    (pid,) = processes(room.at.folder, "jobs.process")
    os.kill(pid, signal.SIGKILL)
    told = room.events(job + "/events")[-1]["text"]
    killed = "its process was killed by signal 9 (SIGKILL): somebody ended it, as kill -9 does"
    assert told.startswith(f"failed: {killed}")
    run = last_run(room.at.site)
    assert (run.state, run.error) == ("failed", killed)
    log = room.at.site.store.path(run.log).read_text()
    assert "\na line of the log\n" in log
    assert log.endswith(f"failed: {killed}\n")
    assert list((room.at.site.folder / "logs").iterdir()) == []


def test_what_goes_on_record_does_not_say_where_the_records_are():
    there = Away("the ledger in postgresql://ann@db.example:5433/shop cannot be reached: db.example refused")
    (kind, said), why = jobs.fault(there), line._why(there)
    assert (kind, said, why) == ("Away", *["the ledger cannot be reached; try again in a moment"] * 2)
    unknown = "lost its connection while this was written; whether it was is not known"
    lost = ArkwrightError(f"the vault in postgresql://db.example/shop {unknown} ({there}); look before you try again")
    assert jobs.fault(lost)[1] == f"the vault {unknown}; look before you try again"


def test_how_a_process_ended():
    assert "out of memory" in jobs_keeper.ended(-9, short_of_memory=True)
    assert "out of memory" not in jobs_keeper.ended(-11, short_of_memory=True)
    assert jobs_keeper.ended(-11, short_of_memory=False) == "its process was killed by signal 11 (SIGSEGV)"
    assert jobs_keeper.ended(3, short_of_memory=True) == "its process ended (exit code 3)"


def last_run(site):
    return versions.resolve(site.ledger, Run, "shop")


def test_a_job_ends_in_order_with_its_server(gate, at):
    with up(at) as room:
        first = begun(room)
        until(lambda: [e for e in jobs.events(at.site, first.rpartition("/")[2]) if e.kind == "log"])
        os.kill(room.process.pid, signal.SIGTERM)
        assert room.process.wait(30) is not None
    assert not processes(at.folder, "arkwright.")
    assert last_run(at.site).error == "the control room that did it was stopped"
    assert json.loads(at.site.vault.get(jobs.KIND, first.rpartition("/")[2]))["state"] == "cut"


def test_a_job_of_another_control_room_is_told_as_that(at):
    """Which shares the records, and has a folder of its own."""
    name = jobs.begin(at.site, at.ana, at.folder, verb="check", words={}).id
    jobs.folder(at.site, name).rmdir()
    for verb in (jobs.job, jobs.stop_job, jobs.answer):
        with pytest.raises(Unknown, match="was begun at another control room"):
            at.do(verb, at.ana, id=name)
    assert json.loads(at.site.vault.get(jobs.KIND, name))["state"] == "waiting"


def ended(site, name="", events=0, **how):
    """A job whose server was killed when its record said that it is over, and its events did not yet."""
    job = jobs.begin(site, jobs.NOBODY, site.folder, verb="check", words={})
    over = replace(job, ended=job.made, **({"state": "done"} | how))
    assert jobs.move(site, job, over)
    told = jobs.Events(jobs.folder(site, job.id) / jobs.EVENTS)
    for number in range(events):
        told.add("say", f"{name} {number}")
    told.close()
    return job.id


@pytest.fixture
def kept(at, monkeypatch):
    """Jobs here are words of a shell in the job's folder; what begins one, and what breaks its records."""
    vault, missed = type(at.site.vault), []

    def begin(script):
        def work(site, module, *words, **_):
            folder = jobs.folder(site, words[1])
            return subprocess.Popen(["sh", "-c", f"sleep 0.3; {script}"], cwd=folder, stdin=subprocess.PIPE)

        monkeypatch.setattr(jobs_keeper.child, "begin", work)
        return jobs.begin(at.site, at.ana, at.folder, verb="check", words={}).id

    def broken(name, *errors):
        method = getattr(vault, name)

        def first(self, *words):
            if threading.current_thread().name != "jobs" or words[0] != jobs.KIND or missed.count(name) == len(errors):
                return method(self, *words)
            missed.append(name)
            if not isinstance(error := errors[missed.count(name) - 1], Away):
                method(self, *words)  # it landed
            raise error

        monkeypatch.setattr(vault, name, first)
        return missed

    for pause in ("_AWAY", "_AGAIN"):
        monkeypatch.setattr(jobs_keeper, pause, 0.05)
    return begin, broken


ANSWERED = f"echo {{}} > {jobs.ANSWER}"
AWAY = Away("the vault cannot be reached")
CANCELLED = ArkwrightError("the vault in postgresql://db.example/shop: canceling statement due to statement timeout")
UNKNOWN = ArkwrightError("the vault lost its connection while this was written; whether it was is not known")


def test_records_that_are_away_for_a_while_leave_no_job_at_work(at, kept, monkeypatch, caplog):
    """As where PostgreSQL is started anew: a job goes on meanwhile, and one that was lost hold of is over, though it
    does not end when it is told to.
    """
    begin, broken = kept
    monkeypatch.setattr(jobs_keeper, "_GRACE", 0.05)
    with jobs_keeper.Keeper(at.site, at.folder):
        first = begin(ANSWERED)
        until(lambda: at.do(jobs.job, at.ana, id=first).state == "working")
        broken("get", CANCELLED, AWAY)
        missed = broken("swap", AWAY, UNKNOWN)
        until(lambda: [one for one in jobs.events(at.site, first) if one.kind == "end"])
        assert (at.do(jobs.job, at.ana, id=first).state, sorted(missed)) == ("done", ["get", "get", "swap", "swap"])
        assert "jobs are not kept" not in caplog.text
        monkeypatch.setattr(jobs_keeper.Keeper, "_wait", lambda *_: 1 / 0)
        lost = begin("exec sleep 300")
        until(lambda: at.do(jobs.job, at.ana, id=lost).over, 20)
    assert [(one.kind, one.text) for one in jobs.events(at.site, lost)] == [("end", f"cut: {jobs_keeper.LOST}")]


def test_a_job_is_done_though_the_answer_that_it_was_begun_was_lost(at, kept):
    begin, broken = kept
    missed, name = broken("swap", UNKNOWN), begin(ANSWERED)
    with jobs_keeper.Keeper(at.site, at.folder):
        until(lambda: at.do(jobs.job, at.ana, id=name).over)
    assert (at.do(jobs.job, at.ana, id=name).state, missed) == ("done", ["swap"])


def test_who_keeps_jobs_next_reads_how_one_ended(at, kept, caplog):
    begin, _ = kept
    done, failed, cut = begin(ANSWERED), begin(""), begin("")
    (jobs.folder(at.site, done) / jobs.ANSWER).write_text('{"problem": "a promise is broken"}')
    (jobs.folder(at.site, failed) / job_process.FAULT).write_text('["Refused", "no"]')
    for one in (at.do(jobs.job, at.ana, id=name) for name in (done, failed, cut)):
        jobs.move(at.site, one, replace(one, state="working"))
    lease = at.site.folder / "jobs" / "lock"
    lease.mkdir()
    with jobs_keeper.Keeper(at.site, at.folder):
        until(lambda: "jobs are not kept: [Errno 21] Is a directory" in caplog.text)
        lease.rmdir()
        until(lambda: at.do(jobs.job, at.ana, id=cut).over)
    over = [at.do(jobs.job, at.ana, id=name) for name in (done, failed, cut)]
    assert [(one.state, one.error, one.problem) for one in over] == [
        ("done", None, "a promise is broken"),
        ("failed", "Refused", "no"),
        ("cut", None, jobs_keeper.ENDED),
    ]


def test_how_a_run_was_killed_is_told_when_the_records_are_back(at, kept, monkeypatch):
    begin, broken = kept
    brought = []
    monkeypatch.setattr(jobs_keeper, "bring_in", lambda site, why=None: why and brought.append((len(missed), why)))
    with jobs_keeper.Keeper(at.site, at.folder):
        name = begin(f"printf run:shop@1 > {jobs.RUN}; kill -9 $$")
        until(lambda: at.do(jobs.job, at.ana, id=name).state == "working")
        missed = broken("swap", AWAY, AWAY)
        until(lambda: [one for one in jobs.events(at.site, name) if one.kind == "end"])
    assert brought == [(2, {"run:shop@1": jobs_keeper.ended(-9, short_of_memory=False)})]


def test_a_stream_ends_though_its_end_was_never_told(room):
    name = ended(room.at.site, "step", 3)
    told = room.events(f"/api/jobs/{name}/events")
    assert [(one["id"], one["kind"], one["text"]) for one in told][2:] == [(3, "say", "step 2"), (4, "end", "done")]
    assert [one["id"] for one in room.events(f"/api/jobs/{name}/events", Last_Event_ID="3")] == [4]
    for seen in ("4", "999"):  # whoever heard of it already
        assert [one["id"] for one in room.events(f"/api/jobs/{name}/events", Last_Event_ID=seen)] == [4]


def test_the_end_of_a_job_keeps_its_number(room):
    name = ended(room.at.site, "step", 3)
    with (jobs.folder(room.at.site, name) / jobs.EVENTS).open("a") as file:
        file.write(encode(jobs.Told(id=4, kind="end", text="done", at="2026-01-01T00:00:00Z")) + "\n")
    for seen in ("3", "4", "999"):
        assert [one["id"] for one in room.events(f"/api/jobs/{name}/events", Last_Event_ID=seen)] == [4]


def test_a_look_at_what_happened_reads_only_what_is_new(at, monkeypatch):
    name = ended(at.site, "x" * 500, 1000)
    following = jobs.Following(at.site, name, after=2)
    first = following.more()
    assert first[0].id == 3
    while more := following.more():
        first += more
    assert [told.id for told in first] == list(range(3, 1001))
    monkeypatch.setattr(jobs, "decode", None)
    assert following.more() == []  # nothing is looked at again
    monkeypatch.undo()
    path = jobs.folder(at.site, name) / jobs.EVENTS
    with path.open("ab") as file:
        file.write(b'{"id": 1001')
        file.flush()
        assert following.more() == []
    told = jobs.Events(path)
    told.add("say", "whole")
    told.close()
    assert [(one.id, one.text) for one in following.more()] == [(1002, "whole")]
    assert following.place == path.stat().st_size
