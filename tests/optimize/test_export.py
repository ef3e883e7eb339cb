"""Every export is held against the estimator's own answers on rows it has not seen."""

import numpy as np
import pyarrow as pa
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from xgboost import XGBClassifier, XGBRegressor

from arkwright.core.errors import Invalid
from arkwright.optimize import session
from arkwright.optimize.candidates import Held, agreeing, variants
from arkwright.optimize.export import exports
from arkwright.optimize.feeds import feeds
from arkwright.train.answers import answers

N = 800
QUICK = {"verbose": -1, "n_estimators": 20}
CLASSIFIERS = {
    "logistic": LogisticRegression(),
    "scaled logistic": make_pipeline(StandardScaler(), LogisticRegression()),
    "min-max logistic": make_pipeline(MinMaxScaler(), LogisticRegression()),
    "tree": DecisionTreeClassifier(max_depth=6),
    "forest": RandomForestClassifier(30, max_depth=6),
    "extra trees": ExtraTreesClassifier(30, max_depth=6),
    "boosting": GradientBoostingClassifier(n_estimators=20),
    "histogram boosting": HistGradientBoostingClassifier(max_iter=20),
    "scaled forest": make_pipeline(StandardScaler(), RandomForestClassifier(30, max_depth=6)),
    "network": make_pipeline(StandardScaler(), MLPClassifier(hidden_layer_sizes=(16,), max_iter=60)),
    "neighbours": KNeighborsClassifier(),
    "sigmoid calibration": CalibratedClassifierCV(LogisticRegression(), method="sigmoid", cv=3),
    "lightgbm": LGBMClassifier(**QUICK),
    "scaled lightgbm": make_pipeline(StandardScaler(), LGBMClassifier(**QUICK)),
    "xgboost": XGBClassifier(n_estimators=20),
}
REGRESSORS = {
    "linear": LinearRegression(),
    "scaled ridge": make_pipeline(StandardScaler(), Ridge()),
    "tree": DecisionTreeRegressor(max_depth=6),
    "forest": RandomForestRegressor(30, max_depth=6),
    "boosting": GradientBoostingRegressor(n_estimators=20),
    "histogram boosting": HistGradientBoostingRegressor(max_iter=20),
    "network": make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(16,), max_iter=60)),
    "lightgbm": LGBMRegressor(**QUICK),
    "xgboost": XGBRegressor(n_estimators=20),
}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def numbers(seed=0, *, missing=False):
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=(N, 5)) * [1, 10, 100, 1000, 0.01], 3).astype(np.float32)
    if missing:
        x[rng.random(x.shape) < 0.1] = np.nan
    return pa.table({f"c{i}": x[:, i] for i in range(5)})


def target(table, classes):
    x = np.nan_to_num(np.column_stack([table.column(i).to_numpy() for i in range(2)]))
    score = x[:, 0] + x[:, 1] / 10 + np.random.default_rng(1).normal(size=N) / 2
    if classes is None:
        return pa.chunked_array([score * 50])
    place = np.digitize(score, np.quantile(score, np.linspace(0, 1, len(classes) + 1)[1:-1]))
    return pa.chunked_array([pa.array([classes[i] for i in place])])


def fitted(estimator, table, y):
    return estimator.fit(
        table.to_pandas(), y.to_numpy(zero_copy_only=False) if isinstance(y, pa.Array) else y.to_numpy()
    )


def held(estimator, table, task, classes, share=0.999):
    said = answers(estimator, table, kind="pandas", task=task, classes=classes)
    return Held(table, table, said, task, classes, share)


def first(estimator, table, task, classes):
    """The first variant, and the estimator's own answers."""
    given = held(estimator, table, task, classes)
    return next(iter(variants(estimator, given, None, ()))), given.trained


@pytest.mark.parametrize("classes", [(0, 1), ("no", "yes"), (2, 5, 9)], ids=str)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers(name, classes):
    if name == "xgboost":  # it wants classes 0 … k-1
        classes = tuple(range(len(classes)))
    missing = name in ("lightgbm", "xgboost", "histogram boosting")
    table = numbers(missing=missing)
    estimator = fitted(CLASSIFIERS[name], table, target(table, classes))
    variant, trained = first(estimator, numbers(seed=2, missing=missing), "classification", classes)
    assert (variant.answers[0] == trained[0]).mean() >= 0.999
    assert np.abs(variant.answers[1] - trained[1]).max() < 1e-3
    assert variant.inputs[0].columns == ("c0", "c1", "c2", "c3", "c4")
    assert set(variant.outputs) == {"label", "probabilities"}


@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors(name):
    table = numbers()
    estimator = fitted(REGRESSORS[name], table, target(table, None))
    variant, trained = first(estimator, numbers(seed=2), "regression", ())
    np.testing.assert_allclose(variant.answers[0], trained[0], rtol=2e-4, atol=2e-4 * np.abs(trained[0]).mean())
    assert set(variant.outputs) == {"value"}


def mixed(seed):
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "when": pa.array(rng.integers(0, 10**6, N), pa.timestamp("us")),  # nobody picks it
            "plan": rng.choice(["basic", "plus", "pro"], N),
            "calls": rng.integers(0, 9, N),
            "price": pa.array(
                np.where(rng.random(N) < 0.1, np.nan, rng.random(N) * 100).astype(np.float32), from_pandas=True
            ),
        }
    )


@pytest.mark.parametrize(
    "encoder", [OneHotEncoder(handle_unknown="ignore"), OrdinalEncoder()], ids=["one-hot", "ordinal"]
)
def test_preprocessing_is_inside_the_graph(encoder):
    table = mixed(0)
    y = pa.chunked_array([(np.array(table.column("calls")) > 4).astype(np.int64)])
    prepare = ColumnTransformer(
        [
            ("texts", encoder, ["plan"]),
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["calls", "price"]),
        ]
    )
    estimator = fitted(make_pipeline(prepare, LogisticRegression()), table, y)
    variant, trained = first(estimator, mixed(1), "classification", (0, 1))
    assert [(t.name, t.datatype) for t in variant.inputs] == [("plan", "BYTES"), ("calls", "FP32"), ("price", "FP32")]
    assert np.abs(variant.answers[1] - trained[1]).max() < 1e-5


def test_a_graph_that_is_wrong_is_refused():
    """skl2onnx exports native categories without a word, and the graph answers otherwise."""
    rng = np.random.default_rng(0)
    table = pa.table({"city": rng.integers(0, 20, N).astype(np.float32), "x": rng.normal(size=N).astype(np.float32)})
    y = pa.chunked_array(
        [(np.isin(np.array(table.column("city")), [1, 4, 7, 11, 12]) ^ (rng.random(N) < 0.05)).astype(np.int64)]
    )
    estimator = fitted(HistGradientBoostingClassifier(max_iter=20, categorical_features=[0]), table, y)
    with pytest.raises(Invalid, match="no ONNX graph of the HistGradientBoostingClassifier is right"):
        first(estimator, table, "classification", (0, 1))


def test_what_no_converter_knows():
    class Mine(LogisticRegression):
        pass

    estimator = fitted(Mine(), numbers(), target(numbers(), (0, 1)))
    with pytest.raises(Invalid, match="the Mine cannot become an ONNX graph") as told:
        list(exports(estimator, numbers(), task="classification"))
    assert len(str(told.value)) < 600


def test_texts_without_an_encoder():
    with pytest.raises(Invalid, match="make numbers of its columns in features"):
        list(exports(LogisticRegression(), mixed(0), task="classification"))


def test_the_same_estimator_gives_the_same_bytes():
    table = numbers()
    estimator = fitted(LGBMClassifier(**QUICK, random_state=0), table, target(table, (0, 1)))
    graphs = [next(exports(estimator, table, task="classification")).model for _ in range(2)]
    assert graphs[0].SerializeToString(deterministic=True) == graphs[1].SerializeToString(deterministic=True)


def test_agreeing_counts_labels_and_scores():
    trained = (np.array([0, 1, 1, 0]), np.array([0.1, 0.9, 0.6, 0.4]))
    assert agreeing(trained, trained) == 1
    assert agreeing((np.array([0, 1, 0, 0]), trained[1]), trained) == 0.75
    assert agreeing((trained[0], np.array([0.1, 0.9, 0.6, 0.402])), trained) == 0.75
    assert agreeing((np.array([1.0, 2.0]), None), (np.array([1.0, 2.1]), None)) == 0.5


def test_a_graph_runs_in_parts_as_in_one(monkeypatch):
    table = numbers()
    estimator = fitted(LogisticRegression(), table, target(table, (0, 1)))
    exported = next(exports(estimator, table, task="classification"))
    data, given = exported.model.SerializeToString(), feeds(table, exported.inputs)
    whole = session.run(data, given)
    monkeypatch.setattr(session, "_ROWS", 7)
    parts = session.run(data, given)
    assert all(np.array_equal(whole[name], parts[name]) for name in whole)
    assert {len(v) for v in session.run(data, {"features": np.zeros((0, 5), np.float32)}).values()} == {0}


def test_every_processor_for_many_rows_and_then_as_before():
    from arkwright.optimize.boosters import all_processors

    table = numbers()
    estimator = make_pipeline(StandardScaler(), LGBMClassifier(**QUICK, n_jobs=1, random_state=0))
    fitted(estimator, table, target(table, (0, 1)))
    alone = answers(estimator, table, kind="pandas", task="classification", classes=(0, 1))
    with all_processors(estimator):
        assert estimator.steps[-1][1].n_jobs == -1
        together = answers(estimator, table, kind="pandas", task="classification", classes=(0, 1))
    assert estimator.steps[-1][1].n_jobs == 1
    np.testing.assert_array_equal(alone[1], together[1])
