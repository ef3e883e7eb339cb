"""The registry through the client's own functions, and what must never get into it."""

import hashlib
import json
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from mlflow.entities import LoggedModelStatus
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LinearRegression

import mlflow


@pytest.fixture
def name(client):
    """A registered model of the test's own."""
    return client.create_registered_model(f"model-{uuid.uuid4().hex}").name


@pytest.fixture
def run(client, experiment):
    return client.create_run(experiment).info


@pytest.fixture
def source(run):
    return f"runs:/{run.run_id}/model"


def refused(room, method, path, value, by="carl"):
    answer = room.ask(method, f"/api/2.0/mlflow/{path}", value, by=by)
    assert answer.status == 400, (value, answer.data)
    assert len(answer.data) < 600
    return answer.json()["error_code"]


def test_a_registered_model_lives_and_dies(client):
    made = client.create_registered_model("wool", tags={"team": "north"}, description="of <b>wool</b>")
    assert (made.name, made.description, made.tags) == ("wool", "of <b>wool</b>", {"team": "north"})
    assert made.last_updated_timestamp >= made.creation_timestamp > 0
    with pytest.raises(MlflowException, match="already") as told:
        client.create_registered_model("wool")
    assert told.value.error_code == "RESOURCE_ALREADY_EXISTS"
    client.set_registered_model_tag("wool", "stage", "early")
    client.delete_registered_model_tag("wool", "team")
    client.update_registered_model("wool", "warm")
    found = client.get_registered_model("wool")
    assert (found.description, found.tags) == ("warm", {"stage": "early"})
    client.rename_registered_model("wool", "yarn 2")
    assert client.get_registered_model("yarn 2").description == "warm"
    with pytest.raises(MlflowException) as told:
        client.get_registered_model("wool")
    assert told.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    client.delete_registered_model("yarn 2")
    with pytest.raises(MlflowException):
        client.delete_registered_model("yarn 2")
    assert client.create_registered_model("yarn 2").tags == {}


def test_a_version_lives_and_dies(client, run, name, source):
    made = client.create_model_version(
        name, source, run.run_id, tags={"a": "1"}, run_link="https://ci.example/7", description="first"
    )
    assert (made.version, made.status, made.current_stage, made.user_id) == ("1", "READY", "None", "carl")
    assert (made.source, made.run_id, made.run_link) == (source, run.run_id, "https://ci.example/7")
    assert re.fullmatch(r"mlflow-artifacts:/versions/\d+/model", client.get_model_version_download_uri(name, "1"))
    client.update_model_version(name, "1", "the first")
    client.set_model_version_tag(name, "1", "b", "2")
    client.delete_model_version_tag(name, "1", "a")
    found = client.get_model_version(name, "1")
    assert (found.description, found.tags, found.run_id) == ("the first", {"b": "2"}, run.run_id)
    assert client.create_model_version(name, f"{run.artifact_uri}/model").version == "2"
    client.delete_model_version(name, "2")
    with pytest.raises(MlflowException) as told:
        client.get_model_version(name, "2")
    assert told.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    assert client.create_model_version(name, source).version == "3"  # a number stands for one version for ever
    copied = client.copy_model_version(f"models:/{name}/1", f"{name} live")
    assert (copied.version, copied.run_id, copied.tags) == ("1", run.run_id, {"b": "2"})
    places = [client.get_model_version_download_uri(one, "1") for one in (name, copied.name)]
    assert places[0] != places[1]


def test_aliases_stand_for_one_version(client, name, source):
    for _ in range(3):
        client.create_model_version(name, source)
    client.set_registered_model_alias(name, "champion", "1")
    client.set_registered_model_alias(name, "challenger", 2)
    client.set_registered_model_alias(name, "champion", "3")
    assert client.get_model_version_by_alias(name, "champion").version == "3"
    assert client.get_registered_model(name).aliases == {"champion": "3", "challenger": "2"}
    assert client.get_model_version(name, "3").aliases == ["champion"]
    client.delete_registered_model_alias(name, "challenger")
    client.delete_model_version(name, "3")
    assert client.get_registered_model(name).aliases == {}
    with pytest.raises(MlflowException, match="alias champion not found"):
        client.get_model_version_by_alias(name, "champion")
    for alias in ("latest", "LATEST", "v1", "a b", "../x", "<b>", "x" * 256):
        with pytest.raises(MlflowException) as told:
            client.set_registered_model_alias(name, alias, "1")
        assert told.value.error_code == "INVALID_PARAMETER_VALUE"
    with pytest.raises(MlflowException, match="no version 9"):
        client.set_registered_model_alias(name, "champion", "9")


@pytest.mark.filterwarnings("ignore:.*deprecated.*:FutureWarning")
def test_stages_as_older_programs_use_them(client, name, source):
    for _ in range(4):
        client.create_model_version(name, source)
    client.transition_model_version_stage(name, "1", "production")
    moved = client.transition_model_version_stage(name, "2", "Production", archive_existing_versions=True)
    assert moved.current_stage == "Production"
    client.transition_model_version_stage(name, "3", "Staging")

    def latest(*stages):
        return {one.current_stage: one.version for one in client.get_latest_versions(name, list(stages))}

    assert latest() == {"None": "4", "Staging": "3", "Production": "2", "Archived": "1"}
    assert latest("Production", "staging") == {"Production": "2", "Staging": "3"}
    shown = client.get_registered_model(name).latest_versions
    assert {one.current_stage: one.version for one in shown} == latest()
    for stage, archive in (("Live", False), ("Archived", True)):
        with pytest.raises(MlflowException) as told:
            client.transition_model_version_stage(name, "1", stage, archive)
        assert told.value.error_code == "INVALID_PARAMETER_VALUE"


def test_models_are_found(client):
    for number, team in enumerate(["north", "south", "north"]):
        client.create_registered_model(f"find-{'aBc'[number]}", tags={"team": team})

    def found(text, **more):
        return [one.name[5:] for one in client.search_registered_models(text, **more)]

    assert found("name LIKE 'find-%'") == ["B", "a", "c"]
    assert found("name LIKE 'find-b'") == []
    assert found("name ILIKE 'FIND-b'") == ["B"]
    assert found("name ILIKE 'find-%' AND tags.team = 'north'", order_by=["name DESC"]) == ["c", "a"]
    assert found("name IN ('find-a', 'find-c') and tag.team != 'south'") == ["a", "c"]
    page = client.search_registered_models("name LIKE 'find-%'", max_results=2)
    assert [len(page), bool(page.token)] == [2, True]
    assert found("name LIKE 'find-%'", max_results=2, page_token=page.token) == ["c"]
    for bad in ("nom = 'a'", "name", "name = 'a' OR name = 'b'", "params.x = '1'", "name = 1"):
        with pytest.raises(MlflowException) as told:
            client.search_registered_models(bad)
        assert told.value.error_code == "INVALID_PARAMETER_VALUE"
    with pytest.raises(MlflowException):
        client.search_registered_models(max_results=0)


def test_versions_are_found(client, experiment, name):
    runs = [client.create_run(experiment).info.run_id for _ in range(2)]
    for number in range(4):
        client.create_model_version(name, f"runs:/{runs[number % 2]}/m", runs[number % 2], {"n": str(number)})

    def found(text, **more):
        return [one.version for one in client.search_model_versions(text, **more)]

    assert sorted(found(f"name = '{name}'")) == ["1", "2", "3", "4"]
    assert found(f"run_id = '{runs[0]}'", order_by=["version_number ASC"]) == ["1", "3"]
    assert found(f"run_id IN ('{runs[1]}')", order_by=["version_number DESC"]) == ["4", "2"]
    assert found(f"name = '{name}' and tags.n = '2'") == ["3"]
    assert found(f"name = '{name}' and version_number > 3") == ["4"]
    assert found(f"source_path = 'runs:/{runs[0]}/m'", order_by=["version_number"]) == ["1", "3"]
    pages = client.search_model_versions(f"name = '{name}'", max_results=3, order_by=["version_number"])
    assert found(f"name = '{name}'", max_results=3, order_by=["version_number"], page_token=pages.token) == ["4"]


def test_numbers_have_no_gaps_whoever_comes_at_the_same_time(client, name, source):
    def register(_):
        with pytest.raises(MlflowException):
            client.create_model_version(name, "s3://elsewhere/x")  # takes no number
        return int(client.create_model_version(name, source).version)

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(register, range(8 * 25)))
    assert sorted(made) == list(range(1, 8 * 25 + 1))
    assert len(client.search_model_versions(f"name = '{name}'")) == 8 * 25


SOURCES = (
    "file:///etc/passwd", "file://localhost/etc", "FILE:/etc", "/etc/passwd", "../x", "s3://b/../c", "s3://b/c",
    "http://127.0.0.1/x", "http+file:/x", "https://example.org/m", "dbfs:/m", "x" * 2000, ":/", "runs:/",
    "runs://host/RUN/m", "runs:/RUN", "runs:/RUN/", "runs:/RUN/../x", "runs:/RUN/%2e%2e/x", "runs:/RUN/a//b",
    "runs:/RUN/m?x=1", "runs:/RUN/m#x", "runs:/0123/m", "runs:/../RUN/m", "RUNS:/RUN/m", "Models:/m-1",
    "mlflow-artifacts:../", "mlflow-artifacts:/", "mlflow-artifacts://host/0/RUN/artifacts/m",
    "mlflow-artifacts:/EXP/RUN/artifacts/../../x", "mlflow-artifacts:/EXP/RUN/artifactsx",
    "mlflow-artifacts:/EXP/RUN", "models:/",
    "mlflow-artifacts:/9999/RUN/artifacts/m", "mlflow-artifacts:/EXP/models", "models:/m-0123", "models://h/m-1",
    "models:/nobody/1", "models:/nobody@champion", "models:/nobody/latest", "models:/../1",
    "runs:/RUN/\uff0e\uff0e/x",
    "runs:/RUN/a\\b", "runs:/RUN/\u0000", "javascript:/alert(1)",
)  # fmt: skip


def test_only_files_that_are_kept_here_become_versions(room, client, run, name):
    for source in SOURCES:
        given = {"name": name, "source": source.replace("RUN", run.run_id).replace("EXP", run.experiment_id)}
        assert refused(room, "POST", "model-versions/create", given) == "INVALID_PARAMETER_VALUE"
    assert client.search_model_versions(f"name = '{name}'") == []


def test_a_version_belongs_to_the_run_that_made_it(room, client, experiment, run, name, source):
    other = client.create_run(experiment).info.run_id
    for more in ({"run_id": other}, {"model_id": "m-1"}, {"run_link": "javascript:alert(1)"}, {"run_id": "../x"}):
        given = {"name": name, "source": source} | more
        assert refused(room, "POST", "model-versions/create", given) == "INVALID_PARAMETER_VALUE"
    assert client.create_model_version(name, source).run_id == run.run_id


NAMES = ("", " ", "a/b", "a:b", "..", ".", "../x", "..x", "a\u0000", "a\nb", "a\x7f", "x" * 257, "\ud800")
TAKEN = ("a#b", "q?", "model (v2) <x>", "50%", "x%40y", "a%2Fb", 'a"b', "a;b*c|d", "a\\b", "a@2", " a", "a.")


def test_no_name_is_a_trick(room, client, name):
    for bad in NAMES:
        assert refused(room, "POST", "registered-models/create", {"name": bad}) == "INVALID_PARAMETER_VALUE"
        given = {"name": name, "new_name": bad}
        assert refused(room, "POST", "registered-models/rename", given) == "INVALID_PARAMETER_VALUE"
    assert client.get_registered_model(name).name == name


def test_a_name_may_hold_what_mlflow_takes(room, client, source):
    for given in TAKEN:
        name = client.create_registered_model(given).name
        client.create_model_version(name, source)
        assert client.get_registered_model(name).latest_versions[0].name == name == given
        assert client.get_model_version_download_uri(name, "1")
        quote = "'" if '"' in name else '"'
        assert client.search_registered_models(f"name = {quote}{name}{quote}")[0].name == name
        with pytest.raises(MlflowException, match="already"):
            client.create_registered_model(name)
        client.rename_registered_model(name, f"{name}2")
        client.delete_registered_model(f"{name}2")


def test_why_a_name_is_refused_is_said(client):
    for bad, why in (("a/b", "'/' or ':'"), ("a\nb", "control characters"), ("x" * 257, "256"), (" ", "needs a name")):
        with pytest.raises(MlflowException, match=re.escape(why)):
            client.create_registered_model(bad)


def test_what_is_written_comes_back_as_it_was(room, client, name, source):
    text = "<script>alert(1)</script>\u202e ' \" & \U0001f411 {{7*7}}"
    client.update_registered_model(name, text)
    client.set_registered_model_tag(name, "t", text)
    client.create_model_version(name, source, description=text, tags={"t": text})
    found, version = client.get_registered_model(name), client.get_model_version(name, 1)
    assert [found.description, found.tags["t"], version.description, version.tags["t"]] == [text] * 4
    answer = room.ask("GET", f"/api/2.0/mlflow/registered-models/get?name={name}", by="vera")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for version in ("x", "-1", "1.5", "1e3", "\u0661", "9" * 30, ""):
        assert refused(room, "DELETE", "model-versions/delete", {"name": name, "version": version})
    assert refused(room, "POST", "registered-models/set-tag", {"name": name, "key": "../x", "value": ""})
    long = {"name": name, "description": "x" * 100_001}
    assert refused(room, "PATCH", "registered-models/update", long) == "INVALID_PARAMETER_VALUE"


def test_who_may_only_look_registers_nothing(room, client, name, source, monkeypatch):
    client.create_model_version(name, source)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", room.tokens["vera"])
    assert client.get_model_version(name, "1").version == "1"
    assert client.search_registered_models(f"name = '{name}'")
    for act in (
        lambda: client.create_registered_model("mine"),
        lambda: client.delete_registered_model(name),
        lambda: client.create_model_version(name, source),
        lambda: client.set_registered_model_alias(name, "champion", "1"),
    ):
        with pytest.raises(MlflowException) as told:
            act()
        assert told.value.error_code == "PERMISSION_DENIED"


@pytest.fixture
def rows():
    x = np.arange(8.0).reshape(-1, 1)
    return x, 2 * x.ravel() + 1


def model_of(room, version):
    answer = room.ask("GET", f"/api/2.0/mlflow/model-versions/get?name=liner&version={version}", by="vera")
    return answer.json()["model_version"]["model_id"]


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_model_is_logged_registered_and_loaded_back(room, client, experiment, rows):
    x, y = rows
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 0.25)
        info = mlflow.sklearn.log_model(
            LinearRegression().fit(x, y), name="line", registered_model_name="liner", pip_requirements=["scikit-learn"],
            input_example=x[:2], params={"depth": 3},
        )  # fmt: skip
    assert info.model_uri == f"models:/{info.model_id}"
    version = client.get_model_version("liner", "1")
    assert (version.run_id, version.source) == (run.info.run_id, info.model_uri)
    assert model_of(room, "1") == info.model_id  # which the client does not read from answers yet
    client.set_registered_model_alias("liner", "champion", "1")
    by_run = f"runs:/{run.info.run_id}/line"
    for uri in ("models:/liner@champion", "models:/liner/1", "models:/liner/latest", info.model_uri, by_run):
        loaded = mlflow.sklearn.load_model(uri)
        assert loaded.predict([[10.0]]) == pytest.approx([21.0])
    assert mlflow.pyfunc.load_model("models:/liner@champion").predict(x[:1]) == pytest.approx([1.0])
    logged = client.get_logged_model(info.model_id)
    assert (logged.name, logged.status, logged.source_run_id) == ("line", LoggedModelStatus.READY, run.info.run_id)
    assert logged.params == {"depth": "3"}
    assert [(m.key, m.value, m.run_id, m.model_id) for m in logged.metrics] == [
        ("loss", 0.25, run.info.run_id, info.model_id)
    ]
    assert json.loads(logged.tags["mlflow.modelVersions"]) == [{"name": "liner", "version": "1"}]
    assert "MLmodel" in [file.path for file in client.list_logged_model_artifacts(info.model_id)]
    assert "MLmodel" in [file.path.split("/")[-1] for file in client.list_artifacts(run.info.run_id, "line")]
    again = mlflow.register_model(by_run, "liner")
    assert (again.version, model_of(room, "2")) == ("2", info.model_id)
    assert client.get_run(run.info.run_id).outputs.model_outputs[0].model_id == info.model_id


def test_a_logged_model_lives_and_dies(client, experiment, run):
    made = client.create_logged_model(
        experiment, "net", run.run_id, tags={"a": "1"}, params={f"p{n}": str(n) for n in range(150)}, model_type="Agent"
    )
    assert (made.status, made.model_type, len(made.params)) == (LoggedModelStatus.PENDING, "Agent", 150)
    client.set_logged_model_tags(made.model_id, {"b/c": "2"})
    client.delete_logged_model_tag(made.model_id, "a")
    client.log_model_params(made.model_id, {"late": "yes"})
    done = client.finalize_logged_model(made.model_id, LoggedModelStatus.READY)
    assert (done.status, done.tags, done.params["late"]) == (LoggedModelStatus.READY, {"b/c": "2"}, "yes")
    client.delete_logged_model_tag(made.model_id, "b/c")
    client.delete_logged_model(made.model_id)
    with pytest.raises(MlflowException) as told:
        client.get_logged_model(made.model_id)
    assert told.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    assert list(client.search_logged_models([experiment])) == []
    for name in ("a/b", "a.b", "a%b", "..", 'a"b', "a:b"):
        with pytest.raises(MlflowException) as told:
            client.create_logged_model(experiment, name)
        assert told.value.error_code == "INVALID_PARAMETER_VALUE"


def test_logged_models_are_found(client, experiment, run):
    for name, loss, depth in (("a", 0.3, "1"), ("b", 0.1, "2"), ("c", float("nan"), "2")):
        uid = client.create_logged_model(experiment, name, run.run_id, params={"depth": depth}).model_id
        client.log_metric(run.run_id, "loss", 9.0, model_id=uid)
        for dataset, value in (("north", loss), ("south", 1 - loss)):
            client.log_metric(
                run.run_id, "loss", value, step=1, model_id=uid, dataset_name=dataset, dataset_digest=f"d-{dataset}"
            )

    def found(text="", **more):
        return "".join(one.name for one in client.search_logged_models([experiment], text, **more))

    assert found() == "cba"
    assert found("name = 'a'") == "a"
    assert found(f"source_run_id = '{run.run_id}' AND params.depth = '2'") == "cb"
    assert found("status = 'READY'") == ""
    north = [{"dataset_name": "north", "dataset_digest": "d-north"}]
    assert found("metrics.loss < 0.2", datasets=north) == "b"
    assert found("metrics.loss > 0.2", datasets=[{"dataset_name": "north"}]) == "a"
    by = {"field_name": "metrics.loss", "dataset_name": "north"}
    assert found(order_by=[by]) == "bac"
    assert found(order_by=[by | {"ascending": False}]) == "abc"
    assert found(order_by=[{"field_name": "name"}], max_results=2) == "ab"
    token = client.search_logged_models([experiment], order_by=[{"field_name": "name"}], max_results=2).token
    assert found(order_by=[{"field_name": "name"}], max_results=2, page_token=token) == "c"
    for bad in ({"text": "wool = 'a'"}, {"order_by": [{"field_name": "params.depth"}]}, {"max_results": -1}):
        with pytest.raises(MlflowException) as told:
            found(**bad)
        assert told.value.error_code == "INVALID_PARAMETER_VALUE"
    assert found("metrics.loss >= 9") == "cba"


def test_a_metric_of_no_model_changes_nothing(client, experiment, run):
    with pytest.raises(MlflowException) as told:
        client.log_metric(run.run_id, "loss", 1.0, model_id="m-0123")
    assert told.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    assert client.get_run(run.run_id).data.metrics == {}


def read(client, uri):
    """Every file there, as a client fetches it; but for the note that the client puts beside them itself."""
    folder = Path(mlflow.artifacts.download_artifacts(uri))
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "registered_model_meta"]
    return {str(p.relative_to(folder)): p.read_text() for p in files}


@pytest.mark.parametrize("way", ["runs:/{run}/model", "{uri}/model"])
def test_a_version_keeps_the_files_that_it_was_made_of(room, client, run, name, way):
    for file in ("MLmodel", "data/weights"):
        client.log_text(run.run_id, f"first {file}", f"model/{file}")
    client.create_model_version(name, way.format(run=run.run_id, uri=run.artifact_uri))
    first = {"MLmodel": "first MLmodel", "data/weights": "first data/weights"}
    client.log_text(run.run_id, "other", "model/data/weights")
    client.log_text(run.run_id, "more", "model/more")
    place = client.get_model_version_download_uri(name, "1")
    client.copy_model_version(f"models:/{name}/1", f"{name} live")
    client.create_model_version(name, f"models:/{name}/1")
    assert [read(client, f"models:/{name}/{n}") for n in (1, 2)] == [first, first]
    path = place.removeprefix("mlflow-artifacts:/")
    for method, file in (("PUT", f"{path}/MLmodel"), ("PUT", f"{path}/x"), ("DELETE", path), ("DELETE", "versions")):
        answer = room.ask(method, f"/api/2.0/mlflow-artifacts/artifacts/{file}", raw=b"evil", by="olga")
        assert answer.status == 400, (method, file, answer.data)
    assert room.ask("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/{run.experiment_id}").status == 200
    client.delete_run(run.run_id)
    client.delete_registered_model(name)
    assert read(client, f"models:/{name} live/1") == first
    with pytest.raises(MlflowException):
        client.get_model_version(name, "1")
    assert client.list_artifacts(run.run_id) == []
    assert room.ask("GET", f"/api/2.0/mlflow-artifacts/artifacts/{path}/MLmodel").status == 404


def test_bytes_of_no_version_and_no_run_are_gone(room, client, run, name):
    unlike = uuid.uuid4().hex
    client.log_text(run.run_id, unlike, "model/x")
    client.create_model_version(name, f"runs:/{run.run_id}/model")
    digest = hashlib.sha256(unlike.encode()).hexdigest()
    assert (
        room.at.site.tracking.artifacts.get(f"{run.experiment_id}/{run.run_id}/artifacts/model/x")[0].digest == digest
    )
    place = room.at.site.tracking.artifacts.get(f"{run.experiment_id}/{run.run_id}/artifacts/model/x")[1]
    room.ask("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/{run.experiment_id}")
    assert place.read_text() == unlike
    client.delete_model_version(name, "1")
    assert not place.exists()


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
def test_what_is_loaded_does_not_change_with_the_logged_model(room, client, experiment, rows):
    x, y = rows
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(LinearRegression().fit(x, y), name="line", pip_requirements=["scikit-learn"])
    name = f"still-{uuid.uuid4().hex}"
    mlflow.register_model(info.model_uri, name)
    client.create_model_version(name, f"runs:/{run.info.run_id}/line")  # where the run itself has no files
    place = client.get_logged_model(info.model_id).artifact_location.removeprefix("mlflow-artifacts:/")
    spoilt = room.ask("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{place}/MLmodel", raw=b"flavors: {}", by="carl")
    assert spoilt.status == 200
    client.delete_logged_model(info.model_id)
    for version in (1, 2):
        assert mlflow.sklearn.load_model(f"models:/{name}/{version}").predict([[10.0]]) == pytest.approx([21.0])
