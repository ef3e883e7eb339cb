"""Curves of fits, of real estimators."""

import math

import numpy as np
import pytest

from arkwright.train import curves
from arkwright.train.curves import MOST_CURVES, MOST_POINTS, Report, thinned

RNG = np.random.default_rng(7)
X = RNG.normal(size=(200, 3))
Y = (X[:, 0] + RNG.normal(size=200) > 0).astype(int)


def names(estimator, report=None):
    found = curves.of(estimator, report or Report())
    for points in found.values():
        assert [step for step, _ in points] == list(range(1, len(points) + 1))
        assert all(math.isfinite(value) for _, value in points)
    return {name: len(points) for name, points in found.items()}


def test_lightgbm_and_xgboost_tell_what_was_measured_on_each_set():
    from lightgbm import LGBMClassifier
    from xgboost import XGBClassifier

    light = LGBMClassifier(n_estimators=5, verbose=-1).fit(X, Y, eval_X=(X,), eval_y=(Y,), eval_metric=["auc"])
    assert names(light) == {"valid_0: auc": 5, "valid_0: binary_logloss": 5}
    boosted = XGBClassifier(n_estimators=4, eval_metric=["auc"]).fit(X, Y, eval_set=[(X, Y)], verbose=False)
    assert names(boosted) == {"validation_0: auc": 4}
    assert names(LGBMClassifier(n_estimators=3, verbose=-1).fit(X, Y)) == {}
    assert names(XGBClassifier(n_estimators=3).fit(X, Y)) == {}


def test_scikit_learn_tells_of_iterations_also_inside_a_pipeline():
    from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    network = MLPClassifier((4,), max_iter=200, early_stopping=True, n_iter_no_change=3, random_state=7)
    found = names(make_pipeline(StandardScaler(), network).fit(X, Y))
    assert found["loss curve"] == found["validation scores"] == network.n_iter_
    assert names(GradientBoostingClassifier(n_estimators=6).fit(X, Y)) == {"train score": 6}
    stopped = HistGradientBoostingClassifier(max_iter=5, early_stopping=True, validation_fraction=0.2).fit(X, Y)
    assert set(names(stopped)) == {"train score", "validation score"}
    assert names(LogisticRegression().fit(X, Y)) == {}


def test_what_is_reported_is_thinned_evenly_from_the_first_to_the_last():
    report = Report()
    for step in range(10 * MOST_POINTS):
        report(step, loss=1 / (step + 1), odd=math.nan if step % 2 else step)
    points = report.curves()["loss"]
    steps = [step for step, _ in points]
    assert MOST_POINTS <= len(points) <= 2 * MOST_POINTS + 1
    assert (steps[0], steps[-1]) == (0, 10 * MOST_POINTS - 1)
    assert len(set(np.diff(steps[:-1]))) == 1
    assert all(math.isfinite(value) for _, value in report.curves()["odd"])


def test_what_cannot_be_reported_is_told():
    report = Report()
    with pytest.raises(TypeError):
        report(1.5, loss=1)
    with pytest.raises((TypeError, ValueError)):
        report(1, loss="much")
    with pytest.raises(ValueError, match="at most"):
        report(1, **{f"m{number}": 1 for number in range(MOST_CURVES + 1)})


def test_one_value_is_no_curve():
    report = Report()
    report(1, loss=0.5)
    assert curves.of(object(), report) == {}


@pytest.mark.parametrize("count", [0, 1, 2, 199, 200, 201, 999])
def test_thinned(count):
    points = [(step, float(step)) for step in range(count)]
    found = thinned(points, 200)
    assert found[:1] == points[:1]
    assert found[-1:] == points[-1:]
    assert len(found) <= 201
    assert found == sorted(set(found))
