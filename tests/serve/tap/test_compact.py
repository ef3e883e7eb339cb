"""Segments become Parquet, whatever happens on the way: nothing is lost and nothing doubled."""

import datetime as dt
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from arkwright.core.locks import locked
from arkwright.core.nouns import Column
from arkwright.infra.disk_store import DiskStore
from arkwright.serve.tap import compact as compacting
from arkwright.serve.tap.blocks import frame
from arkwright.serve.tap.compact import compact, write_parts
from arkwright.serve.tap.parts import COMPACT_LOCK, Index
from arkwright.serve.tap.segment import ARROW, INFER, MAGIC, RECORDS, SHADOW, segments
from arkwright.serve.tap.writer import Tap

from .conftest import COLUMNS, DIGEST, fill, one, row, said, signature


def table(place):
    """Everything that was compacted, in the order of its ids."""
    parts = [pq.read_table(place.store.path(part.digest)) for part in Index(place.folder).parts]
    return pa.concat_tables(parts, promote_options="default").sort_by([("id", "ascending"), ("row", "ascending")])


def ids(place):
    return table(place).column("id").to_pylist() if Index(place.folder).parts else []


def done(place, **words):
    return compact(place.folder, place.store, place.scratch(), **words)


def kept(place):
    """Digests in the store."""
    return {path.name for path in place.store.root.glob("??/??/*")}


def test_every_column_has_its_type(place):
    before = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    tap, release = place.tap()
    body = json.dumps([row(1, left="2026-01-31T12:00:00Z"), row(2, left="2026-01-31T14:00:00+02:00", origin=None)])
    answer = json.dumps({"predictions": [said(), said(label=False, probability=0.1)]})
    tap.add(release, b"many", b"10.0.0.7", body.encode(), answer.encode(), 1500, 200, SHADOW)
    tap.add(release, b"none", b"", b'{"x": 1}', b'{"error": "$: unknown field"}', 20, 422)
    tap.close()
    assert done(place).rows == 3
    found = table(place)
    types = {field.name: str(field.type) for field in found.schema}
    assert types == {
        "id": "string", "row": "int64", "at": "timestamp[us]", "latency_ms": "double", "endpoint": "string",
        "release": "string", "digest": "string", "caller": "string", "kind": "string", "shadow": "bool",
        "status": "int64", "error": "string", "rule": "string", "because": "string", "review": "bool",
        "distance": "double", "carrier": "string", "origin": "string",
        "stops": "int64", "left": "timestamp[us]", "label": "bool", "probability_false": "double",
        "probability_true": "double", "inputs": "string", "outputs": "string",
    }  # fmt: skip
    first, second, refused = found.to_pylist()
    assert before <= first.pop("at") <= dt.datetime.now(dt.UTC).replace(tzinfo=None)
    assert first == {
        "id": "many", "row": 0, "latency_ms": 1.5, "endpoint": "late", "release": "release:late@3", "digest": DIGEST,
        "caller": "10.0.0.7", "kind": "predict", "shadow": True, "status": 200, "error": None, "rule": None,
        "because": None, "review": None, "distance": 1.0,
        "carrier": "AA", "origin": "EWR", "stops": 1, "left": dt.datetime(2026, 1, 31, 12), "label": True,  # noqa: DTZ001
        "probability_false": 0.25, "probability_true": 0.75, "inputs": None, "outputs": None,
    }  # fmt: skip
    assert (second["row"], second["origin"], second["label"], second["probability_true"]) == (1, None, False, 0.1)
    assert second["left"] == first["left"]
    assert (refused["status"], refused["error"], refused["distance"]) == (422, "$: unknown field", None)


def test_values_and_answers_without_a_column(place):
    tap = Tap(place.folder, "late")
    release = tap.release("release:late@3", DIGEST, signature(columns=COLUMNS[:1], classes=()))
    for id_, answer in ((b"a", {"value": 2}), (b"b", {"value": [1, 2]}), (b"c", {"outputs": {"x": 1}})):
        tap.add(release, id_, b"", b'{"distance": 3}', json.dumps({"prediction": answer}).encode(), 1)
    tap.close()
    done(place)
    rows = table(place).select(["value", "outputs", "distance"]).to_pylist()
    assert rows == [
        {"value": 2.0, "outputs": None, "distance": 3.0},
        {"value": None, "outputs": '{"value":[1,2]}', "distance": 3.0},
        {"value": None, "outputs": '{"outputs":{"x":1}}', "distance": 3.0},
    ]


def test_the_rule_that_answered_is_kept(place):
    tap, release = place.tap()
    alone = {"prediction": {"label": True}, "rule": "limits-3", "because": "too far"}
    person = {"prediction": None, "rule": "unseen", "review": True}
    rules = [None, {"rule": "limits-3", "review": True}]
    for id_, rows, answer in (
        (b"a", row(1), alone),
        (b"b", row(1), person),
        (b"c", [row(1), row(2)], {"predictions": [said(), {"label": False}], "rules": rules}),
    ):
        tap.add(release, id_, b"", json.dumps(rows).encode(), json.dumps(answer).encode(), 1)
    tap.close()
    done(place)
    found = table(place).select(["label", "probability_true", "rule", "because", "review"]).to_pylist()
    assert [tuple(one.values()) for one in found] == [
        (True, None, "limits-3", "too far", None),
        (None, None, "unseen", None, True),
        (True, 0.75, None, None, None),
        (False, None, "limits-3", None, True),
    ]


def test_columns_that_have_our_names(place):
    columns = tuple(Column(name=name, type="str") for name in ("ID", "label", "at", "row_at", "inputs"))
    tap = Tap(place.folder, "late")
    release = tap.release("release:late@3", DIGEST, signature(columns=columns))
    tap.add(release, b"a", b"", json.dumps({c.name: c.name for c in columns}).encode(), one(1)[1], 1)
    tap.close()
    done(place)
    (found,) = table(place).to_pylist()
    assert {name: found[name] for name in ("row_ID", "row_label", "row_at", "row_row_at", "row_inputs")} == {
        "row_ID": "ID", "row_label": "label", "row_at": "at", "row_row_at": "row_at", "row_inputs": "inputs",
    }  # fmt: skip
    assert found["label"] is True


def test_tensors_are_kept_as_json(place):
    tap, release = place.tap()
    asked = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [[1.5, 2]]}]}
    answer = {"outputs": [{"name": "y", "shape": [1], "datatype": "INT64", "data": [7]}]}
    tap.add(release, b"a", b"", json.dumps(asked).encode(), json.dumps(answer).encode(), 1, 200, INFER)
    sizes = {"binary_data_size": 8}
    head = json.dumps({"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": sizes}]}).encode()
    tail = json.dumps({"outputs": [{"name": "y", "shape": [1], "datatype": "INT64", "parameters": sizes}]}).encode()
    tap.add(
        release,
        b"b",
        b"",
        head + b"\0\0\xc0\x3f\0\0\0\x40",
        tail + b"\7" + bytes(7),
        1,
        200,
        INFER,
        len(head),
        len(tail),
    )
    tap.add(release, b"c", b"", b"\xff\xfe no tensors", b"\0", 1, 200, INFER)
    tap.close()
    done(place)
    first, second, third = table(place).to_pylist()
    assert json.loads(first["inputs"]) == asked["inputs"]
    assert json.loads(first["outputs"]) == answer["outputs"]
    assert json.loads(second["inputs"]) == [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1.5, 2.0]}]
    assert json.loads(second["outputs"]) == answer["outputs"]
    assert (third["kind"], third["inputs"], third["label"]) == ("infer", None, None)


def test_a_segment_that_is_still_open_stays(place):
    place.log(range(3))
    tap, release = place.tap()
    fill(tap, release, range(3, 6))
    tap._flush()
    assert done(place).segments == 1
    assert len(segments(place.folder)) == 1
    assert len(ids(place)) == 3
    tap.close()
    assert done(place).rows == 3
    assert segments(place.folder) == []
    assert ids(place) == [f"r{n}" for n in range(6)]
    assert done(place).rows == 0


def test_releases_of_another_shape_get_a_file_of_their_own(place):
    tap, first = place.tap()
    same = tap.release("release:late@4", "cd" * 32, signature())
    other = tap.release("release:late@5", "ef" * 32, signature(columns=COLUMNS[:2]))
    for number, release in enumerate((first, same, other)):
        fill(tap, release, [number])
    tap.close()
    done(place)
    assert [part.releases for part in Index(place.folder).parts] == [
        ("release:late@3", "release:late@4"), ("release:late@5",),
    ]  # fmt: skip
    assert table(place).column("release").to_pylist() == [f"release:late@{n}" for n in (3, 4, 5)]


CRASH = """
import os, signal, sys
from pathlib import Path
from arkwright.infra.disk_store import DiskStore
from arkwright.serve.tap.compact import compact
step = int(sys.argv[3])
def audit(event, arguments):
    global step
    if event in ("os.rename", "os.remove", "os.mkdir") or (event == "open" and arguments[2] & os.O_CREAT):
        step -= 1
        if step == 0:
            os.kill(os.getpid(), signal.SIGKILL)
root = Path(sys.argv[1])
store = DiskStore(root / "store")
sys.addaudithook(audit)
compact(root / "predictions" / "late", store, Path(sys.argv[2]), keep_s=float(sys.argv[4]) if sys.argv[4] else None)
"""


def crash(place, step, keep=""):
    """Compact in a process that is killed before its `step`-th change of the disk; whether it came to that."""
    words = [sys.executable, "-c", CRASH, str(place.root), str(place.scratch()), str(step), keep]
    code = subprocess.run(words, check=False).returncode
    assert code in (0, -signal.SIGKILL)
    return code != 0


def test_killed_at_every_step_nothing_is_lost_or_doubled(place, monkeypatch):
    step, number = 1, 0
    while True:
        for _ in range(2):
            place.log(range(number, number + 3))
            number += 3
        killed = crash(place, step)
        done(place)
        assert sorted(ids(place), key=lambda id_: int(id_[1:])) == [f"r{n}" for n in range(number)]
        assert segments(place.folder) == []
        assert kept(place) == {part.digest for part in Index(place.folder).parts}  # no orphan with somebody's data
        if not killed:
            break
        step += 1
    assert step > 8


@pytest.mark.parametrize("keep", ["", "1e-9"], ids=["merging", "expiring"])
def test_killed_while_it_merges_or_forgets(place, keep, monkeypatch):
    monkeypatch.setattr(compacting, "MERGE", 1000)
    for start in range(0, 48, 3):
        place.log(range(start, start + 3))
        done(place)
    assert len(Index(place.folder).parts) == 16
    monkeypatch.undo()
    everything = [f"r{n}" for n in range(48)]
    steps = 0
    for step in range(1, 60):
        killed = crash(place, step, keep)
        steps += killed
        there = ids(place)
        if keep:
            assert set(there) <= set(everything)
            assert len(there) == len(set(there))
        else:
            assert sorted(there, key=lambda id_: int(id_[1:])) == everything
        if not killed:
            break
    assert steps > 5
    assert len(Index(place.folder).parts) == (0 if keep else 1)
    assert kept(place) == {part.digest for part in Index(place.folder).parts}


def test_small_parts_of_a_day_become_one(place):
    for number in range(40):
        place.log([number])
        done(place)
    assert len(Index(place.folder).parts) < 16
    assert len(ids(place)) == len(set(ids(place))) == 40


def test_what_is_older_than_it_may_be_goes_with_its_bytes(place, monkeypatch):
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now - 100 * 86_400 * 10**9)
    place.log(range(3))
    monkeypatch.undo()
    place.log(range(3, 5))
    assert done(place, keep_s=200 * 86_400).removed == 0
    place.log(range(5, 6))
    done(place)
    old = Index(place.folder).parts[0]
    assert old.rows == 5
    place.log([6])
    assert done(place, keep_s=90 * 86_400).removed == 0  # the youngest row of a part counts
    monkeypatch.setattr(time, "time_ns", lambda: now + 91 * 86_400 * 10**9)
    assert done(place, keep_s=90 * 86_400).removed == 3
    monkeypatch.undo()
    assert ids(place) == []
    assert kept(place) == set()


def test_a_clock_that_is_set_back_changes_nothing(place, monkeypatch):
    place.log(range(3))
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now - 3600 * 10**9)
    tap, release = place.tap(interval_s=3600)
    fill(tap, release, range(3, 5))
    tap._flush()
    monkeypatch.setattr(time, "time_ns", lambda: now - 7200 * 10**9)
    fill(tap, release, range(5, 7))
    tap.close()
    done(place)
    assert ids(place) == [f"r{n}" for n in range(7)]
    (part,) = Index(place.folder).parts
    assert part.until - part.since > 7100 * 10**9


def test_a_damaged_segment_is_put_aside_with_what_it_still_said(place, caplog):
    place.log(range(3))
    (path,) = segments(place.folder)
    path.write_bytes(b"ARKWTAP9" + path.read_bytes()[8:])
    place.log(range(3, 5))
    assert done(place).rows == 2
    assert ids(place) == ["r3", "r4"]
    assert "another version" in caplog.text
    assert [p.name for p in place.folder.glob("*.damaged")] == [path.with_suffix(".damaged").name]
    assert done(place).segments == 0


def test_what_comes_before_a_record_that_makes_no_sense_is_kept(place, monkeypatch, caplog):
    class Odd(compacting.Segment):
        def __iter__(self):
            for block in super().__iter__():
                block[2].release = 99
                yield block

    place.log(range(4))
    monkeypatch.setattr(compacting, "Segment", Odd)
    assert done(place).rows == 2
    assert ids(place) == ["r0", "r1"]
    assert "speaks of a release that it does not name" in caplog.text
    assert len(list(place.folder.glob("*.damaged"))) == 1


def test_blocks_before_one_that_cannot_be_read_are_kept(place, caplog):
    place.log(range(3))
    (path,) = segments(place.folder)
    path.write_bytes(path.read_bytes() + frame(RECORDS, b"no records"))
    assert done(place).rows == 3
    assert ids(place) == ["r0", "r1", "r2"]
    assert "holds records of another version" in caplog.text
    assert len(list(place.folder.glob("*.damaged"))) == 1


@pytest.mark.parametrize("more", [None, b"no records"], ids=["not opened", "read in part"])
def test_a_damaged_segment_is_not_removed_by_who_finishes_what_was_killed(place, monkeypatch, more):
    place.log(range(3))
    (path,) = segments(place.folder)
    whole = path.read_bytes()
    path.write_bytes(whole + frame(RECORDS, more) if more else b"ARKWTAP9" + whole[8:])
    place.log(range(3, 5))

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            done(place)
    assert len(ids(place)) == (5 if more else 2)
    assert done(place).segments == 0
    assert [one.name for one in place.folder.glob("*.damaged")] == [path.with_suffix(".damaged").name]
    assert segments(place.folder) == []
    assert len(ids(place)) == (5 if more else 2)


def test_parts_of_before_a_column_of_ours_was_there_become_one_with_later_ones(place, monkeypatch):
    monkeypatch.setattr(compacting, "MERGE", 2)
    place.log(range(3))
    done(place)
    (entry,) = (place.folder / "parts").glob("[0-9]*.json")
    (part,) = Index(place.folder).parts
    old = place.root / "old.parquet"
    pq.write_table(pq.read_table(place.store.path(part.digest)).drop(["rule", "because", "review"]), old)
    entry.write_bytes(entry.read_bytes().replace(part.digest.encode(), place.store.put(old).encode()))
    place.log(range(3, 5))
    assert done(place).merged == 2
    (found,) = Index(place.folder).parts
    made = pq.read_table(place.store.path(found.digest))
    assert sorted(made.column("id").to_pylist()) == [f"r{n}" for n in range(5)]
    assert made.column("review").null_count == 5


def test_a_torn_tail_is_said(place, caplog):
    place.log(range(3))
    (path,) = segments(place.folder)
    path.write_bytes(path.read_bytes() + b"half a block")
    write_parts([path], place.scratch(), lambda record, _: record)  # a query, which reads what is being written too
    assert "torn" not in caplog.text
    assert done(place).rows == 3
    assert "12 bytes at its end were torn off by a crash" in caplog.text


def test_one_at_a_time(place):
    place.log(range(3))
    with locked(place.folder / COMPACT_LOCK):
        assert done(place).rows == 0
    assert done(place).rows == 3


def test_nothing_there(tmp_path):
    store = DiskStore(tmp_path / "store")
    assert compact(tmp_path / "nothing", store, tmp_path).rows == 0


def test_a_full_disk_loses_nothing(place, small_disk):
    place.log(range(2000))
    disk = small_disk(1)
    (disk / "filler").write_bytes(b"x" * (1020 << 10))
    with pytest.raises(Exception, match=r"(?i)no space left|disk is full"):
        compact(place.folder, place.store, disk)
    assert done(place).rows == 2000
    assert len(ids(place)) == 2000


def stream(**columns):
    """An Arrow stream of these columns."""
    made, sink = pa.table(columns), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, made.schema) as writer:
        writer.write_table(made)
    return sink.getvalue().to_pybytes()


LEFT = dt.datetime(2026, 11, 25, 1, 2, 3, 4000)  # noqa: DTZ001
FRAME = {
    "distance": pa.array([1, 2], pa.int32()), "carrier": pa.array(["AA", "UA"]).dictionary_encode(),
    "origin": pa.array([None, "SECRET"]), "left": pa.array([LEFT, None], pa.timestamp("ms", "UTC")),
}  # fmt: skip
ANSWER = json.dumps({"predictions": [said(), said(label=False)]}).encode()


@pytest.mark.parametrize("redact", [(), ("origin", "stops")], ids=["whole", "redacted"])
def test_rows_that_came_as_a_stream_have_their_columns(place, redact):
    tap, release = place.tap(redact=redact)
    tap.add(release, b"a", b"", stream(**FRAME), ANSWER, 1, 200, ARROW)
    tap.add(release, b"b", b"", b"no stream" * 9, ANSWER, 1, 200, ARROW)
    tap.add(release, b"c", b"", stream(**FRAME), b'{"error":"SECRET"}', 1, 422, ARROW)
    tap.close()
    written = b"".join(path.read_bytes() for path in segments(place.folder))
    assert (b"SECRET" in written) == (not redact)
    done(place)
    first, second, *rest = table(place).to_pylist()
    names = ["distance", "carrier", "left", "label", *([] if redact else ["origin", "stops"])]
    wanted = [
        {"distance": 1.0, "carrier": "AA", "left": LEFT, "label": True, "origin": None},
        {"distance": 2.0, "carrier": "UA", "left": None, "label": False, "origin": "SECRET"},
    ]
    for found, one_ in zip((first, second), wanted, strict=True):
        assert {name: found[name] for name in names} == {name: one_.get(name) for name in names}
    assert [(one_["id"], one_["distance"], one_["label"]) for one_ in rest] == [
        ("b", None, True), ("b", None, False), ("c", None, None),
    ]  # fmt: skip


def test_nothing_of_a_stream_is_kept_where_every_column_is_redacted(place):
    tap, release = place.tap(redact=[column.name for column in COLUMNS])
    tap.add(release, b"a", b"", stream(**FRAME), ANSWER, 1, 200, ARROW)
    tap.close()
    assert b"SECRET" not in b"".join(path.read_bytes() for path in segments(place.folder))
    done(place)
    assert [row["label"] for row in table(place).to_pylist()] == [True, False]


@pytest.mark.parametrize("left", [b"", MAGIC[:3], MAGIC, MAGIC + b"H\x10\x00"])
def test_a_segment_without_a_header_is_removed_and_the_others_compacted(place, left):
    """Of a worker that died before, or a disk that lost it."""
    place.folder.mkdir(parents=True)
    (place.folder / "0000-torn.segment").write_bytes(left)
    place.log(range(3))
    assert compact(place.folder, place.store, place.scratch()).rows == 3
    assert segments(place.folder) == []
