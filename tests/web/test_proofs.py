"""Tokens that were proven are remembered for a moment, and not a moment longer than they hold."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from tests.web.conftest import Door

from arkwright.api.people import accounts, entering, sessions
from arkwright.core.errors import Unproven
from arkwright.govern import secrets
from arkwright.sites import Site, choose_ledger
from arkwright.web import proofs
from arkwright.web.proofs import Proofs


@pytest.fixture
def proved(monkeypatch):
    """How often somebody was proven with the vault and the ledger."""
    found, prove = [], entering.prove

    def counted(*given):
        found.append(given)
        return prove(*given)

    monkeypatch.setattr(proofs, "entering", SimpleNamespace(prove=counted))
    return found


def asked(door, token="contributor", times=1):
    made = [door.ask("GET", "/version", Authorization=f"Bearer {door.tokens.get(token, token)}") for _ in range(times)]
    return [answer.status for answer in made]


def test_a_token_is_proven_once_while_nothing_is_written(door, proved):
    asked(door)  # what is made when it is first asked for
    proved.clear()
    assert asked(door, times=5) == [200] * 5
    assert len(proved) <= 1
    assert asked(door, "viewer", 2) == [200] * 2
    assert {secret for *_, secret in proved[-1:]} == {door.tokens["viewer"]}


@pytest.mark.parametrize("elsewhere", [False, True], ids=["by this process", "by another"])
@pytest.mark.parametrize("what", ["revoked", "shut out", "less"])
def test_whoever_lost_it_is_refused_at_once(door, what, elsewhere):
    site = Site(door.folder) if elsewhere else door.site
    by, token = door.actor("owner"), door.tokens["contributor"]
    create = ("POST", "/api/2.0/mlflow/experiments/create")
    kind = {"Content-Type": "application/json", **door.bearer("contributor")}
    for number in range(5):
        assert door.ask(*create, b'{"name": "%d"}' % number, **kind).status == 200
    if what == "revoked":
        assert site.vault.remove(secrets.TOKEN, "contributor/" + token.split(".")[1])
    else:
        role = "none" if what == "shut out" else "viewer"
        accounts.role(site, by, door.folder, name="contributor", role=role, reason="left")
    assert door.ask(*create, b'{"name": "late"}', **kind).status == (403 if what == "less" else 401)


@pytest.fixture
def on_postgresql(postgres, schema, tmp_path):
    """A control room whose records are on a real PostgreSQL."""
    return Door(tmp_path, site=choose_ledger(Site(tmp_path), postgres.url(schema)))


def test_with_postgresql_whoever_lost_it_is_refused_at_once(on_postgresql, proved):
    """Another process revokes, ends and demotes, as a second control room on the same records would."""
    door, other = on_postgresql, Site(on_postgresql.folder)
    assert asked(door, times=2) == [200, 200]
    assert len(proved) == 2  # only the server could tell that nothing was written, so it is asked each time
    create = ("POST", "/api/2.0/mlflow/experiments/create")
    kind = {"Content-Type": "application/json", **door.bearer("contributor")}
    assert door.ask(*create, b'{"name": "1"}', **kind).status == 200
    by = door.actor("owner")
    accounts.role(other, by, door.folder, name="contributor", role="viewer", reason="less")
    assert door.ask(*create, b'{"name": "2"}', **kind).status == 403
    assert asked(door) == [200]
    ended = next(
        one.id for one in sessions.sessions(other, door.actor("contributor"), door.folder) if one.kind == "token"
    )
    sessions.end(other, door.actor("contributor"), door.folder, id=ended)
    assert asked(door) == [401]
    assert asked(door, "viewer") == [200]
    accounts.role(other, by, door.folder, name="viewer", role="none", reason="left")
    assert asked(door, "viewer") == [401]
    assert door.ask("GET", "/account", Cookie=f"arkwright={door.sessions['viewer']}").status == 401


def test_a_signing_role_that_was_taken_away_signs_nothing(door):
    by = door.actor("owner")
    accounts.role(door.site, by, door.folder, name="viewer", signs=("operations",), reason="answers for it")
    token = accounts.token(door.site, door.actor("viewer"), door.folder, role="viewer", signs=("operations",)).secret
    room = Proofs(door.site)
    assert asyncio.run(room.prove("token", token)).actor.signs == ("operations",)
    accounts.role(Site(door.folder), by, door.folder, name="viewer", signs=(), reason="no more")
    assert asyncio.run(room.prove("token", token)).actor.signs == ()


def test_through_the_page_and_the_route_that_end_it(door):
    """The way people take, over HTTP."""
    token, owner = door.tokens["contributor"], {"Cookie": f"arkwright={door.sessions['contributor']}"}
    assert asked(door, times=3) == [200] * 3
    body = json.dumps({"id": token.split(".")[1]}).encode()
    assert door.ask("POST", "/api/end", body, **{"Content-Type": "application/json"}, **owner).status == 200
    assert asked(door) == [401]
    assert asked(door, "viewer") == [200]
    change = {"role": "none", "email": "", "also": "", "reason": "left"}
    assert door.post("/people/viewer", cookie=f"arkwright={door.sessions['owner']}", **change).status == 303
    assert asked(door, "viewer") == [401]


def test_one_that_runs_out_while_it_is_remembered_ends_within_that_second(door, monkeypatch):
    token = secrets.issue(door.site.vault, secrets.TOKEN, "viewer", 0.5, role="viewer", signs=())
    room, clock, now = Proofs(door.site), [0.0], secrets.time.time()
    monkeypatch.setattr(proofs, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    assert asyncio.run(room.prove("token", token))
    monkeypatch.setattr("time.time", lambda: now + 1.01)
    clock[0] = proofs.REMEMBERED
    with pytest.raises(Unproven):
        asyncio.run(room.prove("token", token))


def test_what_is_wrong_or_a_session_is_never_remembered(door, proved):
    assert asked(door, "owner.0123456789abcdef.wrong", 3) == [401] * 3
    assert len(proved) == 3
    for _ in range(3):
        assert door.ask("GET", "/version", Cookie=f"arkwright={door.sessions['owner']}").status == 200
    assert len(proved) == 6


def test_for_a_second_at_most(door, proved, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(proofs, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    room, token = Proofs(door.site), door.tokens["owner"]
    for at, count in ((100.0, 1), (100.9, 1), (101.0, 2), (101.9, 2), (102.1, 3)):
        clock[0] = at
        assert asyncio.run(room.prove("token", token)).account.name == "owner"
        assert len(proved) == count


def test_what_was_written_while_it_was_proven_counts(door, monkeypatch):
    """The token is revoked after it was looked up, and before it is remembered."""
    room, token, prove = Proofs(door.site), door.tokens["owner"], entering.prove

    def late(*given):
        found = prove(*given)
        door.site.vault.remove(secrets.TOKEN, "owner/" + token.split(".")[1])
        return found

    monkeypatch.setattr(proofs, "entering", SimpleNamespace(prove=late))
    assert asyncio.run(room.prove("token", token))
    with pytest.raises(Unproven):
        asyncio.run(room.prove("token", token))


def test_where_it_cannot_be_told_whether_anything_was_written(door, proved, monkeypatch):
    monkeypatch.setattr(door.site.vault, "stamp", lambda: None)
    assert asked(door, times=3) == [200] * 3
    assert len(proved) == 3


def test_it_remembers_no_more_than_so_many(door, monkeypatch):
    monkeypatch.setattr(proofs, "MOST", 2)
    room = Proofs(door.site)
    for role in ("owner", "viewer", "contributor"):
        asyncio.run(room.prove("token", door.tokens[role]))
    assert len(room._found) == 1
