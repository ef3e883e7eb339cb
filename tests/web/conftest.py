"""A control room without its socket: requests are handed over as a server would."""

import asyncio
import json
import os
import re
import select
import signal
import subprocess
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest

from arkwright.api.people import accounts, entering
from arkwright.control.app import application
from arkwright.core.nouns import Actor
from arkwright.govern import passwords, secrets
from arkwright.sites import Site
from arkwright.web.context import Context

BASE = "http://127.0.0.1"
BACK = f"{BASE}/login/oidc/callback"
WORD = "four quiet wooden boats"
ROLES = ("viewer", "contributor", "owner")


@cache
def _hashed():
    """It takes a third of a second."""
    return passwords.hashed(WORD, "somebody")


class Door:
    """`people`: a session and a token for each role, and some that are worth nothing."""

    def __init__(self, folder, address=BASE, hosts=("127.0.0.1",), project=None, site=None):
        self.folder, self.site, self.address, self.hosts = folder, site or Site(folder), address, frozenset(hosts)
        self.project = project or folder
        self.app = application(Context(self.site, self.project, address, self.hosts))
        self.sessions, self.tokens = {}, {}
        for role in reversed(ROLES):
            self.enter(role, role)

    def do(self, verb, by=None, **words):
        return verb(self.site, by or Actor(name="x"), self.project, **words)

    def actor(self, name):
        return entering.prove(self.site, "session", self.sessions[name]).actor

    def enter(self, name, role):
        by = self.actor("owner") if self.sessions else None
        self.do(accounts.invite, by, name=name, role=role)
        self.site.vault.put(passwords.KIND, name, _hashed())
        self.sessions[name] = secrets.issue(self.site.vault, secrets.SESSION, name, entering.LOGGED_IN)
        self.tokens[name] = self.do(accounts.token, self.actor(name), role=role).secret

    def ask(self, *given, **words):
        return asyncio.run(self.asked(*given, **words))

    async def asked(self, method, path, body=b"", *, client="127.0.0.1", receive=None, **headers):
        host = self.address.partition("://")[2]
        headers = {"Host": host, "Origin": self.address, **{n.replace("_", "-"): v for n, v in headers.items()}}
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items() if value is not None]
        path, _, query = path.partition("?")
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
            "headers": raw, "scheme": "http", "server": ("127.0.0.1", 80), "client": (client, 5), "root_path": "",
            "http_version": "1.1",
        }  # fmt: skip
        sent = []

        bodies = [body]

        async def given():
            if not bodies:
                await asyncio.Event().wait()  # nobody leaves
            body = bodies.pop()
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message)

        await self.app(scope, receive or given, send)
        told = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
        text = b"".join(message.get("body", b"") for message in sent[1:])
        cookies = {m[1]: value for name, value in told if name == "set-cookie" and (m := re.match("([^=]+)=", value))}
        return SimpleNamespace(status=sent[0]["status"], headers=dict(told), body=text, cookies=cookies)

    def post(self, path, client="127.0.0.1", cookie=None, **fields):
        """A form, as a browser sends it."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"} | ({"Cookie": cookie} if cookie else {})
        return self.ask("POST", path, urlencode(fields).encode(), client=client, **kind)

    def bearer(self, name):
        return {"Authorization": f"Bearer {self.tokens[name]}"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """For tests that change nothing."""
    return Door(tmp_path_factory.mktemp("door"))


@pytest.fixture
def door(tmp_path):
    return Door(tmp_path)


@pytest.fixture(scope="session")
def provider(tmp_path_factory):
    """Where a real provider listens."""
    with providing(tmp_path_factory.mktemp("provider"), BACK) as address:
        yield address


@contextmanager
def providing(folder, back):
    """A real provider that sends browsers to `back`; its address."""
    command = [sys.executable, str(Path(__file__).with_name("provider.py")), str(folder), back]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, env={**os.environ, "PYTHONWARNINGS": ""}
        )
    try:
        assert select.select([process.stdout], [], [], 120)[0], (folder / "log").read_text()
        yield json.loads(process.stdout.readline() or (folder / "log").read_text())["address"]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        process.stdout.close()
