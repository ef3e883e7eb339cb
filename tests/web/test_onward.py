"""Where one was going before the log-in; a form that is sent when the session is over; rooms on other ports."""

import json
import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.web.abroad import away, door, through
from tests.web.conftest import BASE, WORD, Door

from arkwright.api.people import accounts
from arkwright.core.errors import Forbidden
from arkwright.govern import roles
from arkwright.web import cookies, onward

__all__ = ["door"]  # a fixture: with a provider
PAGE = {"Accept": "text/html"}
FORM = {**PAGE, "Content-Type": "application/x-www-form-urlencoded"}
TYPED = b"sure=yes&reason=URGENT+%3Cb%3E+it+burns&digest=0&password=hush&new=hush"
AWAY = (
    "//evil.example", "https://evil.example", "/\\evil.example", "\\/evil.example", "javascript:alert(1)", "evil", "",
    "/\t/evil.example", "/a\r\nSet-Cookie: x=y", " /a", "/" + "a" * onward.LONGEST, "/é", "///evil.example",
)  # fmt: skip


@pytest.mark.parametrize("place", AWAY)
def test_no_address_leads_out_of_the_room(shared, place):
    answer = shared.post(f"/login?next={quote(place)}", name="viewer", password=WORD)
    assert (answer.status, answer.headers["location"]) == (303, "/")


@given(st.text(max_size=40).map(lambda text: f"/{text}"))
def test_what_is_ours_names_no_host(text):
    place = onward.ours(text)
    assert place[0] == "/"
    assert place[1:2] not in ("/", "\\")
    assert not set(place) & set("\\\t\r\n \x00")


@pytest.mark.parametrize("place", ["/releases/churn@2", "/runs?text=late&page=2", "/discussion/1", "/people/a%20b"])
def test_log_in_leads_to_where_one_was_going(shared, place):
    asked = shared.ask("GET", place, **PAGE)
    assert (asked.status, asked.headers["location"]) == (303, f"/login?next={quote(place, safe='/@:')}")
    wrong = shared.post(asked.headers["location"], name="viewer", password="no")
    assert b'<form method="post" class="stack">' in wrong.body  # no action: it is sent to the same address once more
    assert shared.post(asked.headers["location"], name="viewer", password=WORD).headers["location"] == place


def test_home_needs_no_words(shared):
    assert shared.ask("GET", "/", **PAGE).headers["location"] == "/login"
    assert shared.ask("GET", "/runs").status == 401  # a program


def test_a_provider_leads_there_too(door):
    assert b'href="/login/oidc?next=/discussion/1"' in door.ask("GET", "/login?next=/discussion/1").body
    late = sent(door, Referer=f"{BASE}/runs?a=b&c=d")
    assert b'href="/login/oidc?next=/runs%3Fa%3Db%26c%3Dd"' in late.body
    for place, there in (("/discussion/1#c2", "/discussion/1#c2"), ("//evil.example", "/"), ("/" + "a" * 900,) * 2):
        asked, cookie = away(door, f"/login/oidc?next={quote(place)}")
        assert door.ask("GET", through(asked, "ana"), Cookie=cookie).headers["location"] == there


def test_who_is_refused_by_a_provider_may_still_get_there(door):
    _, cookie = away(door, f"/login/oidc?next={quote('/discussion/1#c2')}")
    state = json.loads(bytes.fromhex(cookie.partition("=")[2]))["asked"]["state"]
    refused = door.ask("GET", f"/login/oidc/callback?error=access_denied&state={state}", Cookie=cookie)
    page = refused.body.decode()
    assert refused.status == 401
    for place in re.findall(r'(?:action|href)="(/login[^"]*)"', page):  # the form, and the way to the provider
        assert place in ("/login?next=/discussion/1%23c2", "/login/oidc?next=/discussion/1%23c2")
    answer = door.post("/login?next=/discussion/1%23c2", name="viewer", password=WORD)
    assert answer.headers["location"] == "/discussion/1#c2"
    lost = door.ask("GET", "/login/oidc/callback?error=access_denied&state=x").body.decode()
    assert re.findall(r'(?:action|href)="(/login[^"]*)"', lost) == ["/login", "/login/oidc"]


def test_an_invitation_leads_there_too(tmp_path):
    room = Door(tmp_path)
    handed = room.do(accounts.invite, room.actor("owner"), name="tess", role="viewer")
    joined = room.post(f"/join/{handed.secret}?next=/runs", password="five loud iron trains")
    assert joined.headers["location"] == "/runs"


def sent(room, path="/endpoints/churn/stop", **more):
    return room.ask("POST", path, TYPED, **FORM, **more)


@pytest.mark.parametrize("session", [None, "arkwright=viewer.0123456789abcdef.gone"])
def test_a_form_that_comes_too_late_is_kept_and_not_done(shared, session):
    asked = {"Cookie": session} if session else {}
    answer = sent(shared, Referer=f"{BASE}/endpoints/churn?a=b", **asked)
    page = answer.body.decode()
    assert (answer.status, "session ended" in page, "Nothing was done" in page) == (401, True, True)
    assert "URGENT &lt;b&gt; it burns" in page
    assert "sure" not in page  # that has to be said again
    assert "hush" not in page  # no password is shown, old or new
    assert 'action="/login?next=/endpoints/churn%3Fa%3Db"' in page
    assert answer.headers["content-type"].startswith("text/html")


def test_the_way_back_is_the_page_with_the_form(shared):
    def leads(referer):
        page = sent(shared, Referer=referer).body.decode()
        return page.partition('action="')[2].partition('"')[0]

    assert leads(f"{BASE}/endpoints/churn/stop") == "/login?next=/endpoints/churn"  # it was shown once more there
    for other in ("https://evil.example/endpoints", "http://[", f"{BASE}//evil.example", f"{BASE}/login", "/runs"):
        assert leads(other) == "/login", other


def test_another_site_has_nothing_shown(shared):
    for more in ({"Origin": "https://evil.example"}, {"Origin": None}, {"Sec-Fetch-Site": "cross-site"}):
        answer = sent(shared, **more)
        assert (answer.status, "www-authenticate" in answer.headers) == (401, True)
        assert b'href="/login"' in answer.body
        assert b"URGENT" not in answer.body


def test_a_program_gets_a_problem(shared):
    assert sent(shared, Sec_Fetch_Mode="cors").headers["content-type"] == "application/problem+json"
    bad = shared.ask("POST", "/endpoints/churn/stop", TYPED, **FORM, Authorization="Bearer viewer.a.b")
    assert (bad.status, b"URGENT" in bad.body) == (401, False)


def test_a_form_too_large_to_be_kept_is_refused_as_before(shared):
    answer = shared.ask("POST", "/discussion", b"text=" + b"a" * (2 << 20), **FORM)
    assert (answer.status, len(answer.body) < 10_000) == (401, True)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_part_of_a_page_is_told_beside_it(shared, method):
    asked = {"HX-Request": "true", "HX-Current-URL": f"{BASE}/endpoints/churn#try", "Sec-Fetch-Mode": "cors"}
    answer = shared.ask(method, "/endpoints/churn/try" if method == "POST" else "/runs", **PAGE, **asked)
    assert answer.status == 401
    assert (answer.headers["hx-retarget"], answer.headers["hx-reselect"]) == ("#ended", "#again")
    assert 'href="/login?next=/endpoints/churn%23try"' in answer.body.decode()


def test_two_rooms_on_one_machine_keep_their_cookies(tmp_path):
    one = Door(tmp_path / "a", "http://127.0.0.1:8001")
    two = Door(tmp_path / "b", "http://127.0.0.1:8002")
    kept = {}
    for room in (one, two):
        for name, value in room.post("/login", name="viewer", password=WORD).cookies.items():
            assert name not in kept
            kept[name] = value.partition("=")[2].partition(";")[0]
    jar = "; ".join(f"{name}={value}" for name, value in kept.items())
    assert [room.ask("GET", "/account", Cookie=jar).status for room in (one, two)] == [200, 200]
    assert one.ask("POST", "/logout", Cookie=jar).status == 303
    assert [room.ask("GET", "/account", Cookie=jar).status for room in (one, two)] == [401, 200]
    assert cookies.name("https://room.example:8443", cookies.SESSION) == "__Host-arkwright-8443"
    assert cookies.name("https://[::1]", cookies.DEVICE) == "__Host-arkwright-device"


def test_a_refusal_fits_whatever_was_asked(shared):
    for right in ("own", "work"):
        with pytest.raises(Forbidden) as refused:
            roles.must(shared.actor("viewer"), right)
        said = str(refused.value)
        assert ("owner" if right == "own" else "contributor") in said
        assert not {"endpoints", "run"} & set(said.replace(",", "").split())
