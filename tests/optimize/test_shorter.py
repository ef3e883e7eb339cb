"""Twins of a graph answer as the same estimator with fewer trees would, or nearly as the network did."""

import numpy as np
import onnx
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from onnxruntime.quantization import QuantType, quantize_dynamic
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from xgboost import XGBClassifier

from arkwright.core.errors import Invalid
from arkwright.optimize import session
from arkwright.optimize.export import exports
from arkwright.optimize.shorter import twins

rng = np.random.default_rng(0)
X = np.round(rng.normal(size=(600, 4)), 3).astype(np.float32)
BINARY = (X[:, 0] + X[:, 1] > 0).astype(np.int64)
THREE = np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.5])


def graph_of(estimator, task="classification"):
    import pyarrow as pa

    table = pa.table({f"c{i}": X[:, i] for i in range(4)})
    return next(exports(estimator, table, task=task)).model


def scores(model, name="probabilities"):
    return session.run(model.SerializeToString(), {"features": X})[name]


def made(estimator, task="classification"):
    return dict(twins(graph_of(estimator, task), estimator))


@pytest.mark.parametrize("y", [BINARY, THREE], ids=["two classes", "three"])
def test_half_the_trees_of_lightgbm(y):
    estimator = LGBMClassifier(n_estimators=20, verbose=-1).fit(X, y)
    found = made(estimator)
    assert list(found) == ["half the trees", "a quarter of the trees"]
    for name, rounds in (("half the trees", 10), ("a quarter of the trees", 5)):
        np.testing.assert_allclose(scores(found[name]), estimator.predict_proba(X, num_iteration=rounds), atol=1e-5)


def test_half_the_trees_of_xgboost():
    estimator = XGBClassifier(n_estimators=20).fit(X, BINARY)
    expected = estimator.predict_proba(X, iteration_range=(0, 10))
    np.testing.assert_allclose(scores(made(estimator)["half the trees"]), expected, atol=1e-5)


def test_half_of_a_boosted_regression():
    estimator = LGBMRegressor(n_estimators=20, verbose=-1).fit(X, X[:, 0] * 10)
    values = scores(made(estimator, "regression")["half the trees"], "value").ravel()
    np.testing.assert_allclose(values, estimator.predict(X, num_iteration=10), atol=1e-3)


@pytest.mark.parametrize("y", [BINARY, THREE], ids=["two classes", "three"])
def test_a_forest_of_half_the_trees_still_votes_in_shares(y):
    estimator = RandomForestClassifier(20, max_depth=5, random_state=0).fit(X, y)
    found = scores(made(estimator)["half the trees"])
    expected = np.mean([tree.predict_proba(X) for tree in estimator.estimators_[:10]], axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_forest_of_half_the_trees_still_means_values():
    estimator = RandomForestRegressor(20, max_depth=5, random_state=0).fit(X, X[:, 0] * 10)
    found = scores(made(estimator, "regression")["half the trees"], "value").ravel()
    expected = np.mean([tree.predict(X) for tree in estimator.estimators_[:10]], axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_one_tree_cannot_be_halved():
    assert made(LGBMClassifier(n_estimators=1, verbose=-1).fit(X, BINARY)) == {}


def test_a_linear_model_has_nothing_to_leave_out():
    assert made(LogisticRegression().fit(X, BINARY)) == {}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_network_in_8_bits_is_a_quarter_as_large_and_nearly_the_same():
    estimator = MLPClassifier((256, 128), max_iter=30, random_state=0).fit(X, BINARY)
    graph = graph_of(estimator)
    small = dict(twins(graph, estimator))["8-bit weights"]
    assert small.ByteSize() < 0.4 * graph.ByteSize()
    assert np.abs(scores(small) - scores(graph)).max() < 0.1
    assert (scores(small).argmax(1) == scores(graph).argmax(1)).mean() > 0.97


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_network_in_8_bits_answers_a_row_the_same_beside_any_other():
    estimator = MLPClassifier((256, 128), max_iter=5, random_state=0).fit(X, BINARY)
    small = dict(twins(graph_of(estimator), estimator))["8-bit weights"].SerializeToString()
    rows, far = X[:50], np.full((1, 4), 1e6, np.float32)
    beside = session.run(small, {"features": np.vstack([rows, far])})["probabilities"][:50]
    alone = np.vstack([session.run(small, {"features": row[None]})["probabilities"] for row in rows])
    np.testing.assert_allclose(alone, beside, atol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_graph_whose_rows_change_each_other_is_refused(tmp_path):
    graph = graph_of(MLPClassifier((256, 128), max_iter=5, random_state=0).fit(X, BINARY))
    onnx.save(graph, tmp_path / "a.onnx")
    quantize_dynamic(tmp_path / "a.onnx", tmp_path / "b.onnx", weight_type=QuantType.QInt8)
    with pytest.raises(Invalid, match="answers a row otherwise beside others: 'probabilities' of the row "):
        scores(onnx.load(tmp_path / "b.onnx"))


def test_the_graph_itself_stays_as_it_was():
    estimator = LGBMClassifier(n_estimators=8, verbose=-1).fit(X, BINARY)
    graph = graph_of(estimator)
    before = graph.SerializeToString(deterministic=True)
    list(twins(graph, estimator))
    assert graph.SerializeToString(deterministic=True) == before
