"""The door, for every route of the live router and every method."""

import asyncio
from types import SimpleNamespace

import pytest
from starlette.routing import Mount

from arkwright.api import accounts
from arkwright.control.app import application
from arkwright.core.nouns import Actor
from arkwright.sites import Site
from arkwright.web.context import Context
from arkwright.web.routes import PUBLIC

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
MAY = {"viewer": {"look", "talk"}, "contributor": {"look", "talk", "work"}, "owner": {"look", "talk", "work", "own"}}
BASE = "http://127.0.0.1"


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    folder = tmp_path_factory.mktemp("room")
    site, nobody = Site(folder), Actor(name="x")
    owner = accounts.invite(site, nobody, folder, name="owner", role="owner")
    session = accounts.join(site, nobody, folder, invitation=owner.secret, password="four quiet wooden boats")
    by = accounts.prove(site, "session", session).actor
    tokens = {role: accounts.token(site, by, folder, role=role).secret for role in MAY}
    app = application(Context(site, folder, BASE, frozenset({"127.0.0.1"})))
    return app, tokens, session


def ask(app, method, path, body=b"", **headers):
    """One request, as a server would hand it over."""
    headers = {"Host": "127.0.0.1", "Origin": BASE, **headers}
    raw = [(name.lower().replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    path, _, query = path.partition("?")
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "headers": raw, "scheme": "http", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 5), "root_path": "",
        "http_version": "1.1",
    }  # fmt: skip
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return SimpleNamespace(status_code=sent[0]["status"], headers=told)


def test_every_route_every_method_every_caller(room):
    app, tokens, _ = room
    for route in app.routes:
        if isinstance(route, Mount):
            continue
        same = [r for r in app.routes if getattr(r, "path", "") == route.path]
        for method in METHODS:
            answers = [r for r in same if method in (r.methods or ())]
            right = (answers or same)[0].right
            path = route.path.replace("{", "").replace("}", "")
            callers = {"": {}, "wrong": {"Authorization": "Bearer a.b.c"}}
            callers |= {role: {"Authorization": f"Bearer {secret}"} for role, secret in tokens.items()}
            callers |= {"cut": {"Authorization": f"Bearer {tokens['owner'][:-3]}"}}
            for who, headers in callers.items():
                status = ask(app, method, path, **headers).status_code
                if who in ("wrong", "cut") or (not who and right != PUBLIC):
                    assert status == 401, (method, path, who)
                elif right != PUBLIC and right not in MAY.get(who, ()):
                    assert status == 403, (method, path, who)
                elif not answers:
                    assert status == 405, (method, path, who)
                else:
                    assert status not in (401, 403, 405, 500) or path == "/join/invitation", (method, path, who)


@pytest.mark.parametrize("host", ["evil.example", "[", "127.0.0.1.evil.example", "a@127.0.0.1", ""])
def test_foreign_hosts(room, host):
    answer = ask(room[0], "GET", "/health", Host=host)
    assert answer.status_code == 403
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1"])
def test_another_sites_page(room, origin):
    assert ask(room[0], "POST", "/logout", Origin=origin, Cookie=f"arkwright={room[2]}").status_code == 403


def test_too_much_and_too_often(room):
    app = room[0]
    assert ask(app, "POST", "/login", **{"Content-Length": "9999999"}).status_code == 413
    assert ask(app, "GET", "/health?" + "a" * 9000).status_code == 422
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for _ in range(20):
        assert ask(app, "POST", "/login", b"name=nobody&password=wrong", **form).status_code == 401
    answer = ask(app, "POST", "/login", b"name=nobody&password=wrong", **form)
    assert (answer.status_code, 1 <= int(answer.headers["retry-after"]) <= 60) == (429, True)
