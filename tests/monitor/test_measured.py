"""How long a promise has been broken, whatever the clock does."""

from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.core.errors import Corrupt
from arkwright.monitor.measured import KEEP, Found, Measured, Streak


def found(until, verdict="broken", release="r", promise="rows >= 1"):
    return Found(release, promise, until, until - 60, verdict, 1.0, None, None, 5, "")


@pytest.fixture
def measured(tmp_path):
    with closing(Measured(tmp_path / "x.db")) as made:
        yield made


def test_nothing_was_found(measured):
    assert measured.streak("r", "rows >= 1") is None
    assert measured.last() is None


def test_a_streak_is_of_one_verdict(measured):
    for until, verdict in [(60, "broken"), (120, "kept"), (180, "broken"), (240, "broken"), (300, "broken")]:
        measured.put([found(until, verdict)], until)
    assert measured.streak("r", "rows >= 1") == Streak("broken", 120)
    assert measured.streak("s", "rows >= 1") is None
    assert [one.until for one in measured.between("r", "rows >= 1", 120, 300)] == [120, 180, 240]


def test_what_a_clock_that_ran_ahead_found_is_forgotten(measured):
    measured.put([found(60)], 60)
    measured.put([found(10**6, "kept")], 10**6)
    measured.put([found(120)], 120)
    assert measured.streak("r", "rows >= 1") == Streak("broken", 60)
    assert measured.last() == 120


def test_what_is_old_goes(measured):
    measured.put([found(60)], 60)
    measured.put([found(KEEP + 61)], KEEP + 61)
    assert [one.until for one in measured.between("r", "rows >= 1", 0, 2 * KEEP)] == [KEEP + 61]


def test_it_is_there_the_next_time(tmp_path):
    with closing(Measured(tmp_path / "x.db")) as first:
        first.put([found(60)], 60)
    with closing(Measured(tmp_path / "x.db")) as again:
        assert again.between("r", "rows >= 1", 0, 61) == [found(60)]
    (tmp_path / "x.db").write_bytes(b"nothing" * 1000)
    with pytest.raises(Corrupt, match="remove it, and it is begun anew"):
        Measured(tmp_path / "x.db")


@given(st.lists(st.sampled_from(["kept", "broken", "unproven"]), min_size=1, max_size=12))
def test_a_streak_is_what_a_reader_would_say(tmp_path_factory, verdicts):
    with closing(Measured(tmp_path_factory.mktemp("m") / "x.db")) as measured:
        for number, verdict in enumerate(verdicts):
            measured.put([found(60 * number, verdict)], 60 * number)
        same = next((n for n, v in enumerate(reversed(verdicts)) if v != verdicts[-1]), len(verdicts))
        assert measured.streak("r", "rows >= 1") == Streak(verdicts[-1], 60 * (same - 1))


def test_a_month_of_looks_in_a_few_points(measured):
    measured.put([found(at) for at in range(60, 6001, 60)], 6000)
    measured.put([found(6000, promise="estimated(recall)", release="s")], 6000)
    few = measured.thinned("r", "rows >= 1", 0, 6001, 10)
    assert [one.until for one in few] == [600, 1200, 1800, 2400, 3000, 3600, 4200, 4800, 5400, 6000]
    assert measured.thinned("r", "rows >= 1", 0, 100, 10) == [found(60)]
    assert measured.releases() == ["r", "s"]
    assert {name: one.until for name, one in measured.latest("r").items()} == {"rows >= 1": 6000}
