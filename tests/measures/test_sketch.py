"""Counts instead of rows: exact where values are few, close where they are many, and added up as if read together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from arkwright.core.errors import Invalid
from arkwright.measures.sketch import BINS, VALUES, of_numbers, of_words

anything = st.lists(st.floats(width=64), max_size=60)


@given(anything, anything)
def test_every_number_is_counted_once_or_is_missing(reference, window):
    found = of_numbers(np.array(reference, float)).empty().numbers(np.array(window, float))
    assert found.rows == len(window)
    assert found.missing == sum(value != value for value in window)
    finite = [value for value in window if np.isfinite(value)]
    if finite:
        assert (found.low, found.high) == (min(finite), max(finite))


@given(anything, anything, anything)
def test_parts_add_up_to_the_whole(reference, first, second):
    bins = of_numbers(np.array(reference, float)).empty()
    parts = bins.numbers(np.array(first, float)) + bins.numbers(np.array(second, float))
    whole = bins.numbers(np.array(first + second, float))
    assert parts.counts.tolist() == whole.counts.tolist()
    assert (parts.missing, parts.low, parts.high) == (whole.missing, whole.low, whole.high)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=60), st.lists(st.integers(-5, 5), max_size=60))
def test_few_values_are_counted_exactly(reference, window):
    found = of_numbers(np.array(reference)).empty().numbers(np.array(window, np.int64))
    below = sum(value < min(reference) for value in window)
    above = sum(value > max(reference) for value in window)
    assert (found.counts[0], found.counts[-1]) == (below, above)
    for value, count in zip(sorted(set(reference)), found.counts[1:-1], strict=True):
        larger = [other for other in reference if other > value]
        assert count == sum(value <= one < min(larger, default=value + 1) for one in window)


@pytest.mark.parametrize("make", [
    lambda rng, n: rng.normal(size=n),
    lambda rng, n: rng.lognormal(0, 3, n),
    lambda rng, n: np.where(rng.random(n) < 0.7, 0, rng.normal(size=n)),
    lambda rng, n: 1.7e9 + rng.random(n),
])  # fmt: skip
def test_many_values_lie_in_bins_of_about_as_many_rows(make):
    values = make(np.random.default_rng(1), 100_000)
    found = of_numbers(values)
    assert BINS // 4 < len(found.counts) <= 2 * BINS
    often = dict(zip(*np.unique(values, return_counts=True), strict=True))
    alone = max(often.values()) if max(often.values()) > 1000 else 0
    assert sorted(found.counts)[-2] <= 2 * len(values) / BINS
    if alone:
        assert found.counts.max() == alone  # what occurs often is not mixed with its neighbours


def test_words_are_counted_by_name_and_the_rest_together():
    reference = of_words({"EWR": 5, "JFK": 7, "LGA": 7, "rare": 4}, missing=2)
    assert reference.values == ("JFK", "LGA", "EWR")
    assert (reference.counts.tolist(), reference.missing) == ([7, 7, 5, 4], 2)
    found = reference.empty().words({"EWR": 1, "HPN": 3}, missing=1) + reference.empty().words({"JFK": 2})
    assert (found.counts.tolist(), found.missing) == ([2, 0, 1, 3], 1)
    many = of_words({f"v{number}": 5 for number in range(VALUES + 3)})
    assert many.counts[-1] == 15


def test_other_bins_do_not_add_up():
    with pytest.raises(Invalid, match="other bins"):
        of_numbers(np.arange(3)) + of_numbers(np.arange(4))
    with pytest.raises(Invalid, match="other bins"):
        of_words({"a": 5}) + of_words({"b": 5})


def test_the_largest_gap_between_two_samples_is_nearly_kept():
    rng = np.random.default_rng(3)
    for shift in (0.0, 0.02, 0.3):
        before, now = rng.normal(size=200_000), rng.normal(shift, 1, 100_000)
        reference = of_numbers(before)
        found = reference.empty().numbers(now)
        gap = np.abs(np.cumsum(reference.counts) / reference.n - np.cumsum(found.counts) / found.n).max()
        exact = stats.ks_2samp(before, now).statistic
        assert exact - 3e-4 < gap <= exact + 1e-12
