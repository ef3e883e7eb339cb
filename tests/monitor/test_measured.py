"""How long a promise has been broken, whatever the clock does."""

from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.core.errors import Corrupt
from arkwright.monitor.measured import KEEP, Found, Measured, Streak, Streaks


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
    assert measured.streak("r", "rows >= 1", 240) == Streak("broken", 60)  # the release came back then
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


def test_unproven_neither_ends_a_streak_nor_makes_it_longer(measured):
    hour = [*[(60 * minute, "broken") for minute in range(0, 35, 5)], (60 * 35, "unproven"), (60 * 55, "broken")]
    for until, verdict in hour:
        measured.put([found(until, verdict)], until)
    assert measured.streak("r", "rows >= 1") == Streak("broken", 3300)
    measured.put([found(7200, "unproven")], 7200)
    assert measured.streak("r", "rows >= 1") == Streak("unproven", 0), "no look that proves nothing raises an alarm"


def lasted(verdicts):
    """In looks, from the first to the last that is as the last is, with nothing contrary in between."""
    proven = [(n, verdict) for n, verdict in enumerate(verdicts) if verdict != "unproven"]
    since = next((n for n, v in reversed(proven) if v != verdicts[-1]), -1)
    return len(verdicts) - 1 - next(n for n, _ in proven if n > since)


@given(st.lists(st.sampled_from(["kept", "broken", "unproven"]), min_size=1, max_size=12))
def test_a_streak_is_what_a_reader_would_say_also_of_looks_that_are_kept_nowhere(tmp_path_factory, verdicts):
    looks = [found(60 * number, verdict) for number, verdict in enumerate(verdicts)]
    streaks = Streaks()
    said = [streaks.look(one) for one in looks][-1]
    with closing(Measured(tmp_path_factory.mktemp("m") / "x.db")) as measured:
        measured.put(looks, 60 * len(looks))
        assert measured.streak("r", "rows >= 1") == said
    assert said == Streak(verdicts[-1], 0 if verdicts[-1] == "unproven" else 60 * lasted(verdicts))


def test_a_month_of_looks_in_a_few_points(measured):
    measured.put([found(at) for at in range(60, 6001, 60)], 6000)
    measured.put([found(6000, promise="estimated(recall)", release="s")], 6000)
    few = measured.thinned("r", "rows >= 1", 0, 6001, 10)
    assert [one.until for one in few] == [600, 1200, 1800, 2400, 3000, 3600, 4200, 4800, 5400, 6000]
    assert measured.thinned("r", "rows >= 1", 0, 100, 10) == [found(60)]
    assert measured.releases() == ["r", "s"]
    assert {name: one.until for name, one in measured.latest("r").items()} == {"rows >= 1": 6000}
