"""Discussion, the inbox and people, as a browser gets them."""

import re

from arkwright.api.talking import talk
from arkwright.core.nouns import Actor

R = "release:buys@1"


def ask(house, text="Is it right?", by="carl", **more):
    """A question about the release; its thread's number."""
    status, place = house.send("/discussion", by=by, about=R, text=text, question="yes", **more)
    assert status == 303, place
    return int(place.rpartition("/")[2])


def test_a_question_is_asked_answered_and_accepted(house):
    number = ask(house, "Is **France** right?", call="ben, @cleo")
    status, place = house.send(f"/discussion/{number}", by="ben", text="Yes: [see](/releases/buys@1)")
    answer = int(place.rpartition("#c")[2])
    assert (status, place) == (303, f"/discussion/{number}#c{answer}")
    _, text = house.page(place)
    assert "<strong>France</strong>" in text
    assert '<a class="mention" href="/people/ben">@ben</a>' in text  # named beside the text
    assert "open question" in text
    assert "Accept as the answer" not in house.page(place, by="vera")[1]  # only who asked, and owners
    assert house.send(f"/comments/{answer}/mark", by="vera", mark="accepted")[0] == 403
    assert house.send(f"/comments/{answer}/mark", by="carl", mark="accepted", here="yes") == (
        303,
        f"/releases/buys@1#c{answer}",
    )
    text = house.page("/releases/buys@1")[1]
    assert "the answer" in text  # on the page of what it is about
    assert f'id="c{answer}"' in text
    assert house.send(f"/comments/{answer}/mark", by="vera", mark="helpful")[0] == 303
    _, text = house.page("/people/ben")
    assert "4 points" in text
    assert f"/comments/{answer}" in text
    assert house.room.ask("GET", f"/comments/{answer}").headers["Location"] == f"/discussion/{number}#c{answer}"


def test_nobody_is_told_whom_there_is_not(house):
    status, text = house.send("/discussion", by="carl", about=R, text="a long thought", call="bne, olga")
    assert (status, "nobody is called &#39;bne&#39; here" in text, "did you mean" in text) == (404, True, True)
    assert "a long thought" in text
    number = ask(house, "@here, is it right? @Ben")
    text = house.page(f"/discussion/{number}")[1]
    assert "@here, is it" in text  # no link to a page that is not there
    assert "@Ben</a>" in text


def test_what_was_refused_keeps_what_was_written(house):
    status, text = house.send("/discussion", by="carl", about="release:bys@1", text="a long thought")
    assert status == 404
    assert "did you mean" in text
    assert "a long thought</textarea>" in text
    number = ask(house)
    status, text = house.send(
        f"/discussion/{number}", by="carl", text="to all: " + " ".join(f"@p{i}" for i in range(30))
    )
    assert status == 422
    assert "mentions 30 people" in text
    assert "@p29</textarea>" in text


def test_only_the_author_changes_and_deletes(house):
    number = ask(house, "Befor?")
    assert "Edit" not in house.page(f"/discussion/{number}", by="vera")[1]
    status, text = house.send(f"/comments/{number}/amend", by="vera", text="mine")
    assert (status, f"comment {number} is by carl" in text) == (403, True)
    assert house.send(f"/comments/{number}/amend", by="carl", text="Before?")[0] == 303
    _, text = house.page(f"/discussion/{number}")
    assert "Changed 1" in text
    assert "Befor?</pre>" in text  # what it said stays on record
    assert house.send(f"/comments/{number}/amend", by="olga", delete="yes")[0] == 303
    assert '<p class="muted">Deleted.</p>' in house.page(f"/discussion/{number}")[1]


def test_lists_are_filtered(house):
    open_, closed = ask(house, "still open, by carl"), ask(house, "closed, by cleo", by="cleo")
    house.send(f"/comments/{closed}/mark", by="cleo", mark="answered")
    listed = {show: house.page(f"/discussion?show={show}", by="cleo")[1] for show in ("", "questions", "mine")}
    links = {show: set(re.findall(r'href="/discussion/(\d+)"', text)) for show, text in listed.items()}
    assert {str(open_), str(closed)} <= links[""]
    assert str(closed) not in links["questions"]
    assert str(open_) in links["questions"]
    assert str(closed) in links["mine"]
    assert str(open_) not in links["mine"]
    assert str(open_) in house.page("/discussion?about=release:buys@1")[1]
    assert house.page("/discussion?before=9" + "9" * 40)[0] == 404


def test_whoever_watches_hears_of_it(house):
    assert house.send("/follow", by="vera", about=R)[0] == 303
    assert "Stop watching" in house.page("/releases/buys@1", by="vera")[1]
    number = ask(house, "heard?")
    _, text = house.page("/inbox", by="vera")
    assert f'href="/comments/{number}"' in text
    assert 'class="count hot">' in text  # in the menu of every page
    newest = re.search(r'name="upto" value="(\d+)"', text)[1]
    one = re.search(r'name="notice" value="(\d+)"', text)[1]
    house.send("/inbox/seen", by="vera", notice=one)
    _, place = house.send("/inbox/seen", by="vera", upto=newest)
    assert (place, house.said) == ("/inbox", "0 unread")
    assert 'class="count hot">' not in house.page("/", by="vera")[1]
    house.send("/follow", by="vera", about=R, off="yes")
    ask(house, "not heard")
    assert "0 unread" in house.page("/inbox", by="vera")[1]


def test_a_finding_is_talked_about(house):
    about = "model:buys@2#roc_auc >= 0.6"
    assert about in house.page(f"/discussion/new?about={about.replace('#', '%23').replace(' ', '+')}")[1].replace(
        "&gt;", ">"
    )
    assert house.send("/discussion", by="carl", about=about, text="why 0.6?")[0] == 303
    assert "why 0.6?" in house.page("/models/buys@2")[1]


def test_hostile_words_are_shown_as_words(house):
    hostile = "<script>alert(1)</script> \"'><img src=x onerror=alert(1)> [x](javascript:alert(1)) ![x](http://evil/)"
    number = ask(house, hostile, by="vera")
    house.send(f"/comments/{number}/amend", by="vera", text=f"# {hostile}")
    mallory = Actor(name=f"@{hostile}", proven=True, rights=("look", "talk"))
    talk.discuss(house.at.site, mallory, house.at.folder, text=hostile, thread=number)
    seen = [f"/discussion/{number}", "/discussion", "/releases/buys@1", "/inbox", "/people", "/"]
    for path in seen:
        status, text = house.page(path)
        assert status == 200, path
        assert "<script>alert" not in text
        assert "<img" not in text
        assert 'href="javascript:' not in text


def test_numbers_that_are_none(house):
    for path in ("/discussion/x", "/discussion/999999", "/comments/0x1", "/comments/99999", "/discussion/" + "9" * 300):
        assert house.page(path)[0] == 404, path
    assert house.send("/comments/99999/mark", mark="helpful")[0] == 404


def test_owners_invite_and_change_roles(house):
    words = {"name": "dora", "signs": ["operations"], "also": "saftey", "email": "d@x.org"}
    status, text = house.send("/people", role="contributor", **words)
    assert "<option selected>contributor</option>" in text  # nothing that was typed is lost
    assert 'name="signs" value="operations" checked' in text
    assert all(f'value="{typed}"' in text for typed in ("dora", "saftey", "d@x.org"))
    assert (status, "no gate is signed as" in text) == (422, True)
    status, text = house.send(
        "/people", name="dora", role="viewer", signs=["operations"], also="model-owner", email="d@x.org"
    )
    assert status == 200
    link = re.search(r'value="http://127[^"]*(/join/[^"]+)"', text)[1]
    joining = house.room.http.request("GET", house.room.address + link).data.decode()
    assert 'autocomplete="username" value="dora"' in joining
    assert "invited" in house.page("/people")[1]
    status, _ = house.send("/people/dora", role="contributor", signs=["operations"], email="", reason="grew")
    assert (status, "contributor" in house.said) == (303, True)
    _, text = house.page("/people/dora")
    assert "grew" in text
    status, text = house.send("/people/dora", role="none", reason="")
    assert (status, "needs a reason" in text) == (422, True)
    assert house.send("/people/dora", role="none", reason="left")[0] == 303
    assert "<dt>Standing</dt><dd>shut out</dd>" in house.page("/people/dora")[1]
    assert house.send("/people", by="ben", name="eve", role="owner")[0] == 403
    assert "Invite somebody" not in house.page("/people", by="ben")[1]
    assert house.page("/people/nobody")[0] == 404
