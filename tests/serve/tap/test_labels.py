"""Labels: strict when they come, safe when they are acknowledged, the last one counts."""

import errno
import itertools
import json
import os
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from arkwright.core.errors import ArkwrightError, Corrupt, Refused
from arkwright.serve.observer.labelling import known_classes
from arkwright.serve.tap import asked, labels
from arkwright.serve.tap.labels import Label, Labels, read
from arkwright.serve.traffic.route import Route
from arkwright.serve.wire.messages import Problem

CYCLES = int(os.environ.get("ARKWRIGHT_CYCLES", "8"))
WRITER = """
import sys
import threading
from pathlib import Path
from arkwright.serve.tap.labels import Label, Labels
log = Labels(Path(sys.argv[1]), roll_bytes=20_000)
number = 0
while True:
    ids = [f"{sys.argv[2]}-{number}-{part}" for part in range(number % 4 + 1)]
    log.add([Label(id_, "x" * (number % 200)) for id_ in ids], "ana").result()
    print(*ids, flush=True)
    number += 1
"""


def kept(folder):
    return [one for block in read(folder) for one in block]


def test_kept_when_acknowledged(tmp_path):
    with Labels(tmp_path) as log:
        assert log.add([Label("a", label=True), Label("b", 1.5, 3)], "ana").result(60) == 2
        found = kept(tmp_path)
    assert [one[:3] for one in found] == [("a", 0, True), ("b", 3, 1.5)]
    assert {(one[4], type(one[3])) for one in found} == {("ana", int)}


def test_where_no_thread_is_left_nothing_is_taken_and_the_next_ones_try_it_anew(tmp_path, monkeypatch):
    def starts(_):
        raise RuntimeError("can't start new thread")

    with Labels(tmp_path) as log:
        with monkeypatch.context() as lacking:
            lacking.setattr(threading.Thread, "start", starts)
            with pytest.raises(Refused, match="no thread is left"):
                log.add([Label("a", 1)], "ana")
        assert log.add([Label("b", 2)], "ana").result(60) == 1
    assert [one[0] for one in kept(tmp_path)] == ["b"]


def test_killed_at_any_moment_what_was_acknowledged_is_there(tmp_path):
    chance = random.Random(CYCLES)
    acknowledged = set()
    for cycle in itertools.count():
        if cycle >= CYCLES and len(list((tmp_path / "labels").iterdir())) > 1:
            break
        command = [sys.executable, "-c", WRITER, tmp_path]
        running = [subprocess.Popen([*command, f"{cycle}.{n}"], stdout=subprocess.PIPE, text=True) for n in range(3)]
        for process in running:
            acknowledged.update(process.stdout.readline().split())
        time.sleep(chance.random() * 0.1)
        for process in running:
            process.kill()
        for process in running:
            lines = process.communicate()[0].splitlines(keepends=True)
            acknowledged.update(word for line in lines if line.endswith("\n") for word in line.split())
        there = [one[0] for one in kept(tmp_path)]
        assert acknowledged <= set(there)
        assert len(there) == len(set(there))


def test_a_torn_tail_is_cut_by_the_next_writer(tmp_path):
    with Labels(tmp_path) as log:
        log.add([Label("a", 1)], "ana").result(60)
    path = tmp_path / "labels" / "000001.log"
    for torn in (b"half", b"L\xff\xff\xff\x00garbage"):
        path.write_bytes(path.read_bytes() + torn)
        with Labels(tmp_path) as log:
            log.add([Label(f"b{len(torn)}", 1)], "ana").result(60)
    assert [one[0] for one in kept(tmp_path)] == ["a", "b4", f"b{len(torn)}"]
    path.write_bytes(path.read_bytes()[:4])
    with Labels(tmp_path) as log:
        log.add([Label("c", 1)], "ana").result(60)
    assert [one[0] for one in kept(tmp_path)] == ["c"]


def test_those_who_come_together_share_one_fsync(tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(labels.os, "fsync", lambda handle: (time.sleep(0.05), synced.append(1), fsync(handle)))
    with Labels(tmp_path) as log, ThreadPoolExecutor(16) as pool:
        done = list(pool.map(lambda n: log.add([Label(str(n), n)], "ana").result(60), range(64)))
    assert done == [1] * 64
    assert sorted(int(one[0]) for one in kept(tmp_path)) == list(range(64))
    assert len(synced) < 40


def test_a_full_disk_is_told_and_nothing_counts(small_disk):
    disk = small_disk(1)
    with Labels(disk / "late") as log:
        log.add([Label("a", 1)], "ana").result(60)
        filler = disk / "filler"
        filler.write_bytes(b"x" * (900 << 10))
        future = log.add([Label(f"{n}", "x" * 1000) for n in range(500)], "ana")
        with pytest.raises(ArkwrightError, match="the labels were not kept: no space left on device; none of them"):
            future.result(60)
        filler.unlink()
        log.add([Label("b", 1)], "ana").result(60)
    assert [one[0] for one in kept(disk / "late")] == ["a", "b"]


def test_a_failed_fsync_is_told_and_nothing_counts(tmp_path, monkeypatch):
    with Labels(tmp_path) as log:
        log.add([Label("a", 1)], "ana").result(60)
        with monkeypatch.context() as broken:
            broken.setattr(
                labels.os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error"))
            )
            with pytest.raises(ArkwrightError, match="input/output error"):
                log.add([Label("b", 1)], "ana").result(60)
        log.add([Label("c", 1)], "ana").result(60)
    assert [one[0] for one in kept(tmp_path)] == ["a", "c"]


def test_too_many_at_once_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(labels, "MOST_WAITING", 10)
    begun, free = threading.Event(), threading.Event()
    monkeypatch.setattr(Labels, "_commit", lambda self, _: (begun.set(), free.wait(60)))
    with Labels(tmp_path) as log:
        log.add([Label("a", 1)] * 11, "ana")  # more than may wait, but nobody else does
        assert begun.wait(60)
        log.add([Label("a", 1)] * 9, "ana")
        with pytest.raises(Refused, match="in a moment"):
            log.add([Label("a", 1)] * 2, "ana")
        free.set()
    with pytest.raises(Refused, match="stopping"):
        log.add([Label("a", 1)], "ana")


def test_a_log_of_another_version_is_not_written_to(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "000001.log").write_bytes(b"ARKWLAB2 and more")
    with Labels(tmp_path) as log, pytest.raises(Corrupt, match="another version"):
        log.add([Label("a", 1)], "ana").result(60)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"id": "a", "label": True}, [Label("a", label=True)]),
        ([{"id": "a", "label": 1}, {"id": "b", "label": "no", "row": 2}], [Label("a", 1), Label("b", "no", 2)]),
        ([{"id": "a", "label": 0.5}], [Label("a", 0.5)]),
    ],
    ids=["one", "many", "float"],
)
def test_what_is_taken(body, wanted):
    assert asked.decode(json.dumps(body).encode()) == wanted


MANY = json.dumps([{"id": f"request-{i}", "label": i} for i in range(20_000)]).encode()
BAD = {
    "no JSON": (b"{", 400, "the body is not JSON"),
    "not UTF-8": (b'{"id": "\xff", "label": 1}', 400, "the body is not JSON: "),
    "nothing": (b"[]", 422, "$: the list is empty"),
    "no list": (b"3", 422, "$: expected a label or a list of labels, got int"),
    "no label": (b'[{"id": "a"}]', 422, "$[0]: object missing required field label"),
    "misspelt": (b'[{"id": "a", "lable": 1}]', 422, "$[0]: unknown field 'lable'; did you mean \"label\"?"),
    "null": (b'{"id": "a", "label": null}', 422, "$.label: expected"),
    "list": (b'{"id": "a", "label": [1]}', 422, "$.label: expected"),
    "empty id": (b'[{"id": "", "label": 1}]', 422, "$[0].id: is 1 to 200 characters long"),
    "long id": (json.dumps({"id": "a" * 201, "label": 1}).encode(), 422, "$.id: is 1 to 200"),
    "row": (b'{"id": "a", "label": 1, "row": -1}', 422, "$.row: the rows of a request are counted from 0"),
    "half a row": (b'{"id": "a", "label": 1, "row": 1.5}', 422, "$.row: expected int, got float"),
    "long label": (json.dumps({"id": "a", "label": "a" * 10_001}).encode(), 422, "$.label: is at most 10000"),
    "huge": (b'{"id": "a", "label": 99999999999999999999}', 422, "$.label: the integer does not fit"),
    "NaN": (b'{"id": "a", "label": NaN}', 400, "the body is not JSON"),
    "deep": (b'{"id": "a", "label": ' + b"[" * 250_000, 400, "the body is nested more than 100 levels deep"),
    "deep below": (b"[[" * 50_000, 400, "the body is nested more than 100 levels deep"),
    "deep and large": (b"[[" * 250_000, 400, "the body is nested more than 100 levels deep"),
    "not so deep": (b"[" * 100, 422, "$[0]: expected object, got array"),
    "one in many": (MANY[:-1] + b',{"id": 7, "label": 1}]', 422, "$[20000].id: expected str, got int"),
    "too many": (b"[" + b"{}," * 2**20 + b"{}]", 413, "a request may have 1048576 labels"),
}


def test_classes_are_known_where_all_that_answer_agree():
    def lane(*classes):
        return SimpleNamespace(loaded=SimpleNamespace(signature=SimpleNamespace(classes=classes), version=classes))

    one, other, more = lane(0, 1), lane(1, 0), lane(0, 1, 2)
    assert set(known_classes(Route("late", [(one, 0.9), (other, 0.1)]))) == {0, 1}
    assert known_classes(Route("late", [(one, 0.9), (more, 0.1)])) == ()
    assert known_classes(Route("late", [(one, 1.0)], ["release:late@4"])) == ()
    assert known_classes(Route("late", [(lane(), 1.0)])) == ()


def test_what_is_no_class_is_refused_with_the_nearest():
    many = b'[{"id": "a", "label": "gold"}, {"id": "b", "label": "sliver"}]'
    assert len(asked.decode(many, str, ("gold", "sliver"))) == 2
    for body, kind, classes, message in (
        (many, str, ("gold", "silver"), "$[1].label: 'sliver' is no class; did you mean \"silver\"?"),
        (b'{"id": "a", "label": 2}', int, (0, 1), "$.label: '2' is no class; there is 0, 1"),
        (b'{"id": "a", "label": 1}', bool, (False, True), "$.label: expected bool, got int"),
    ):
        with pytest.raises(Problem) as caught:
            asked.decode(body, kind, classes)
        assert (caught.value.status, caught.value.message) == (422, message)


@pytest.mark.parametrize(("body", "status", "message"), BAD.values(), ids=BAD)
def test_what_is_refused(body, status, message):
    with pytest.raises(Problem) as caught:
        asked.decode(body)
    assert (caught.value.status, caught.value.message[: len(message)]) == (status, message)


@pytest.mark.parametrize(
    ("label", "kind", "message"),
    [
        (1, bool, "$.label: expected bool, got int"),
        (True, int, "$.label: expected int, got bool"),
        (1.0, int, "$.label: expected int, got float"),
        ("1", float, "$.label: expected float, got str"),
        (1, str, "$.label: expected str, got int"),
    ],
)
def test_a_label_is_of_the_endpoint_s_type(label, kind, message):
    with pytest.raises(Problem, match=message.replace("$", r"\$")):
        asked.decode(json.dumps({"id": "a", "label": label}).encode(), kind)


def test_a_whole_number_is_a_float_too():
    assert asked.decode(b'{"id": "a", "label": 1}', float) == [Label("a", 1)]


def test_labels_are_forgotten_by_the_day(tmp_path):
    now = time.time()
    for days in (40, 39, 0):
        with Labels(tmp_path) as log:
            log.add([Label(f"{days}", 1)], "ana").result(60)
        newest = max((tmp_path / "labels").iterdir())
        os.utime(newest, (now - days * 86_400,) * 2)
    assert len(list((tmp_path / "labels").iterdir())) == 3
    assert labels.forget(tmp_path, 39.5 * 86_400) == 1
    assert [one[0] for one in kept(tmp_path)] == ["39", "0"]
    with Labels(tmp_path) as log:
        log.add([Label("more", 1)], "ana").result(60)
        assert labels.forget(tmp_path, -60) == 2
        log.add([Label("new", 1)], "ana").result(60)
    assert [one[0] for one in kept(tmp_path)] == ["new"]
    assert labels.forget(tmp_path / "nothing", 1) == 0


def test_many_labels():
    assert asked.decode(MANY, int) == [Label(f"request-{i}", i) for i in range(20_000)]
