"""The whole walk over HTTP, with the records on a real PostgreSQL: first owner, colleagues, run, sign, promote, ask."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
import urllib3
from tests.api.endpoints.test_rollout import ask as asked
from tests.api.endpoints.test_rollout import served

PASSWORD = "four quiet wooden boats"
ROW = {"country": "DE", "spent": 90.5, "age": None}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@contextmanager
def up(folder, *words):
    """(what it said, the process)."""
    command = [sys.executable, "-m", "arkwright.cli.main", "up", "--port", "0", "--json", "--project", str(folder)]
    with (folder / "up.log").open("ab") as log:
        process = subprocess.Popen([*command, *words], stdout=subprocess.PIPE, stderr=log)
    try:
        assert select.select([process.stdout], [], [], 120)[0], (folder / "up.log").read_text()
        said = process.stdout.readline()
        while said and not said.rstrip().endswith(b"}"):
            said += process.stdout.readline()
        assert said, (folder / "up.log").read_text()
        yield json.loads(said), process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        process.stdout.close()


class Person:
    """Somebody who joins with a browser, and then works with a token."""

    def __init__(self, address, link, **scope):
        self.address, self.http = address, urllib3.PoolManager(retries=False, timeout=60)
        joined = self.http.request(
            "POST", link, headers=FORM | {"Origin": address}, body=f"password={PASSWORD.replace(' ', '+')}",
            redirect=False,
        )  # fmt: skip
        assert joined.status == 303, joined.data
        cookie = joined.headers["Set-Cookie"].partition(";")[0]
        self.given = {"Cookie": cookie, "Origin": address}
        self.given = {"Authorization": f"Bearer {self.do('token', **scope)['secret']}"}

    def ask(self, method, path, value=None):
        headers = dict(self.given)
        if value is not None:
            headers["Content-Type"] = "application/json"
        return self.http.request(
            method, self.address + path, body=json.dumps(value) if value else None, headers=headers
        )

    def do(self, verb, **words):
        answer = self.ask("POST", f"/api/{verb}", words)
        assert answer.status in (200, 202), answer.data
        return answer.json()


def until(true, seconds=120):
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


@pytest.mark.skipif(os.name != "posix", reason="PostgreSQL runs here on POSIX only")
def test_from_nobody_to_a_prediction(postgres, schema, shop):
    with up(shop.folder, "--ledger", postgres.url(schema)) as (said, _):
        olga = Person(said["address"], said["join"], role="owner")
        join = f"{said['address']}/join/"
        ben = olga.do("invite", name="ben", signs=["model-owner"])["secret"]
        cleo = olga.do("invite", name="cleo", signs=["operations"])["secret"]
        ben = Person(said["address"], join + ben, role="viewer", signs=["model-owner"])
        cleo = Person(said["address"], join + cleo, role="viewer", signs=["operations"])
        job = olga.do("run")
        ended = until(lambda: (found := olga.ask("GET", f"/api/jobs/{job['id']}").json())["ended"] and found)
        assert ended["state"] == "done", ended
        assert ben.ask("POST", "/api/promote", {"release": "buys"}).status == 403
        ben.do("sign", release="buys", role="model-owner", reason="read the card")
        cleo.do("sign", release="buys", role="operations")
        olga.do("promote", release="buys")
        answer = until(lambda: (found := ben.ask("POST", "/endpoints/buys/predict", ROW)).status == 200 and found)
        assert answer.json()["release"] == "release:buys@1"
        assert until(lambda: olga.ask("GET", "/health").status == 200)
        logged = until(lambda: olga.ask("GET", "/api/predictions?endpoint=buys").json())
        assert logged[0]["caller"] == "ben"
    assert not (shop.folder / ".arkwright" / "ledger.db").exists()
    with up(shop.folder) as (said, _):  # the site knows where its ledger is
        assert said["join"] is None
        ben.address = said["address"]
        until(lambda: ben.ask("POST", "/endpoints/buys/predict", ROW).status == 200)
        postgres.do(f"SELECT 1 / (count(*) > 20)::int FROM {schema}.event")
        with served(shop, "--workers", "2") as (alone, _):  # a server of its own follows what the control room says
            assert {asked(alone) for _ in range(8)} == {(200, "release:buys@1")}
            olga.address = said["address"]
            olga.do("stop", endpoint="buys", reason="it guesses")
            until(lambda: {asked(alone)[0] for _ in range(8)} == {503})
            assert "it guesses" in asked(alone, "/v2/models/buys/infer")[1]
