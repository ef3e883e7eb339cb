"""What libraries log by themselves."""

import os
import subprocess
import sys
import textwrap

import pytest

CODE = """
import matplotlib
matplotlib.use("agg")
import warnings
warnings.simplefilter("ignore")
import mlflow
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV

mlflow.set_experiment("autolog")
mlflow.sklearn.autolog(log_models=False, log_datasets=True, silent=True)
x = pd.DataFrame({"a": range(60), "b": [i % 7 for i in range(60)]})
y = pd.Series([i % 2 for i in range(60)])
with mlflow.start_run() as run:
    RandomForestClassifier(n_estimators=5, random_state=1).fit(x, y)
print("run", run.info.run_id)
with mlflow.start_run() as run:
    GridSearchCV(RandomForestClassifier(random_state=1), {"n_estimators": [2, 3]}, cv=2).fit(x, y)
print("run", run.info.run_id)
mlflow.sklearn.autolog(registered_model_name="forest", silent=True)
with mlflow.start_run() as run:
    RandomForestClassifier(n_estimators=5, random_state=1).fit(x, y)
print("run", run.info.run_id)
loaded = mlflow.sklearn.load_model("models:/forest/latest")
assert list(loaded.predict(x)) == list(RandomForestClassifier(n_estimators=5, random_state=1).fit(x, y).predict(x))
import lightgbm
import xgboost
mlflow.lightgbm.autolog(log_models=False, silent=True)
mlflow.xgboost.autolog(log_models=False, silent=True)
with mlflow.start_run() as run:
    rows = lightgbm.Dataset(x, y)
    lightgbm.train({"objective": "binary", "verbose": -1}, rows, 3, valid_sets=[rows])
print("run", run.info.run_id)
with mlflow.start_run() as run:
    rows = xgboost.DMatrix(x, y)
    xgboost.train({"objective": "binary:logistic"}, rows, 3, evals=[(rows, "training")], verbose_eval=False)
print("run", run.info.run_id)
for kind in (lightgbm.LGBMClassifier, xgboost.XGBClassifier):
    with mlflow.start_run() as run:
        kind(n_estimators=3).fit(x, y, eval_set=[(x, y)])
    print("run", run.info.run_id)
"""


@pytest.fixture(scope="module")
def logged(room):
    """In a process of its own: autologging patches the library for all who come after it."""
    env = os.environ | {
        "MLFLOW_TRACKING_URI": room.address,
        "MLFLOW_TRACKING_TOKEN": room.tokens["carl"],
        "MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "1",  # it would import all that is installed to list what is needed
    }
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CODE)], capture_output=True, text=True, env=env, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [line[4:] for line in done.stdout.splitlines() if line.startswith("run ")]


def test_a_fit_is_logged(client, logged):
    run = client.get_run(logged[0])
    assert run.data.params["n_estimators"] == "5"
    assert run.data.metrics["training_accuracy_score"] > 0.5
    assert run.data.tags["estimator_name"] == "RandomForestClassifier"
    assert run.inputs.dataset_inputs[0].tags[0].value == "train"
    assert "training_confusion_matrix.png" in {file.path for file in client.list_artifacts(logged[0])}


def test_boosted_trees_are_logged_round_by_round(client, logged):
    for run, loss in zip(logged[3:5], ("training-binary_logloss", "training-logloss"), strict=True):
        assert client.get_run(run).data.params["num_boost_round"] == "3"
        assert len(client.get_metric_history(run, loss)) == 3, loss


def test_boosted_classifiers_are_logged_too(client, logged):
    for run, loss in zip(logged[5:], ("training-binary_logloss", "validation_0-logloss"), strict=True):
        assert client.get_run(run).data.params["num_boost_round"] == "3"
        assert loss in client.get_run(run).data.metrics


def test_a_search_is_logged_as_a_parent_and_its_children(client, logged):
    run = client.get_run(logged[1])
    assert run.data.params["best_n_estimators"] in ("2", "3")
    children = client.search_runs(
        [run.info.experiment_id], f"tags.mlflow.parentRunId = '{logged[1]}'", order_by=["params.n_estimators ASC"]
    )
    assert [child.data.params["n_estimators"] for child in children] == ["2", "3"]
    assert all("mean_test_score" in child.data.metrics for child in children)


def test_a_fit_registers_its_model(client, logged):
    (version,) = client.search_model_versions(f"name = 'forest' AND run_id = '{logged[2]}'")
    assert version.version == "1"
    made = client.get_run(logged[2]).outputs.model_outputs[0].model_id
    model = client.get_logged_model(made)
    assert (version.source, model.params["n_estimators"]) == (f"models:/{made}", "5")
    assert {m.key for m in model.metrics} >= {"training_accuracy_score"}
    assert model.metrics[0].dataset_name
