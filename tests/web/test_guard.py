"""The door: hosts, origins, sizes, and how often. Who may do what stands in test_matrix."""

import json
import secrets
from types import SimpleNamespace

import pytest

from arkwright.api.people import accounts, entering, sessions
from arkwright.core.errors import Away
from arkwright.govern import passwords
from arkwright.pages import errors
from arkwright.web.context import placeless


@pytest.mark.parametrize("host", ["evil.example", "[", "127.0.0.1.evil.example", "a@127.0.0.1", "", "127.0.0.1:x"])
def test_foreign_hosts(shared, host):
    answer = shared.ask("GET", "/health", Host=host)
    assert answer.status == 403
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1", None])
def test_another_sites_page(shared, origin):
    session = f"arkwright={shared.sessions['owner']}"
    assert shared.ask("POST", "/logout", Origin=origin, Cookie=session).status == 403
    assert shared.post("/login", cookie=session, name="a", password="b").status in (401, 429)
    assert shared.ask("POST", "/login", Origin=origin).status == 403  # nobody is logged in as somebody else either


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_what_the_browser_says_of_itself_counts_too(shared, site):
    session = f"arkwright={shared.sessions['owner']}"
    assert shared.ask("POST", "/logout", Cookie=session, Sec_Fetch_Site=site).status == 403


def test_records_that_are_away(shared, monkeypatch):
    """A stranger hears neither where they are nor what their server said; what pages are made of needs nobody."""

    def away(*_):
        raise Away('the vault in postgresql://db.intern:5432/ark cannot be reached: server on "/run/x" said no')

    monkeypatch.setattr(entering, "prove", away)
    session = {"Cookie": f"arkwright={secrets.token_hex(8)}"}  # that nobody looked up before
    answer = shared.ask("GET", "/api/show", **session)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert json.loads(answer.body)["detail"] == "the vault cannot be reached; try again in a moment"
    page = shared.ask("GET", "/", Accept="text/html", **session)
    assert (page.status, b"the vault cannot be reached; try again" in page.body) == (503, True)
    assert b"intern" not in page.body
    assert shared.ask("GET", "/static/arkwright.css", **session).status == 200
    full = "the ledger in postgresql://db.intern:5432/ark: the disk of its server is full"
    assert placeless(full, shared.app.state.context) == "the ledger: the disk of its server is full"


def test_headers_that_stand_twice(shared):
    door = shared
    asked = door.ask("GET", "/health", Cookie="a=b", cookie="arkwright=x")
    assert asked.status == 422


def test_too_much_and_too_often(door, monkeypatch):
    monkeypatch.setattr(passwords, "fits", lambda *_: False)  # it takes a third of a second
    assert door.ask("POST", "/login", **{"Content-Length": "9999999"}).status == 413
    assert door.ask("GET", "/health?" + "a" * 9000).status == 422
    for _ in range(20):
        assert door.post("/login", name="nobody", password="wrong").status == 401
    answer = door.post("/login", name="nobody", password="wrong")
    assert (answer.status, 1 <= int(answer.headers["retry-after"]) <= 60) == (429, True)


def test_who_is_there_cannot_be_told_from_how_long_it_takes(door, monkeypatch):
    """The same work whether there is such an account, one without a password, one shut out, or none."""
    hasher, worked = passwords._HASHER, []
    passwords._nobody()  # made once for all
    monkeypatch.setattr(
        passwords, "_HASHER", SimpleNamespace(verify=lambda kept, _: worked.append(kept) or hasher.verify(kept, "x"))
    )
    door.do(accounts.invite, door.actor("owner"), name="invited")
    door.do(accounts.role, door.actor("owner"), name="contributor", role="none", reason="left")
    names = ("viewer", "nobody", "invited", "contributor", "")
    said = [door.post("/login", name=name, password="x") for name in names]
    assert {answer.status for answer in said} == {401}
    typed = [f'name="name" value="{name}"'.encode() for name in names]  # it need not be typed again
    assert len({answer.body.replace(name, b"") for answer, name in zip(said, typed, strict=True)}) == 1
    assert all(name in answer.body for answer, name in zip(said, typed, strict=True))
    settings = [kept.rpartition("$")[0].rpartition("$")[0] for kept in worked]  # argon2id, its version and its cost
    assert len(settings) == 5
    assert len(set(settings)) == 1


NAVIGATES = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"}


def _page(answer):
    """What a browser shows, which loads nothing but our own files."""
    assert answer.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    return answer.body.decode()


@pytest.mark.parametrize(
    ("status", "says", "leads", "asked"),
    [
        (403, "name is not known here", "http://127.0.0.1/", {"method": "GET", "path": "/", "Host": "evil.example"}),
        (403, "from another site", "/", {"method": "POST", "path": "/logout", "Origin": "http://evil.example"}),
        (403, "from another site", "/", {"method": "POST", "path": "/login", "Sec-Fetch-Site": "cross-site"}),
        (403, "one must be owner", "/", {"method": "GET", "path": "/webhooks"}),
        (422, "at most 8192 bytes", "http://127.0.0.1/", {"method": "GET", "path": "/runs?" + "a" * 9000}),
        (405, "answers GET", "/", {"method": "DELETE", "path": "/runs"}),
    ],
)  # fmt: skip
def test_a_browser_is_told_in_a_page(shared, status, says, leads, asked):
    asked = asked | {"Cookie": f"arkwright={shared.sessions['viewer']}"}
    answer = shared.ask(**asked, **NAVIGATES)
    page = _page(answer)
    assert (answer.status, says in page) == (status, True), page
    assert f'<a class="button" href="{leads}">' in page
    program = shared.ask(**asked, Accept="application/json")
    assert (program.status, program.headers["content-type"]) == (status, "application/problem+json")
    assert program.headers.get("allow") == answer.headers.get("allow")


def test_what_nobody_foresaw_is_a_page_too(shared, monkeypatch):
    asked = {"method": "GET", "path": "/account", "Cookie": f"arkwright={shared.sessions['viewer']}"}
    monkeypatch.setattr(sessions, "sessions", lambda *_: {}["what nobody may read"])
    answer = shared.ask(**asked, **NAVIGATES)
    page = _page(answer)
    assert (answer.status, f"the log has it as {answer.headers['x-request-id']}" in page) == (500, True)
    assert "nobody may read" not in page
    program = shared.ask(**asked, Accept="application/json")
    assert (program.status, program.headers["content-type"]) == (500, "application/problem+json")
    monkeypatch.setattr(errors, "page", lambda *_, **__: {}["x"])  # what shows pages fails itself
    answer = shared.ask(**asked, **NAVIGATES)
    assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")


def test_a_page_for_strangers_says_nothing_of_the_room(shared):
    for strange in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        answer = shared.ask("POST", "/logout", Cookie=f"arkwright={shared.sessions['owner']}", **strange, **NAVIGATES)
        page = _page(answer)
        assert "owner" not in page
        assert shared.project.name not in page


def test_a_part_of_a_page_that_is_refused_is_told_beside_it(shared):
    asked = {"HX-Request": "true", "Sec-Fetch-Mode": "cors", "Accept": "text/html"}
    answer = shared.ask("GET", "/webhooks", Cookie=f"arkwright={shared.sessions['viewer']}", **asked)
    assert answer.status == 403
    assert (answer.headers["hx-retarget"], answer.headers["hx-reselect"]) == ("#ended", "#refused")
    assert 'id="refused"' in _page(answer)
