"""The door, for every route of the live router and every method."""

import pytest
from starlette.routing import Mount
from starlette.testclient import TestClient

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


def ask(app, method, path, **headers):
    client = TestClient(app, base_url=BASE, raise_server_exceptions=False, follow_redirects=False)
    return client.request(method, path, headers={"Origin": BASE, **headers})


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
    client = TestClient(app, base_url=BASE, headers={"Origin": BASE})
    for _ in range(20):
        assert client.post("/login", data={"name": "nobody", "password": "wrong"}).status_code == 401
    answer = client.post("/login", data={"name": "nobody", "password": "wrong"})
    assert (answer.status_code, 1 <= int(answer.headers["retry-after"]) <= 60) == (429, True)
