"""A control room as people start it, with accounts whose tokens the tests hold."""

import json
import os
import select
import signal
from contextlib import contextmanager

import pytest
import urllib3
from tests import warm

from arkwright.core import versions
from arkwright.core.nouns import Account
from arkwright.govern import secrets

SIGNS = {"ben": ("model-owner",), "cleo": ("operations",)}
PEOPLE = {"olga": "owner", "carl": "contributor", "vera": "viewer", "ben": "viewer", "cleo": "viewer"}


class Room:
    """One control room, seen from outside."""

    def __init__(self, at, address, process):
        self.at, self.address, self.process = at, address, process
        self.http = urllib3.PoolManager(retries=False, timeout=60)
        self.tokens = people(at.site)

    def ask(self, method, path, value=None, *, by="olga", raw=None, **headers):
        headers = {name.replace("_", "-"): text for name, text in headers.items()}
        if by:
            headers["Authorization"] = f"Bearer {self.tokens[by]}"
        body = raw
        if value is not None:
            body = json.dumps(value)
            headers.setdefault("Content-Type", "application/json")
        return self.http.request(method, self.address + path, body=body, headers=headers)

    def events(self, path, by="olga", **headers):
        """The events of a stream until it ends."""
        headers = {name.replace("_", "-"): text for name, text in headers.items()}
        headers["Authorization"] = f"Bearer {self.tokens[by]}"
        answer = self.http.request("GET", self.address + path, headers=headers, preload_content=False)
        assert answer.status == 200, answer.data
        text = b"".join(answer.stream()).decode()
        return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


def people(site):
    """Everybody's token."""
    for name, role in PEOPLE.items():
        account = Account(name=name, version=1, role=role, signs=SIGNS.get(name, ()))
        if versions.latest(site.ledger, Account, name) is None:
            versions.move(site.ledger, "test", account)
    return {
        name: secrets.issue(site.vault, secrets.TOKEN, name, 3600.0, role=role, signs=SIGNS.get(name, ()))
        for name, role in PEOPLE.items()
    }


@contextmanager
def up(at, *words):
    """`arkwright up` as a process, which has its imports behind it; stopped by SIGINT, as people do it."""
    command = ["up", "--port", "0", "--json", "--project", str(at.folder), *words]
    with (at.folder / "up.log").open("ab") as log:
        process = warm.began.arkwright(*command, errors=log, env=os.environ | {"ARKWRIGHT_BY": "olga"})
    try:
        assert select.select([process.stdout], [], [], 120)[0], "it never said where it is"
        said = process.stdout.readline()
        while not said.rstrip().endswith(b"}"):
            more = process.stdout.readline()
            assert more, (at.folder / "up.log").read_text()[-2000:]
            said += more
        yield Room(at, json.loads(said)["address"], process)
    finally:
        alone = process.returncode is None and process.poll() is not None  # whoever ends it waits for its end
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        code = process.wait(60)
        process.stdout.close()
        assert not alone, f"it ended by itself ({code}):\n{(at.folder / 'up.log').read_text()[-4000:]}"


@pytest.fixture
def room(at):
    with up(at) as made:
        yield made
