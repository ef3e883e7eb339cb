"""The page of requirements as a browser gets it: proposed, checked, reviewed and taken as a patch."""

import html
import re
import urllib.parse

import pytest
from tests.api.promising.test_propose import LIMIT

from arkwright.api.promising.propose import propose
from arkwright.core.nouns import Actor
from arkwright.govern import secrets
from arkwright.web import cookies

PAGE = {"Accept": "text/html"}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def page(room, path, by="olga"):
    answer = room.ask("GET", path, by=by, **PAGE)
    return answer.status, html.unescape(answer.data.decode())


def send(room, path, by, **fields):
    given = {"raw": urllib.parse.urlencode(fields), "Content_Type": "application/x-www-form-urlencoded"}
    answer = room.http.request(
        "POST",
        room.address + path,
        body=given["raw"],
        headers=PAGE | {"Content-Type": given["Content_Type"], "Authorization": f"Bearer {room.tokens[by]}"},
        redirect=False,
    )
    return answer.status, html.unescape(answer.data.decode()), answer.headers.get("Location", "")


@pytest.fixture
def proposed(room):
    ana = Actor(name="ana", proven=True, rights=("look", "talk"))
    return propose(room.at.site, ana, room.at.folder, **LIMIT).proposal


def test_every_promise_in_plain_words_beside_its_text(room):
    status, text = page(room, "/requirements", by="vera")
    assert status == 200
    for said in ("The number of rows is at least 100", "rows >= 100", "dataset:buyers@1", "Gate production", "kept",
                 "A real case gets a higher score than another in at least 60 % of all pairs"):  # fmt: skip
        assert said in text


CHECKED = [
    ({"measure": "recall", "op": ">=", "limit": "70 %"}, "Of all real cases, at least 70 % are found"),
    ({"promise": "recal >= 0.7"}, 'did you mean "recall"?'),
    ({"measure": "recall", "op": ">=", "limit": "most"}, "'most' is no number; write it like 0.7 or 70 %"),
    ({"measure": "recall", "op": ">=", "limit": "inf"}, "'inf' is no number"),
    ({"measure": "recall", "op": "~", "limit": "1"}, "compares nothing"),
    ({"measure": "recall"}, "The share of the positive rows that are found"),
    ({"measure": "nothing"}, "no measure is called 'nothing'"),
    ({"where": "data.buyers", "measure": "missing", "about": "spnt", "op": "<=", "limit": "0"}, 'mean "spent"?'),
    ({"where": "nowhere", "promise": "rows >= 1"}, "is no place for a promise"),
    ({"where": "data.buyerz", "promise": "rows >= 1"}, 'did you mean "buyers"'),
    ({"instead": "roc_auc >= 0.6"}, "No more: A real case gets a higher score"),
    ({"promise": HOSTILE}, "cannot read the promise"),
]


def test_the_sentence_is_checked_while_it_is_typed(room):
    for asked, says in CHECKED:
        given = urllib.parse.urlencode({"where": "gate.production"} | asked)
        status, text = page(room, f"/requirements/check?{given}", by="vera")
        assert status == 200, asked
        assert says in text
        raw = room.ask("GET", f"/requirements/check?{given}", by="vera", **PAGE).data.decode()
        assert "<script>" not in raw
        assert "<img" not in raw


def test_from_a_form_to_a_patch_without_a_script(room):
    asked = {"where": "gate.production", "instead": "roc_auc >= 0.6", "measure": "roc_auc", "op": ">=", "limit": "65 %"}
    status, text, _ = send(room, "/requirements", "vera", **asked)
    assert (status, "a proposal needs a reason" in text, 'value="65 %"' in text) == (422, True, True)
    status, _, place = send(room, "/requirements", "vera", **asked, reason="we can")
    assert (status, place.partition("?")[0]) == (303, "/requirements")
    status, text = page(room, "/requirements/1", by="ben")
    for said in ('+promises  = ["roc_auc >= 0.65", "agreement >= 0.9"]', "Why, says vera", "Decide", "model-owner"):
        assert said in text
    digest = re.search(r'name="digest" value="(\w+)"', text)[1]
    assert "Decide" not in page(room, "/requirements/1", by="vera")[1]
    for path, said in (("/", "Review proposal 1"), ("/inbox", "Wait for your review")):
        assert said in page(room, path, by="ben")[1]
        assert said not in page(room, path, by="vera")[1]  # its author
    assert "It waits for owner or model-owner or operations" in page(room, "/requirements/1", by="carl")[1]
    assert send(room, "/requirements/1/review", "vera", digest=digest, decision="accept", reason="mine")[0] == 409
    assert send(room, "/requirements/1/review", "ben", digest="0" * 64, decision="accept", reason="x")[0] == 409
    assert send(room, "/requirements/1/review", "ben", digest=digest, decision="perhaps", reason="x")[0] == 422
    assert send(room, "/requirements/1/review", "ben", digest=digest, decision="accept", reason="good")[0] == 303
    status, text, _ = send(room, "/requirements/1/review", "olga", digest=digest, decision="accept", reason="me too")
    assert (status, "proposal 1 was accepted by ben already" in text) == (409, True)
    assert "Try again" not in page(room, "/requirements/1", by="olga")[1]  # there is no git to try it with
    answer = room.ask("GET", "/requirements/1/patch", by="vera")
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''arkwright-proposal-1.patch"
    assert b"+++ b/arkwright.toml" in answer.data


def test_its_author_changes_it_and_takes_it_back(room):
    send(room, "/requirements", "vera", where="data.buyers", promise="missing(spent) == 0", reason="the till")
    change = {"where": "data.buyers", "promise": "missing(spent) <= 0.1", "reason": "mostly"}
    assert send(room, "/requirements/1", "ben", **change)[0] == 403
    assert send(room, "/requirements/1", "vera", **change)[0] == 303
    text = page(room, "/requirements/1", by="vera")[1]
    assert "At most 10 % of the rows have no spent" in text
    digest = re.search(r'name="digest" value="(\w+)"', text)[1]
    assert send(room, "/requirements/1/review", "vera", digest=digest, decision="refuse", reason="no")[0] == 303
    assert "withdrawn" in page(room, "/requirements", by="vera")[1]


def test_hostile_text_is_shown_as_text(room):
    promise = f"allowed(country, [{HOSTILE!r}]) >= 0"
    status, _, _ = send(room, "/requirements", "vera", where="data.buyers", promise=promise, reason=HOSTILE)
    assert status == 303
    for path in ("/requirements", "/requirements/1", f"/requirements?{urllib.parse.urlencode({'promise': HOSTILE})}"):
        raw = room.ask("GET", path, **PAGE).data.decode()
        assert "<script>alert" not in raw
        assert "<img src=x" not in raw
    assert "alert(1)" in page(room, "/requirements/1")[1]


def test_a_file_that_cannot_be_read_is_a_word_on_the_page(room, proposed):
    (room.at.folder / "arkwright.toml").write_text("[gate.production\n")
    for path in ("/requirements", "/requirements/1"):
        status, text = page(room, path)
        assert status == 200
        assert "arkwright.toml:1" in text
    assert page(room, "/requirements/9")[0] == 404
    assert page(room, "/requirements/x")[0] == 404


def test_in_a_browser_the_sentence_is_said_while_it_is_typed(room):
    from playwright.sync_api import sync_playwright

    secret = secrets.issue(room.at.site.vault, secrets.SESSION, "vera", 600.0)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
        tab = browser.new_context().new_page()
        wrong = []
        tab.on("console", lambda said: wrong.append(said.text))
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.context.add_cookies(
            [{"name": cookies.name(room.address, cookies.SESSION), "value": secret, "url": room.address}]
        )
        tab.goto(room.address + "/requirements")
        tab.get_by_label("Where").select_option("gate.production")
        tab.get_by_label("What is measured").select_option("recall")
        tab.get_by_label("How much").fill("40 %")
        tab.get_by_text("Of all real cases, at least 40 % are found").wait_for()
        tab.get_by_label("Or write it").fill("recal >= 0.4")
        tab.get_by_text('did you mean "recall"?').wait_for()
        tab.get_by_label("Or write it").fill("")
        tab.get_by_text("Of all real cases, at least 40 % are found").wait_for()
        tab.get_by_label("Why").fill("we miss too many")
        tab.keyboard.press("Tab")
        tab.keyboard.press("Enter")
        tab.get_by_text("proposal 1 is made").wait_for()
        assert wrong == []
        browser.close()
