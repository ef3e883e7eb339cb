"""An import from a server that means no good, or that breaks: a fake one, for no real MLflow can be had to do that."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from arkwright.api.arriving.importing import import_mlflow
from arkwright.core.errors import ArkwrightError, Invalid, Refused, Unknown, Unproven
from arkwright.core.nouns import Actor
from arkwright.sites import local
from arkwright.tracking import registry, runs

UID, OTHER = "0" * 31 + "1", "0" * 31 + "2"
SECRET = "theirs.5f2c"


class Site:
    """A site with nothing in it, and what an import from `address` brings."""

    def __init__(self, folder):
        self.folder, self.site = folder, local(folder)

    def bring(self, address, **given):
        return import_mlflow(self.site, Actor(name="ana"), self.folder, url=address, **given)

    def runs(self):
        return {run.uid: run for run in self.site.tracking.runs().items}


@pytest.fixture
def here(tmp_path, monkeypatch):
    for name in ("TOKEN", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"MLFLOW_SOURCE_{name}", raising=False)
    monkeypatch.setattr("arkwright.tracking.importing.server.PAUSES", (0.0,))
    made = Site(tmp_path)
    yield made
    made.site.tracking.close()


def run(uid, **data):
    info = {"run_id": uid, "experiment_id": "7", "status": "FINISHED", "start_time": 5, "artifact_uri": "s3://b/x"}
    return {"info": info, "data": data}


class Fake:
    """Answers by path: a value as JSON, bytes as they are, (status, headers); a function is asked with the query."""

    def __init__(self):
        self.asked, self.headers = [], []
        self.answers = {
            "experiments/search": {"experiments": [{"experiment_id": "7", "name": "wool"}]},
            "runs/search": {"runs": [run(UID)]},
        }

    def answer(self, path, query):
        for name, value in self.answers.items():
            if path.endswith(name):
                return value(query) if callable(value) else value
        return {}


@pytest.fixture
def fake():
    with serving(Fake()) as made:
        yield made


@contextmanager
def serving(fake):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fake.asked.append(self.path)
            fake.headers.append(dict(self.headers))
            value = fake.answer(parts.path, parse_qs(parts.query))
            status, headers = value if isinstance(value, tuple) else (200, {})
            body = (
                b"" if isinstance(value, tuple) else value if isinstance(value, bytes) else json.dumps(value).encode()
            )
            self.send_response(status)
            for name, text in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    fake.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("path", ["experiments/search", "artifacts/list", "get-artifact", "runs/search"])
def test_no_redirect_is_followed(here, fake, monkeypatch, path):
    """Whatever is sent elsewhere: nothing is asked there, and what proves who asks goes nowhere."""
    monkeypatch.setenv("MLFLOW_SOURCE_TOKEN", SECRET)
    fake.answers["artifacts/list"] = {"files": [{"path": "a", "file_size": "4"}]}
    with serving(Fake()) as other:
        for where in (other.address, "file:///etc/passwd", "//127.0.0.1:1/x"):
            fake.answers[path] = (302, {"Location": where})
            with pytest.raises(Refused, match="sends elsewhere") as told:
                here.bring(fake.address)
            assert SECRET not in str(told.value)
        assert other.asked == []
    assert all(one["Authorization"] == f"Bearer {SECRET}" for one in fake.headers)
    assert here.runs() == {}


def test_what_proves_who_asks_is_kept_nowhere(here, fake, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "of.another.server")  # which is never sent
    here.bring(fake.address)
    assert all("Authorization" not in one for one in fake.headers)
    monkeypatch.setenv("MLFLOW_SOURCE_USERNAME", "ana")
    with pytest.raises(Invalid, match="go together"):
        here.bring(fake.address)
    monkeypatch.setenv("MLFLOW_SOURCE_PASSWORD", SECRET)
    here.bring(fake.address)
    assert fake.headers[-1]["Authorization"] == "Basic YW5hOnRoZWlycy41ZjJj"
    here.site.tracking.close()
    for file in here.folder.rglob("*"):
        assert not file.is_file() or (SECRET.encode() not in file.read_bytes() and b"YW5hOnRo" not in file.read_bytes())
    monkeypatch.setenv("MLFLOW_SOURCE_TOKEN", "a\r\nX-Evil: 1")
    with pytest.raises(Invalid, match="no token"):
        here.bring(fake.address)


@pytest.mark.parametrize(
    "url", ["", "wool", "ftp://h/x", "file:///etc/passwd", "http://", "http://h:x", "http://h/?x=1", "http://h/#x",
            "http://h\r\nX: 1/", "http://ana:secret@h/", "databricks://x", "http://[::1", "http://h\\x"],
)  # fmt: skip
def test_no_address_is_a_trick(here, url):
    with pytest.raises(Invalid) as told:
        here.bring(url)
    assert "secret" not in str(told.value)


def test_what_proves_who_asks_travels_encrypted_or_not_at_all(here, monkeypatch):
    monkeypatch.setenv("MLFLOW_SOURCE_TOKEN", SECRET)
    with pytest.raises(Invalid, match="unencrypted"):
        here.bring("http://mlflow.invalid:5000")


def test_a_server_says_nothing_that_a_terminal_obeys(here, fake):
    name = "\x1b]0;evil\x07\u202ewo\nol"
    fake.answers["experiments/search"] = {"experiments": [{"experiment_id": "7", "name": name}]}
    fake.answers["runs/search"] = {"runs": [run("\x1b[2J")]}
    told = []
    done = here.bring(fake.address, say=told.append)
    shown = "".join([*told, *(one.what + one.why for one in done.left)])
    assert told
    assert done.left
    assert shown.isprintable()


def test_the_same_server_under_another_name_brings_nothing_twice(here, fake):
    listed = {"files": [{"path": "a", "file_size": 4}]}
    fake.answers |= {"artifacts/list": listed, "get-artifact": b"wool"}
    here.bring(fake.address)
    here.site.tracking.submit(runs.change_experiment, 1, name="ours").result()
    again = here.bring(fake.address.replace("127.0.0.1", "localhost"))
    assert (again.runs, again.files, len(here.runs()), here.runs()[UID].experiment) == (0, 0, 1, 1)


def test_whoever_does_not_answer_as_mlflow_does_is_told_plainly(here, fake):
    for answer in (b"<html>", b'{"experiments": 7}', (404, {}), (500, {}), b"[" * 100_000, b"\xff"):
        fake.answers["experiments/search"] = answer
        with pytest.raises(Unknown, match="nothing can be imported"):
            here.bring(fake.address)
    fake.answers["experiments/search"] = (403, {})
    with pytest.raises(Unknown, match="does not let you see"):
        here.bring(fake.address)
    fake.answers["experiments/search"] = (401, {})
    with pytest.raises(Unproven, match="MLFLOW_SOURCE_TOKEN"):
        here.bring(fake.address)
    with pytest.raises(ArkwrightError, match="cannot be reached"):
        here.bring("http://127.0.0.1:1")


PATHS = (
    "../x", "/etc/passwd", "a/../../x", "..\\x", "a//b", "./a", "a%2fb", "C:\\x", "x\u0000", "x" * 300,
    "\uff0e\uff0e/x", "deep/" * 70 + "x",
)  # fmt: skip


def test_no_file_leaves_its_run_and_no_folder_leads_on_for_ever(here, fake):
    def listed(query):
        folder = query.get("path", [""])[0]
        within = {"path": f"{folder}/on" if folder else "on", "is_dir": True}
        elsewhere = [{"path": path, "is_dir": True} for path in ("", "on", "../..", "/")]
        return {"files": [within, *elsewhere, *({"path": path, "file_size": 1} for path in PATHS)]}

    fake.answers |= {"artifacts/list": listed, "get-artifact": b"x"}
    done = here.bring(fake.address)
    assert (done.runs, done.files) == (1, 0)
    assert len({one.what for one in done.left}) == len(PATHS)
    assert len(fake.asked) < 200
    assert here.site.tracking.artifacts.sizes(f"1/{UID}/artifacts") == {}
    assert not (here.folder.parent / "x").exists()


def test_a_file_is_bounded_whatever_was_said_of_it(here, fake):
    fake.answers |= {
        "artifacts/list": {"files": [{"path": "lies", "file_size": 3}, {"path": "large", "file_size": 10**9}]},
        "get-artifact": b"x" * 5000,
    }
    left = {one.what: one.why for one in here.bring(fake.address, largest="4KB").left}
    assert "more than 4,000 bytes" in left[f"lies of the run {UID}"]
    assert "1,000,000,000 bytes" in left[f"large of the run {UID}"]
    assert here.bring(fake.address, largest="0").files == 0
    with pytest.raises(Invalid, match="no size"):
        here.bring(fake.address, largest="much")


def test_a_connection_that_breaks_leaves_no_half_run(here, fake):
    fake.answers |= {
        "artifacts/list": {"files": [{"path": "a", "file_size": 4}]},
        "get-artifact": lambda _: (200, {"Content-Length": "4"}),
    }
    with pytest.raises(ArkwrightError, match="say it again"):
        here.bring(fake.address)
    assert here.runs() == {}
    fake.answers["get-artifact"] = b"wool"
    assert (here.bring(fake.address).runs, len(here.runs())) == (1, 1)


def test_a_run_whose_points_cannot_be_read_is_not_taken(here, fake):
    points = [{"key": "loss", "value": 0.5, "timestamp": 1, "step": 0}]
    fake.answers["runs/search"] = {"runs": [run(UID, metrics=points), run(OTHER)]}
    fake.answers["get-history"] = fake.answers["get-history-bulk"] = (500, {})
    done = here.bring(fake.address)
    assert list(here.runs()) == [OTHER]
    assert [one.what for one in done.left] == [f"the run {UID}"]
    fake.answers["get-history"] = {"metrics": points}
    done = here.bring(fake.address)
    assert (done.runs, done.points, done.left) == (1, 1, ())


def test_long_histories_come_page_by_page(here, fake):
    def page(query):
        start = int(query.get("page_token", ["0"])[0])
        points = [{"key": "loss", "value": n / 7, "timestamp": n, "step": n} for n in range(start, start + 25_000)]
        return {"metrics": points, **({"next_page_token": str(start + 25_000)} if start < 50_000 else {})}

    last = {"key": "loss", "value": 74_999 / 7, "timestamp": 74_999, "step": 74_999}
    fake.answers["runs/search"] = {"runs": [run(UID, metrics=[last])]}
    bulk = [{"key": "loss", "value": 0, "timestamp": n, "step": n, "run_id": UID} for n in range(25_000)]
    fake.answers["get-history-bulk"] = {"metrics": bulk}  # as much as one answer holds: there may be more
    fake.answers["get-history"] = page
    assert here.bring(fake.address).points == 75_000
    assert len(here.site.tracking.history(UID, "loss")) == 75_000


def test_what_does_not_fit_is_named_and_the_rest_is_taken(here, fake):
    params = [{"key": "../x", "value": "1"}, {"key": "lr", "value": "0.1"}]
    metrics = [{"key": "a\nb", "value": 1, "timestamp": 1, "step": 1}]
    strange = [{**run("../x")}, {**run("m" * 300)}]
    odd = run(OTHER)
    odd["info"]["status"] = "SLEEPING"
    fake.answers["runs/search"] = {"runs": [run(UID, params=params, metrics=metrics), *strange, odd]}
    fake.answers["registered-models/search"] = lambda query: (
        {} if "filter" in query else {"registered_models": [{"name": "a/b"}, {"name": "wool", "aliases": []}]}
    )
    sources = (
        "s3://elsewhere/x",
        f"runs:/{UID}/../x",
        "file:///etc/passwd",
        f"s3://b/{OTHER}/artifacts/m",
        f"runs:/{UID}/m",
    )
    fake.answers["model-versions/search"] = {
        "model_versions": [{"name": "wool", "version": str(n), "source": source} for n, source in enumerate(sources, 1)]
    }
    done = here.bring(fake.address)
    assert here.runs()[UID].params == {"lr": "0.1"}
    assert here.runs()[UID].metrics == {}
    assert list(here.runs()) == [UID]
    told = [one.what for one in done.left]
    assert sum(one == f"of the run {UID}" for one in told) == 2
    assert {f"version {n} of wool" for n in (1, 2, 3, 4, 5)} <= set(told)
    assert "the registered model a/b" in told
    assert done.versions == 0


def test_nothing_that_was_here_is_touched(here, fake):
    """A run and a model of the same name, logged here: theirs are left there, and ours stay as they are."""

    def make(db):
        runs.begin(db, experiment=0, name="ours", user="ben", uid=UID)
        registry.create(db, "wool", "ours")

    here.site.tracking.submit(make).result()
    fake.answers["runs/search"] = {"runs": [run(UID, tags=[{"key": "a", "value": "theirs"}])]}
    fake.answers["registered-models/search"] = lambda query: (
        {} if "filter" in query else {"registered_models": [{"name": "wool", "description": "theirs"}]}
    )
    told = {one.what: one.why for one in here.bring(fake.address).left}
    assert "came from elsewhere" in told[f"the run {UID}"]
    assert "rename one of the two" in told["the registered model wool"]
    assert (here.runs()[UID].name, "a" in here.runs()[UID].tags) == ("ours", False)
    assert here.site.tracking.look(registry.get, "wool").description == "ours"


def test_what_one_may_not_see_is_named_and_the_rest_comes(here, fake):
    fake.answers["experiments/search"] = {"experiments": [{"experiment_id": n, "name": f"e{n}"} for n in "78"]}
    asked = iter([(403, {}), {"runs": [run(UID)]}])
    fake.answers["runs/search"] = lambda _: next(asked)
    fake.answers["registered-models/search"] = (403, {})
    done = here.bring(fake.address)
    assert {one.what for one in done.left} == {"the experiment e7", "registered models", "prompts"}
    assert (done.runs, list(here.runs())) == (1, [UID])


def test_a_server_from_before_logged_models_and_prompts_gives_what_it_has(here, fake):
    fake.answers["runs/search"] = {"runs": [run(UID)]}
    for path in ("logged-models/search", "traces/search", "get-history-bulk"):
        fake.answers[path] = (404, {})
    done = here.bring(fake.address)
    assert (done.runs, done.left) == (1, ())
    fake.answers["logged-models/search"] = (500, {})
    assert [one.what for one in here.bring(fake.address).left] == ["the experiment wool"]


def test_an_experiment_that_is_not_there(here, fake):
    with pytest.raises(Unknown, match="did you mean"):
        here.bring(fake.address, only=["wol"])
