"""A classifier from moments alone: as good as one from the rows, and not one bit better by chance."""

import math
import warnings

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from arkwright.measures import features, moments
from arkwright.measures.features import Features, Standardised
from arkwright.measures.separation import separation


def rows(numbers):
    """(n, 64) features of rows."""
    a = numbers.shape[1]
    known = Features(
        numbers=tuple(map(str, range(a))), centres=np.zeros(a), scales=np.ones(a), words=(), values=(),
        shares=np.zeros(0),
        frequencies=features.drawn(2 * a, np.random.default_rng(1)) / (1.4 * math.sqrt(a)),
    )  # fmt: skip
    return known.of(Standardised(numbers, np.zeros((len(numbers), 0), int)))


def of(made):
    return moments.of(made, 1)


def told(before, now):
    return separation(of(rows(before)), of(rows(now)))


@pytest.mark.parametrize(("dimensions", "sizes"), [(1, (60, 60)), (10, (150, 300))])
def test_where_nothing_changed_nothing_is_told_apart(dimensions, sizes):
    rng = np.random.default_rng(2)
    found = [told(*(rng.normal(size=(n, dimensions)) for n in sizes)) for _ in range(250)]
    assert np.median([one.value for one in found]) < 0.53
    assert sum(one.low > 0.5 for one in found) / 250 < 0.055
    assert sum(one.chance < 0.05 for one in found) / 250 < 0.085
    assert sum(one.value > one.critical for one in found) == sum(one.chance < 0.05 for one in found)


def test_the_farther_apart_the_better():
    rng = np.random.default_rng(3)
    before = rng.normal(size=(1500, 3))
    found = [told(before, before + shift).value for shift in (0, 0.25, 0.5, 1, 2, 4)]
    assert found == sorted(found)
    assert found[0] < 0.55
    assert found[-1] > 0.99
    assert told(np.zeros((50, 1)), np.full((50, 1), 2.0)).value == pytest.approx(1)
    assert told(np.zeros((50, 1)), np.zeros((50, 1))).value == 0.5


def test_the_same_rows_twice_are_as_little_apart_as_any_two_samples():
    """A mean that did not move at all moved in no direction, of which a variance could be known."""
    many = np.random.default_rng(3).normal(size=(600, 3))
    same, other = told(many[:300], many[:300]), told(many[:300], many[300:])
    assert same.value == same.low == 0.5
    assert same.high == pytest.approx(other.high, abs=0.06)
    assert same.critical == pytest.approx(other.critical, abs=0.01)


KINDS = {
    "a little": lambda y: y + 0.3,
    "one column": lambda y: y + np.eye(1, y.shape[1])[0],
    "much": lambda y: y + 2 * np.eye(1, y.shape[1])[0],
    "wider": lambda y: 1.5 * y,
    "together": lambda y: np.column_stack([y[:, :-1], 0.8 * y[:, 0] + 0.6 * y[:, -1]]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dimensions", [2, 10])
def test_it_is_about_scikit_learns_discriminant_on_the_same_features(kind, dimensions):
    """Within 0.04: the curve is that of two normal distributions, and theirs learns from half of the rows."""
    rng = np.random.default_rng(4)
    before, now = rng.normal(size=(1500, dimensions)), KINDS[kind](rng.normal(size=(1500, dimensions)))
    x, y = np.vstack([rows(before), rows(now)]), np.repeat([0, 1], 1500)
    theirs = []
    for train, test in StratifiedKFold(2, shuffle=True, random_state=0).split(x, y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto").fit(x[train], y[train])
        theirs.append(roc_auc_score(y[test], fitted.decision_function(x[test])))
    found = told(before, now)
    assert found.value == pytest.approx(np.mean(theirs), abs=0.04)
    assert found.low < found.value < found.high


def test_a_column_that_moved_alone_is_found_as_a_regression_of_the_rows_would():
    """Which, learned from one half and tried on the other, finds it in eight of ten windows."""
    rng = np.random.default_rng(6)
    moved = 0.3 * np.eye(1, 10)[0]
    found = [told(rng.normal(size=(1500, 10)), rng.normal(size=(300, 10)) + moved).chance for _ in range(60)]
    assert np.mean(np.array(found) < 0.05) > 0.75
