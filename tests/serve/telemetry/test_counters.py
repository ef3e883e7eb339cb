"""Counters that several processes write and each can read; nothing goes back, nothing grows without end."""

import errno
import os
import random
import signal
import socket
import threading
import time

import pytest

from arkwright.core.errors import ArkwrightError, Corrupt, Invalid, Refused
from arkwright.serve.telemetry import layout
from arkwright.serve.telemetry.counters import FILE, Counters
from arkwright.serve.telemetry.exposition import Exposition
from arkwright.serve.telemetry.slot import Slot

from .conftest import samples, total


def told(counters):
    return samples(Exposition(counters).render()[1].decode())


def series_of(slot, endpoint="late", release="release:late@3", version=1):
    return slot.series(slot.counters.declare(endpoint, {release: 1.0}, version)[release])


def test_every_answer_is_counted_once_where_it_belongs(counters):
    series = series_of(Slot(counters, 0))
    for kind, status, rows in [(layout.PREDICT, 200, 3), (layout.INFER, 200, 1), (layout.GRPC, 429, 0),
                               (layout.PREDICT, 418, 0)]:  # fmt: skip
        series.begin()
        series.observe(kind, status, 0.0004, rows)
    series.begin()
    series.batch(3)
    series.batch(9000)
    series.queue_age(0.25)
    series.shadow()
    series.shadow(dropped=True)
    series.tap(kept=1)
    series.tap(dropped=1, left_out=1)
    series.rate_limited()
    found, mine = told(counters), {"endpoint": "late", "release": "release:late@3"}
    asked = "arkwright_requests_total"
    assert total(found, asked, **mine, kind="predict", code="200") == 1
    assert total(found, asked, **mine, kind="infer", code="200") == 1
    assert total(found, asked, **mine, kind="grpc", code="429") == 1
    assert total(found, asked, **mine, kind="predict", code="other") == 1
    assert total(found, asked) == 4
    assert total(found, "arkwright_rows_total", **mine) == 4
    assert total(found, "arkwright_in_flight", **mine) == 1
    assert total(found, "arkwright_request_seconds_count", **mine) == 2
    assert total(found, "arkwright_request_seconds_sum", **mine) == pytest.approx(0.0008)
    assert total(found, "arkwright_request_seconds_bucket", **mine, le="0.0003") == 0
    assert total(found, "arkwright_request_seconds_bucket", **mine, le="0.0005") == 2
    assert total(found, "arkwright_batch_rows_sum", **mine) == 9003
    assert total(found, "arkwright_batch_rows_bucket", **mine, le="2") == 0
    assert total(found, "arkwright_batch_rows_bucket", **mine, le="4") == 1
    assert total(found, "arkwright_batch_rows_bucket", **mine, le="+Inf") == 2
    assert total(found, "arkwright_queue_age_seconds", **mine) == 0.25
    for name in ("shadow_runs", "shadow_dropped", "tap_records", "tap_dropped", "tap_left_out", "rate_limited"):
        assert total(found, f"arkwright_{name}_total", **mine) == 1
        assert total(found, f"arkwright_{name}_total") == 1


def test_many_good_answers_at_once_count_as_one_by_one(counters):
    slot, seconds = Slot(counters, 0), [0.0001, 0.0004, 0.0004, 7.0]
    one, many = series_of(slot, "one"), series_of(slot, "many")
    for each in seconds:
        one.begin()
        many.begin()
        one.observe(layout.INFER, 200, each, 2)
    many.observe_good(layout.INFER, seconds, 8)
    assert many._words.tolist() == one._words.tolist()
    assert many._floats.tolist() == pytest.approx(one._floats.tolist(), nan_ok=True)


@pytest.mark.parametrize(("seconds", "bucket"), [(0, 0), (50e-6, 0), (51e-6, 1), (10.0, 32), (10.1, 33), (1e9, 33)])
def test_a_time_at_a_bound_belongs_below_it(counters, seconds, bucket):
    slot = Slot(counters, 0)
    series = series_of(slot)
    series.begin()
    series.observe(layout.PREDICT, 200, seconds)
    assert counters.block(slot.number, 2)[layout.LATENCY + bucket] == 1


def test_two_workers_are_told_as_one(counters):
    for worker in (0, 1):
        series = series_of(Slot(counters, worker))
        for _ in range(worker + 1):
            series.begin()
            series.observe(layout.PREDICT, 200, 0.001, 1)
    found = told(counters)
    assert total(found, "arkwright_requests_total") == 3
    assert total(found, "arkwright_worker_up") == 2


def test_a_hundred_thousand_names_make_no_new_series(workers):
    workers.start(0)
    workers.ask()
    before = set(workers.metrics())
    slot = Slot(workers.counters, 1)
    nobody, made = slot.series(layout.NOBODY), random.Random(1)
    for _ in range(100_000):
        nobody.begin()
        nobody.observe(layout.INFER, 404, 0.0001)
    for _ in range(50):
        assert workers.ask(path=f"/v2/models/m{made.randrange(10**9)}/infer")[0] == 404
    fresh = {key for key in set(workers.metrics()) - before if ("worker", "1") not in key}
    assert {key[0] for key in fresh} == {"arkwright_requests_total"}
    assert {dict(key[1:])["endpoint"] for key in fresh} == {"(none)"}
    assert len(fresh) == 2  # two kinds, one code
    assert len(workers.counters.records()) == 4


def test_releases_beyond_what_is_told_are_told_as_others_and_sums_hold(counters):
    slot = Slot(counters, 0)
    for version in range(1, 301):
        series = series_of(slot, release=f"release:late@{version}", version=version)
        series.begin()
        series.observe(layout.PREDICT, 200, 0.001, 1)
    found = told(counters)
    assert total(found, "arkwright_requests_total") == 300
    assert total(found, "arkwright_requests_total", endpoint="(other)") == 300 - layout.SHOWN
    assert total(found, "arkwright_requests_total", release="release:late@300") == 1
    assert len({dict(k[1:])["release"] for k in found if k[0] == "arkwright_in_flight"}) == layout.SHOWN + 1
    assert total(found, "arkwright_endpoint_share") == 1


def test_more_than_the_file_can_tell_apart_is_counted_with_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "RECORDS", 150)
    counters = Counters.create(tmp_path, 1)
    numbers = [counters.declare("late", {f"release:late@{v}": 1.0}, v)[f"release:late@{v}"] for v in range(1, 160)]
    assert numbers[:148] == list(range(2, 150))
    assert set(numbers[148:]) == {layout.OTHERS}
    assert len(counters.records()) == 150


def test_what_is_current_is_never_taken_away(counters):
    many = {f"release:late@{i}": 1 / 200 for i in range(1, 201)}
    numbers = counters.declare("late", many, 1)
    assert len({n for n in numbers.values() if n != layout.OTHERS}) == layout.SHOWN
    assert not any(record.retired for record in counters.records())


def test_shares_are_those_of_the_newest_version(counters):
    counters.declare("late", {"release:late@3": 0.9, "release:late@4": 0.1}, 7)
    counters.declare("late", {"release:late@3": 1.0}, 6)  # a worker that is late
    assert {r.release: r.share for r in counters.records()[2:]} == {"release:late@3": 0.9, "release:late@4": 0.1}
    counters.declare("late", {"release:late@4": 1.0}, 8)
    assert {r.release: r.share for r in counters.records()[2:]} == {"release:late@3": 0.0, "release:late@4": 1.0}


def test_workers_that_declare_at_once_agree(counters):
    found = []

    def declare():
        mine = Counters(counters.folder)
        found.append([mine.declare(f"e{i}", {"release:m@1": 1.0}, 1)["release:m@1"] for i in range(20)])

    threads = [threading.Thread(target=declare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1] == found[2] == found[3] == list(range(2, 22))


def test_killed_and_followed_by_another_nothing_goes_back(workers):
    workers.start(0)
    workers.start(1)
    for _ in range(200):
        workers.ask()
    first = workers.metrics()
    assert total(first, "arkwright_requests_total") == 200
    workers.stop(0, signal.SIGKILL)
    between = workers.metrics()
    assert total(between, "arkwright_worker_up", worker="0") == 0
    assert total(between, "arkwright_worker_up", worker="1") == 1
    workers.start(0, "--follows", "died")
    for _ in range(200):
        workers.ask()
    last = workers.metrics()
    assert total(last, "arkwright_requests_total") == 400
    assert total(last, "arkwright_worker_restarts_total", worker="0", cause="died") == 1
    assert total(last, "arkwright_worker_restarts_total") == 1
    counting = [key for key in first if key[0].endswith(("_total", "_count", "_sum", "_bucket"))]
    assert len(counting) > 100
    for key in counting:
        assert first[key] <= between[key] <= last[key], key


def test_what_a_killed_worker_held_is_no_longer_in_flight(workers):
    workers.start(0)
    with socket.create_connection(("127.0.0.1", workers.port), timeout=60) as client:
        client.sendall(b"POST /hang HTTP/1.1\r\n\r\n")
        deadline = time.monotonic() + 60
        while not total(told(workers.counters), "arkwright_in_flight"):
            assert time.monotonic() < deadline
        workers.stop(0, signal.SIGKILL)
    assert total(told(workers.counters), "arkwright_in_flight") == 0
    assert Slot(workers.counters, 0).number == 0
    assert total(told(workers.counters), "arkwright_in_flight") == 0


def test_a_worker_that_starts_while_the_one_before_drains_takes_a_spare_slot(counters):
    old, other = Slot(counters, 0), Slot(counters, 1)
    new = Slot(counters, 0)
    assert [old.number, other.number, new.number] == [0, 1, 2]
    old.close()
    assert Slot(counters, 0).number == 0


def test_more_workers_than_slots_are_refused(counters):
    held = [Slot(counters, i) for i in range(4)]
    assert [slot.number for slot in held] == [0, 1, 2, 3]
    with pytest.raises(Refused, match="all 4 slots"):
        Slot(counters, 0)


def test_processor_time_and_memory_are_told(counters):
    slot = Slot(counters, 0)
    found = told(counters)
    assert total(found, "arkwright_worker_cpu_seconds_total", worker="0") > 0
    assert total(found, "arkwright_worker_resident_bytes", worker="0") > 1e6
    slot.close()
    again = told(counters)
    assert total(again, "arkwright_worker_resident_bytes", worker="0") == 0
    assert total(again, "arkwright_worker_cpu_seconds_total") >= total(found, "arkwright_worker_cpu_seconds_total")


def test_a_folder_without_counters_and_a_file_that_is_none(tmp_path):
    with pytest.raises(Invalid, match="holds no counters"):
        Counters(tmp_path)
    (tmp_path / FILE).write_bytes(b"x" * 4096)
    with pytest.raises(Corrupt, match="no counters of this version"):
        Counters(tmp_path)


def test_a_folder_that_cannot_hold_them_is_told(tmp_path, monkeypatch):
    with pytest.raises(ArkwrightError, match=r"no counters can be kept .*: No such file"):
        Counters.create(tmp_path / "no", 2)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(ArkwrightError, match=r"no counters can be kept .*: No space left"):
        Counters.create(tmp_path, 2)
    assert list(tmp_path.iterdir()) == []


def test_the_file_has_no_holes(counters):
    assert (counters.folder / FILE).stat().st_blocks * 512 >= (counters.folder / FILE).stat().st_size


def test_a_name_that_does_not_fit_is_told(counters):
    with pytest.raises(Invalid, match="too long to be counted"):
        counters.declare("e" * 600, {"release:m@1": 1.0})
    assert len(counters.records()) == 2
