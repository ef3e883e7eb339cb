"""Moments are NumPy's, and add up however rows are cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.measures import moments
from arkwright.measures.features import PAIRS, STEPS
from arkwright.measures.moments import SIZE


def some(seed, n):
    rng = np.random.default_rng(seed)
    return np.rint(rng.uniform(-STEPS, STEPS, (n, SIZE)))


def parts(made):
    return made.rows, made.squares, made.sums, made.products


def test_they_are_numpys():
    rows = some(1, 300)
    for weight in (1, 3):
        made = moments.of(rows, weight)
        plain = rows / STEPS / np.sqrt(PAIRS)
        assert (made.n, made.rows) == (pytest.approx(300), 300 * weight)
        assert made.mean == pytest.approx(plain.mean(axis=0), rel=1e-9)
        assert made.covariance == pytest.approx(np.cov(plain.T), rel=1e-9, abs=1e-15)


@given(st.integers(0, 2**32), st.integers(0, 40), st.integers(0, 40))
def test_parts_are_the_whole_in_any_order(seed, n, cut):
    rows = some(seed, n)
    whole = moments.of(rows, 2)
    order = np.random.default_rng(seed).permutation(n)
    apart = moments.of(rows[:cut], 2) + moments.of(rows[cut:], 2) + moments.empty()
    for other in (moments.of(rows[order], 2), apart):
        assert all(np.array_equal(a, b) for a, b in zip(parts(whole), parts(other), strict=True))


def test_rows_of_unlike_weight_say_less():
    rows = some(2, 100)
    assert (moments.of(rows, 1) + moments.of(rows, 9)).n == pytest.approx(1000**2 / (100 + 8100))
