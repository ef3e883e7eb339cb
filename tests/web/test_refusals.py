"""What is refused is on record, in the verb "denied" and on its page: who, what, why, from where; never a secret."""

import asyncio
import sqlite3
import time
from dataclasses import replace

import pytest
from tests.web.conftest import WORD, Door

from arkwright.api.people import accounts
from arkwright.api.people.audit import denied
from arkwright.cli.main import main
from arkwright.core.errors import ArkwrightError
from arkwright.govern import denied as store

ATTEMPT = store.Attempt(who="x", proven=False, via="", what="x", right="", why="", status=401, address="")


def told(door):
    return [(d.who, d.proven, d.via, d.what, d.right, d.status, d.count) for d in door.do(denied, door.actor("owner"))]


def test_each_refusal_is_on_record(door):
    answer = door.ask("POST", "/api/promote", **door.bearer("viewer"))
    assert answer.status == 403
    (one,) = door.do(denied, door.actor("owner"))
    assert (one.who, one.proven, one.via, one.what) == ("viewer", True, "token", "POST /api/promote")
    assert (one.right, one.status, one.address, one.count) == ("own", 403, "127.0.0.1", 1)
    assert "one must be owner" in one.why
    assert one.request == answer.headers["x-request-id"]
    door.ask("POST", "/api/promote")
    door.ask("GET", "/api/show", Authorization="Bearer owner.a.b")
    door.ask("GET", "/api/show", Authorization=f"Bearer {door.tokens['viewer'][:-1]}")
    door.ask("GET", "/", Cookie="arkwright=viewer.a.b", Accept="text/html")
    door.ask("DELETE", "/nowhere/at/all")
    door.ask("GET", "/health", Host="evil.example")
    assert door.do(denied, door.actor("owner"))[0].why.endswith("…"), "a long reason is seen to be cut"
    assert told(door) == [
        ("", False, "nothing", "GET /health", "", 403, 1),
        ("", False, "nothing", "DELETE no such page", "look", 401, 1),
        ("viewer", False, "session", "GET /", "look", 401, 1),
        ("viewer", False, "token", "GET /api/show", "look", 401, 1),
        ("owner", False, "token", "GET /api/show", "look", 401, 1),
        ("", False, "nothing", "POST /api/promote", "own", 401, 1),
        ("viewer", True, "token", "POST /api/promote", "own", 403, 1),
    ]


def test_a_wrong_password_is_on_record_without_a_word_of_it(door):
    for name in ("viewer", "Viewer", "my secret, typed into the wrong field"):
        assert door.post("/login", name=name, password="my secret").status == 401
    assert told(door) == [
        ("", False, "password", "POST /login", "", 401, 1),
        ("viewer", False, "password", "POST /login", "", 401, 2),
    ]
    assert b"secret" not in (door.folder / "denied.db").read_bytes()


def test_whoever_is_led_to_the_login_was_refused_nothing_and_a_program_that_only_looks_was(door):
    assert door.ask("GET", "/", Accept="text/html").status == 303
    assert door.ask("GET", "/api/show", **door.bearer("viewer")).status == 200
    assert told(door) == []
    assert door.ask("GET", "/api/show").status == 401
    assert told(door) == [("", False, "nothing", "GET /api/show", "look", 401, 1)]


def test_a_secret_in_an_address_is_not_on_record(door):
    assert door.post("/join/viewer.1.abcdefgh", password=WORD).status == 401
    assert told(door) == [("", False, "nothing", "POST /join/{invitation}", "", 401, 1)]


def test_only_owners_see_it(door):
    assert door.ask("GET", "/audit", **door.bearer("viewer")).status == 403
    page = door.ask("GET", "/audit", **door.bearer("owner"))
    assert (page.status, b"GET /audit" in page.body) == (200, True)
    assert door.ask("GET", "/api/denied?who=viewer", **door.bearer("owner")).status == 200


def test_it_refuses_even_where_nothing_can_be_written(door, caplog):
    (door.folder / "denied.db").write_bytes(b"no database, " * 100)
    assert door.ask("POST", "/api/promote", **door.bearer("viewer")).status == 403
    assert "not on record" in caplog.text
    assert str(door.folder) in caplog.text


def test_strangers_who_come_together_are_written_together(tmp_path, monkeypatch):
    """So they are in nobody's way for long."""
    door, commits, file = Door(tmp_path), [], store.Denials._file

    def slow(denials):
        commits.append(time.sleep(0.02))
        return file(denials)

    monkeypatch.setattr(store.Denials, "_file", slow)

    async def together():
        return await asyncio.gather(*(door.asked("GET", "/api/show", client=f"10.0.0.{n}") for n in range(60)))

    assert {answer.status for answer in asyncio.run(together())} == {401}
    assert len(commits) < 20
    assert len(door.do(denied, door.actor("owner"))) == 60


def test_what_could_not_be_written_is_written_with_the_next_and_told_once(tmp_path, monkeypatch, caplog):
    """As where the one commit that many share fails, and where nothing can be written for long."""
    door, opened, file = Door(tmp_path), [], store.Denials._file
    denials, failing = door.site.denied, [False]

    def breaks(*words):
        opened.append(words)
        if len(opened) == 1 or failing[0]:
            raise ArkwrightError("denied.db cannot be used: database is locked")
        return file(*words)

    monkeypatch.setattr(store.Denials, "_file", breaks)

    async def together():
        return await asyncio.gather(*(door.asked("GET", "/api/show", client=f"10.0.0.{n}") for n in range(60)))

    assert {answer.status for answer in asyncio.run(together())} == {401}
    assert sum(one.count for one in door.do(denied, door.actor("owner"))) == 60
    assert caplog.text.count("not on record") == 1
    monkeypatch.setattr(store, "AN_HOUR", 2)
    opened.clear()
    failing[0] = True
    for number in (1, 2, 3, 3):
        denials.take(replace(ATTEMPT, address=str(number)), f"{number}")
        with pytest.raises(ArkwrightError, match="locked"):
            denials.write()
    assert [words[1:] for words in opened] == [(), (0,), (0,), (0,)], "nobody waits behind whoever waited in vain"
    failing[0] = False
    denials.write()
    assert [(d.address, d.count) for d in denials.find("x", 0, 9e9, 9)] == [("3", 2), ("2", 1)]


def test_a_flood_fills_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "AN_HOUR", 5)
    monkeypatch.setattr(store, "MOST", 20)
    door = Door(tmp_path)
    for number in range(30):
        assert door.ask("POST", "/api/promote", client=f"10.0.0.{number}").status == 401
    door.ask("POST", "/api/promote", **door.bearer("viewer"))
    found = door.do(denied, door.actor("owner"))
    assert len(found) == 7
    assert sorted(d.count for d in found) == [1, 1, 1, 1, 1, 1, 25]
    assert [d.address for d in found if d.count == 25] == [""]
    assert [d.who for d in found].count("viewer") == 1  # a flood of strangers does not hide a colleague
    for hour in range(40):
        monkeypatch.setattr(store.time, "time", lambda hour=hour: 2e9 + 3600 * hour)
        door.site.denied.take(ATTEMPT, "1")
        door.site.denied.write()
    with sqlite3.connect(door.folder / "denied.db") as db:
        assert db.execute("SELECT count(*) FROM denied").fetchone() == (20,)


@pytest.mark.parametrize("path", ["/api/accounts", "/api/show"])
def test_who_was_shut_out(door, path):
    owner = door.actor("owner")
    door.do(accounts.role, owner, name="viewer", role="none", reason="left")
    assert door.ask("GET", path, **door.bearer("viewer")).status == 401
    assert [(d.who, d.proven) for d in door.do(denied, owner)] == [("viewer", False)]


def test_on_the_command_line(door, monkeypatch, capsys):
    door.ask("POST", "/api/promote", **door.bearer("viewer"))
    monkeypatch.setenv("ARKWRIGHT_TOKEN", door.tokens["owner"])
    assert main(["denied", "--site", str(door.folder), "--since", "1h"]) == 0
    assert "POST /api/promote" in capsys.readouterr().out
    assert main(["denied", "--site", str(door.folder), "--since", "1h", "--who", "owner", "--json"]) == 0
    assert capsys.readouterr().out == "[]\n"
    monkeypatch.setenv("ARKWRIGHT_TOKEN", door.tokens["viewer"])
    assert main(["denied", "--site", str(door.folder)]) == 8
