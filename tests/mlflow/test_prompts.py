"""Prompts, which clients keep as registered models with a tag and without files."""

import uuid

import pytest
from mlflow.exceptions import MlflowException

import mlflow

IS_PROMPT = "mlflow.prompt.is_prompt"


@pytest.fixture
def name(client):
    return f"prompt-{uuid.uuid4().hex}"


def refused(room, method, path, given):
    answer = room.ask(method, f"/api/2.0/mlflow/{path}", given, by="carl")
    return answer.status == 400 and answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"


def test_a_prompt_lives_and_dies(client, name):
    first = mlflow.genai.register_prompt(name, "Say {{word}}", commit_message="first", tags={"team": "north"})
    assert (first.version, first.template, first.commit_message) == (1, "Say {{word}}", "first")
    talk = [{"role": "system", "content": "You sell {{what}}"}, {"role": "user", "content": "<b>{{ask}}</b>"}]
    assert mlflow.genai.register_prompt(name, talk, response_format={"type": "object"}).version == 2
    mlflow.genai.set_prompt_alias(name, "best", 1)
    assert mlflow.genai.load_prompt(f"prompts:/{name}@best").format(word="wool") == "Say wool"
    assert mlflow.genai.load_prompt(name, 2).template == talk
    assert mlflow.genai.load_prompt(f"prompts:/{name}@latest").version == 2
    mlflow.genai.set_prompt_tag(name, "k", "v")
    mlflow.genai.set_prompt_version_tag(name, 1, "ok", "yes")
    mlflow.genai.delete_prompt_tag(name, "team")
    tags = mlflow.genai.get_prompt_tags(name)
    assert (tags["k"], "team" in tags) == ("v", False)
    assert mlflow.genai.load_prompt(name, 1).tags["ok"] == "yes"
    assert sorted(one.version for one in client.search_prompt_versions(name)) == [1, 2]
    mlflow.genai.delete_prompt_alias(name, "best")
    client.delete_prompt_version(name, "1")
    assert mlflow.genai.load_prompt(name, 1, allow_missing=True) is None
    client.delete_prompt(name)
    assert client.get_prompt(name) is None


def test_prompts_and_models_are_apart(client, name):
    mlflow.genai.register_prompt(name, "Say {{word}}")
    model = client.create_registered_model(f"model-{name}").name
    assert [one.name for one in mlflow.genai.search_prompts(f"name LIKE '%{name}'")] == [name]
    like = f"name LIKE '%{name}'"
    for asked in (like, f"{like} AND tags.`{IS_PROMPT}` != 'true'", f"{like} AND tags.`{IS_PROMPT}` = 'false'"):
        assert [one.name for one in client.search_registered_models(asked)] == [model]
    assert client.search_model_versions(like) == []
    assert len(client.search_model_versions(f"{like} AND tags.`{IS_PROMPT}` = 'true'")) == 1
    with pytest.raises(MlflowException, match="exists with the same name"):
        mlflow.genai.register_prompt(model, "x")


def test_neither_becomes_the_other_and_a_prompt_has_no_files(room, client, experiment, name):
    mlflow.genai.register_prompt(name, "Say {{word}}")
    model, run = client.create_registered_model(f"model-{name}").name, client.create_run(experiment).info.run_id
    tag, source = {"key": IS_PROMPT, "value": "true"}, f"runs:/{run}/model"
    assert refused(room, "POST", "registered-models/set-tag", {"name": model} | tag)
    assert refused(room, "DELETE", "registered-models/delete-tag", {"name": name, "key": IS_PROMPT})
    assert refused(room, "DELETE", "model-versions/delete-tag", {"name": name, "version": "1", "key": IS_PROMPT})
    create = "model-versions/create"
    assert refused(room, "POST", create, {"name": name, "source": source, "tags": [tag]})
    assert refused(room, "POST", create, {"name": name, "source": "prompt-template"})
    assert refused(room, "POST", create, {"name": name, "source": "file:///etc/passwd", "tags": [tag]})
    assert refused(room, "POST", create, {"name": model, "source": "prompt-template", "tags": [tag]})
    assert refused(room, "POST", create, {"name": model, "source": "prompt-template"})
    assert refused(room, "POST", create, {"name": model, "source": source, "tags": [tag]})
    assert refused(room, "POST", create, {"name": model, "source": f"models:/{name}/1"})
    assert room.ask("GET", f"/api/2.0/mlflow/model-versions/get-download-uri?name={name}&version=1").status == 400
    assert client.search_model_versions(f"name = '{model}'") == []


def test_a_run_that_loads_a_prompt_says_so(client, experiment, name):
    mlflow.genai.register_prompt(name, "Say {{word}}")
    with mlflow.start_run() as run:
        mlflow.genai.load_prompt(name, 1)
    assert name in client.get_run(run.info.run_id).data.tags["mlflow.linkedPrompts"]
