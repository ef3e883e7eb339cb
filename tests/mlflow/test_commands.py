"""The words of MLflow's own command line."""

from pathlib import Path

import mlflow.experiments
import mlflow.runs
import mlflow.store.artifact.cli
import pytest
from click.testing import CliRunner

GROUPS = {
    "experiments": mlflow.experiments.commands,
    "runs": mlflow.runs.commands,
    "artifacts": mlflow.store.artifact.cli.commands,
}


@pytest.fixture
def say(room, client, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", room.address)

    def said(group, *words):
        done = CliRunner().invoke(GROUPS[group], words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return said


def test_experiments_runs_and_files(say, client, experiment, tmp_path):
    run = client.create_run(experiment, run_name="by hand").info.run_id
    (tmp_path / "a.txt").write_text("wool")
    assert client.get_experiment(experiment).name in say("experiments", "search")
    assert run in say("runs", "list", "--experiment-id", experiment)
    say("artifacts", "log-artifact", "--local-file", str(tmp_path / "a.txt"), "--run-id", run)
    assert "a.txt" in say("artifacts", "list", "--run-id", run)
    out = ("-d", str(tmp_path / "out"))
    place = say("artifacts", "download", "--run-id", run, "--artifact-path", "a.txt", *out).split()[-1]
    assert Path(place).read_text() == "wool"
