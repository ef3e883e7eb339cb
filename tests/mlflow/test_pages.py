"""What clients log, as people find it on the pages and by the verbs."""

import json
import os
import re
import subprocess
import sys

import pytest

PAGE = {"Accept": "text/html"}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def page(room, path, by="vera"):
    answer = room.ask("GET", path, by=by, **PAGE)
    return answer.status, answer.data.decode()


@pytest.fixture
def logged(client, experiment):
    """(run id, name of a registered model) of a run with everything."""
    name = f"price of {experiment}"
    run = client.create_run(experiment, run_name="merino trial", tags={"team": "north"})
    uid = run.info.run_id
    client.log_param(uid, "kernel", "epanechnikov")
    client.log_text(uid, "<script>alert(1)</script>", "model/page.html")
    client.create_registered_model(name, {"domain": "textiles"}, "What a bale is worth")
    client.create_model_version(name, f"runs:/{uid}/model", uid, tags={"grade": "fine"}, description="second shearing")
    client.set_registered_model_alias(name, "champion", "1")
    return uid, name


def test_search_finds_runs_and_registered_models(room, logged, experiment):
    uid, name = logged
    run, model, version = f"/runs/tracked/{uid}", f"/registered/{name}", f"/registered/{name}@1"
    run, model, version = (place.replace(" ", "%20") for place in (run, model, version))
    for words, places in (
        ("merino", {run}), ("epanechnikov", {run}), ("north", {run}), (uid, {run, version}), (uid[:10], {run, version}),
        ("bale", {model}), ("textiles", {model}), ("champion", {model}), ("shearing", {version}), ("fine", {version}),
        ("test_search_finds_runs_and_registered_models", {run}),
    ):  # fmt: skip
        status, text = page(room, f"/search?q={words}")
        assert status == 200
        found = set(re.findall(r'href="(/(?:runs/tracked|registered)/[^"]+)"', text))
        assert places <= found, words
    assert (
        f"registered:{name}" in json.loads(room.ask("GET", "/api/search?text=bale", by="vera").data)["items"][0]["ref"]
    )
    _, text = page(room, f"/search?q={uid}&kind=tracked")
    assert (run in text, version in text) == (True, False)
    said = subprocess.run(
        [sys.executable, "-m", "arkwright.cli.main", "search", "epanechnikov", "--json", "--project", room.at.folder],
        env=os.environ | {"ARKWRIGHT_BY": "olga"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"tracked:{uid}" in {hit["ref"] for hit in json.loads(said.stdout)["items"]}


def test_a_search_goes_on_through_both_without_gap_or_overlap(room, client, experiment):
    for number in range(5):
        client.create_run(experiment, run_name=f"quillon {number}")
    for number in range(3):
        asked = {"text": f"quillon said {number}", "about": "account:vera"}
        assert room.ask("POST", "/api/discuss", asked).status == 200
    seen, after = [], ""
    while True:
        answer = json.loads(room.ask("GET", f"/api/search?text=quillon&limit=3{after}").data)
        seen += [hit["ref"] for hit in answer["items"]]
        if not answer["next"]:
            break
        after = f"&after={answer['next']}"
    assert len(seen) == len(set(seen)) == 8
    assert {ref.partition(":")[0] for ref in seen[:3]} == {"comment", "tracked"}
