"""Who may do what: every route of the live router, every method, every caller; the answer follows from its right."""

import asyncio
import hashlib
import re

import pytest
from starlette.routing import Match, Mount, Route
from tests.web.conftest import Door

from arkwright.api.people import accounts
from arkwright.api.verbs import VERBS
from arkwright.govern import secrets
from arkwright.web import guard
from arkwright.web.routes import PUBLIC

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT")
SAFE = ("GET", "HEAD", "OPTIONS")
MAY = {"viewer": {"look", "talk"}, "contributor": {"look", "talk", "work"}, "owner": {"look", "talk", "work", "own"}}
OWN = {"/join/{invitation}", "/login", "/login/oidc/callback"}  # which say themselves that somebody is not proven


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return guarded(Door(tmp_path_factory.mktemp("matrix")))


def guarded(door):
    """With secrets that are worth nothing, `bad`."""
    owner = door.actor("owner")
    door.bad = {
        "wrong": "owner.0123456789abcdef.wrong",
        "cut": door.tokens["owner"][:-1],
        "longer": door.tokens["owner"] + "A",
        "nobody's": "." + door.tokens["owner"],
        "expired": secrets.issue(door.site.vault, secrets.TOKEN, "owner", -1, role="owner", signs=()),
        "a session's": door.sessions["owner"],
        "empty": "",
    }
    ended = door.do(accounts.token, owner, role="owner")
    door.site.vault.remove(secrets.TOKEN, f"owner/{ended.id}")
    door.bad["revoked"] = ended.secret
    door.enter("gone", "contributor")
    door.do(accounts.role, owner, name="gone", role="none", reason="left")
    for kind in (secrets.SESSION, secrets.TOKEN):  # as if the end of their secrets had been missed
        door.bad[f"shut out, {kind}"] = secrets.issue(door.site.vault, kind, "gone", 3600)
    door.site.denied.write = lambda: None  # it is tested elsewhere, and waits for the disk
    return door


def paths(routes, prefix=""):
    """Every path of the router, words filled in."""
    for route in routes:
        path = prefix + re.sub(r"{(\w+)(:\w+)?}", r"\1", route.path)
        if not isinstance(route, Mount):
            yield path
        elif getattr(route, "routes", None):
            yield from paths(route.routes, path)
        else:
            yield f"{path}/arkwright.css"
            yield f"{path}/nothing"


def right_of(routes, method, path):
    """(the right that it needs, the path of its route or None where only the method is wrong)"""
    partial = None
    for route in routes:
        match, child = route.matches({"type": "http", "method": method, "path": path, "root_path": ""})
        if match == Match.NONE:
            continue
        if isinstance(route, Mount) and route.routes:
            return right_of(route.routes, method, child.get("path", path))
        if isinstance(route, Mount):  # files, which are read and no more
            return route.right, route.path if method in ("GET", "HEAD") else None
        if match == Match.FULL:
            return route.right, route.path
        partial = partial or route.right
    return partial or "look", None


def callers(door, method):
    """(who, headers, what the guard says before it asks for a right: a status, None, or the rights that are proven)"""
    yield "nothing", {}, ()
    for name, secret in door.bad.items():
        if "session" not in name or name == "a session's":
            yield f"{name} token", {"Authorization": f"Bearer {secret}"}, 401
    yield "another scheme", {"Authorization": "Basic b3duZXI6b3duZXI="}, 401
    ended = {"Cookie": f"arkwright={door.bad['shut out, session']}"}
    yield "a session that ended", ended, ()
    yield "a foreign host", {"Host": "evil.example", "Authorization": f"Bearer {door.tokens['owner']}"}, 403
    for role, rights in MAY.items():
        yield f"{role}'s token", {"Authorization": f"Bearer {door.tokens[role]}"}, rights
        session = {"Cookie": f"arkwright={door.sessions[role]}"}
        yield f"{role}'s session", session, rights | {"self"}
        if method not in SAFE:
            yield f"{role}'s session from elsewhere", {**session, "Origin": "https://evil.example"}, 403
            yield f"{role}'s session from nowhere", {**session, "Origin": None}, 403


def wanted(right, route, proven):
    """The statuses that are right; None: any but a refusal."""
    if isinstance(proven, int):
        return proven
    if right != PUBLIC and right not in proven:
        return 403 if proven else 401
    return 405 if route is None else None


def test_every_route_every_method_every_caller(room):
    assert asyncio.run(asked_everywhere(room)) > 3000


async def asked_everywhere(door, few=()):
    """How many were asked; `few`: only by these callers, and only what there is."""
    count = 0
    for path in sorted(set(paths(door.app.routes))):
        for method in METHODS:
            right, route = right_of(door.app.routes, method, path)
            for who, headers, proven in callers(door, method):
                if few and (route is None or who not in few):
                    continue
                if route is None and who not in ("nothing", "viewer's token", "owner's session", "a foreign host"):
                    continue
                answer = await door.asked(method, path, **headers)
                expected, said = wanted(right, route, proven), (method, path, who, answer.status)
                if path.startswith("/static/") and expected == 401:
                    assert answer.status in (200, 404), said  # what pages are made of needs no look at who asks
                    continue
                if expected is not None:
                    assert answer.status == expected, said
                elif route not in OWN:
                    assert answer.status not in (401, 403, 405, 500), said
                assert "set-cookie" not in answer.headers or route in ("/logout", "/login/oidc"), said
                assert answer.headers["x-request-id"], said
                if route == "/logout" and answer.status == 303:
                    door.sessions = {role: secrets.issue(door.site.vault, "session", role, 3600) for role in MAY}
                count += 1
    return count


def test_the_matrix_has_every_route(room):
    """No path of it is answered by another route that comes first, so that one would never be asked."""
    routes = room.app.routes
    asked = {(found.path, m) for path in paths(routes) for m in METHODS if (found := at(routes, m, path))}
    of = {(route.path, method) for route in routes if isinstance(route, Route) for method in route.methods}
    assert of - asked == set()
    assert len(of) > 190


def at(routes, method, path):
    """The route that answers."""
    scope = {"type": "http", "method": method, "path": path, "root_path": ""}
    return next((route for route in routes if route.matches(scope)[0] == Match.FULL), None)


BREAKS = {
    "no right is asked for": (guard.roles, "must", lambda *_: None),
    "other sites' pages may": (guard, "_same_origin", lambda *_: None),
    "every name is its own": (guard, "_host", lambda _: "127.0.0.1"),
    "any session is good": (secrets, "redeem", lambda *_: ("owner/x", secrets.Pass("owner", "", 0.0, 9e9, seen=9e9))),
}


@pytest.mark.parametrize("what", BREAKS)
def test_the_matrix_sees_a_hole(room, monkeypatch, what):
    """Broken on purpose, it does not pass."""
    monkeypatch.setattr(*BREAKS[what])
    with pytest.raises(AssertionError, match=r"assert \d+ == 40[13]"):
        asyncio.run(asked_everywhere(room))


OPEN = {
    ("GET", "/health"), ("GET", "/login"), ("POST", "/login"), ("GET", "/join/{invitation}"),
    ("POST", "/join/{invitation}"), ("GET", "/login/oidc"), ("GET", "/join/{invitation}/oidc"),
    ("GET", "/login/oidc/callback"),
}  # fmt: skip
LOOKS_BY_POST = {
    "/api/2.0/mlflow/experiments/search", "/api/2.0/mlflow/runs/search", "/api/2.0/mlflow/logged-models/search",
    "/api/2.0/mlflow/registered-models/get-latest-versions", "/ledger/verify",
}  # fmt: skip
OWNERS = {
    "/api/promote", "/api/rollback", "/api/stop", "/api/resume", "/api/invite", "/api/role", "/api/webhook",
    "/api/unhook", "/releases/{name}/promote", "/endpoints/{name}/promote", "/endpoints/{name}/rollback",
    "/endpoints/{name}/stop", "/endpoints/{name}/resume", "/people", "/people/{name}",
    "/api/unlink", "/people/{name}/unlink", "/webhooks", "/webhooks/{name}/again", "/webhooks/{name}/rotate",
    "/webhooks/{name}/remove", "/api/ignore",
}  # fmt: skip


def test_what_a_route_needs_is_what_it_should_need(room):
    """The matrix reads the rights from the routes; here they are held against what people were told."""
    routes = [(m, r.path, r.right) for r in room.app.routes if isinstance(r, Route) for m in r.methods if m != "HEAD"]
    assert {(method, path) for method, path, right in routes if right == PUBLIC} == OPEN
    acts = [(path, right) for method, path, right in routes if method != "GET"]
    assert {path for path, right in acts if right == "look"} == LOOKS_BY_POST
    assert {path for path, right in acts if right == "own"} == OWNERS
    for method, path, right in routes:
        verb = VERBS.get(path.removeprefix("/api/"))
        if path.startswith("/api/") and verb:
            assert right == verb.right, path
        if "mlflow" in path and method != "GET" and path not in LOOKS_BY_POST:
            assert right == "work", path


def test_what_is_no_route_is_told_to_nobody_who_has_not_logged_in(room):
    for path in ("/nothing", "/api/nothing", "/api", "/api/2.0/mlflow/nothing", "//", "/login/", "/LOGIN", "/%00"):
        for method in METHODS:
            assert room.ask(method, path).status == 401, (method, path)
            assert room.ask(method, path, **room.bearer("viewer")).status in (404, 405), (method, path)


def state(door):
    """All that is kept, but when sessions were last used and what is derived from the ledger."""
    kinds = (
        "password",
        "session",
        "token",
        "invite",
        "device",
        "oidc",
        "oidc-account",
        "oidc-offered",
        "done",
        "read",
        "follow",
        "webhook",
        "job",
    )
    kept = [(kind, door.site.vault.find(kind)) for kind in kinds]
    vault = [(kind, [(key, re.sub(r'"seen":[0-9.]+', "", body)) for key, body in found]) for kind, found in kept]
    derived = ("vault.db", "ledger.db", "catalog.db", "denied.db", "tracking", "reserve")
    files = [path for path in sorted(door.folder.rglob("*")) if path.is_file()]
    files = [path for path in files if not path.relative_to(door.folder).parts[0].startswith(derived)]
    return door.site.ledger.head(), vault, [(p, hashlib.sha256(p.read_bytes()).hexdigest()) for p in files]


def test_nothing_changes_by_looking(room):
    before = state(room)
    for path in sorted(set(paths(room.app.routes))):
        for method in SAFE:
            room.ask(method, path, Cookie=f"arkwright={room.sessions['owner']}")
    assert state(room) == before
