"""The recipes for CI: their own steps, run in bash, against a stand-in for the platform's API.

Neither platform can be had here. The stand-in keeps comments as both say they do, and refuses a wrong token.
"""

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt

CI = Path(__file__).parents[2] / "examples" / "ci"
MARKER = "<!-- arkwright -->"
BOT = {"login": "github-actions[bot]", "id": 7}
OTHER = {"login": "mallory", "id": 8}


class Platform:
    """Comments of one change, in the words of both platforms."""

    def __init__(self):
        self.comments, self.refuses = [], ()

    def add(self, who, body):
        self.comments.append({"id": len(self.comments) + 1, "user": who, "author": who, "body": body})

    def answer(self, method, path, query, body):
        if path.endswith("/user"):
            return 200, BOT
        number = re.search(r"/(?:comments|notes)/(\d+)$", path)
        if method in self.refuses:
            return 403, {"message": "Resource not accessible by integration"}
        if method == "GET":
            page = int(query.get("page", "1")) - 1
            return 200, self.comments[page * 100 : page * 100 + 100]
        if number:
            self.comments[int(number[1]) - 1]["body"] = body["body"]
            return 200, {}
        self.add(BOT, body["body"])
        return 201, {}


class Handler(BaseHTTPRequestHandler):
    def do(self):
        path, _, query = self.path.partition("?")
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN")
        status, said = 401, {"message": "Bad credentials"}
        if token in ("Bearer rare", "rare"):
            words = dict(part.split("=") for part in query.split("&") if part)
            status, said = self.server.platform.answer(self.command, path, words, json.loads(text or b"null"))
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_PUT = do

    def log_message(self, *_):
        pass


@pytest.fixture
def platform():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.platform = Platform()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    server.platform.url = f"http://127.0.0.1:{server.server_port}"
    yield server.platform
    server.shutdown()
    thread.join()
    server.server_close()


class GitHub:
    name = "github"

    def __init__(self, folder, url):
        self.job = yaml.safe_load((CI / "github.yml").read_text())["jobs"]["line"]
        self.summary = folder / "step-summary.md"
        self.env = {
            "GITHUB_ACTOR": "ana",
            "GITHUB_API_URL": url,
            "GITHUB_REPOSITORY": "shop/models",
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_RUN_ID": "99",
            "GITHUB_STEP_SUMMARY": str(self.summary),
        }
        self.given = {"github.token": "rare", "github.event.pull_request.number": "5"}
        self.link = "https://github.example/shop/models/actions/runs/99"

    def steps(self):
        """(script, environment, whether it runs behind a failure) of the steps that do not install."""
        for step in self.job["steps"]:
            if "run" not in step or step["name"] == "install":
                continue
            env = {name: self.given[value.strip("${} ")] for name, value in step.get("env", {}).items()}
            assert "${{" not in step["run"]  # nothing of a stranger's becomes part of a script
            yield step["run"], env, step.get("if") == "${{ !cancelled() }}"


class GitLab:
    name = "gitlab"

    def __init__(self, folder, url):
        self.job = yaml.safe_load((CI / "gitlab-ci.yml").read_text())["arkwright"]
        self.env = {
            "GITLAB_USER_LOGIN": "ana",
            "CI_API_V4_URL": f"{url}/api/v4",
            "CI_PROJECT_ID": "3",
            "CI_MERGE_REQUEST_IID": "5",
            "CI_JOB_URL": "https://gitlab.example/shop/-/jobs/99",
            "ARKWRIGHT_GITLAB_TOKEN": "rare",
        }
        self.link = "https://gitlab.example/shop/-/jobs/99"

    def steps(self):
        for line in self.job["script"]:
            yield line, {}, False
        for line in self.job["after_script"]:
            yield line, {}, True


@pytest.fixture(params=[GitHub, GitLab], ids=lambda kind: kind.name)
def ci(request, platform, at):
    """Run the job of a recipe in the shop's folder: the exit code of its line, and what its steps printed."""
    made = request.param(at.folder, platform.url)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def job():
        failed, said = 0, ""
        for script, env, always in made.steps():
            if failed and not always:
                continue
            command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
            words = {"PATH": path, "HOME": str(at.folder), **made.env, **env}
            if "PYTHONPATH" in os.environ:
                words["PYTHONPATH"] = os.environ["PYTHONPATH"]
            done = subprocess.run(command, cwd=at.folder, env=words, capture_output=True, text=True, check=False)
            said += done.stdout + done.stderr
            if always:
                assert done.returncode == 0, said
            failed = failed or done.returncode
        return failed, said

    made.run = job
    return made


def test_a_change_from_kept_to_broken_and_back(ci, platform, at):
    platform.add(OTHER, f"{MARKER}\nall is well, says mallory")
    for number in range(120):
        platform.add(OTHER, f"comment {number}")
    failed, said = ci.run()
    assert failed == 0, said
    assert len(platform.comments) == 122
    body = platform.comments[-1]["body"]
    assert body.startswith(f"{MARKER}\n### ✓ Every promise is kept\n")
    assert "| `roc_auc >= 0.6` |" in body
    assert "It waits for a signature as `model-owner` and `operations`." in body
    assert f"[log]({ci.link})" in body
    html = MarkdownIt("commonmark").enable("table").render(body)
    assert "<td><code>roc_auc &gt;= 0.6</code></td>" in html

    at.shop.edit("arkwright.toml", '"roc_auc >= 0.6"', '"roc_auc >= 0.999"')
    failed, said = ci.run()
    assert failed == 4, said
    assert len(platform.comments) == 122  # the same comment, changed
    body = platform.comments[-1]["body"]
    assert "### ✗ Not every promise is kept" in body
    row = next(line for line in body.splitlines() if "roc_auc >= 0.999" in line)
    assert re.search(r"\| 0\.\d+ \| 0\.\d+ … (0\.\d+|1) \| \d+ \| \*\*✗ broken\*\*", row), row
    assert "It is refused" in body
    assert platform.comments[0]["body"].endswith("says mallory")

    at.shop.edit("arkwright.toml", "signed_by", "signed_bye")
    failed, said = ci.run()
    assert failed == 2, said
    assert "### ✗ The line could not be walked" in platform.comments[-1]["body"]
    assert 'did you mean "signed_by"?' in platform.comments[-1]["body"]
    if ci.name == "github":
        assert "✗ Not every promise is kept" in ci.summary.read_text()


def test_a_token_that_may_not_comment_costs_no_green_job(ci, platform, at):
    at.shop.edit("arkwright.toml", "signed_by", "signed_bye")  # soon over
    if ci.name == "github":
        for platform.refuses in ("POST", "GET"):
            failed, said = ci.run()
            assert "::warning::the comment could not be written" in said
    else:
        del ci.env["ARKWRIGHT_GITLAB_TOKEN"]
        failed, said = ci.run()
        assert "so no comment" in said
    assert failed == 2
    assert platform.comments == []
    assert (at.folder / "summary.md").read_text()


def test_the_recipes_ask_for_no_more_than_they_need():
    recipe = yaml.safe_load((CI / "github.yml").read_text())
    assert recipe[True] == "pull_request"  # YAML 1.1 reads the word `on` so
    assert recipe["permissions"] == {"contents": "read", "pull-requests": "write"}
