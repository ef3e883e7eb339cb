"""What the docs say is so: links lead somewhere, blocks run, lists are those of the code."""

import ast
import contextlib
import dataclasses
import io
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest
import yaml

import arkwright
from arkwright.api.look import spelt
from arkwright.api.verbs import VERBS
from arkwright.cli.main import parser
from arkwright.cli.words import WORDS
from arkwright.core import errors, nouns, rows
from arkwright.data import sources
from arkwright.measures import registry
from arkwright.project import spec, toml
from arkwright.sites import local

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
STRUCTS = {
    "At the top": spec.ProjectSpec,
    "`[data.NAME]`": spec.DataSpec,
    "Under `[data.NAME]`: `watch = { … }`": spec.DataWatchSpec,
    "`[[data.NAME.reactions]]`": spec.DataReactionSpec,
    "`[model.NAME]`": spec.ModelSpec,
    "`split = { … }`": spec.SplitSpec,
    "`[gate.NAME]`": spec.GateSpec,
    "`[endpoint.NAME]`": spec.EndpointSpec,
    "`rollout = { … }`": spec.RolloutSpec,
    "`rules = [{ … }]`, `safeguards = [{ … }]`": spec.RuleSpec,
    "`log = { … }`": spec.LogSpec,
}
NOUNS = (
    nouns.Actor, nouns.Dataset, nouns.Model, nouns.Release, nouns.Run, nouns.Finding, nouns.Gate, nouns.Decision,
    nouns.Proposal, nouns.Endpoint, nouns.Event,
)  # fmt: skip
ROOMS = ("data", "train", "optimize", "release", "serve", "infra")
_BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")


def text(name):
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(page, *languages):
    """(language, text) of the fenced blocks in these languages."""
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [(language.strip(), body) for language, body in found if language.strip() in languages]


def anchors(page):
    """The anchors of its headings, as GitHub spells them."""
    headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def cells(page, heading):
    """The code in the first cell of each row of the first table below a heading."""
    section = page.partition(f"{heading}\n")[2]
    assert section, f"there is no {heading!r}"
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)[0].splitlines()[2:]
    return [_CODE.search(line.split("|")[1])[1] for line in table if _CODE.search(line.split("|")[1])]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_somewhere(page):
    prose = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"https?://|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{target} is not there"
        if anchor:
            assert anchor in anchors(there), f"{target}: there is {sorted(anchors(there))}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_python_compiles_and_toml_loads(page, tmp_path):
    for _, body in blocks(page, "python", "python run"):
        compile(body, str(page), "exec", flags=ast.PyCF_ONLY_AST)
    for number, (_, body) in enumerate(blocks(page, "toml")):
        if "project" in tomllib.loads(body) and "[build-system]" not in body and body.startswith("project "):
            folder = tmp_path / str(number)
            folder.mkdir()
            (folder / "arkwright.toml").write_text(body, encoding="utf-8")
            assert toml.read(folder).spec.project


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_only_pages_that_a_test_runs_promise_to_be_run_word_by_word(page):
    assert page.name in ("tutorial.md", "accounts.md", "watch-tutorial.md") or not blocks(page, "console")


def test_the_notebook_page_runs(tmp_path, monkeypatch):
    command = [Path(sys.executable).with_name("arkwright"), "new", "churn"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    code = "\n".join(body for _, body in blocks(DOCS / "python.md", "python run"))
    assert all(f"arkwright.{name}" in text("python.md") for name in arkwright.__all__)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path / "churn", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    shown = re.search(r"```text\n(.*)\n```", text("python.md"))[1]
    assert done.stdout.splitlines()[0] == shown


def test_the_page_about_tracking_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec("".join(body for _, body in blocks(DOCS / "track.md", "python run")), {})
    (run,) = local(tmp_path).tracking.runs().items
    assert (run.status, run.metrics["val/loss"][1]) == ("FINISHED", 100)


def test_the_measure_of_the_promises_page_is_found_as_a_plug_in(tmp_path):
    page = DOCS / "promises.md"
    code = "\n\n".join(body for _, body in blocks(page, "python run"))
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(code, "our_measures.py", "exec"), {})
    (tmp_path / "our_measures.py").write_text(code, encoding="utf-8")
    info = tmp_path / "our_measures-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: our-measures\nVersion: 1.0\n")
    entry = next(tomllib.loads(body) for _, body in blocks(page, "toml"))["project"]["entry-points"]
    lines = "".join(f"{name} = {value}\n" for name, value in entry["arkwright.measures"].items())
    (info / "entry_points.txt").write_text(f"[arkwright.measures]\n{lines}")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [Path(sys.executable).with_name("arkwright"), "measures", "false_alarms"]
    said = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=True)
    code = "\n".join(line for line in said.stdout.splitlines() if not line.startswith("Reading("))
    assert code in text("promises.md")


@pytest.mark.parametrize("heading", STRUCTS)
def test_every_key_of_the_toml_is_told_and_no_other(heading):
    found = [field.encode_name for field in msgspec.structs.fields(STRUCTS[heading])]
    assert cells(text("project.md"), f"### {heading}") == found


@pytest.mark.parametrize("heading", STRUCTS)
def test_whether_a_key_must_be_there_is_told(heading):
    section = text("project.md").partition(f"### {heading}\n")[2]
    for field in msgspec.structs.fields(STRUCTS[heading]):
        must = re.search(rf"^\| `{field.encode_name}` \| (\w+)", section, re.MULTILINE)[1]
        assert must == ("yes" if field.required else "no"), field.encode_name


def test_what_a_source_and_a_row_class_may_be_is_told():
    page = text("project.md")
    for word in (*sources.ENDINGS, *(f"{scheme}:" for scheme in sources.SCHEMES if scheme != "http")):
        assert word in page, word
    for kind in rows.PYTHON:
        assert f"`{kind}`" in page, kind


@pytest.mark.parametrize(
    ("stage", "heading"),
    [
        ("data", "Of a dataset:"),
        ("model", "Of a model, on the held-out"),
        ("release", "Of a release, in a gate"),
        ("live", "Of a live release, of"),
        ("endpoint", "Of an endpoint, on"),
    ],
)
def test_every_measure_is_told_and_no_other(stage, heading):
    found = [measure for _, measure in sorted(registry.measures().items()) if measure.stage == stage]
    page = text("promises.md")
    section = page[page.index(heading) :].partition("\n")
    assert cells("\n" + section[2], "") == [spelt(measure) for measure in found]
    for measure in found:
        assert measure.summary in page, measure.name


def test_every_word_and_verb_has_its_line():
    page = text("cli.md")
    for word in {*WORDS, *VERBS}:
        assert f"arkwright {word}" in page, word


def test_every_exit_code_is_told():
    page = text("cli.md")
    for name, kind in errors.BY_NAME.items():
        assert re.search(rf"^\| {kind.exit_code} \| `{name}` \|", page, re.MULTILINE), name


def test_every_noun_has_its_page_with_its_fields_and_an_output():
    pages = {path.stem for path in (DOCS / "nouns").glob("*.md")}
    assert pages == {noun.__name__.lower() for noun in NOUNS} | {"promise"}
    for noun in NOUNS:
        page = text(f"nouns/{noun.__name__.lower()}.md")
        for field in dataclasses.fields(noun):
            assert f"`{field.name}`" in page, f"{noun.__name__}.{field.name}"
    for name in pages:
        assert "\n$ arkwright " in text(f"nouns/{name}.md"), name
        assert f"(nouns/{name}.md)" in text("index.md"), name


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_its_page_and_every_file_named_there_exists(room):
    page = text(f"rooms/{room}.md")
    assert f"(rooms/{room}.md)" in text("index.md")
    told = [name for name in _CODE.findall(_BLOCK.sub("", page)) if name.endswith(".py")]
    assert len(told) > 4
    for name in told:
        if not name.startswith(("scripts/", "tests/")):
            source = ROOT / "src" / "arkwright"
            assert (source / room / name).is_file() or (source / name).is_file(), f"there is no {name}"


def test_the_first_words_are_those_of_the_nouns():
    paragraph = nouns.__doc__.split("\n\n")[0]
    assert text("index.md").split("\n\n")[1] == paragraph


def test_the_cron_job_of_kubernetes_gives_a_command_that_there_is():
    """No cluster can be had here: what a typing mistake would break."""
    ((_, manifest),) = blocks(DOCS / "watch.md", "yaml")
    job = yaml.safe_load(manifest)
    assert (job["apiVersion"], job["kind"], job["spec"]["concurrencyPolicy"]) == ("batch/v1", "CronJob", "Forbid")
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    program, word, *given = container["command"]
    assert (program, pod["restartPolicy"]) == ("arkwright", "Never")
    assert parser(WORDS[word]).parse_args(given)
    assert [one["name"] for one in container["volumeMounts"]] == [one["name"] for one in pod["volumes"]]
    assert container["volumeMounts"][0]["mountPath"] == f"{container['workingDir']}/.arkwright"
    assert all(f"`{one['name']}`" in text("watch.md") for one in container["env"])


def test_the_schema_of_the_command_is_json():
    command = [Path(sys.executable).with_name("arkwright"), "schema"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(said)["title"] == "arkwright.toml"
