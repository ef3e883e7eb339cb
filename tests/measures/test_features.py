"""Features by hand, beside the kernel that they stand for, and with whatever a column may hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import cdist

from arkwright.measures import features
from arkwright.measures.features import FAR, PAIRS, STEPS, Features, Standardised


def rows(numbers, words=None):
    numbers = np.asarray(numbers, float)
    return Standardised(numbers, np.zeros((len(numbers), 0), int) if words is None else np.asarray(words))


def known(frequencies, values=(), shares=()):
    a = (len(frequencies) - sum(len(one) + 2 for one in values)) // 2
    return Features(
        numbers=tuple(f"n{number}" for number in range(a)), centres=np.zeros(a), scales=np.ones(a),
        words=tuple(f"w{number}" for number in range(len(values))), values=values, shares=np.array(shares),
        frequencies=frequencies,
    )  # fmt: skip


def test_products_of_features_are_about_the_kernel():
    rng = np.random.default_rng(1)
    given_ = rows(rng.normal(size=(200, 6)))
    wide = features.width(given_)
    assert wide == pytest.approx(np.median(cdist(given_.numbers, given_.numbers)[np.triu_indices(200, 1)]))
    one = known(features.drawn(12, np.random.default_rng(2)) / wide).of(given_) / STEPS / math.sqrt(PAIRS)
    exact = np.exp(-(cdist(given_.numbers, given_.numbers) ** 2) / (2 * wide**2))
    assert np.diag(one @ one.T) == pytest.approx(np.ones(200), abs=2 / STEPS)
    assert np.abs(one @ one.T - exact).mean() < 0.08
    assert np.corrcoef((one @ one.T).ravel(), exact.ravel())[0, 1] > 0.95


def test_features_are_cosines_and_sines():
    given_ = rows(np.random.default_rng(4).uniform(-40, 40, (500, 1)) * [[1.0, np.pi]])
    frequencies = np.random.default_rng(5).normal(size=(4, PAIRS))
    frequencies[1, 0] = 0.5  # half an angle is a right one now and then
    given_.numbers[:9] = [[0, one] for one in np.arange(-4, 5) * np.pi]
    angles = given_.numbers @ frequencies[:2]
    exact = STEPS * np.hstack([np.cos(angles), np.sin(angles)])
    assert np.abs(known(frequencies).of(given_) - exact).max() <= 0.5 + 1e-9


def test_frequencies_are_orthogonal_and_as_long_as_a_gaussians():
    found = features.drawn(40, np.random.default_rng(3))
    lengths = np.linalg.norm(found, axis=0)
    assert (found.T @ found) / np.outer(lengths, lengths) == pytest.approx(np.eye(PAIRS), abs=1e-12)
    assert stats.kstest(lengths, stats.chi(40).cdf).statistic < 1 / PAIRS


def test_a_missing_number_and_another_word_are_something_else():
    values = (("a", "b"),)
    one = known(features.drawn(2 + 4, np.random.default_rng(4)), values, [0.5])
    made = one.of(rows([[0.0], [np.nan], [0.0], [0.0], [0.0]], [[0], [0], [1], [2], [3]]))
    assert len(np.unique(made, axis=0)) == 5


def test_levels_by_hand():
    one = known(np.zeros((2 + 4, PAIRS)), (("a", "b"),), [0.8])
    there, levels = one.levels(rows([[1.5], [np.nan], [-2.0]], [[0], [1], [3]]))
    assert there.tolist() == [[True, True], [False, True], [True, False]]
    assert (levels / STEPS).tolist() == [[1.5, pytest.approx(0.5, abs=1e-2)], [0, pytest.approx(-2, abs=1e-2)], [-2, 0]]


def test_one_wrong_number_does_not_make_all_others_alike():
    column = np.append(np.random.default_rng(5).normal(10, 2, 5000), 1e300)
    centre, scale = features.scaled(column)
    assert centre == pytest.approx(10, abs=0.2)
    assert scale == pytest.approx(2, abs=0.1)
    assert features.standardised(column, centre, scale)[-1] == FAR


@given(st.lists(st.floats(width=64), max_size=40))
def test_whatever_a_column_holds_it_is_standardised(column):
    given_ = np.array(column, float)
    centre, scale = features.scaled(given_)
    assert math.isfinite(centre)
    assert math.isfinite(scale)
    assert scale > 0
    made = features.standardised(given_, centre, scale)
    assert np.array_equal(np.isnan(made), np.isnan(given_))
    assert (np.abs(made[~np.isnan(made)]) <= FAR).all()
    assert math.isfinite(features.width(rows(made.reshape(-1, 1))))
