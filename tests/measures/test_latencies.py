"""Times as counts: added up from parts, and never further off than is said."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arkwright.measures import latencies

SLIGHTLY = 1 + 1e-9  # more than is said, as floats are
times = st.lists(st.one_of(st.just(0.0), st.floats(1e-3, 3.6e6), st.integers(1, 10**7).map(lambda us: us / 1000)))


@settings(max_examples=100)
@given(times, times.filter(len), st.sampled_from([0.5, 0.9, 0.99]), st.data())
def test_parts_tell_of_the_whole_within_what_is_said(first, second, q, data):
    took = np.sort(np.array([*first, *second]))
    found = latencies.counted(np.array(first)) + latencies.counted(np.array([np.nan, *second, np.nan]))
    assert found.tolist() == latencies.counted(took).tolist()
    exact, wide = np.quantile(took, q), latencies.WITHIN * SLIGHTLY
    assert (1 - wide) * exact <= latencies.quantile(found, q) <= (1 + wide) * exact
    low, high = sorted(data.draw(st.integers(0, len(took) - 1)) for _ in range(2))
    least, most = latencies.between(found, low, high)
    assert (1 - 2 * wide) * took[low] <= least <= took[low] * SLIGHTLY
    assert took[high] <= most * SLIGHTLY <= max(1e-3, (1 + 2.1 * wide) * took[high]) * SLIGHTLY  # a clock ticks so


def test_what_takes_longer_than_an_hour_is_counted():
    found = latencies.counted(np.array([4e6, 8e6, 1.0]))
    assert latencies.quantile(found, 0) == pytest.approx(1, rel=latencies.WITHIN)
    least, most = latencies.between(found, 1, 2)
    assert least == pytest.approx(3.6e6, rel=2 * latencies.WITHIN)
    assert 8e6 < most < np.inf  # a bound that is no number would say nothing, and so nothing be broken
    assert least < latencies.quantile(found, 0.99) < most
