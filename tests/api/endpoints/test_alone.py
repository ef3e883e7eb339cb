"""A machine that has the site and no project: what was promoted is served, asked and moved there all the same."""

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest
from tests.serve.supervised import workers

from arkwright.api.endpoints.answer import predict
from arkwright.api.endpoints.logged import predictions
from arkwright.api.endpoints.rollout import promote, rollback
from arkwright.api.endpoints.traffic import serve
from arkwright.cli.main import main
from arkwright.core import versions
from arkwright.core.errors import Refused, Unknown
from arkwright.core.nouns import Endpoint, Release
from arkwright.core.ports import Serving
from arkwright.sites import Site

from .test_rollout import ONE, ROW, TWO, ask, served, until
from .test_served import post

LOG = 'gate  = "production"\nlog = { redact = ["age"], keep = "30d" }\n'


@pytest.fixture
def alone(second, tmp_path, monkeypatch):
    """The site of a project in which `buys` was promoted, carried to where nothing else is; one works in an empty
    folder there.
    """
    second.shop.edit("arkwright.toml", 'gate  = "production"\n', LOG)
    second.do(promote, release="buys@1")
    second.site.ledger.close()
    shutil.move(second.site.folder, tmp_path / "carried")
    shutil.rmtree(second.folder)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    site = Site(tmp_path / "carried")
    return SimpleNamespace(
        site=site,
        folder=tmp_path / "empty",
        do=lambda verb, **words: verb(site, second.ana, site.folder, **words),
    )


@contextmanager
def serving(alone, *words):
    """The address at which `arkwright serve` answers there."""
    command = [
        sys.executable,
        "-m",
        "arkwright.cli.main",
        "serve",
        "--port",
        "0",
        "--drain-delay",
        "0",
        "--json",
        *words,
    ]
    with (alone.folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=alone.folder, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        said = ""
        while "}" not in said:
            line = server.stdout.readline()
            assert line, (alone.folder / "log").read_text()
            said += line
        yield json.loads(said)["address"]
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
    finally:
        server.kill()
        server.communicate()


def told(capsys, *words):
    code = main([*words, "--by", "ana"])
    return code, *capsys.readouterr()


def test_it_is_served_moved_and_asked_about(alone, capsys):
    at = ["--site", str(alone.site.folder)]
    with serving(alone, "buys", *at) as address:
        headers, answer = post(address, "/predict", ROW | {"age": 7654321})
        assert answer["release"] == ONE
        id_ = headers["X-Request-Id"]
        until(lambda: alone.do(predictions, endpoint="buys", id=id_).num_rows == 1)
        code, out, _ = told(capsys, "predictions", "buys", "--id", id_, "--json", *at)
        (row,) = json.loads(out)
        assert (code, row["country"], row.get("age")) == (0, "DE", None)  # as the project redacts it
        assert told(capsys, "label", "buys", "--id", id_, "--label", "1", *at)[0] == 0
        code, out, _ = told(capsys, "promote", "buys@2", "--share", "0.5", *at)
        assert (code, "release:buys@2 (0.5)" in out) == (0, True)
        until(lambda: ask(address, Arkwright_Release="2") == (200, TWO))
        assert told(capsys, "rollback", "buys", *at)[0] == 0
        until(lambda: ask(address, Arkwright_Release="2")[0] == 404)
    (alone.folder / "row.json").write_text(json.dumps(ROW))
    code, out, _ = told(capsys, "predict", "buys", "row.json", *at)
    assert (code, json.loads(out)["release"]) == (0, ONE)
    assert versions.latest(alone.site.ledger, Endpoint, "buys").terms.redact == ("age",)
    assert b"7654321" not in b"".join(p.read_bytes() for p in alone.site.predictions.rglob("*") if p.is_file())


def test_all_that_is_live_there_in_the_folder_that_holds_the_site(alone):
    shutil.move(alone.site.folder, alone.folder / ".arkwright")
    (alone.folder / "below").mkdir()
    with serving(SimpleNamespace(folder=alone.folder / "below")) as address:
        assert ask(address) == (200, ONE)
        assert ask(address, "/endpoints/buys/predict") == (200, ONE)
    with serving(alone, "--site", ".") as address:
        assert ask(address) == (200, ONE)


@pytest.mark.parametrize("word", ["show", "why", "diff", "ledger", "sign", "refuse"])
def test_words_that_look_and_decide(alone, capsys, word):
    words = {
        "show": ["endpoint:buys"],
        "why": ["buys@2"],
        "diff": ["buys@1", "buys@2"],
        "ledger": ["verify"],
        "sign": ["buys@2", "--role", "operations", "--reason", "read"],
        "refuse": ["buys@2", "--role", "operations", "--reason", "no"],
    }
    if word == "sign":  # everybody has signed; whoever said No may take it back
        main(["refuse", *words["refuse"], "--site", str(alone.site.folder), "--by", "dora"])
    code = main([word, *words[word], "--site", str(alone.site.folder), "--by", "dora"])
    out, err = capsys.readouterr()
    assert (code, bool(out)) == (0, True), err
    if word == "show":
        assert "redact: age" in out
        assert "None" not in out


def test_what_is_not_there_is_told(alone, capsys):
    at = ["--site", str(alone.site.folder)]
    code, _, err = told(capsys, "serve", "byus", *at)
    assert (code, err) == (3, "error: no endpoint is called 'byus'; did you mean \"buys\"?\n")
    code, _, err = told(capsys, "serve", "--site", str(alone.folder))
    assert code == 3
    assert err.startswith(
        f"error: there is no site in {alone.folder}: neither it nor a folder .arkwright in it holds a"
    )
    assert not list(alone.folder.iterdir())  # to look for one begins none
    for words in (["serve"], ["predict", "buys", "-"], ["promote", "buys"]):
        code, _, err = told(capsys, *words)
        assert code == 3
        assert err.endswith("start with: arkwright new NAME; or name a site: --site DIR\n")
    code, _, err = told(capsys, "serve", "--project", str(alone.folder), *at)
    assert (code, "name a project or a site, not both" in err) == (2, True)
    code, _, err = told(capsys, "promote", "buys@2", "--endpoint", "byus", *at)
    assert (code, err) == (3, "error: no endpoint is called 'byus'; did you mean \"buys\"?\n")
    code, _, err = told(capsys, "run")
    assert (code, "there is no arkwright.toml" in err) == (3, True)


def test_nothing_is_live_there(at, tmp_path, monkeypatch, capsys):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    code, _, err = told(capsys, "serve", "--site", str(at.folder))
    assert (code, err) == (4, "error: no endpoint has a release yet; next: arkwright run, sign, promote\n")
    code, _, err = told(capsys, "promote", "buys", "--site", str(at.folder))
    assert code == 2
    assert "release:buys@1 fits 0 endpoints; add an [endpoint.NAME] for it to the project's arkwright.toml" in err


def never(address):
    raise AssertionError(address)


def test_it_trusts_what_the_project_trusts(alone):
    public = alone.site.keys / "release.pub"
    kept = public.read_bytes()
    public.unlink()
    with pytest.raises(Refused, match="there is no key"):
        alone.do(serve, how=Serving(port=0), ready=never)
    with pytest.raises(Refused, match="there is no key"):
        alone.do(predict, endpoint="buys", rows=json.dumps(ROW).encode())
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "other.key"], check=True)
    subprocess.run(["openssl", "ec", "-in", "other.key", "-pubout", "-out", public], check=True, capture_output=True)
    with pytest.raises(Refused, match="was not signed with the key"):
        alone.do(serve, how=Serving(port=0), ready=never)
    public.write_bytes(kept)
    release = versions.resolve(alone.site.ledger, Release, "buys@1")
    code = next(digest for name, digest in release.files.items() if name.startswith("code/"))
    path = alone.site.store.path(code)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"\nprint('mine')\n")
    with pytest.raises(Exception, match=code[:12]):
        alone.do(serve, how=Serving(port=0), ready=never)


def test_who_serves_needs_no_private_key(alone):
    (alone.site.keys / "release.key").unlink()
    with serving(alone, "--site", str(alone.site.folder)) as address:
        assert ask(address) == (200, ONE)
    with pytest.raises(Refused, match="so nothing can be signed"):
        alone.do(promote, release="buys@2")


def test_a_rollout_goes_on_there_as_the_project_has_it(second, tmp_path):
    second.shop.edit(
        "arkwright.toml", 'gate  = "production"\n', 'gate  = "production"\nrollout = { canary = 0.25, hold = "2h" }\n'
    )
    assert second.do(promote, release="buys@1").terms.canary == 0.25
    site, nowhere = Site(second.site.folder), tmp_path / "nowhere"
    assert promote(site, second.ana, nowhere, release="buys@2").shares == {TWO: 0.25, ONE: 0.75}
    with pytest.raises(Refused, match="must be tried for 2h"):
        promote(site, second.ana, nowhere, release="buys@2")
    assert promote(site, second.ana, nowhere, release="buys@2", share=1.0).shares == {TWO: 1.0}


def test_terms_change_when_it_is_promoted_and_not_before(second):
    before = versions.latest(second.site.ledger, Endpoint, "buys")
    assert (before.terms.model, before.terms.gate, before.terms.redact) == ("buys", "production", ())
    second.shop.edit("arkwright.toml", 'gate  = "production"\n', LOG)
    after = second.do(promote, release="buys@1")
    assert (after.version, after.reason, after.shares) == (2, "its terms changed", before.shares)
    assert (after.terms.redact, after.terms.keep) == (("age",), "30d")
    assert second.do(promote, release="buys@1") == after
    assert second.do(promote, release="buys@2").terms == after.terms
    assert second.do(rollback, endpoint="buys").terms == after.terms


def test_a_project_that_says_otherwise_by_now_is_told(first):
    first.shop.edit("arkwright.toml", 'gate  = "production"\n', LOG)
    with serving(first, "buys"):
        said = (first.folder / "log").read_text()
    assert "[endpoint.buys] was changed since endpoint:buys@1 was promoted; promote its release again" in said
    first.do(promote, release="buys@1")
    with serving(first, "buys"):
        assert "was changed since" not in (first.folder / "log").read_text()


def test_without_terms_on_record_nothing_is_logged_by_chance(first):
    now = versions.latest(first.site.ledger, Endpoint, "buys")
    versions.move(first.site.ledger, "ana", replace(now, version=2, terms=None))
    with pytest.raises(Refused, match="does not say how answers of endpoint:buys@2 are logged"):
        first.do(serve, ready=never)
    assert first.do(promote, release="buys@1").version == 3
    with pytest.raises(Unknown, match="no endpoint is called 'byus'"):
        first.do(serve, endpoints=("byus",), ready=never)


HANGS = """
import sys
import time
while "processes" in sys.argv[0]:  # where it is served, not where it is trained
    time.sleep(0.01)
"""
BY_HAND = (  # and not in the graph, where none of the project's code is left
    'pl.col("age").fill_null(40).cast(pl.Float64)',
    'pl.Series("age", [float(age) for age in visits["age"].fill_null(40)])',
)


def test_the_old_one_stays_however_many_do_not_load(first):
    """Also for a worker that begins meanwhile: what it needs is laid out still."""
    with served(first, "--load-time", "3") as (address, server):
        log = first.folder / "log"
        first.shop.edit("shop.py", "import polars as pl", "import polars as pl\n" + HANGS)
        first.shop.edit("shop.py", *BY_HAND)
        for version in (2, 3):
            first.made(version)
            first.do(promote, release=f"buys@{version}")
            words = f"endpoint:buys@{version} cannot be served: release:buys@{version} did not load within 3 s: "
            until(lambda: words in log.read_text())  # noqa: B023
            assert ask(address) == (200, ONE)
        (worker,) = workers(server.pid)
        os.kill(worker, signal.SIGKILL)
        until(lambda: log.read_text().count("another takes its place") == 1)
        assert ask(address) == (200, ONE)
