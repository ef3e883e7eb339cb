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
from arkwright.measures.separation import area, chance, separation


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
    return moments.of(made, 1, np.arange(len(made)) % 2 > 0)


def auc(before, now):
    return area(*separation(of(rows(before)), of(rows(now))))


@pytest.mark.parametrize(("dimensions", "sizes"), [(1, (60, 60)), (4, (300, 200))])
def test_where_nothing_changed_nothing_is_told_apart(dimensions, sizes):
    rng = np.random.default_rng(2)
    found = [
        separation(*(of(rows(rng.normal(size=(n, dimensions)))) for n in sizes)) for _ in range(250)
    ]  # fmt: skip
    areas = [area(*one) for one in found]
    assert np.mean([value for value, _ in areas]) == pytest.approx(0.5, abs=0.006)
    assert sum(low <= 0.5 <= high for _, (low, high) in areas) / 250 > 0.92
    assert sum(chance(*one) < 0.05 for one in found) / 250 < 0.085


def test_the_farther_apart_the_better():
    rng = np.random.default_rng(3)
    before = rng.normal(size=(1500, 3))
    found = [auc(before, before + shift)[0] for shift in (0, 0.25, 0.5, 1, 2, 4)]
    assert found == sorted(found)
    assert found[0] < 0.55
    assert found[-1] > 0.99
    assert auc(np.zeros((50, 1)), np.full((50, 1), 2.0))[0] == pytest.approx(1)
    assert auc(np.zeros((50, 1)), np.zeros((50, 1)))[0] == 0.5


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
    """Within 0.04: the curve is that of two normal distributions, and the halves are others."""
    rng = np.random.default_rng(4)
    before, now = rng.normal(size=(1500, dimensions)), KINDS[kind](rng.normal(size=(1500, dimensions)))
    x, y = np.vstack([rows(before), rows(now)]), np.repeat([0, 1], 1500)
    theirs = []
    for train, test in StratifiedKFold(2, shuffle=True, random_state=0).split(x, y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto").fit(x[train], y[train])
        theirs.append(roc_auc_score(y[test], fitted.decision_function(x[test])))
    value, (low, high) = auc(before, now)
    assert value == pytest.approx(np.mean(theirs), abs=0.04)
    assert low < value < high
