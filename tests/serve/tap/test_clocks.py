"""The clock on the wall jumps an hour, forth and back: stamps follow it, and nothing else does."""

import time
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from tests.serve.tap.conftest import fill

from arkwright.core.locks import lock
from arkwright.serve.tap import compact as compacting
from arkwright.serve.tap.compact import compact
from arkwright.serve.tap.labels import Label, Labels
from arkwright.serve.tap.over_time import over_time
from arkwright.serve.tap.query import Wanted, find
from arkwright.serve.tap.scan import LATE_S, settled
from arkwright.serve.tap.segment import segments

HOUR = 3600


class Clock:
    """The clock on the wall, so many seconds off."""

    def __init__(self, monkeypatch):
        self.off, real = 0, time.time_ns
        monkeypatch.setattr(time, "time_ns", lambda: real() + self.off * 10**9)
        monkeypatch.setattr(time, "time", lambda: real() / 1e9 + self.off)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def ids(place):
    out = place.root / "found.parquet"
    find(place.folder, place.store, place.tables, place.scratch(), Wanted(), out)
    rows = pq.read_table(out).to_pylist()
    assert [row["at"] for row in rows] == sorted((row["at"] for row in rows), reverse=True)
    return {row["id"]: row["actual"] for row in rows}, len(rows)


def test_no_row_is_lost_and_none_is_there_twice(place, clock, monkeypatch):
    """Through rolling, compaction and merging."""
    monkeypatch.setattr(compacting, "MERGE", 4)
    merged = 0
    for number, off in enumerate((0, HOUR, -HOUR, 0, 2 * HOUR, -2 * HOUR, HOUR, 0)):
        clock.off = off
        place.log([2 * number, 2 * number + 1])
        merged += compact(place.folder, place.store, place.scratch(), keep_s=300 * HOUR).merged
    assert merged
    assert ids(place) == (dict.fromkeys((f"r{n}" for n in range(16)), None), 16)


def test_a_segment_rolls_when_its_time_is_over_and_not_when_the_clock_jumps(place, clock):
    tap, release = place.tap(interval_s=0.01, roll_s=HOUR / 2)
    for number, off in enumerate((0, HOUR, -HOUR, 0)):
        clock.off = off
        fill(tap, release, [number])
        end = time.monotonic() + 20
        while tap.written <= number:
            assert time.monotonic() < end
            time.sleep(0.001)
    assert len(segments(place.folder)) == 1
    tap.close()
    assert ids(place)[1] == 4


def test_the_last_label_counts(place, clock):
    place.log([0])
    with Labels(place.folder) as labels:
        for off, label in ((0, True), (25 * HOUR, False), (-25 * HOUR, True), (-26 * HOUR, False)):
            clock.off = off
            labels.add([Label(id="r0", label=label)], "ana").result(20)
    assert ids(place)[0] == {"r0": False}


def test_what_waits_in_a_segment_is_not_settled(place, clock):
    """Whoever looks at all before would miss it."""
    now, clock.off = int(time.time()), -HOUR
    place.log([0])
    assert settled(place.folder, now) == pytest.approx(now - HOUR - LATE_S, abs=20)
    compact(place.folder, place.store, place.scratch())
    assert settled(place.folder, now) == now - LATE_S


def test_a_segment_that_begins_is_not_taken_for_a_dead_one(place, clock):
    place.log([0])
    half = place.folder / ".1-1-a.half"
    clock.off = 2 * HOUR
    with half.open("wb") as file:
        assert lock(file.fileno())
        compact(place.folder, place.store, place.scratch())
        assert half.exists()
    compact(place.folder, place.store, place.scratch())
    assert not half.exists()


def test_traffic_over_time(place, clock):
    for number, off in enumerate((0, HOUR, -HOUR)):
        clock.off = off
        place.log([number])
    now = datetime.now(UTC)
    since = now - timedelta(hours=2)
    slots = over_time(place.folder, place.store, place.tables, place.scratch(), since, now, 60)
    assert [slot.requests for slot in slots] == [1, 1]
    assert slots[1].at - slots[0].at in (HOUR - 60, HOUR, HOUR + 60)
