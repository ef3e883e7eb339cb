"""The user's model function lies in a file, so that messages can name its line."""

import importlib.util
import inspect
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from arkwright.core.errors import ArkwrightError, Invalid
from arkwright.train.fit import check_estimator, fit, kind_of_inputs

HEAD = """\
import sys
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from xgboost import XGBClassifier

def late(features: pl.DataFrame, target: pl.Series, seed: int):
"""
BODY = HEAD.count("\n") + 1  # the line of the body's first line
INPUTS = pa.table({"x": [float(n) for n in range(40)], "y": [float(n % 7) for n in range(40)]})
TARGET = pa.chunked_array([[n > 20 for n in range(40)]]).cast(pa.int64())


@pytest.fixture
def write(tmp_path):
    def make(body, head=HEAD):
        path = tmp_path / "flights.py"
        path.write_text(head + "".join(f"    {line}\n" for line in inspect.cleandoc(body).splitlines()))
        spec = importlib.util.spec_from_file_location("flights_of_a_test", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.late

    return make


def refused(function, *, task="classification", inputs=INPUTS, target=TARGET):
    with pytest.raises(ArkwrightError) as caught:
        fit(function, inputs, target, task=task, seed=0)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("body", "line", "says"),
    [
        ("raise ValueError('no luck')", 0, "ValueError: no luck"),
        ("seed += 1\nreturn LogisticRegression().fit(features, targets)", 1, "NameError: name 'targets' is not"),
        ("return LogisticRegression().fit(features.drop('z'), target)", 0, "ColumnNotFoundError"),
        ("return LogisticRegression(C=-1.0).fit(features, target)", 0, "The 'C' parameter of LogisticRegression"),
        ("sys.exit()", 0, "it ended the process with exit(None); return or raise an error instead"),
        ("sys.exit('bye')", 0, "it ended the process with exit('bye')"),
        ("raise KeyError", 0, "KeyError"),
        ("raise RuntimeError('x' * 9000)", 0, "RuntimeError: xxx"),
    ],
)
def test_what_the_function_raises_comes_with_its_file_and_line(write, body, line, says):
    text = refused(write(body))
    assert text.startswith(f"flights.py:{BODY + line} in late: ")
    assert says in text
    assert len(text) < 400


@pytest.mark.parametrize(
    ("body", "task", "says"),
    [
        ("LogisticRegression().fit(features, target)", "classification", "it returned nothing; end it with: return"),
        ("return LogisticRegression", "classification", "it returned the class LogisticRegression, not a fitted"),
        (
            "return LogisticRegression()",
            "classification",
            "the LogisticRegression it returned is not fitted; call .fit",
        ),
        (
            "return make_pipeline(StandardScaler(), LogisticRegression())",
            "classification",
            "Pipeline it returned is not",
        ),
        ("return LGBMClassifier()", "classification", "the LGBMClassifier it returned is not fitted"),
        ("return XGBClassifier()", "classification", "the XGBClassifier it returned is not fitted"),
        ("return 3", "classification", "it returned int, which has no predict; return a fitted scikit-learn"),
        ("return LogisticRegression().fit(features, target).predict(features)", "classification", "ndarray, which has"),
        ("return LinearSVC().fit(features, target)", "classification", "LinearSVC, which has no predict_proba; choose"),
        (
            "return LinearRegression().fit(features, target)",
            "classification",
            "LinearRegression, which has no predict_",
        ),
        ("return LGBMClassifier(verbose=-1).fit(features.to_pandas(), target).booster_", "regression", "bare booster"),
        (
            "return LogisticRegression().fit(features, target)",
            "regression",
            "LogisticRegression, a classifier, and the",
        ),
        (
            "return LinearSVC().fit(features, target)",
            "regression",
            "LinearSVC, a classifier, and the task is regression",
        ),
        (
            "return GridSearchCV(LogisticRegression(), {})",
            "classification",
            "the GridSearchCV it returned is not fitted",
        ),
    ],
)
def test_what_is_no_fitted_estimator_of_the_task(write, body, task, says):
    text = refused(write(body), task=task)
    assert text.startswith(f"flights.py:{BODY - 1} in late: ")
    assert says in text


def test_a_bare_booster_is_told_what_to_use_instead(write):
    text = refused(write("return LGBMClassifier(verbose=-1).fit(features.to_pandas(), target).booster_"))
    assert "it returned Booster, which has no predict_proba; use the estimator (LGBMClassifier" in text


class OfItsOwn:
    """No estimator of scikit-learn's, and it says nothing about itself."""

    def fit(self):
        return self

    def predict(self, inputs):
        return np.zeros(len(inputs))


def test_an_estimator_of_the_users_own_is_fitted_as_far_as_one_can_tell():
    check_estimator(OfItsOwn(), "regression", "here")
    OfItsOwn.predict_proba = OfItsOwn.predict
    with pytest.raises(Invalid, match="here: the OfItsOwn it returned names no classes_"):
        check_estimator(OfItsOwn(), "classification", "here")


@pytest.mark.parametrize(
    ("target", "count"),
    [
        (pa.chunked_array([[1] * 30 + [None] * 10]), 10),
        (pa.chunked_array([[1.0] * 38 + [float("nan"), None]]), 2),
        (pa.chunked_array([[1.0] * 39 + [float("inf")]]), 1),
    ],
)
def test_a_target_that_is_missing_somewhere(write, target, count):
    text = refused(write("return 3"), target=target, task="regression")
    assert text == f"the target is missing in {count} of 40 rows; filter them in the dataset"


def test_no_input_column(write):
    text = refused(write("return 3"), inputs=INPUTS.select([]))
    assert text == f"flights.py:{BODY - 1} in late: there is no input column to learn from"


@pytest.mark.parametrize(
    ("signature", "says"),
    [
        ("features: pl.DataFrame", "this one takes features"),
        ("", "this one takes nothing"),
        ("features: pl.DataFrame, target, depth=3", "this one takes features, target, depth"),
        ("*tables", "this one takes tables"),
        ("features, target", "say which frame 'features' is, like  features: pl.DataFrame"),
        ("features: pl.LazyFrame, target", "features is a polars LazyFrame; use pl.DataFrame"),
    ],
)
def test_parameters_that_cannot_be_given(write, signature, says):
    head = HEAD.replace("features: pl.DataFrame, target: pl.Series, seed: int", signature)
    text = refused(write("return 3", head))
    assert text.startswith(f"flights.py:{BODY - 1} in late: ")
    assert says in text


@pytest.mark.parametrize(
    ("hints", "kind", "shown"),
    [
        (
            "features: pl.DataFrame, target: pl.Series",
            "polars",
            "polars.dataframe.frame.DataFrame polars.series.series.Series",
        ),
        ("features: pd.DataFrame, target: pd.Series", "pandas", "pandas.DataFrame pandas.Series"),
        ("features: pa.Table, target: pa.ChunkedArray", "arrow", "pyarrow.lib.Table pyarrow.lib.ChunkedArray"),
        ("features: pa.Table, target: 'pl.Series'", "arrow", "pyarrow.lib.Table polars.series.series.Series"),
        ("features: 'pd.DataFrame', target", "pandas", "pandas.DataFrame pandas.Series"),
    ],
)
def test_the_hints_choose_what_is_given(write, hints, kind, shown):
    head = HEAD.replace("features: pl.DataFrame, target: pl.Series, seed: int", hints)
    function = write(
        "raise ValueError(' '.join(f'{type(x).__module__}.{type(x).__name__}' for x in (features, target)))", head
    )
    assert kind_of_inputs(function) == kind
    assert shown in refused(function)


@pytest.mark.parametrize(
    "signature", ["seed: int, features: pl.DataFrame, target", "features: pl.DataFrame, target, *, seed=3"]
)
def test_the_seed_is_given_wherever_it_stands(write, signature):
    head = HEAD.replace("features: pl.DataFrame, target: pl.Series, seed: int", signature)
    body = "model = LogisticRegression().fit(features, target)\nmodel.got = seed\nreturn model"
    assert fit(write(body, head), INPUTS, TARGET, task="classification", seed=11).got == 11


def test_a_search_gives_its_best_estimator(write):
    body = "return GridSearchCV(LogisticRegression(), {'C': [0.1, 1.0]}, cv=2).fit(features, target)"
    found = fit(write(body), INPUTS, TARGET, task="classification", seed=0)
    assert type(found).__name__ == "LogisticRegression"


def test_a_sound_function_gives_what_it_fitted(write):
    body = "return make_pipeline(StandardScaler(), LogisticRegression(random_state=seed)).fit(features, target)"
    found = fit(write(body), INPUTS, TARGET, task="classification", seed=0)
    assert found.score(INPUTS.to_pandas()[["x", "y"]], TARGET.to_pylist()) > 0.9


def test_errors_of_a_helper_name_the_line_in_the_helper(write, tmp_path):
    function = write("import helper_of_a_test\nreturn helper_of_a_test.train(features)")
    (Path(inspect.getfile(function)).parent / "helper_of_a_test.py").write_text("def train(x):\n    return 1 / 0\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        assert refused(function).startswith("helper_of_a_test.py:2 in late: ZeroDivisionError")
