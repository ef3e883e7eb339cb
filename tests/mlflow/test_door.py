"""Who may do what, and what is answered to requests that no client of MLflow's sends."""

import json
import math

import pytest
from mlflow.exceptions import MlflowException

import mlflow

LOG = "/api/2.0/mlflow/runs/log-metric"


@pytest.mark.parametrize(("who", "code"), [("vera", "PERMISSION_DENIED"), ("", "UNAUTHENTICATED")])
def test_who_may_only_look_logs_nothing(room, client, monkeypatch, who, code):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", room.tokens[who] if who else "carl.0.wrong")
    with pytest.raises(MlflowException) as told:
        client.create_experiment("mine")
    assert told.value.error_code == code
    if who:
        assert client.search_experiments()


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{}", b"[]", b"null", b"{", b'{"run_id": 1}',
        b'{"run_id": "../x", "key": "a", "value": 1, "timestamp": 1}',
        b'{"run_id": "RUN", "key": "../a", "value": 1, "timestamp": 1}',
        b'{"run_id": "RUN", "key": "a", "value": NaN, "timestamp": 1}',
        b'{"run_id": "RUN", "key": "a", "value": 1e400, "timestamp": 1}',
        b'{"run_id": "RUN", "key": "a", "value": true, "timestamp": 1}',
        b'{"run_id": "RUN", "key": "a", "value": 1, "timestamp": 9223372036854775808}',
        b'{"run_id": "RUN", "key": "a", "value": 1, "timestamp": 1.5}',
        b'{"run_id": "RUN", "key": "a\\u0000", "value": 1, "timestamp": 1}',
        b'{"run_id": "RUN", "key": "\\ud800", "value": 1, "timestamp": 1}',
        b"[" * 100_000, b"\xff\xfe{}", b'{"run_id": "RUN", "key": "' + b"k" * 251 + b'", "value": 1, "timestamp": 1}',
    ],
)  # fmt: skip
def test_bad_bodies_are_refused_in_words(room, client, experiment, raw):
    run = client.create_run(experiment).info.run_id
    answer = room.ask("POST", LOG, by="carl", raw=raw.replace(b"RUN", run.encode()), Content_Type="application/json")
    assert answer.status == 400, answer.data
    assert json.loads(answer.data)["error_code"] == "INVALID_PARAMETER_VALUE"
    assert len(answer.data) < 600
    assert client.get_run(run).data.metrics == {}


def test_what_is_told_where_nothing_is(room):
    answer = room.ask("GET", "/api/2.0/mlflow/wool/get", by="carl")
    assert (answer.status, answer.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
    assert room.ask("GET", "/api/2.0/mlflow/runs/create", by="carl").status == 405
    assert room.ask("POST", LOG, by="carl", raw=b"{}", Content_Type="text/plain").status == 400
    assert room.ask("GET", "/version", by="vera").data.decode() == mlflow.__version__
    answer = room.ask("POST", LOG, by="carl", raw=b" " * ((1 << 20) + 1), Content_Type="application/json")
    assert (answer.status, answer.json()["error_code"]) == (413, "BAD_REQUEST")


def test_no_number_is_lost_on_the_way(room, client, experiment):
    run = client.create_run(experiment).info.run_id
    for step, value in enumerate([0.1, -0.0, 1e-320, 1.7976931348623157e308, math.nan, -math.inf, 2**53 + 1]):
        client.log_metric(run, "n", value, step=step)
        kept = client.get_metric_history(run, "n")[-1].value
        assert str(kept) == str(float(value))
