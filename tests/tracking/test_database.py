import math
import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.core.errors import Corrupt, Full, Invalid, Refused, Unknown
from arkwright.tracking import models, points, runs, words
from arkwright.tracking.database import OFTEN, ROOM, Database


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / "tracking.db")
    yield made
    made.close()


def begun(database, **more):
    experiment = database.write(runs.experiment_called, "sheep")
    return database.write(runs.begin, experiment=experiment, name="first", user="ana", **more)


def test_what_is_logged_is_read_back(database):
    uid = begun(database, tags=[("team", "north")])
    metrics = [("loss", 0, 10, 0.5), ("loss", 1, 11, math.nan), ("acc", 0, 10, math.inf), ("low", -3, 10, -math.inf)]
    database.write(runs.log, uid, metrics=metrics, params=[("lr", "0.1")], tags=[("note", "wool")])
    found = database.read(runs.get, uid)
    assert (found.status, found.params) == ("RUNNING", {"lr": "0.1"})
    assert found.tags == {"team": "north", "note": "wool", "mlflow.runName": "first"}
    assert found.metrics["acc"] == (math.inf, 0, 10)
    assert found.metrics["low"] == (-math.inf, -3, 10)
    assert math.isnan(found.metrics["loss"][0])
    curve = database.read(points.history, found.id, "loss", 10)
    assert [(step, at) for step, at, _ in curve] == [(0, 10), (1, 11)]


def test_a_point_sent_twice_is_there_once_and_the_latest_goes_by_step(database):
    uid = begun(database)
    for _ in range(2):
        database.write(runs.log, uid, metrics=[("loss", 5, 10, 0.1), ("loss", 2, 99, 0.7)])
    database.write(runs.log, uid, metrics=[("loss", 4, 100, 0.2)])
    found = database.read(runs.get, uid)
    assert found.metrics["loss"] == (0.1, 5, 10)
    assert len(database.read(points.history, found.id, "loss", 10)) == 3


def test_a_long_curve_is_thinned_and_keeps_its_ends(database):
    uid = begun(database)
    database.write(runs.log, uid, metrics=[("loss", i, i, float(i)) for i in range(5000)])
    found = database.read(points.curve, database.read(runs.get, uid).id, "loss", most=100)
    assert (found[0][0], found[-1][0]) == (0, 4999)
    assert len(found) <= 101


def test_a_parameter_is_logged_once_and_a_refused_request_leaves_nothing(database):
    uid = begun(database)
    database.write(runs.log, uid, params=[("lr", "0.1")])
    database.write(runs.log, uid, params=[("lr", "0.1")])
    with pytest.raises(Invalid, match="logged once"):
        database.write(runs.log, uid, metrics=[("loss", 0, 1, 1.0)], params=[("lr", "0.2")])
    assert database.read(runs.get, uid).metrics == {}
    model = database.write(models.create, 0, name="ram", params=[("lr", "0.1")])
    with pytest.raises(Invalid, match="logged once"):
        database.write(models.put, model, params=[("depth", "3"), ("lr", "0.2")])
    assert database.read(models.get, model).params == {"lr": "0.1"}


def test_one_bad_request_takes_none_of_its_commit_with_it(database):
    uid = begun(database)
    gate = threading.Event()
    first = database.submit(lambda _: gate.wait(10))  # the rest gathers behind it, for one commit
    rest = [database.submit(runs.log, uid if i % 2 else "0", metrics=[("loss", i, 1, 1.0)]) for i in range(10)]
    gate.set()
    assert first.result(10)
    for i, future in enumerate(rest):
        assert isinstance(future.exception(10), Unknown if i % 2 == 0 else type(None))
    found = database.read(runs.get, uid)
    assert [step for step, _, _ in database.read(points.history, found.id, "loss", 99)] == [1, 3, 5, 7, 9]


def test_a_run_not_heard_of_is_failed_and_comes_back_when_it_is_heard_of_again(database, monkeypatch):
    uid = begun(database, leased=True)
    later = words.now() + runs.LEASE_MS + 1
    monkeypatch.setattr(words, "now", lambda: later)
    assert database.read(runs.lost)
    assert database.write(runs.reap) == 1
    assert database.read(runs.get, uid).status == "FAILED"
    database.write(runs.log, uid, lease=True)
    assert database.read(runs.get, uid).status == "RUNNING"
    database.write(runs.change, uid, status="FINISHED", ended=later)
    database.write(runs.log, uid, lease=True)
    assert database.read(runs.get, uid).status == "FINISHED"


def test_names_taken_and_runs_deleted_are_refused_in_words(database):
    uid = begun(database)
    with pytest.raises(Refused, match="already"):
        database.write(runs.experiment, "sheep")
    database.write(runs.change, uid, stage="deleted")
    with pytest.raises(Invalid, match="restore it"):
        database.write(runs.log, uid, tags=[("a", "b")])
    with pytest.raises(Unknown):
        database.read(runs.get, "f" * 32)


def test_an_experiment_that_is_there_is_not_restored_with_what_was_deleted_from_it(database):
    uid = begun(database)
    experiment = database.read(runs.get, uid).experiment
    database.write(runs.change, uid, stage="deleted")
    for stage in ("active", "deleted"):
        with pytest.raises(Unknown, match=f"experiment {experiment} is {stage} already"):
            database.write(runs.change_experiment, experiment, stage=stage)
        assert database.read(runs.get, uid).stage == "deleted"
        database.write(runs.change_experiment, experiment, stage="deleted") if stage == "active" else None


def test_a_run_has_one_name(database):
    begun(database)
    with pytest.raises(Invalid, match="a run has one name: 'a', or 'b' as the tag"):
        database.write(runs.begin, experiment=0, name="a", user="ana", tags=[(runs.NAME, "b")])


@pytest.mark.parametrize(
    "path",
    ["../x", "../../etc/passwd", "./p", "a/../b", "/etc/passwd", "..%2fx", "%2e%2e/x", "..\\x", "C:\\x", "\\\\h\\s",
     "x;/../y", "x#/y", "x?y", "x%00.txt", "x.", "x ", "x\0", "x\n", "\uff0e\uff0e/x", "a\u2215b", "", "a//b", "a/",
     "file:///etc", "x" * 256, "/".join("a" * 65), "\udc80"],
)  # fmt: skip
def test_no_path_trick_is_a_path(path):
    with pytest.raises(Invalid):
        words.path(path)


@given(st.text(max_size=40))
def test_a_path_that_is_let_in_stays_inside(text):
    try:
        kept = words.path(text)
    except Invalid:
        return
    assert kept == text == os.path.normpath(text)
    assert not text.startswith(("/", ".."))


CHILD = """
import sys
from pathlib import Path
from arkwright.tracking import runs
from arkwright.tracking.database import OFTEN, ROOM, Database
database = Database(Path(sys.argv[1]))
uid = database.write(runs.begin, experiment=database.write(runs.experiment_called, "sheep"), name="c", user="ana")
print(uid, flush=True)
for step in range(10**9):
    database.write(runs.log, uid, metrics=[("loss", step, step, 1.0)])
    print(step, flush=True)
"""


def test_two_processes_write_and_whatever_was_acknowledged_outlives_kill_9(tmp_path):
    path = tmp_path / "tracking.db"
    children = [
        subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    told = {}
    for child in children:
        uid = child.stdout.readline().strip()
        told[uid] = [int(child.stdout.readline()) for _ in range(20)]
    for child in children:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    database = Database(path)
    assert database.read(lambda db: db.execute("PRAGMA integrity_check").fetchone()) == ("ok",)
    for uid, acknowledged in told.items():
        kept = database.read(points.history, database.read(runs.get, uid).id, "loss", 10**6)
        steps = [step for step, _, _ in kept]
        assert steps == list(range(len(steps)))
        assert set(acknowledged) <= set(steps)
    database.close()


def test_a_forked_process_opens_its_own(database):
    uid = begun(database)
    child = os.fork()
    if child == 0:
        try:
            database.write(runs.log, uid, metrics=[("loss", 1, 1, 1.0)])
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    database.write(runs.log, uid, metrics=[("loss", 2, 1, 1.0)])
    assert database.read(runs.get, uid).metrics["loss"] == (1.0, 2, 1)


def test_what_is_no_database_is_said_plainly(tmp_path):
    (tmp_path / "tracking.db").write_bytes(b"wool" * 5000)
    with pytest.raises(Corrupt, match="put a backup back"):
        Database(tmp_path / "tracking.db")


def test_a_newer_layout_is_refused(tmp_path):
    database = Database(tmp_path / "tracking.db")
    database.write(lambda db: db.execute("PRAGMA user_version = 99"))
    database.close()
    with pytest.raises(Refused, match="newer Arkwright"):
        Database(tmp_path / "tracking.db")


def logged_on(database, count):
    uid = begun(database)
    for step in range(count):
        database.write(runs.log, uid, metrics=[("loss", step, 1, 0.1)])
    return uid


def test_the_log_of_who_writes_on_has_its_room_and_a_crash_then_loses_nothing(database, tmp_path):
    uid = logged_on(database, OFTEN + 1)
    log = database.path.with_name("tracking.db-wal")
    assert log.stat().st_size > 0.8 * ROOM
    database.write(runs.log, uid, metrics=[("loss", 999, 1, 0.2)])
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for file in (database.path, log):  # as they lie there when nobody could end in order
        shutil.copy(file, crashed)
    again = Database(crashed / "tracking.db")
    found = again.read(runs.get, uid)
    assert found.metrics["loss"] == (0.2, 999, 1)
    assert len(again.read(points.history, found.id, "loss", 1000)) == OFTEN + 2
    assert again.read(lambda db: db.execute("SELECT * FROM sqlite_schema WHERE name = 'room'").fetchall()) == []
    assert again.read(lambda db: db.execute("PRAGMA integrity_check").fetchone()[0]) == "ok"
    again.close()


def test_a_disk_with_little_room_is_not_filled_for_speed(small_disk):
    database = Database(small_disk(64) / "tracking.db")
    logged_on(database, OFTEN + 1)
    assert database.path.with_name("tracking.db-wal").stat().st_size < ROOM / 4
    database.close()


def test_a_full_disk_refuses_and_loses_nothing(small_disk):
    place = small_disk(2)
    database = Database(place / "tracking.db")
    uid = begun(database)
    kept = 0

    def fill():
        nonlocal kept
        for kept in range(1000):
            points_of_it = [("loss", kept * 1000 + i, 1, 0.1) for i in range(1000)]
            database.write(runs.log, uid, metrics=points_of_it)

    with pytest.raises(Full, match="make room"):
        fill()
    run = database.read(runs.get, uid).id
    assert len(database.read(points.history, run, "loss", 10**7)) == kept * 1000
    database.close()
