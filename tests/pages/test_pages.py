"""The pages as a browser gets them, over a real control room."""

import re

import pytest
from tests.pages.logged import logged
from tests.web.conftest import Door

from arkwright.core import versions
from arkwright.core.nouns import Decision, Finding, Release
from arkwright.pages.render import _environment

PAGE = {"Accept": "text/html"}


def page(room, path, by="olga"):
    answer = room.ask("GET", path, by=by, **PAGE)
    return answer.status, answer.data.decode()


def test_every_page_and_every_link_on_it_is_there(room):
    uid, model = logged(room.at.site)
    seen, waiting = {"/password", "/account"}, ["/"]  # these ask for a session; a token may not
    while waiting:
        path = waiting.pop()
        seen.add(path)
        status, text = page(room, path)
        assert status == 200, path
        found = {link for link in re.findall(r'href="(/[^"#?]*)', text) if not link.startswith("/static/")}
        found = {link for link in found if not link.endswith("/said")}  # of what is asked after the `?`
        waiting += found - seen - set(waiting)
    assert {"/", "/inbox", "/releases", "/releases/buys@1", "/endpoints", "/discussion", "/people/ben"} <= seen
    theirs = {f"/runs/tracked/{uid}", f"/runs/logged/{model}", "/registered", "/registered/wool", "/registered/wool@1"}
    assert theirs <= seen
    assert any(path.startswith("/api/2.0/mlflow-artifacts/") for path in seen)  # a file


@pytest.mark.parametrize("path", ["/", "/endpoints", "/live"])
def test_where_nothing_answers_the_next_step_is_told(room, tmp_path, path):
    """Before there is a release none can be promoted."""
    door = Door(tmp_path)
    empty = door.ask("GET", path, Cookie=f"arkwright={door.sessions['viewer']}", Accept="text/html").body.decode()
    assert "First a run makes a release" in empty
    assert "arkwright promote" not in empty
    _, text = page(room, path)
    assert "<code>arkwright promote NAME</code>" in text
    assert "First a run makes a release" not in text


def test_a_release_shows_what_its_gate_found_and_what_is_missing(room):
    _, text = page(room, "/releases/buys@1")
    for said in ("roc_auc &gt;= 0.6", "agreement &gt;= 0.9", "no signature yet as model-owner", "kept"):
        assert said in text


def test_whatever_was_found_can_be_discussed():
    """Also what has no interval and no note, such as a size."""
    found = Finding(subject="model:buys@1", digest="0", promise="size_mb <= 1", verdict="kept", value=0.5)
    said = _environment().get_template("macros.html").module.sentences([found])
    assert re.search(r'<span class="more"><a href="/discussion/new\?about=model%3Abuys%401%23size_mb', str(said))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"note": "trained today"}, "trained today"),
        ({"note": "trained today", "n": 5}, "5 rows · trained today"),
        ({"low": 0.25, "high": 1}, "95 % interval 0.25 to 1"),
        ({"low": 0.25, "high": 1, "n": 5, "note": "so"}, "95 % interval 0.25 to 1, 5 rows · so"),
    ],
)
def test_what_is_told_of_a_value_has_dots_between_and_none_before(more, told):
    found = Finding(subject="", digest="0", promise="model_age_days <= 1", verdict="kept", value=0.5, **more)
    said = str(_environment().get_template("macros.html").module.sentences([found]))
    assert re.findall(r'<span class="more">(.*?)</span>', said) == [told]


def test_hostile_text_is_shown_as_text(room):
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    # as on a site that had no accounts yet: the record may hold anything
    ledger = room.at.site.ledger
    release = versions.resolve(ledger, Release, "buys")
    said = Decision(
        release=release.ref, digest=release.digest, by=hostile, role="model-owner", yes=False, reason=hostile
    )
    versions.add_decision(ledger, said, versions.turn(ledger, release.digest))
    for path in ("/", "/releases", "/releases/buys@1"):
        status, text = page(room, path)
        assert status == 200
        assert "<script>alert" not in text
        assert "<img src=x" not in text


def test_nobody_sees_a_page_before_the_login(room):
    answer = room.http.request("GET", room.address + "/releases", headers=PAGE, redirect=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/login?next=/releases")


def test_what_is_not_there_is_a_page_too(room):
    status, text = page(room, "/releases/bys@1")
    assert status == 404
    assert "buys" in text  # the near miss
    assert "</html>" in text
    status, text = page(room, "/nothing/<b>here")
    assert status == 404
    assert "There is nothing at /nothing/&lt;b&gt;here. Look for it in the search" in text
    assert "/api/" not in text  # no list of addresses of programs
