"""Traces are not kept here: clients that send them go on, keep their run, and are told so."""

import json
import os
import subprocess
import sys

import pytest

TRACES = """
import mlflow

mlflow.set_experiment("traced")
with mlflow.start_run() as run:
    with mlflow.start_span("think") as span:
        span.set_inputs({"wool": 1})
        mlflow.log_metric("loss", 0.5)
    mlflow.trace(lambda wool: wool + 1)(1)
    mlflow.log_param("depth", 3)
mlflow.flush_trace_async_logging()
try:
    mlflow.search_traces(locations=[run.info.experiment_id])
except mlflow.exceptions.RestException as error:
    print(error)
print(run.info.run_id)
"""
WORDS = "traces are not kept, but all else of the run is; mlflow.tracing.disable() keeps a client from sending any"


@pytest.mark.parametrize("how", [{}, {"MLFLOW_TRACE_SAMPLING_RATIO": "0"}])
def test_a_run_that_is_traced_is_kept_and_nothing_breaks(room, client, how):
    """As the client comes: it tries again by its own rules, and sends traces aside."""
    own = {name: text for name, text in os.environ.items() if name != "MLFLOW_HTTP_REQUEST_MAX_RETRIES"}
    env = own | {"MLFLOW_TRACKING_URI": room.address, "MLFLOW_TRACKING_TOKEN": room.tokens["carl"]} | how
    done = subprocess.run(
        [sys.executable, "-c", TRACES], capture_output=True, text=True, env=env, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told, uid = done.stdout.splitlines()[-2:]
    assert told.startswith("ENDPOINT_NOT_FOUND: ")
    assert told.endswith(WORDS)
    run = client.get_run(uid)
    assert (run.info.status, run.data.metrics, run.data.params) == ("FINISHED", {"loss": 0.5}, {"depth": "3"})
    assert (WORDS in done.stderr) == (not how)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/3.0/mlflow/traces"),
        ("POST", "/api/2.0/mlflow/traces"),
        ("GET", "/api/3.0/mlflow/traces/tr-1"),
        ("POST", "/api/3.0/mlflow/traces/search"),
        ("POST", "/api/3.0/mlflow/traces/tr-1/assessments"),
        ("PATCH", "/api/2.0/mlflow/traces/tr-1/tags"),
        ("POST", "/v1/traces"),
    ],
)
def test_whoever_asks_is_told_as_clients_know_it(room, method, path):
    answer = room.ask(method, path, {}, by="carl")
    said = {"error_code": "ENDPOINT_NOT_FOUND", "message": f"{method} {path} is not offered here: {WORDS}"}
    assert (answer.status, json.loads(answer.data)) == (404, said)
    assert room.ask(method, path, {}, by=None).status == 401


def test_other_things_that_are_not_offered_say_only_that(room):
    answer = room.ask("POST", "/api/3.0/mlflow/scorers/register", {}, by="carl")
    assert json.loads(answer.data)["message"] == "POST /api/3.0/mlflow/scorers/register is not offered here"
