"""Experiments, runs, metrics, parameters and tags through the client's own functions."""

import math

import pytest
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

import mlflow


def test_an_experiment_lives_and_dies(client):
    made = client.create_experiment("wool", tags={"team": "north"})
    found = client.get_experiment(made)
    assert (found.name, found.lifecycle_stage, found.tags) == ("wool", "active", {"team": "north"})
    client.set_experiment_tag(made, "team", "south")
    client.rename_experiment(made, "yarn")
    found = client.get_experiment_by_name("yarn")
    assert (found.experiment_id, found.tags) == (made, {"team": "south"})
    assert client.get_experiment_by_name("wool") is None
    client.delete_experiment_tag(made, "team")
    client.delete_experiment(made)
    assert client.get_experiment(made).lifecycle_stage == "deleted"
    assert made not in [e.experiment_id for e in client.search_experiments()]
    assert made in [e.experiment_id for e in client.search_experiments(view_type=ViewType.DELETED_ONLY)]
    client.restore_experiment(made)
    assert client.get_experiment(made).tags == {}
    with pytest.raises(MlflowException, match="already") as told:
        client.create_experiment("yarn")
    assert told.value.error_code == "RESOURCE_ALREADY_EXISTS"
    with pytest.raises(MlflowException) as told:
        client.get_experiment("12345")
    assert told.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_a_run_by_the_fluent_functions(client, experiment):
    with mlflow.start_run(run_name="first", tags={"team": "north"}, description="of wool") as run:
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"depth": 3, "loss": "huber"})
        for step in range(3):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"acc": 0.9, "odd": math.nan, "huge": math.inf}, step=7)
        mlflow.set_tag("note", "wool")
        mlflow.set_tags({"a": 1, "b": 2})
        mlflow.delete_tag("a")
    found = client.get_run(run.info.run_id)
    assert (found.info.run_name, found.info.status, found.info.experiment_id) == ("first", "FINISHED", experiment)
    assert found.info.end_time >= found.info.start_time > 0
    assert found.info.user_id == "carl"
    assert found.data.params == {"lr": "0.1", "depth": "3", "loss": "huber"}
    assert found.data.metrics["loss"] == 1 / 3
    assert math.isnan(found.data.metrics["odd"])
    assert found.data.metrics["huge"] == math.inf
    tags = found.data.tags
    assert (tags["team"], tags["note"], tags["b"], tags["mlflow.runName"]) == ("north", "wool", "2", "first")
    assert "a" not in tags
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(m.step, m.value) for m in history] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]


def test_nested_runs_failures_and_deleted_runs(client, experiment):
    with pytest.raises(ZeroDivisionError), mlflow.start_run() as failed:
        1 / 0  # noqa: B018
    assert client.get_run(failed.info.run_id).info.status == "FAILED"
    with mlflow.start_run() as parent, mlflow.start_run(nested=True) as child:
        pass
    assert client.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == parent.info.run_id
    mlflow.delete_run(child.info.run_id)
    assert client.get_run(child.info.run_id).info.lifecycle_stage == "deleted"
    with pytest.raises(MlflowException, match="restore it"):
        client.log_metric(child.info.run_id, "loss", 1.0)
    client.restore_run(child.info.run_id)
    client.log_metric(child.info.run_id, "loss", 1.0)
    client.set_terminated(parent.info.run_id, "KILLED")
    client.update_run(parent.info.run_id, name="renamed")
    found = client.get_run(parent.info.run_id)
    assert (found.info.status, found.info.run_name, found.data.tags["mlflow.runName"]) == (
        "KILLED",
        "renamed",
        "renamed",
    )


def test_a_batch_is_there_wholly_or_not_at_all(client, experiment):
    run = client.create_run(experiment).info.run_id
    metrics = [Metric("loss", i / 10, 1000 + i, i) for i in range(1000)]
    client.log_batch(run, metrics)
    client.log_batch(run, params=[Param(f"p{i}", str(i)) for i in range(60)], tags=[RunTag("a", "b")])
    assert [m.step for m in client.get_metric_history(run, "loss")] == list(range(1000))
    with pytest.raises(MlflowException, match="logged once") as told:
        client.log_batch(run, [Metric("late", 1.0, 1, 0)], [Param("p1", "other")])
    assert told.value.error_code == "INVALID_PARAMETER_VALUE"
    found = client.get_run(run)
    assert "late" not in found.data.metrics
    assert len(found.data.params) == 60


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda c: c.get_run("f" * 32), "RESOURCE_DOES_NOT_EXIST"),
        (lambda c: c.get_run("../etc"), "INVALID_PARAMETER_VALUE"),
        (lambda c: c.create_run("99999"), "RESOURCE_DOES_NOT_EXIST"),
        (lambda c: c.create_run("../0"), "RESOURCE_DOES_NOT_EXIST"),
        (lambda c: c.create_experiment("x", artifact_location="file:///etc"), "INVALID_PARAMETER_VALUE"),
        (lambda c: c.create_experiment("x" * 501), "INVALID_PARAMETER_VALUE"),
        (lambda c: c.search_experiments(page_token="wool"), "INVALID_PARAMETER_VALUE"),
    ],
)
def test_errors_come_with_the_codes_that_clients_know(client, act, code):
    with pytest.raises(MlflowException) as told:
        act(client)
    assert told.value.error_code == code


def test_long_values_are_cut_as_mlflow_cuts_them(client, experiment):
    run = client.create_run(experiment).info.run_id
    client.log_param(run, "long", "w" * 7000)
    client.set_tag(run, "long", "w" * 9000)
    found = client.get_run(run).data
    assert (len(found.params["long"]), len(found.tags["long"])) == (6000, 8000)


def test_datasets_and_models_of_a_run(client, experiment):
    from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput

    run = client.create_run(experiment).info.run_id
    data = Dataset(name="sheep", digest="abc", source_type="local", source="{}", schema='{"a": "long"}')
    client.log_inputs(run, [DatasetInput(data, [InputTag("mlflow.data.context", "train")])], [LoggedModelInput("m-1")])
    client.log_outputs(run, [LoggedModelOutput("m-2", 7)])
    found = client.get_run(run)
    (given,) = found.inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.schema, given.tags[0].value) == ("sheep", '{"a": "long"}', "train")
    assert [one.model_id for one in found.inputs.model_inputs] == ["m-1"]
    assert [(one.model_id, one.step) for one in found.outputs.model_outputs] == [("m-2", 7)]


def test_logging_aside(client, experiment):
    with mlflow.start_run() as run:
        for step in range(50):
            mlflow.log_metric("loss", step, step=step, synchronous=False)
        mlflow.log_params({"a": 1}, synchronous=False)
        mlflow.flush_async_logging()
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 50


def test_pages_of_histories_and_curves_of_many(room, client, experiment):
    runs = [client.create_run(experiment).info.run_id for _ in range(2)]
    for run in runs:
        client.log_batch(run, [Metric("loss", i, 1000 + i, i) for i in range(30)])
    page = room.ask("GET", f"/api/2.0/mlflow/metrics/get-history?run_id={runs[0]}&metric_key=loss&max_results=20")
    page = page.json()
    assert len(page["metrics"]) == 20
    path = f"/api/2.0/mlflow/metrics/get-history?run_id={runs[0]}&metric_key=loss&max_results=20"
    rest = room.ask("GET", f"{path}&page_token={page['next_page_token']}").json()
    assert ([m["step"] for m in rest["metrics"]], "next_page_token" in rest) == (list(range(20, 30)), False)
    path = "/api/2.0/mlflow/metrics/get-history-bulk-interval?" + "&".join(f"run_ids={run}" for run in runs)
    found = room.ask("GET", f"{path}&metric_key=loss&start_step=10&end_step=19&max_results=5").json()["metrics"]
    assert {m["run_id"] for m in found} == set(runs)
    assert {m["step"] for m in found if m["run_id"] == runs[0]} == {10, 12, 14, 16, 18, 19}


def test_search(client, experiment):
    for lr in (0.1, 0.2, 0.3):
        with mlflow.start_run(run_name=f"lr {lr}", tags={"team": "north" if lr < 0.25 else "south"}):
            mlflow.log_param("lr", lr)
            mlflow.log_metric("val loss", 1 / lr)
    found = client.search_runs(
        [experiment], "metrics.`val loss` > 4 and tags.team = 'north'", order_by=["params.lr DESC"]
    )
    assert [run.data.params["lr"] for run in found] == ["0.2", "0.1"]
    found = mlflow.search_runs(filter_string="run_name LIKE 'lr 0.%'", order_by=["start_time"], output_format="list")
    assert [run.info.run_name for run in found] == ["lr 0.1", "lr 0.2", "lr 0.3"]
    frame = mlflow.search_runs(search_all_experiments=True, filter_string="params.lr IN ('0.3')")
    assert "0.3" in set(frame["params.lr"])
    page = client.search_runs([experiment], max_results=2)
    rest = client.search_runs([experiment], max_results=2, page_token=page.token)
    assert (len(page), len(rest), rest.token) == (2, 1, None)
    name = client.get_experiment(experiment).name
    (found,) = client.search_experiments(filter_string=f"name = '{name}' AND tags.none IS NULL", order_by=["name ASC"])
    assert found.experiment_id == experiment
    with pytest.raises(MlflowException, match="did you mean") as told:
        client.search_runs([experiment], "metric.a > 1 and parms.b = '1'")
    assert told.value.error_code == "INVALID_PARAMETER_VALUE"


def test_a_run_taken_up_again_and_its_family(client):
    made = mlflow.set_experiment("made on the way").experiment_id
    assert mlflow.set_experiment("made on the way").experiment_id == made
    mlflow.set_experiment_tags({"team": "north"})
    assert client.get_experiment(made).tags["team"] == "north"
    with mlflow.start_run() as parent:
        mlflow.log_metric("loss", 2.0, step=1)
        with mlflow.start_run(nested=True) as child:
            pass
    with mlflow.start_run(run_id=parent.info.run_id):
        mlflow.log_metric("loss", 1.0, step=2)
    assert mlflow.last_active_run().info.run_id == parent.info.run_id
    assert mlflow.get_parent_run(child.info.run_id).info.run_id == parent.info.run_id
    assert mlflow.get_run(parent.info.run_id).data.metrics == {"loss": 1.0}


@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")  # MLflow's own
def test_datasets_of_pandas_and_a_metric_about_them(client, experiment):
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]})
    data = mlflow.data.from_pandas(frame, name="sheep", targets="b")
    with mlflow.start_run() as run:
        mlflow.log_input(data, context="training")
        mlflow.log_metric("loss", 0.5, dataset=data)
    (found,) = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert (found.dataset.name, found.dataset.digest) == ("sheep", data.digest)
    kept = client.search_runs([experiment], "dataset.name = 'sheep' AND dataset.context = 'training'")
    assert [one.info.run_id for one in kept] == [run.info.run_id]
