"""Times of one row: by the server's path, without what the neighbours on the machine do."""

import numpy as np
import pyarrow as pa
import pytest

from arkwright.work import latency


class Clock:
    """Every look at it costs a second; every look at the thread tells whether it was interrupted."""

    def __init__(self, interruptions):
        self.now, self.interruptions, self.count = 0.0, list(interruptions), 0

    def perf_counter(self):
        self.now += 1.0
        return self.now

    def getrusage(self, _who):
        class Usage:
            ru_nivcsw = self.count

        self.count += self.interruptions.pop(0) if self.interruptions else 0
        return Usage


@pytest.mark.parametrize(
    ("interruptions", "calls"),
    [([], 1), ([1], 2), ([1, 0, 1], 3), ([1] * 20, 3)],
    ids=["quiet", "once", "twice", "always: the last one counts"],
)
def test_a_call_that_was_interrupted_is_taken_again(monkeypatch, interruptions, calls):
    clock, made = Clock(interruptions), []
    monkeypatch.setattr(latency.time, "perf_counter", clock.perf_counter)
    monkeypatch.setattr(latency.resource, "getrusage", clock.getrusage)
    assert latency._undisturbed(lambda: made.append(1)) == 1.0
    assert len(made) == calls


def test_slow_calls_are_taken_fewer_times():
    slow, quick = latency._timed([lambda: sum(range(1_000_000))]), latency._timed([lambda: None])
    assert slow.shape == (9, 20)
    assert quick.shape == (15, 300)
    assert np.median(slow) > np.median(quick) >= 0


def test_rows_come_from_all_over_the_table():
    few, many = pa.table({"x": range(3)}), pa.table({"x": range(10_000)})
    assert latency._spread_out(few).column("x").to_pylist() == [0, 1, 2]
    found = latency._spread_out(many).column("x").to_pylist()
    assert (len(found), found[0], found[-1]) == (64, 0, 9999)


def test_the_spread_is_the_median_of_the_rounds():
    times = np.array([[1.0, 2.0, 3.0], [2.0, 3.0, 4.0], [9.0, 9.0, 9.0]])
    p50, p99 = latency.spread(times)
    assert p50 == 3.0
    assert p99 == pytest.approx(np.quantile([2, 3, 4], 0.99))
