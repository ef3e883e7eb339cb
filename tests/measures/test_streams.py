"""Changes of a stream: those that river 0.26.1 finds, to the value, on the same seeded streams."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.measures.streams import adwin, page_hinkley


def sea(rng):
    """Whether a rule that never changes errs on the SEA concepts (Street and Kim 2001), with a tenth of noise."""
    x = rng.uniform(0, 10, (8000, 2)).sum(axis=1)
    truth = (x > np.repeat([8, 7, 9, 9.5], 2000)) ^ (rng.random(8000) < 0.1)
    return (truth != (x > 8)).astype(float)


def steps(rng):
    return np.clip(np.concatenate([rng.normal(rng.uniform(0.2, 0.8), 0.1, 1500) for _ in range(5)]), 0, 1)


def slope(rng):
    return rng.random(6000) * 0.3 + np.linspace(0, 0.6, 6000)


# ADWIN as it is, with delta 0.05 and clock 8, and Page-Hinkley with delta 0.01 and threshold 20
RIVER = {
    (sea, 0): ([4223], [2327, 5863], [1649, 2320, 4388, 7829]),
    (sea, 1): ([2847], [2175, 6663], [2171, 5933]),
    (sea, 2): ([2751], [2175, 7295], [2130, 4010, 6789]),
    (steps, 0): ([3103, 4543, 6047], [3071, 4527, 6015], [3191, 4594, 6049]),
    (steps, 1): ([1567, 3135, 4607, 6207], [1535, 3079, 4559, 6095], [1616, 3210, 4666, 6331]),
    (steps, 2): ([1695, 4127, 4575, 6047], [1615, 3367, 4535, 6031], [1815, 4543, 6100]),
    (slope, 0): (
        [1087, 2207, 3135, 4127, 5151], [871, 1591, 2351, 3111, 3959, 4727, 5447], [1189, 2291, 3404, 4440, 5533],
    ),
    (slope, 1): (
        [895, 1919, 2911, 3871, 4831, 5823], [727, 1647, 2447, 3199, 4015, 4743, 5455], [1021, 2194, 3295, 4461, 5588],
    ),
    (slope, 2): (
        [927, 2015, 2975, 3967, 4863, 5887], [767, 1639, 2375, 3215, 4007, 4727, 5431], [1027, 2182, 3282, 4374, 5572],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "seed"), RIVER)
def test_they_are_found_where_river_finds_them(make, seed):
    values = make(np.random.default_rng(seed))
    found = adwin(values), adwin(values, delta=0.05, clock=8), page_hinkley(values.tolist(), delta=0.01, threshold=20)
    assert found == RIVER[make, seed]


def test_nothing_is_found_where_nothing_changed():
    rng = np.random.default_rng(1)
    assert sum(bool(adwin(rng.random(4000))) for _ in range(60)) <= 2
    assert sum(bool(page_hinkley(rng.random(2000).tolist(), delta=0.05, threshold=15)) for _ in range(60)) <= 3


def test_a_larger_change_is_found_sooner():
    rng = np.random.default_rng(2)
    noise = rng.random(4000) * 0.2
    for find in (adwin, lambda values: page_hinkley(values.tolist(), threshold=10)):
        places = [find(noise + (np.arange(4000) >= 2000) * step)[0] for step in (0.1, 0.2, 0.4, 0.8)]
        assert places == sorted(places, reverse=True)
        assert places[-1] >= 2000


@given(st.lists(st.floats(0, 1), max_size=200), st.floats(0, 0.5))
def test_whatever_comes_they_are_places_in_order(values, shift):
    """Also of the empty stream; and a stream lifted as a whole changes where it did."""
    found = adwin(np.array(values))
    assert found == sorted(set(found))
    assert all(place % 32 == 31 for place in found)
    assert page_hinkley([]) == adwin(np.zeros(0)) == []
    assert adwin(np.full(100, shift)) == page_hinkley([shift] * 100) == []
