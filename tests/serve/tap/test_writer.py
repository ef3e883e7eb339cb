"""The tap: what it promises to whoever kills it, fills the disk, or reads what it must not have written."""

import json
import logging
import os
import random
import shutil
import subprocess
import sys
import threading
import time
import tracemalloc

import msgspec
import pytest

from arkwright.serve.tap.appending import SegmentFile
from arkwright.serve.tap.segment import INFER, Segment, segments
from arkwright.serve.tap.writer import Tap

from .conftest import DIGEST, fill, one, records, signature

CYCLES = int(os.environ.get("ARKWRIGHT_CYCLES", "8"))
SECRET = "s3cr3t-place"
WRITER = """
import sys
from pathlib import Path
from arkwright.core.nouns import Column
from arkwright.core.signature import Signature
from arkwright.serve.tap.writer import Tap
shape = Signature(model="late", task="classification", target="late", inputs=(), outputs=(),
                  columns=(Column(name="distance", type="float"),))
tap = Tap(Path(sys.argv[1]), "late", interval_s=0.02, roll_bytes=200_000)
release = tap.release("release:late@3", "ab" * 32, shape)
number = before = 0
while True:
    tap.add(release, b"%s-%d" % (sys.argv[2].encode(), number), b"caller", b"x" * (number % 700), b"y" * 300, 10)
    number += 1
    if tap.written != before:
        before = tap.written
        print(before, flush=True)
    if number - tap.written > 5000:
        tap._wake.set()
        while number - tap.written > 5000:
            pass
"""


def test_what_is_added_is_read_back(place):
    place.log(range(1000))
    found = records(place.folder)
    assert [record.id for record in found] == [b"r%d" % i for i in range(1000)]
    assert [(record.body, record.answer) for record in found] == [one(i) for i in range(1000)]
    assert {(record.status, record.latency, record.caller) for record in found} == {(200, 1500, b"127.0.0.1")}
    assert abs(found[0].at - time.time_ns()) < 600 * 10**9


def test_what_is_packed_already_lies_among_the_others(place):
    """In the order in which it came, and in one block: each costs a call of the system, and who reads a look."""
    tap, release = place.tap(interval_s=3600)
    for number in range(0, 30, 3):
        fill(tap, release, [number])
        packed = [msgspec.structs.replace(tap._waiting[-1], id=b"r%d" % (number + more)) for more in (1, 2)]
        assert tap.add_packed(release, 2, b"".join(map(msgspec.msgpack.encode, packed)))
    tap.close()
    (path,) = segments(place.folder)
    with Segment(path) as segment:
        (block,) = segment
    assert [record.id for record in block] == [b"r%d" % i for i in range(30)]
    assert (tap.written, tap.dropped) == (30, 0)


def test_a_large_record_leaves_nothing_behind(place):
    tap, release = place.tap(interval_s=0.01)
    fill(tap, release, range(3))
    tracemalloc.start()
    try:
        tap.add(release, b"large", b"127.0.0.1", bytes(2**23), bytes(2**23), 1500)
        until = time.monotonic() + 20
        while tap.written < 4 or tracemalloc.get_traced_memory()[0] > 2**21:
            assert time.monotonic() < until
            time.sleep(0.005)
    finally:
        tracemalloc.stop()
        tap.close()


def test_it_is_written_without_being_asked(place):
    tap, release = place.tap(interval_s=0.01)
    fill(tap, release, range(3))
    until = time.monotonic() + 60
    while tap.written < 3:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert len(records(place.folder)) == 3
    tap.close()


def test_nothing_answered_leaves_no_file(place):
    tap, _ = place.tap(interval_s=0.01)
    tap.close()
    assert not place.folder.exists()


def test_killed_at_any_moment_nothing_written_is_lost_or_torn(tmp_path):
    chance = random.Random(CYCLES)
    seen = 0
    for cycle in range(CYCLES):
        names = [f"{cycle}-{n}" for n in range(2)]  # two workers at once, in one folder
        running = [
            subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, name], stdout=subprocess.PIPE, text=True)
            for name in names
        ]
        for process in running:
            assert process.stdout.readline()
        time.sleep(chance.random() * 0.3)
        for process in running:
            process.kill()
        durable = [int(([0, *process.communicate()[0].split()])[-1]) for process in running]
        found = records(tmp_path)
        for name, least in zip(names, durable, strict=True):
            numbers = [int(r.id.rpartition(b"-")[2]) for r in found if r.id.startswith(f"{name}-".encode())]
            assert sorted(numbers) == list(range(len(numbers)))
            assert len(numbers) >= least
            seen += len(numbers)
        for record in found:
            assert (record.body.strip(b"x"), record.answer) == (b"", b"y" * 300)
    assert seen > CYCLES


SLOW = (
    """
import os, sys, time
os.fdatasync = lambda handle, force=os.fdatasync: (time.sleep(3), force(handle))
"""
    + WRITER.partition("number = before")[0].replace(", interval_s=0.02, roll_bytes=200_000", "")
    + """
while True:
    now = time.monotonic_ns()
    tap.add(release, b"%d" % now, b"caller", b"x", b"y", 10)
    print(now, flush=True)
    time.sleep(0.01)
"""
)


def test_a_killed_worker_loses_what_it_was_given_within_a_second(tmp_path):
    """However long the disk takes: what the kernel has outlives the process."""
    running = subprocess.Popen([sys.executable, "-c", SLOW, tmp_path], stdout=subprocess.PIPE, text=True)
    added = [int(running.stdout.readline()) for _ in range(250)]
    running.kill()
    added += map(int, running.communicate()[0].split())
    found = {int(record.id) for record in records(tmp_path)}
    lost = [number for number in added if number not in found]
    assert found
    assert added[-1] - min(lost, default=added[-1]) < 10**9


def test_a_slow_disk_delays_no_write(place, monkeypatch):
    """The age of each record when the kernel has it."""
    ages, add, free = [], SegmentFile.add, threading.Event()

    def noted(self, block):
        add(self, block)
        ages.extend((time.time_ns() - record.at) / 1e9 for record in block)

    monkeypatch.setattr(SegmentFile, "add", noted)
    monkeypatch.setattr(SegmentFile, "sync", lambda self: free.wait(60))
    tap, release = place.tap()
    end = time.monotonic() + 2
    while time.monotonic() < end:
        fill(tap, release, range(1))
        time.sleep(0.005)
    assert tap.written == 0  # the disk has not said so
    free.set()
    tap.close()
    assert tap.written == len(ages) > 20
    assert max(ages) < 1.0


def test_what_cannot_be_forced_is_counted_as_lost(place, monkeypatch, caplog):
    tap, release = place.tap(interval_s=3600)
    force = os.fdatasync

    def fail(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    fill(tap, release, range(5))
    tap._flush()
    until = time.monotonic() + 60
    while not tap.dropped:
        assert time.monotonic() < until
        time.sleep(0.01)
    monkeypatch.setattr(os, "fdatasync", force)
    fill(tap, release, range(5, 8))
    tap.close()
    assert (tap.written, tap.dropped) == (3, 5)
    assert len(segments(place.folder)) == 2  # the first was left: its pages may be gone
    assert [r.message for r in caplog.records] == [
        f"late: predictions are not logged: input/output error ({place.folder})",
        "late: predictions are logged again; 5 are lost",
    ]


def test_two_workers_write_two_files(place):
    taps = [place.tap() for _ in range(2)]
    for number, (tap, release) in enumerate(taps):
        fill(tap, release, range(50), prefix=f"w{number}-")
    for tap, _ in taps:
        tap.close()
    assert len(segments(place.folder)) == 2
    assert len({record.id for record in records(place.folder)}) == 100


def test_a_full_disk_costs_records_and_one_line(small_disk, caplog):
    disk = small_disk(1)
    filler = disk / "filler"
    tap = Tap(disk / "late", "late", interval_s=3600)
    release = tap.release("release:late@3", DIGEST, signature())
    fill(tap, release, range(10))
    tap._flush()
    filler.write_bytes(b"x" * (900 << 10))
    with caplog.at_level(logging.WARNING, "arkwright.serve"):
        for start in (10, 2000, 4000):
            fill(tap, release, range(start, start + 2000 - (start == 10) * 10))
            tap._flush()
    assert tap.written == 10
    assert tap.dropped == 5990
    assert [record.message for record in caplog.records if "not logged" in record.message] == [
        f"late: predictions are not logged: no space left on device ({disk / 'late'})"
    ]
    filler.unlink()
    fill(tap, release, range(6000, 6010))
    tap.close()
    assert (tap.written, tap.dropped) == (20, 5990)
    assert [int(record.id[1:]) for record in records(disk / "late")] == [*range(10), *range(6000, 6010)]


def test_a_folder_that_cannot_be_made_costs_records(tmp_path, caplog):
    (tmp_path / "predictions").write_text("a file")
    tap = Tap(tmp_path / "predictions" / "late", "late")
    release = tap.release("release:late@3", DIGEST, signature())
    fill(tap, release, range(5))
    tap.close()
    assert (tap.written, tap.dropped) == (0, 5)
    assert len([r for r in caplog.records if "not logged" in r.message]) == 1


def test_memory_is_bounded_and_drops_are_counted(place, monkeypatch):
    free = threading.Event()
    add = SegmentFile.add
    monkeypatch.setattr(SegmentFile, "add", lambda self, block: free.wait(60) and add(self, block))  # a disk that hangs
    tap, release = place.tap(memory=1 << 20, interval_s=0.001)
    for number in range(3000):
        tap.add(release, b"%d" % number, b"c", bytes(1000), b"", 1)
    held = sum(len(record.body) for record in tap._waiting)
    assert held <= 1 << 20
    assert 1500 < tap.dropped < 3000
    free.set()
    tap.close()
    assert tap.written + tap.dropped == 3000


def test_much_at_once_does_not_wait_for_the_second(place):
    tap, release = place.tap(memory=1 << 20, interval_s=3600)
    until = time.monotonic() + 60
    for number in range(400):
        tap.add(release, b"%d" % number, b"c", bytes(1000), b"", 1)
    while not tap.written:
        assert time.monotonic() < until
        time.sleep(0.01)
    tap.close()
    assert (tap.written, tap.dropped) == (400, 0)


def test_who_removes_the_folder_costs_what_was_in_it(place):
    tap, release = place.tap(interval_s=3600)
    for lost in ([1], [2]):
        fill(tap, release, lost)
        tap._flush()
        shutil.rmtree(place.folder)
    fill(tap, release, [3])
    tap.close()
    assert [record.id for record in records(place.folder)] == [b"r3"]
    assert tap.dropped == 0


def test_segments_roll_by_size_and_by_age(place):
    tap, release = place.tap(roll_bytes=10_000, interval_s=3600)
    for start in range(0, 100, 50):
        fill(tap, release, range(start, start + 50))
        tap._flush()
    tap.close()
    assert len(segments(place.folder)) == 2
    old, release = place.tap(roll_s=0, interval_s=3600)
    fill(old, release, [1])
    old._flush()
    assert old._file is None
    old.close()


@pytest.mark.parametrize(
    "ids",
    [[b"%d" % i for i in range(20_000)], [os.urandom(16).hex().encode() for _ in range(20_000)]],
    ids=["counted", "random"],
)
def test_a_sample_is_a_share_and_the_same_everywhere(tmp_path, ids):
    kept = []
    for worker in range(2):
        tap = Tap(tmp_path / str(worker), "late", sample=0.25)
        release = tap.release("release:late@3", DIGEST, signature())
        for id_ in ids:
            tap.add(release, id_, b"", b"", b"", 1)
        tap.close()
        kept.append([record.id for record in records(tmp_path / str(worker))])
    assert kept[0] == kept[1]
    assert 0.23 < len(kept[0]) / len(ids) < 0.27


def test_a_release_that_comes_later_is_named_before_its_records(place):
    tap, first = place.tap()
    fill(tap, first, [1])
    tap._flush()
    second = tap.release("release:late@4", "cd" * 32, signature())
    fill(tap, second, [2])
    tap.close()
    (path,) = segments(place.folder)
    with Segment(path) as segment:
        named = [segment.releases[record.release].ref for block in segment for record in block]
    assert named == ["release:late@3", "release:late@4"]


def raw(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


BODIES = {
    "plain": json.dumps({"distance": 1.5, "carrier": "AA", "origin": SECRET}),
    "many": json.dumps([{"distance": 1.5, "origin": SECRET}, {"origin": SECRET}]),
    "escaped key": f'{{"distance": 1.5, "\\u006frigin": "{SECRET}"}}',
    "twice": f'{{"origin": "{SECRET}", "distance": 1.5, "origin": "{SECRET}"}}',
    "another key": json.dumps({"distance": 1.5, "orgin": SECRET}),
    "no JSON": "{" + SECRET,
    "other bytes": "ARROW1" + SECRET,
    "white space": "  \n" + json.dumps({"origin": SECRET}),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_redacted_column_is_never_written(place, body):
    tap, release = place.tap(redact=["origin"])
    tap.add(release, b"a", b"c", body.encode(), one(1)[1], 1)
    tap.close()
    assert SECRET.encode() not in raw(place.root)
    (record,) = records(place.folder)
    assert record.answer == one(1)[1]
    if "1.5" in body:
        assert b"1.5" in record.body


def test_of_a_refused_request_nothing_is_written_where_columns_are_redacted(place):
    tap, release = place.tap(redact=["origin"])
    body = json.dumps({"distance": {"origin": SECRET}, "carrier": SECRET}).encode()
    tap.add(release, b"a", b"c", body, b'{"error": "$.carrier: invalid value %s"}' % SECRET.encode(), 1, 422)
    tap.close()
    assert SECRET.encode() not in raw(place.root)
    assert [record.status for record in records(place.folder)] == [422]


def test_of_tensors_only_the_shape_is_written_where_columns_are_redacted(place):
    tap, release = place.tap(redact=["origin"])
    tensor = {"name": "features", "shape": [1, 3], "datatype": "FP32"}
    as_json = json.dumps(
        {"id": SECRET, "inputs": [tensor | {"data": [[1, 2, 3]], "parameters": {"x": SECRET}}]}
    ).encode()
    head = json.dumps({"inputs": [tensor | {"parameters": {"binary_data_size": 12}}]}).encode()
    tap.add(release, b"a", b"c", as_json, b"{}", 1, 200, INFER)
    tap.add(release, b"b", b"c", head + SECRET.encode(), b"{}", 1, 200, INFER, len(head))
    tap.close()
    assert SECRET.encode() not in raw(place.root)
    for record in records(place.folder):
        assert json.loads(record.body) == {"inputs": [tensor]}
        assert record.head == 0


def test_a_redaction_of_what_no_caller_sends_is_said(place, caplog):
    tap, _ = place.tap(redact=["orgin"])
    tap.close()
    assert "'orgin' is redacted, and release:late@3 takes no such column" in caplog.text


def test_a_mistake_of_ours_does_not_end_the_log(place, caplog):
    tap, release = place.tap(interval_s=3600)
    tap._append(object())  # nothing that a record can be
    tap._wake.set()
    until = time.monotonic() + 60
    while not tap.dropped:
        assert time.monotonic() < until
        time.sleep(0.01)
    fill(tap, release, range(3))
    tap.close()
    assert (tap.written, tap.dropped) == (3, 1)
    assert "the tap failed" in caplog.text


def test_what_comes_after_the_end_is_lost_and_counted(place):
    tap, release = place.tap()
    tap.close()
    assert tap.add(release, b"late", b"127.0.0.1", b"{}", b"{}", 10) is False
    assert (tap.written, tap.dropped) == (0, 1)


@pytest.mark.parametrize("lacking", ["force-late", "arkwright-tap-late"])
def test_a_log_without_a_thread_keeps_what_comes_until_there_is_one(place, few_threads, lacking, caplog):
    few_threads.add(lacking)
    before = threading.active_count()
    tap, release = place.tap()
    fill(tap, release, range(3))
    for _ in range(3):
        assert not tap.begin()
    assert threading.active_count() - before <= 1
    few_threads.clear()
    assert tap.begin()
    tap.close()
    assert (len(records(place.folder)), tap.written, tap.dropped) == (3, 3, 0)
    assert threading.active_count() == before
    assert [r.message.partition(" (")[0] for r in caplog.records] == [
        "late: predictions are not logged: no thread is left to write them, so they wait in memory",
        "late: predictions are logged again; 0 are lost",
    ]


def test_what_waits_for_a_thread_at_the_end_is_lost_and_counted(place, few_threads):
    few_threads.add("arkwright-tap-late")
    tap, release = place.tap()
    fill(tap, release, range(3))
    tap.close()
    assert (tap.written, tap.dropped) == (0, 3)
    assert "force-late" not in [thread.name for thread in threading.enumerate()]


@pytest.fixture
def few_threads(monkeypatch):
    """The names of threads that cannot be started."""
    lacking, start = set(), threading.Thread.start

    def starts(thread):
        if thread.name in lacking:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", starts)
    return lacking
