import math
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import arkwright
from arkwright.api.people import accounts, entering
from arkwright.core.errors import Forbidden, Full, Invalid, Unproven
from arkwright.core.nouns import Actor
from arkwright.infra.disk_store import DiskStore
from arkwright.sites import local
from arkwright.tracking import runs, session, words
from arkwright.tracking.session import Session
from arkwright.tracking.tracking import Tracking


@pytest.fixture
def tracking(tmp_path):
    made = Tracking(tmp_path / "t", DiskStore(tmp_path / "t" / "files"))
    yield made
    made.close()


@pytest.fixture
def run(tracking):
    return Session(tracking, tracking.submit(runs.begin, experiment=0, name="", user="ana", leased=True).result())


def test_what_is_logged_is_on_record(tmp_path):
    with arkwright.track("wool", tmp_path, name="first", params={"lr": 0.1}, tags={"team": "north"}, by="ana") as run:
        for step in range(3):
            run.log(loss=1 / (step + 1), acc=np.float32(0.5), step=np.int64(step))
        run.log({"val/loss": 7}, odd=math.nan)
        run.params(depth=3)
        run.tag(note="soft")
        run.file(b"wool", "notes/a.txt")
        assert local(tmp_path).tracking.run(run.uid).status == "RUNNING"
    tracking = local(tmp_path).tracking
    found = tracking.run(run.uid)
    assert (found.name, found.user, found.status) == ("first", "ana", "FINISHED")
    assert found.params == {"lr": "0.1", "depth": "3"}
    assert found.tags == {"team": "north", "note": "soft", "mlflow.runName": "first"}
    assert found.metrics["loss"][:2] == (1 / 3, 2)
    assert found.metrics["val/loss"][:2] == (7.0, 3)
    assert [(step, value) for step, _, value in tracking.history(run.uid, "acc")] == [(0, 0.5), (1, 0.5), (2, 0.5)]
    place = found.place.removeprefix("mlflow-artifacts:/")
    assert tracking.artifacts.get(f"{place}/notes/a.txt")[1].read_bytes() == b"wool"
    assert tracking.experiment(name="wool").id == found.experiment
    with pytest.raises(Invalid, match="has ended"):
        run.tag(a="b")


def fails_after_one_point(run):
    run.log(loss=1)
    1 / 0  # noqa: B018


def test_a_run_left_by_an_error_has_failed(tmp_path):
    with pytest.raises(ZeroDivisionError), arkwright.track("wool", tmp_path) as failed:
        fails_after_one_point(failed)
    with pytest.raises(KeyboardInterrupt), arkwright.track("wool", tmp_path) as stopped:
        raise KeyboardInterrupt
    tracking = local(tmp_path).tracking
    assert (tracking.run(failed.uid).status, tracking.run(stopped.uid).status) == ("FAILED", "KILLED")
    assert len(tracking.history(failed.uid, "loss")) == 1


@pytest.mark.parametrize(
    "words", [{"loss": "much"}, {"loss": None}, {"loss": [1, 2]}, {"../x": 1}, {"a" * 251: 1}, {"": 1}]
)
def test_what_is_no_number_is_refused_and_nothing_of_it_is_kept(run, tracking, words):
    with pytest.raises(Invalid):
        run.log({"good": 1.0, **words})
    for step in ("1", 1.5, 2**63):
        with pytest.raises(Invalid, match="step"):
            run.log(good=1.0, step=step)
    run.end()
    assert tracking.run(run.uid).metrics == {}


def test_points_go_to_the_disk_by_themselves(run, tracking):
    run.log(loss=1.0)
    before = time.monotonic()
    while not tracking.history(run.uid, "loss"):
        assert time.monotonic() < before + 30
        time.sleep(0.02)


def test_many_threads_lose_no_point(run, tracking):
    def work(name):
        for step in range(2000):
            run.log({name: float(step)}, step=step)

    threads = [threading.Thread(target=work, args=(f"m{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.end()
    assert all(len(tracking.history(run.uid, f"m{n}")) == 2000 for n in range(4))


def test_whoever_logs_faster_than_the_disk_waits(run, tracking, monkeypatch):
    monkeypatch.setattr(session, "MOST", 500)
    most = 0
    for step in range(3000):
        run.log(loss=1.0, step=step)
        most = max(most, len(run._points))
    run.end()
    assert most <= 500
    assert len(tracking.history(run.uid, "loss")) == 3000


CHILD = """
import sys
import arkwright
run = arkwright.track("wool", sys.argv[1])
print(run.uid, flush=True)
for step in range(10**9):
    run.log(loss=1.0, step=step)
    if step % 1000 == 999:
        run.flush()
        print(step, flush=True)
"""


def test_kill_9_loses_only_what_was_not_acknowledged(tmp_path, monkeypatch):
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    uid = child.stdout.readline().strip()
    told = [int(child.stdout.readline()) for _ in range(5)][-1]
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    tracking = local(tmp_path).tracking
    steps = [step for step, _, _ in tracking.history(uid, "loss")]
    assert steps == list(range(len(steps)))
    assert len(steps) > told
    assert tracking.run(uid).status == "RUNNING"
    later = words.now() + runs.LEASE_MS + 1
    monkeypatch.setattr(words, "now", lambda: later)
    assert tracking.runs().items[0].status == "FAILED"


def test_a_script_that_ends_has_finished(tmp_path):
    code = 'import arkwright, sys; run = arkwright.track("wool", sys.argv[1]); run.log(loss=1); print(run.uid)'
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    found = local(tmp_path).tracking.run(done.stdout.strip())
    assert (found.status, found.metrics["loss"][0]) == ("FINISHED", 1.0)


def test_a_forked_child_logs_on(run, tracking):
    run.log(loss=1.0, step=1)
    child = os.fork()
    if child == 0:
        try:
            run.log(loss=2.0, step=2)
            run.flush()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    run.log(loss=3.0, step=3)
    run.end()
    assert [value for _, _, value in tracking.history(run.uid, "loss")] == [1.0, 2.0, 3.0]


def test_a_full_disk_is_told_and_no_point_is_lost_when_there_is_room_again(small_disk):
    place = small_disk(3)
    tracking = Tracking(place, DiskStore(place / "files"))
    run = Session(tracking, tracking.submit(runs.begin, experiment=0, name="", user="ana").result())
    run.log(loss=1.0, step=0)
    run.flush()
    (place / "ballast").write_bytes(b"x" * (2 << 20))
    step = 0

    def fill():
        nonlocal step
        while True:
            step += 1
            run.log(loss=1.0, step=step)
            if step % 1000 == 0:
                run.flush()

    with pytest.raises(Full, match="make room"):
        fill()
    (place / "ballast").unlink()
    run.end()
    assert len(tracking.history(run.uid, "loss", 10**6)) == step + 1
    tracking.close()


def test_where_there_are_accounts_one_has_to_prove_who_one_is(tmp_path, monkeypatch):
    site, nobody = local(tmp_path), Actor(name="x")
    invited = accounts.invite(site, nobody, tmp_path, name="olga", role="owner")
    entering.join(site, nobody, tmp_path, invitation=invited.secret, password="four quiet wooden boats")
    owner = entering.prove(
        site, "session", entering.log_in(site, nobody, tmp_path, name="olga", password="four quiet wooden boats")
    ).actor
    with pytest.raises(Unproven, match="token"):
        arkwright.track("wool", tmp_path)
    for role, refused in (("viewer", True), ("contributor", False)):
        monkeypatch.setenv("ARKWRIGHT_TOKEN", accounts.token(site, owner, tmp_path, role=role).secret)
        if refused:
            with pytest.raises(Forbidden):
                arkwright.track("wool", tmp_path)
        else:
            with arkwright.track("wool", tmp_path) as run:
                run.log(loss=1)
            assert site.tracking.run(run.uid).user == "olga"
