"""Full text over what clients logged: in step with whatever is written, from an older file on."""

import sqlite3
import time
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arkwright.core.errors import Invalid
from arkwright.infra.disk_store import DiskStore
from arkwright.tracking import found, models, registry, runs, versions
from arkwright.tracking.database import Database
from arkwright.tracking.tracking import Tracking


@pytest.fixture
def tracking(tmp_path):
    made = Tracking(tmp_path / "tracking", DiskStore(tmp_path / "files"))
    yield made
    made.close()


def refs(tracking, text, kinds=()):
    return {hit.ref for hit in tracking.search(text, kinds, 50)[0]}


def write(tracking, operation, *given, **named):
    return tracking.submit(operation, *given, **named).result()


def begun(tracking, name="a run", **more):
    return write(tracking, runs.begin, experiment=0, name=name, user="ana", **more)


def test_a_run_is_found_by_all_that_was_said_of_it_and_not_by_what_was_taken_back(tracking):
    uid = begun(tracking, "merino trial", tags=[("team", "north east")])
    write(tracking, runs.log, uid, params=[("optimizer", "adamantium")], metrics=[("loss", 0, 0, 0.5)])
    model = write(tracking, models.create, 0, name="spinner", run=uid)
    ref = f"tracked:{uid}"
    for text in ("merino", "adamantium", "optimizer", '"north east"', uid, uid[:9], "ana", "Default", "spinner", model,
                 "merino adam"):  # fmt: skip
        assert refs(tracking, text) == {ref}, text
    assert refs(tracking, "merino zebra") == set()
    write(tracking, runs.change, uid, name="cheviot trial")
    write(tracking, runs.untag, uid, "team")
    write(tracking, runs.change_experiment, 0, name="Sheep")
    assert refs(tracking, "merino") == refs(tracking, "north") == refs(tracking, "Default") == set()
    assert refs(tracking, "cheviot sheep") == {ref}
    write(tracking, runs.change_experiment, 0, stage=runs.DELETED)
    assert refs(tracking, "cheviot") == set()
    write(tracking, runs.change_experiment, 0, stage=runs.ACTIVE)
    assert refs(tracking, "cheviot") == {ref}
    write(tracking, models.remove, model)
    assert refs(tracking, "spinner") == set()


def test_a_registered_model_and_its_versions_are_found(tracking):
    uid = begun(tracking)
    write(tracking, registry.create, "wool-price", "What a bale is worth", [("domain", "textiles")])
    write(tracking, versions.create, "wool-price", f"runs:/{uid}/m", user="ana", description="second shearing",
          tags=[("grade", "fine")])  # fmt: skip
    write(tracking, registry.alias, "wool-price", "champion", 1)
    model, version = "registered:wool-price", "registered:wool-price@1"
    assert refs(tracking, "bale") == refs(tracking, "textiles") == refs(tracking, "champion") == {model}
    assert refs(tracking, "shearing") == refs(tracking, "grade fine") == {version}
    assert refs(tracking, "wool-price") == {model, version}
    assert refs(tracking, uid, ("registered",)) == {version}
    assert refs(tracking, uid, ("tracked",)) == {f"tracked:{uid}"}
    write(tracking, registry.change, "wool-price", new="yarn-price")
    assert refs(tracking, "wool") == set()
    assert refs(tracking, "yarn") == {"registered:yarn-price", "registered:yarn-price@1"}
    write(tracking, registry.unalias, "yarn-price", "champion")
    assert refs(tracking, "champion") == set()
    tracking.remove_version("yarn-price", 1)
    assert refs(tracking, "shearing") == set()
    tracking.remove_registered("yarn-price")
    assert refs(tracking, "yarn") == set()


def test_a_name_with_an_at_sign_is_no_version(tracking):
    write(tracking, registry.create, "a@3")
    assert refs(tracking, "a@3") == {"registered:a%403"}
    assert registry.spoken("a%403@12") == ("a@3", 12)
    assert registry.spoken("a%403") == ("a@3", None)


def test_a_file_of_the_layout_before_is_searched_too(tmp_path):
    path = tmp_path / "tracking" / "tracking.db"
    made = Tracking(path.parent, DiskStore(tmp_path / "files"))
    uid = begun(made, "from before")
    made.close()
    with sqlite3.connect(path) as old:
        for kind, name in old.execute("SELECT type, name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            old.execute(f"DROP {kind} {name}")
        old.execute("DROP TABLE stale")
        old.execute("PRAGMA writable_schema = ON")
        old.execute("DELETE FROM sqlite_master WHERE name LIKE 'words%'")
        old.execute("PRAGMA user_version = 1")
    old.close()
    made = Tracking(path.parent, DiskStore(tmp_path / "files"))
    assert refs(made, "before") == {f"tracked:{uid}"}
    made.close()


def test_metrics_alone_make_nothing_stale_and_rest_is_read_while_nobody_writes(tmp_path, monkeypatch):
    monkeypatch.setattr("arkwright.tracking.database.QUIET_S", 0.01)
    database = Database(tmp_path / "tracking.db", idle=found.follow)
    uid = database.write(runs.begin, experiment=database.write(runs.experiment_called, "e"), name="x", user="ana")

    def stale():
        return database.read(lambda db: db.execute("SELECT count(*) FROM stale").fetchone()[0])

    until = time.monotonic() + 20
    while stale() and time.monotonic() < until:
        time.sleep(0.005)
    assert stale() == 0  # nobody searched
    monkeypatch.setattr("arkwright.tracking.database.QUIET_S", 60)
    database.write(runs.log, uid, metrics=[("loss", 1, 1, 0.5)], lease=True)
    assert stale() == 0
    database.write(runs.log, uid, params=[("a", "b")])
    assert stale() == 1
    database.close()


def test_what_is_written_in_whatever_way_marks_it_once(tracking):
    """SQLite has triggers follow the conflict policy of the statement that fires them."""
    uid = begun(tracking, "x")
    for way in ("INSERT INTO {} ON CONFLICT DO UPDATE SET value = excluded.value", "INSERT OR ABORT INTO {}",
                "INSERT OR REPLACE INTO {}", "INSERT OR IGNORE INTO {}", "INSERT OR FAIL INTO {}"):  # fmt: skip
        for number in range(2):
            row = f"run_tag VALUES ((SELECT id FROM run WHERE uid = '{uid}'), '{way[:14]}{number}', 'merino')"
            write(tracking, lambda db, row=row, way=way: db.execute(way.format(row)))
    assert refs(tracking, "merino") == {f"tracked:{uid}"}


def test_pages_and_long_texts(tracking):
    for number in range(7):
        tags = [("note", "z" * 7000 + " end"), ("also", "y" * 7000), ("k", "short")]
        uid = begun(tracking, f"bale {number}", tags=tags)
    assert len(refs(tracking, "bale short")) == 7
    first, more = tracking.search("bale", (), 4)
    rest, none = tracking.search("bale", (), 4, skip=4)
    assert (len(first), more, len(rest), none) == (4, True, 3, False)
    assert {hit.ref for hit in first}.isdisjoint(hit.ref for hit in rest)
    (hit,), _ = tracking.search(f"short {uid}", (), 4)
    assert {"short", uid} <= set(hit.snippet[1::2])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=40))
def test_whatever_is_typed_is_an_answer_or_a_refusal(tracking, text):
    with suppress(Invalid):
        tracking.search(text, (), 5)
