"""Tokens that were proven are remembered for a moment, and not a moment longer than they hold."""

import asyncio
from types import SimpleNamespace

import pytest

from arkwright.api import accounts
from arkwright.core.errors import Unproven
from arkwright.govern import secrets
from arkwright.sites import Site
from arkwright.web import proofs
from arkwright.web.proofs import Proofs


@pytest.fixture
def proved(monkeypatch):
    """How often somebody was proven with the vault and the ledger."""
    found, prove = [], accounts.prove

    def counted(*given):
        found.append(given)
        return prove(*given)

    monkeypatch.setattr(proofs, "accounts", SimpleNamespace(prove=counted))
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
    room, token, prove = Proofs(door.site), door.tokens["owner"], accounts.prove

    def late(*given):
        found = prove(*given)
        door.site.vault.remove(secrets.TOKEN, "owner/" + token.split(".")[1])
        return found

    monkeypatch.setattr(proofs, "accounts", SimpleNamespace(prove=late))
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
