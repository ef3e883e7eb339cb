"""How far columns moved, slot by slot: as the measure says of the same rows, and again when rows came late."""

from contextlib import closing

import numpy as np
import pyarrow as pa
import pytest

from arkwright.measures import drift
from arkwright.monitor.counting import reference
from arkwright.monitor.drifted import DAY, KEEP, Drifted, moved
from arkwright.monitor.kept import HOUR, MINUTE, Kept

REFERENCE = reference(pa.table({"x": np.arange(1000.0), "word": ["a", "b"] * 500, "gone": np.arange(1000.0)}))
START = 1_700_000_000 // DAY * DAY


def counted(shift, n=200):
    x = np.random.default_rng(n).uniform(0, 1000, n) + shift
    return REFERENCE.count(pa.table({"x": x, "word": ["a", "b"] * (n // 2)}))


@pytest.fixture
def kept(tmp_path):
    with closing(Kept(tmp_path / "kept.db")) as made:
        yield made


@pytest.fixture
def drifted(tmp_path):
    with closing(Drifted(tmp_path / "drift.db")) as made:
        yield made


def put(kept, *slots):
    """(begin, seconds, counts), behind the start."""
    for begin, seconds, counts in slots:
        kept.put("r", {(START + begin, seconds): counts}, START + begin, START + begin + seconds)


def test_each_slot_is_what_the_measure_says_of_its_rows(kept, drifted):
    hours = [counted(0), counted(300), counted(300)]
    put(kept, (0, HOUR, hours[0]), (HOUR, HOUR, hours[1]), (7 * HOUR, MINUTE, hours[2]))
    assert drifted.follow(kept, "r", REFERENCE, START + DAY) == 3 + 2 + 1
    found = drifted.between("r", HOUR, START, START + DAY)
    assert [one.begin - START for one in found] == [0, HOUR, 7 * HOUR]
    (morning, _) = drifted.between("r", 6 * HOUR, START, START + DAY)
    assert morning.rows == 400
    window = REFERENCE.window(hours[0] + hours[1])
    chance, effect = drift.significance(window, "x")
    assert morning.columns["x"].effect == effect
    assert morning.columns["x"].chance == min(1.0, 2 * chance)  # adjusted for two columns (Holm)
    assert "gone" not in morning.columns  # none of it came
    (day,) = drifted.between("r", DAY, START, START + DAY)
    assert day.rows == 600
    assert day.columns["x"].effect < found[1].columns["x"].effect


def test_only_what_changed_is_looked_at_again(kept, drifted):
    put(kept, (0, HOUR, counted(0)), (DAY, HOUR, counted(300)))
    now = START + 2 * DAY
    drifted.follow(kept, "r", REFERENCE, now)
    assert drifted.follow(kept, "r", REFERENCE, now) == 0
    put(kept, (HOUR, HOUR, counted(0)))  # a clock went back
    assert drifted.follow(kept, "r", REFERENCE, now) == 3
    first, _ = drifted.between("r", DAY, START, now)
    assert first.rows == 400
    assert drifted.between("s", DAY, START, now) == []


def test_what_is_old_goes(kept, drifted):
    put(kept, (0, HOUR, counted(0)))
    drifted.follow(kept, "r", REFERENCE, START + DAY)
    drifted.follow(kept, "r", REFERENCE, START + KEEP[HOUR] + 2 * HOUR)
    assert drifted.between("r", HOUR, START, START + DAY) == []
    assert len(drifted.between("r", DAY, START, START + DAY)) == 1


def test_nothing_that_can_be_compared():
    assert dict(moved(REFERENCE.window(REFERENCE.count(pa.table({"other": [1.0]}))))) == {}
