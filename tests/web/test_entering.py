"""Log in and out: cookies, sessions that end, browsers that no stranger keeps out. Verbs "sessions" and "end"."""

import asyncio
import io
import json
import time

import pytest
from starlette.responses import StreamingResponse
from tests.web.conftest import WORD, Door

from arkwright.api.people import accounts, entering, sessions
from arkwright.cli.main import main
from arkwright.control import app
from arkwright.core.errors import Forbidden, Unproven
from arkwright.govern import secrets
from arkwright.web.entry import WRONG
from arkwright.web.routes import route

OTHER = "five loud iron trains"


def log_in(door, name="viewer", password=WORD, **more):
    return door.post("/login", name=name, password=password, **more)


def value(answer, name="arkwright"):
    return f"{name}={answer.cookies[name].partition('=')[2].partition(';')[0]}"


def flags(cookie):
    return {part.strip().lower() for part in cookie.split(";")[1:]}


def test_the_flags_of_a_cookie(door):
    answer = log_in(door)
    assert answer.status == 303
    assert answer.cookies.keys() == {"arkwright", "arkwright-device"}
    for cookie in answer.cookies.values():
        assert {"httponly", "path=/", "samesite=lax"} < flags(cookie)
        assert not any(flag.startswith("domain") for flag in flags(cookie))
        assert "secure" not in flags(cookie)


def test_behind_tls_only_guarded_cookies_count(tmp_path):
    door = Door(tmp_path, "https://room.example", ("room.example",))
    answer = log_in(door)
    assert answer.cookies.keys() == {"__Host-arkwright", "__Host-arkwright-device"}
    assert all({"httponly", "path=/", "samesite=lax", "secure"} < flags(cookie) for cookie in answer.cookies.values())
    assert answer.headers["strict-transport-security"]
    session = value(answer, "__Host-arkwright")
    assert door.ask("GET", "/account", Cookie=session).status == 200
    planted = session.removeprefix("__Host-")
    assert door.ask("GET", "/account", Cookie=planted).status == 401  # a page of another host could have set it


def test_what_a_browser_brings_along_is_never_taken_up(door):
    planted = f"arkwright={door.sessions['owner']}"
    answer = log_in(door, cookie=planted)
    assert value(answer) != planted
    assert door.ask("GET", "/account", Cookie=planted).status == 401  # and the one before it ends
    made_up = "arkwright=viewer.0123456789abcdef.chosen-by-an-attacker"
    assert value(log_in(door, cookie=made_up)) != made_up
    assert door.ask("GET", "/account", Cookie=made_up).status == 401


def test_logging_out_counts_at_once_and_everywhere(door):
    session = value(log_in(door))
    assert door.ask("POST", "/logout", Cookie=session).status == 303
    assert door.ask("GET", "/account", Cookie=session).status == 401
    assert door.ask("GET", "/api/show", Cookie=session).status == 401


def test_another_password_ends_sessions_and_marks(door):
    first, second = log_in(door), log_in(door)
    mark, session = value(first, "arkwright-device"), value(second)
    assert door.post("/password", cookie=session, old=WORD, new="short").status == 422
    changed = door.post("/password", cookie=session, old=WORD, new=OTHER)
    assert changed.status == 303
    for old in (value(first), session):
        assert door.ask("GET", "/account", Cookie=old).status == 401
    assert door.ask("GET", "/account", Cookie=value(changed)).status == 200
    assert sessions.remembered(door.site, mark.partition("=")[2], "viewer") is None
    assert door.ask("GET", "/api/show", **door.bearer("viewer")).status == 200  # as the page says


def test_who_logs_in_with_a_password_that_is_changed_meanwhile_stays_out(door, monkeypatch):
    issue = entering.session

    def changed_first(site, name, note):
        monkeypatch.setattr(entering, "session", issue)
        door.do(entering.change_password, door.actor("viewer"), old=WORD, new=OTHER)
        return issue(site, name, note)

    monkeypatch.setattr(entering, "session", changed_first)
    with pytest.raises(Unproven):
        door.do(entering.log_in, name="viewer", password=WORD)
    assert len([s for s in door.do(sessions.sessions, door.actor("owner")) if s.kind == "session"]) == 1
    assert len(list(door.site.vault.find(secrets.SESSION, "viewer/"))) == 1  # the one of who changed it


def test_a_session_without_use_ends(door, monkeypatch):
    now, session = time.time(), door.sessions["viewer"]
    for later, there in ((6, True), (17, True), (30, False), (30, False)):
        monkeypatch.setattr(secrets.time, "time", lambda later=later: now + 3600 * later)
        found = secrets.redeem(door.site.vault, secrets.SESSION, session) is not None
        assert found is there, later
    assert list(door.site.vault.find(secrets.SESSION, "viewer/")) == []


def test_use_does_not_bring_back_what_ended(door, monkeypatch):
    now, swap = time.time(), door.site.vault.swap

    def ended_first(*given):
        secrets.revoke_all(door.site.vault, secrets.SESSION, "viewer")
        return swap(*given)

    monkeypatch.setattr(door.site.vault, "swap", ended_first)
    monkeypatch.setattr(secrets.time, "time", lambda: now + 1000)
    secrets.redeem(door.site.vault, secrets.SESSION, door.sessions["viewer"])
    assert list(door.site.vault.find(secrets.SESSION, "viewer/")) == []


def test_one_sees_and_ends_one_s_own(door):
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"
    form = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": agent}
    body = f"name=viewer&password={WORD}".replace(" ", "+").encode()
    session = value(door.ask("POST", "/login", body, client="10.0.0.9", **form))
    page = door.ask("GET", "/account", Cookie=session).body.decode()
    assert "Chrome on Linux, from 10.0.0.9" in page
    old, new = (s for s in door.do(sessions.sessions, door.actor("viewer")) if s.kind == "session")
    if old.note:
        old, new = new, old
    assert door.post("/account/end", cookie=session, id=old.id).status == 303
    assert door.ask("GET", "/", Cookie=f"arkwright={door.sessions['viewer']}").status == 401
    token = next(s for s in door.do(sessions.sessions, door.actor("owner")) if s.kind == "token")
    assert door.post("/account/end", cookie=session, id=token.id).status == 404  # somebody else's
    assert door.ask("GET", "/api/show", **door.bearer("owner")).status == 200
    assert door.ask("GET", "/api/sessions", Cookie=session).status == 200
    as_json = {"Content-Type": "application/json"}
    answer = door.ask("POST", "/api/end", b'{"id":"%s"}' % new.id.encode(), Cookie=session, **as_json)
    assert (answer.status, door.ask("GET", "/", Cookie=session).status) == (200, 401)


def test_a_token_does_not_touch_them(door):
    known = entering.prove(door.site, secrets.TOKEN, door.tokens["owner"])
    for verb, words in ((sessions.sessions, {}), (sessions.end, {"id": "x"})):
        with pytest.raises(Forbidden, match="a token may not"):
            door.do(verb, known.actor, **words)


def test_strangers_do_not_keep_out_a_browser_that_entered_before(door, monkeypatch):
    entered = log_in(door)
    mark = value(entered, "arkwright-device")
    fits = accounts.passwords.fits
    monkeypatch.setattr(accounts.passwords, "fits", lambda kept, word: fits(kept, word) if word == WORD else False)
    for number in range(WRONG):
        assert log_in(door, password="guess", client=f"10.0.0.{number}").status == 401
    assert log_in(door, client="10.0.1.1").status == 429
    assert log_in(door).status == 429
    assert log_in(door, cookie=mark).status == 303
    assert log_in(door, name="owner", cookie=mark, client="10.0.0.1").status == 303  # nobody guessed at that one
    for _ in range(WRONG):
        assert log_in(door, password="guess", cookie=mark, client="10.0.2.1").status == 401
    assert log_in(door, cookie=mark).status == 429  # it too has so many, and no more
    assert "arkwright-device" not in entered.headers["location"]


def test_an_answer_that_is_still_sent_ends_with_its_session(tmp_path, monkeypatch):
    async def endless():
        for number in range(1000):
            yield b"%d " % number
            await asyncio.sleep(0.05)

    door, routes = Door(tmp_path), app.rest.routes
    more = [route("/endless", lambda _: StreamingResponse(endless()), "look")]
    monkeypatch.setattr(app.rest, "routes", lambda *given: [*routes(*given), *more])
    room = app.application(door.app.state.context)
    scope = {
        "type": "http", "method": "GET", "path": "/endless", "raw_path": b"/endless", "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"cookie", f"arkwright={door.sessions['viewer']}".encode())],
        "scheme": "http", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 5), "root_path": "",
        "http_version": "1.1",
    }  # fmt: skip
    sent, ended = [], []

    async def receive():
        await asyncio.sleep(60)

    async def send(message):
        sent.append(message)
        if len(sent) == 5:
            secrets.revoke_all(door.site.vault, secrets.SESSION, "viewer")
            ended.append(time.monotonic())

    asyncio.run(room(scope, receive, send))
    assert time.monotonic() - ended[0] < 5  # one second, on a machine that is free
    assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


def test_on_the_command_line(door, monkeypatch, capsys):
    monkeypatch.delenv("ARKWRIGHT_TOKEN", raising=False)
    place = ["--site", str(door.folder), "--by", "viewer"]

    def said(*words):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{WORD}\n"))
        assert main([*words, *place]) == 0
        return capsys.readouterr().out

    token = next(one["id"] for one in json.loads(said("sessions", "--json")) if one["kind"] == "token")
    assert said("end", token) == f"✓ {token} is no more\n"
    assert token not in said("sessions")
    monkeypatch.setenv("ARKWRIGHT_TOKEN", door.tokens["owner"])
    assert main(["sessions", "--site", str(door.folder)]) == 8
