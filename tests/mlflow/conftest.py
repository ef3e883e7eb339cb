"""MLflow's own client, unmodified, against a control room as people start it."""

import os

os.environ |= {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # an answer that has to be asked for again is a failure here
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}

import pytest
from tests.rest.conftest import people, up

import mlflow
from arkwright.sites import local


class At:
    """A project's folder with nothing in it."""

    def __init__(self, folder):
        self.folder, self.site = folder, local(folder)


@pytest.fixture(scope="session")
def room(tmp_path_factory):
    """One control room for all tests here; each makes experiments of its own."""
    folder = tmp_path_factory.mktemp("room")
    (folder / "arkwright.toml").write_text('project = "shop"\nowner = "a@b.example"\npurpose = "Wool"\n')
    at = At(folder)
    people(at.site)
    with up(at) as made:
        yield made


@pytest.fixture
def client(room, monkeypatch):
    """Carl, a contributor."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", room.tokens["carl"])
    mlflow.set_tracking_uri(room.address)
    yield mlflow.MlflowClient()
    while mlflow.active_run():
        mlflow.end_run()


@pytest.fixture
def experiment(client, request):
    """An experiment of the test's own, set for the fluent functions too."""
    made = client.create_experiment(request.node.name)
    mlflow.set_experiment(experiment_id=made)
    return made
