"""What clients log, as people find it on the pages and by the verbs."""

import html
import json
import os
import re
import subprocess
import sys
from urllib.parse import quote, urlencode

import pytest
from markupsafe import escape

import mlflow
from arkwright.tracking import versions

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


def test_the_page_of_a_run_shows_and_hands_out_its_files(room, client, logged):
    uid, _ = logged
    client.log_text(uid, "a,b\n1,2\n", "table <1> 'x' & y.csv".replace("<1>", "1"))
    here = f"/runs/tracked/{uid}"
    status, text = page(room, here)
    assert status == 200
    for said in ("8 B", "model/", f'href="{here}?in=model#files"', "Nobody has said anything about it"):
        assert said in text
    _, text = page(room, f"{here}?in=model")
    place = re.search(r'href="(/api/2.0/mlflow-artifacts/[^"]*page.html)" download="page.html"', text)[1]
    answer = room.ask("GET", place, by="vera", Accept="text/html")
    assert answer.data == b"<script>alert(1)</script>"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "There is no such folder" in page(room, f"{here}?in=other")[1]
    for bad in ("..", "../..", "model/../..", "/etc", "%2e%2e", "a%5c..", "model%00"):
        assert page(room, f"{here}?in={bad}")[0] == 422, bad
        assert page(room, f"{here}?after={bad}")[0] == 422, bad


def test_a_long_folder_comes_in_parts(room, client, experiment):
    uid = client.create_run(experiment).info.run_id
    files, root = room.at.site.tracking.artifacts, f"{experiment}/{uid}/artifacts"
    wanted = {f"f{number:03}.txt" for number in range(203)} | {"f1/", "f1.txt", "f2/"}
    for path in (*(name for name in wanted if name[-1] != "/"), "f1/a/b.txt", "f1/c.txt", "f2/d.txt"):
        files.put(f"{root}/{path}", b"x", "carl")
    seen, place = [], f"/runs/tracked/{uid}"
    while place:
        _, text = page(room, place)
        seen += re.findall(r'<a class="file" [^>]*>([^<]*)</a>', text)
        on = re.search(r'rel="next" href="([^"]*)"', text)
        place = on and on[1].replace("&amp;", "&")
    assert len(seen) == len(set(seen))
    assert set(seen) == wanted


def test_what_is_cut_says_so_and_is_there_in_full(room, client, experiment):
    uid = client.create_run(experiment).info.run_id
    long = HOSTILE + "x" * 5000 + " the end"
    client.log_param(uid, "prompt/1 a", long)
    client.log_param(uid, "short", "y" * 400)
    client.set_tag(uid, "prompt/1 a", "z" * 4321)
    _, text = page(room, f"/runs/tracked/{uid}")
    assert text.count(" characters</a>") == 2
    assert "the end" not in text
    assert "<script>alert" not in text
    place = re.search(r'href="([^"]*\?param=[^"]*)">all 5,0\d\d characters', text)[1]
    answer = room.ask("GET", place, by="vera", Accept="text/html")
    assert (answer.status, answer.data.decode()) == (200, long)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert room.ask("GET", place.replace("param=", "tag=")).data == b"z" * 4321
    assert page(room, f"/runs/tracked/{uid}/said?param=other")[0] == 404
    assert page(room, f"/runs/tracked/{uid}/said")[0] == 404


def test_logged_models_have_pages(room, client, experiment):
    run = client.create_run(experiment, run_name="spun").info.run_id
    model = client.create_logged_model(experiment, "spinner", run, params={"deep": "d" * 500}, tags={"t": HOSTILE})
    client.log_metric(run, "rmse", 0.25, model_id=model.model_id)
    _, text = page(room, f"/runs/tracked/{run}")
    assert f'href="/runs/logged/{model.model_id}"' in text
    status, text = page(room, f"/runs/logged/{model.model_id}")
    assert status == 200
    for said in ("spinner", "rmse", "0.25", "spun", "all 500 characters", "pending"):
        assert said in text
    assert "<script>alert" not in text
    assert room.ask("GET", f"/runs/logged/{model.model_id}/said?param=deep").data == b"d" * 500
    assert page(room, "/runs/logged/m-nothing")[0] == 404


def test_registered_models_have_pages(room, client, logged):
    uid, name = logged
    place = f"/registered/{name.replace(' ', '%20')}"
    _, text = page(room, "/releases")
    assert f'href="{place}"' in text
    _, text = page(room, f"/registered?text={name[:20]}")
    for said in (f'href="{place}"', f'href="{place}@1"', "champion @1", "What a bale is worth"):
        assert said in text
    assert "None is called so" in page(room, "/registered?text=nothing%20like%20it")[1]
    status, text = page(room, place)
    assert status == 200
    for said in ("What a bale is worth", "textiles", "champion", f'href="/runs/tracked/{uid}"', "merino trial",
                 "second shearing", 'name="about" value="registered:'):  # fmt: skip
        assert said in text
    status, text = page(room, f"{place}@1?in=")
    assert status == 200
    for said in ("page.html", "grade", "fine", "second shearing", "merino trial", f"runs:/{uid}/model"):
        assert said in text
    file = re.search(r'href="(/api/2.0/mlflow-artifacts/[^"]*)" download', text)[1]
    assert room.ask("GET", file).data == b"<script>alert(1)</script>"
    client.set_model_version_tag(name, "1", "why", "w" * 900)
    client.update_registered_model(name, "d" * 2100)
    assert "all 900 characters" in page(room, f"{place}@1")[1]
    assert room.ask("GET", f"{place}@1/said?tag=why").data == b"w" * 900
    assert room.ask("GET", f"{place}/said?of=description").data == b"d" * 2100
    for lost in (f"{place}@2", f"{place}x", "/registered/nothing"):
        assert page(room, lost)[0] == 404, lost
    assert page(room, f"{place}@x")[0] == 422
    assert room.ask("POST", "/api/discuss", {"about": f"registered:{name}@1", "text": "Which wool?"}).status == 200
    assert "Which wool?" in page(room, place)[1]
    assert "Which wool?" in page(room, f"{place}@1")[1]


def test_any_name_has_a_page_and_can_be_spoken_of(room, client, experiment):
    run = client.create_run(experiment).info.run_id
    for start in ("a#b", "q?", "model (v2) <x>", "50%", "x%40y", "x%2Fy", 'a"b', "a;b*c|d", "a\\b", "a@2", " a", "a."):
        name = f"{start} {experiment}"
        client.create_registered_model(name)
        client.create_model_version(name, f"runs:/{run}/m", run)
        found = page(room, f"/registered?{urlencode({'text': name})}")[1]
        assert found.count("<tbody><tr>") == 1
        place = html.unescape(re.search(r'<tbody><tr><th scope="row"><a [^>]*href="([^"]*)"', found)[1])
        status, text = page(room, place)
        assert (status, f"<h1>{escape(name)}</h1>" in text) == (200, True), name
        about = html.unescape(re.search(r'name="about" value="([^"]*)"', text)[1])
        said = f"Of {name}, which wool?"
        assert room.ask("POST", "/api/discuss", {"about": about, "text": said}).status == 200
        assert "which wool?" in page(room, place)[1]
        assert f'href="{escape(place)}"' in page(room, "/discussion?about=" + quote(about))[1]
        assert page(room, f"{place}@1")[0] == 200
        hits = json.loads(room.ask("GET", f"/api/search?text={experiment}&kinds=registered&limit=100", by="vera").data)
        assert about in {one["ref"] for one in hits["items"]}


def test_many_versions_and_prompts(room, client, experiment):
    run = client.create_run(experiment).info.run_id
    name = f"many@{experiment}"
    client.create_registered_model(name)
    make = room.at.site.tracking.submit
    for _ in range(60):
        made = make(versions.create, name, f"runs:/{run}/m", user="carl")
    assert made.result() == 60
    place = f"/registered/many%2540{experiment}"
    _, text = page(room, place)
    assert re.findall(r"@(\d+)</a></th>", text) == [str(number) for number in range(60, 10, -1)]
    _, text = page(room, re.search(r'rel="next" href="([^"]*)"', text)[1])
    assert re.findall(r"@(\d+)</a></th>", text) == [str(number) for number in range(10, 0, -1)]
    assert 'rel="next"' not in text
    assert page(room, f"{place}@60")[0] == 200
    client.register_prompt(f"ask-{experiment}", f"Spin {{{{wool}}}} {HOSTILE}")
    assert f"ask-{experiment}" not in page(room, "/registered")[1]
    assert f"ask-{experiment}" in page(room, "/registered?show=prompts")[1]
    _, text = page(room, f"/registered/ask-{experiment}@1")
    assert "Spin {{wool}}" in text
    assert "<script>alert" not in text


def test_what_names_only_an_experiment(room, client, experiment):
    client.create_run(experiment, run_name="here")
    answer = room.ask("GET", f"/runs/experiments/{experiment}", by="vera", **PAGE)
    assert answer.status == 303
    _, text = page(room, answer.headers["Location"])
    assert ">here</a>" in text
    assert text.count('href="/runs/tracked/') == 1
    for none in ("999999", "x", "9" * 40, "-1"):
        assert page(room, f"/runs/experiments/{none}")[0] == 404, none


def test_the_address_that_a_client_prints(room, client, experiment, capsys):
    """Whose page stands behind the #; `tests/pages` follows it in a browser."""
    with mlflow.start_run() as run:
        pass
    said = capsys.readouterr().out
    assert f"{room.address}/#/experiments/{experiment}/runs/{run.info.run_id}\n" in said
    assert f"{room.address}/#/experiments/{experiment}\n" in said
    client.delete_run(run.info.run_id)
    assert '<span class="badge bad">deleted</span>' in page(room, f"/runs/tracked/{run.info.run_id}")[1]


def test_what_a_curve_cannot_show_is_said(room, client, experiment):
    def log(uid, key, values):
        for step, value in enumerate(values):
            client.log_metric(uid, key, value, step=step)

    uids = [client.create_run(experiment).info.run_id for _ in range(2)]
    nan, inf = float("nan"), float("inf")
    log(uids[0], "burst", [1.0, 0.5, nan, nan])
    log(uids[0], "never", [nan, nan])
    log(uids[0], "once", [0.25, inf, inf])
    log(uids[0], "under", [0.0, 1.0, -inf])
    log(uids[0], "mixed", [0.0, 1.0, -inf, inf])
    log(uids[0], "whole", [nan, 1.0, 0.5])
    log(uids[1], "burst", [1.0, 0.5, 0.25])
    _, text = page(room, f"/runs/tracked/{uids[0]}")
    figures = dict(re.findall(r"<figure([^>]*>.*?<b>(?:\w+)</b>.*?)</figure>()", text, re.DOTALL))
    found = {re.search("<b>(.*?)</b>", one)[1]: one for one in figures}
    for what, said in {
        "burst": "NaN from step 2 on",
        "never": "no finite value, NaN from step 0 on",
        "once": "one finite value, 0.25 at step 0, Infinity from step 1 on",
        "under": "-Infinity from step 2 on",
        "mixed": "-Infinity or Infinity from step 2 on",
    }.items():
        assert said in found[what].partition("</figcaption>")[0]
        assert what == "never" or found[what].count(said) == 2, "in the table form too"
    assert {what for what, one in found.items() if "data-chart" not in one} == {"never", "once"}
    assert " on<" not in found["whole"]
    _, text = page(room, f"/runs/compare?run=tracked:{uids[0]}&run=tracked:{uids[1]}")
    assert f"{uids[0][:8]}: no finite value, NaN from step 0 on" in html.unescape(text)


def test_no_name_turns_round_what_stands_beside_it(room, client, experiment):
    turned = f"safe\u202e{experiment}evil"
    client.create_registered_model(turned)
    run = client.create_run(experiment, run_name=turned).info.run_id
    client.create_model_version(turned, f"runs:/{run}/m", run, description=turned)
    client.register_prompt(f"turned-{experiment}", turned)
    about = f"registered:{turned}"
    assert room.ask("POST", "/api/discuss", {"about": about, "text": "which?"}).status == 200
    place = f"/registered/{quote(turned)}"
    for path in ("/registered", "/runs", "/releases", "/search?q=safe", "/discussion", "/ledger", "/", place,
                 f"{place}@1", f"/runs/tracked/{run}", f"/registered/turned-{experiment}@1"):  # fmt: skip
        status, text = page(room, path)
        assert (status, "\u202e" in text) == (200, False), (path, re.findall(".{60}\u202e.{20}", text))
        assert "\\u202e" in text or path in ("/releases", "/ledger", "/", "/discussion"), path
