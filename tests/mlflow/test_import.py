"""What an MLflow server keeps comes over: a real one, whose client then reads the same from the control room."""

import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import urllib3

import mlflow
from arkwright.api.arriving.importing import import_mlflow
from arkwright.api.people import entering
from arkwright.core.errors import Forbidden
from arkwright.core.nouns import Actor
from arkwright.govern import secrets
from arkwright.sites import local

FILL = """
import math, os, sys, warnings
warnings.simplefilter("ignore")
import matplotlib
matplotlib.use("agg")
import mlflow
import pandas as pd
from mlflow.entities import Metric, Param, RunTag
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV

folder = sys.argv[1]
client = mlflow.MlflowClient()
experiment = client.create_experiment("their wool", tags={"team": "north", "mlflow.note.content": "**notes** <b>"})
mlflow.set_experiment("their wool")
line = LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])
with mlflow.start_run(run_name="parent", description="the <b>first</b>", tags={"a": "1"}) as run:
    mlflow.log_params({"lr": "0.1", "deep/depth": 3, "empty": ""})
    for step in range(30):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    for step, value in ((1, math.nan), (2, math.inf), (-3, -1.5)):
        mlflow.log_metric("odd", value, step=step)
    mlflow.log_text("first", "model/MLmodel")
    with open(folder + "/big", "wb") as out:
        out.write(os.urandom(3_000_000))
    mlflow.log_artifact(folder + "/big", "deep/er/er")
    sheep = mlflow.data.from_pandas(pd.DataFrame({"x": [1, 2]}), name="sheep", source="s3://b/sheep.csv")
    mlflow.log_input(sheep, context="training", tags={"k": "v"})
    for n in range(3):
        with mlflow.start_run(nested=True, run_name=f"child {n}"):
            mlflow.log_param("n", n)
            mlflow.log_metric("score", n / 7)
    mlflow.sklearn.log_model(
        line, name="line", registered_model_name="their price", pip_requirements=["scikit-learn"], params={"q": "7"}
    )
open_ = client.create_run(experiment, tags={"open": "yes"}).info.run_id
points = [Metric(f"m{i % 3}", i / 3, 1000 + i, i // 5) for i in range(900)]
client.log_batch(open_, points, [Param("long", "x" * 6000)], [RunTag("long", "y" * 7000)])
client.set_terminated(client.create_run(experiment, run_name="failed").info.run_id, "FAILED")
client.delete_run(client.create_run(experiment, run_name="gone").info.run_id)

client.create_registered_model("their words", {"k": "v"}, "of words")
uid, uri = run.info.run_id, run.info.artifact_uri
client.create_model_version("their words", f"runs:/{uid}/model", uid)
client.create_model_version("their words", f"{uri}/model", uid, {"x": "y"}, run_link="https://ci.example/7")
client.create_model_version("their words", f"runs:/{uid}/line", uid, description="of a logged model, by its run")
client.create_model_version("their words", f"runs:/{uid}/nothing", uid)
client.transition_model_version_stage("their words", "2", "Production")
client.delete_model_version("their words", "1")
client.copy_model_version("models:/their price/1", "a price of theirs")
client.set_registered_model_alias("their price", "champion", "1")
client.set_model_version_tag("their price", "1", "ok", "yes")
client.create_registered_model("their #1 <b>?")
client.create_model_version("their #1 <b>?", f"runs:/{uid}/model", uid)
mlflow.genai.register_prompt("their-prompt", "Say {{x}}", tags={"k": "v"})
mlflow.genai.set_prompt_alias("their-prompt", "best", 1)
with mlflow.start_span("asked"):
    pass
mlflow.flush_trace_async_logging()
mlflow.set_experiment("their autolog")
mlflow.sklearn.autolog(log_models=False, silent=True)  # a model costs seconds, and there is one
x, y = pd.DataFrame({"a": range(40), "b": [i % 7 for i in range(40)]}), pd.Series([i % 2 for i in range(40)])
with mlflow.start_run():
    GridSearchCV(RandomForestClassifier(random_state=1, n_estimators=2), {"n_estimators": [2, 3]}, cv=2).fit(x, y)
"""
OUR_TAGS = "arkwright.imported."
TABLES = ("experiment", "run", "run_tag", "param", "point", "input", "artifact", "model", "version", "alias")
EXPERIMENTS = ("their wool", "their autolog")
NOT_TAKEN = {"version 4 of their words", "the traces of their wool"}
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def mlflow_server(folder):
    """Its address; stopped with all its workers."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        str(folder / "files"),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, start_new_session=True,
            env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"},
        )  # fmt: skip
    try:
        while not healthy(f"http://127.0.0.1:{port}/health"):
            assert process.poll() is None, (folder / "log").read_text()[-2000:]
        yield f"http://127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def healthy(url):
    """Within some seconds."""
    try:
        with urllib3.PoolManager(retries=urllib3.Retry(8, backoff_factor=0.1, backoff_max=1)) as http:
            return http.request("GET", url).status == 200
    except urllib3.exceptions.HTTPError:
        return False


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """An MLflow server with all kinds of things on it."""
    folder = tmp_path_factory.mktemp("theirs")
    with mlflow_server(folder) as address:
        env = os.environ | {"MLFLOW_TRACKING_URI": address, "MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "1"}
        filled = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(FILL), str(folder)],
            capture_output=True, text=True, env=env, timeout=400, check=False,
        )  # fmt: skip
        assert filled.returncode == 0, filled.stderr[-3000:]
        yield address


@pytest.fixture(scope="module")
def owner(room):
    return entering.prove(room.at.site, secrets.TOKEN, room.tokens["olga"]).actor


@pytest.fixture(scope="module")
def bring(room, owner, theirs):
    """Imports into the control room's site while the room is open."""
    return lambda **given: import_mlflow(room.at.site, owner, room.at.folder, url=theirs, **given)


@pytest.fixture(scope="module")
def done(bring):
    return bring()


@pytest.fixture
def both(client, theirs, done):
    return mlflow.MlflowClient(theirs), client


def without(tags):
    return {key: value for key, value in tags.items() if not key.startswith(OUR_TAGS)}


def experiments(client):
    return {one.name: one for one in client.search_experiments() if one.name in EXPERIMENTS}


def runs_of(client):
    found = [run for one in experiments(client).values() for run in client.search_runs([one.experiment_id])]
    return {run.info.run_id: run for run in found}


def said(client, run):
    """All that a client reads of a run, but for where it is."""
    info = {word: getattr(run.info, word) for word in ("run_name", "user_id", "status", "start_time", "end_time")}
    datasets = [(one.dataset.to_dictionary(), sorted((t.key, t.value) for t in one.tags)) for one in
                run.inputs.dataset_inputs]  # fmt: skip
    histories = {
        key: [(p.step, p.timestamp, repr(p.value)) for p in client.get_metric_history(run.info.run_id, key)]
        for key in run.data.metrics
    }
    return {
        **info,
        "params": run.data.params,
        "tags": without(run.data.tags),
        "metrics": {key: repr(value) for key, value in run.data.metrics.items()},
        "histories": histories,
        "datasets": sorted(datasets, key=repr),
        "models": [(one.model_id, one.step) for one in run.outputs.model_outputs],
    }


def files(client, run_id, path=None):
    for one in client.list_artifacts(run_id, path):
        if one.is_dir:
            yield from files(client, run_id, one.path)
        else:
            yield one.path, one.file_size


def test_runs_are_read_the_same(both):
    theirs, ours = map(runs_of, both)
    assert len(theirs) == 9  # a parent, three children, an open one, a failed one; a search with two children
    assert theirs.keys() == ours.keys()
    for uid, run in theirs.items():
        assert said(both[1], ours[uid]) == said(both[0], run)
        assert ours[uid].data.tags[OUR_TAGS + "run_id"] == uid
        assert ours[uid].data.tags[OUR_TAGS + "experiment_id"] == run.info.experiment_id
    (parent,) = (run for run in ours.values() if run.info.run_name == "parent")
    within = [run for run in ours.values() if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert {run.info.run_name for run in within} == {"child 0", "child 1", "child 2"}
    found = both[1].search_runs(
        [one.experiment_id for one in experiments(both[1]).values()],
        f"tags.`{OUR_TAGS}run_id` = '{parent.info.run_id}' and metrics.loss < 0.04 and params.lr = '0.1'",
    )
    assert [run.info.run_id for run in found] == [parent.info.run_id]


def test_experiments_are_read_the_same(both):
    theirs, ours = map(experiments, both)
    assert theirs.keys() == ours.keys()
    for name, one in theirs.items():
        assert without(ours[name].tags) == one.tags
        assert (ours[name].creation_time, ours[name].last_update_time) == (one.creation_time, one.last_update_time)
        assert ours[name].tags[OUR_TAGS + "experiment_id"] == one.experiment_id


def test_files_are_read_the_same(both, theirs, room, tmp_path):
    seen = 0
    for uid in runs_of(both[0]):
        listed = sorted(files(both[0], uid))
        assert sorted(files(both[1], uid)) == listed
        seen += len(listed)
        for side, client in enumerate(both):
            mlflow.set_tracking_uri((theirs, room.address)[side])
            if listed:
                client.download_artifacts(uid, "", str(tmp_path / str(side)))
    assert seen >= 6
    read = [
        {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}
        for root in sorted(tmp_path.iterdir())
    ]
    assert read[0] == read[1]
    assert len(read[0][Path("deep/er/er/big")]) == 3_000_000


def test_logged_models_are_read_the_same(both):
    def found(client):
        return {
            model.model_id: (
                model.name, model.model_type, model.source_run_id, model.status, model.creation_timestamp,
                model.last_updated_timestamp, model.params, without(model.tags),
                sorted((m.key, m.value, m.step, m.timestamp, m.run_id, m.dataset_name or "") for m in model.metrics),
                sorted((file.path, file.file_size) for file in client.list_logged_model_artifacts(model.model_id)),
            )
            for one in experiments(client).values()
            for model in client.search_logged_models([one.experiment_id])
        }  # fmt: skip

    theirs, ours = map(found, both)
    assert len(theirs) == 1
    assert ours == theirs


def test_registered_models_are_read_the_same(both, theirs, room):
    def models(client):
        return {
            one.name: (one.description or "", without(one.tags), one.aliases, one.creation_timestamp)
            for one in client.search_registered_models("name LIKE '%their%'")
        }

    def versions(client):
        return {
            (one.name, one.version): (
                one.user_id, one.current_stage, one.description or "", one.run_id or "", one.run_link or "",
                without(one.tags), one.creation_timestamp, one.last_updated_timestamp,
                client.get_model_version(one.name, one.version).aliases,
            )
            for one in client.search_model_versions("name LIKE '%their%'")
        }  # fmt: skip

    assert models(both[0]) == models(both[1])
    assert len(models(both[1])) == 4
    found = [versions(client) for client in both]
    assert found[0].pop(("their words", "4"))  # it has no files
    assert found[1] == found[0]
    for uri, addresses in (
        ("models:/their price@champion", (theirs, room.address)),
        ("models:/a price of theirs/1", (theirs, room.address)),
        ("models:/their words/3", (room.address,)),  # their server gives the client an address where it finds nothing
    ):
        for address in addresses:
            mlflow.set_tracking_uri(address)
            assert mlflow.sklearn.load_model(uri).predict(np.array([[10.0]])) == pytest.approx([10.0])


def test_prompts_are_read_the_same(both, theirs, room):
    read = []
    for address in (theirs, room.address):
        mlflow.set_tracking_uri(address)
        prompt = mlflow.genai.load_prompt("prompts:/their-prompt@best", cache_ttl_seconds=0)
        tags = without(mlflow.genai.get_prompt_tags("their-prompt"))
        read.append((prompt.version, prompt.template, without(prompt.tags), prompt.creation_timestamp, tags))
    assert read[0] == read[1]
    assert read[0][:2] == (1, "Say {{x}}")


def test_what_is_not_taken_is_named(done):
    assert {one.what for one in done.left} == NOT_TAKEN
    assert all(one.why for one in done.left)


def test_a_second_import_adds_nothing(bring, done, room):
    def everything():
        return room.at.site.tracking.look(
            lambda db: {
                table: db.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall()
                for table in (
                    "experiment",
                    "run",
                    "run_tag",
                    "param",
                    "point",
                    "input",
                    "artifact",
                    "model",
                    "version",
                    "alias",
                )
            }
        )

    before = everything()
    again = bring()
    assert everything() == before
    counts = (again.experiments, again.runs, again.changed, again.points, again.files, again.models, again.versions)
    assert counts == (0,) * 7
    assert again.same == done.runs + done.models
    assert {one.what for one in again.left} == NOT_TAKEN


def test_what_is_new_there_comes_and_nothing_else(both, bring, theirs):
    there, here = both
    (run,) = there.search_runs([experiments(there)["their wool"].experiment_id], "tags.open = 'yes'")
    uid = run.info.run_id
    there.log_metric(uid, "m0", 7.0, timestamp=5000, step=900)
    there.set_tag(uid, "late", "yes")
    there.log_text(uid, "late", "late.txt")
    there.set_terminated(uid)
    new = there.create_run(run.info.experiment_id, run_name="later").info.run_id
    there.set_registered_model_alias("their words", "best", "3")
    here.set_tag(uid, "ours", "stays")
    mine = next(one for one in runs_of(here).values() if one.info.run_name == "child 0").info.run_id
    here.set_tag(mine, "n", "ours")
    come = bring()
    assert (come.runs, come.changed, come.points, come.files, come.versions) == (1, 1, 1, 1, 0)
    assert here.get_run(new).info.run_name == "later"
    found = here.get_run(uid)
    assert (found.data.metrics["m0"], found.info.status, found.data.tags["late"]) == (7.0, "FINISHED", "yes")
    assert (found.data.tags["ours"], here.get_run(mine).data.tags["n"]) == ("stays", "ours")
    assert len(here.get_metric_history(uid, "m0")) == 301
    assert here.get_model_version_by_alias("their words", "best").version == "3"
    assert here.create_model_version("a price of theirs", "models:/their price/1").version == "2"


def test_what_was_deleted_here_does_not_come_back(both, bring):
    here = both[1]
    uid = next(one for one in runs_of(here).values() if one.info.run_name == "failed").info.run_id
    here.delete_run(uid)
    here.delete_registered_model("a price of theirs")
    left = {one.what: one.why for one in bring().left}
    assert left[f"the run {uid}"] == left["the registered model a price of theirs"] == "it was deleted here"
    assert here.get_run(uid).info.lifecycle_stage == "deleted"


def test_a_killed_import_goes_on_and_leaves_no_half_run(theirs, tmp_path, client):
    """Killed as soon as anything has come; then once more, by the same words."""
    (tmp_path / "arkwright.toml").write_text('project = "shop"\nowner = "a@b.example"\npurpose = "Wool"\n')
    command = [sys.executable, "-m", "arkwright.cli.main", "import", theirs, "--project", str(tmp_path), "--by", "ana"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    with closing(process.stderr), closing(process.stdout):
        while select.select([process.stderr], [], [], 60)[0] and b"their wool" not in process.stderr.readline():
            pass
        process.kill()
        process.wait()
    site, there = local(tmp_path), mlflow.MlflowClient(theirs)
    came = {run.uid: run for run in site.tracking.runs().items}
    assert came
    for uid, run in came.items():
        whole = there.get_run(uid)
        assert run.params == whole.data.params
        for key in whole.data.metrics:
            assert len(site.tracking.history(uid, key)) == len(there.get_metric_history(uid, key))
        assert {file.removeprefix(run.place[18:] + "/") for file in site.tracking.artifacts.sizes(run.place[18:])} == {
            path for path, _ in files(there, uid)
        } - {path for path, _ in files(there, uid) if path.startswith("line/")}
    done = subprocess.run([*command, "--only", "their wool"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "their words" not in done.stdout  # what is made of other experiments' files is passed over
    assert len(site.tracking.runs().items) == len(there.search_runs([experiments(there)["their wool"].experiment_id]))
    site.tracking.close()


def test_a_control_room_is_read_in_the_same_way(both, room, done, tmp_path, monkeypatch):
    """With the token of somebody who may only look."""
    monkeypatch.setenv("MLFLOW_SOURCE_TOKEN", room.tokens["vera"])
    site, here = local(tmp_path), both[1]
    came = import_mlflow(site, Actor(name="ana"), tmp_path, url=room.address, only=["their wool"])
    there = {run.info.run_id: run for run in here.search_runs([experiments(here)["their wool"].experiment_id])}
    assert {run.uid: run.params for run in site.tracking.runs().items} == {
        uid: run.data.params for uid, run in there.items()
    }
    for uid, run in there.items():
        for key in run.data.metrics:
            assert len(site.tracking.history(uid, key)) == len(here.get_metric_history(uid, key))
    assert (came.runs, came.models, came.left) == (len(there), 1, ())
    assert came.registered >= 2
    site.tracking.close()


def test_only_an_owner_imports(room, theirs):
    carl = entering.prove(room.at.site, secrets.TOKEN, room.tokens["carl"]).actor
    with pytest.raises(Forbidden):
        import_mlflow(room.at.site, carl, room.at.folder, url=theirs)
