"""What was live, a prediction computed again, and search, over a real control room."""

import re
from datetime import UTC, datetime
from urllib.parse import urlencode

from tests.api.endpoints.test_logged import add
from tests.pages.test_runs import page, send
from tests.rest.test_jobs import until

from arkwright.api.jobs import jobs
from arkwright.core.nouns import Comment
from arkwright.core.ports import Entry
from arkwright.core.record import encode
from arkwright.serve.tap.writer import Tap


def live(room):
    """The endpoint `buys` answers with its first release, which two people signed, and has logged what it answered."""
    for name, role in (("ben", "model-owner"), ("cleo", "operations")):
        room.ask("POST", "/api/sign", {"release": "buys@1", "role": role, "reason": f"read by {name}"}, by=name)
    assert room.ask("POST", "/api/promote", {"release": "buys@1"}).status == 200
    tap = Tap(room.at.site.predictions / "buys", "buys")
    add(room.at, tap)
    tap.close()


def test_who_answered_then_and_a_prediction_again(room):
    _, text = page(room, "/live")
    assert "No endpoint answers yet" in text
    before = f"{datetime.now(UTC):%Y-%m-%dT%H:%M}"
    live(room)
    _, text = page(room, "/live")
    for said in ("release:buys@1", "100 %", "read by ben", "as operations", "roc_auc &gt;= 0.6", "it is so still"):
        assert said in text
    assert page(room, "/live?" + urlencode({"endpoint": "buys", "at": "2001-01-01T00:00"}))[0] == 404
    assert page(room, "/live?" + urlencode({"endpoint": "buys", "at": before}))[0] in (200, 404)  # within the minute
    this = f"{datetime.now(UTC):%Y-%m-%dT%H:%M}"  # the minute that goes on
    assert "release:buys@1" in page(room, "/live?" + urlencode({"endpoint": "buys", "at": this}))[1]
    status, text = page(room, "/live?" + urlencode({"endpoint": "buys", "at": "2999-01-01T00:00"}))
    assert (status, "2999-01-01 00:00:00 UTC has not happened yet" in text, "it is so still" in text) == (
        422,
        True,
        False,
    )
    answer = room.ask("GET", "/api/live?endpoint=buys&at=2999-01-01T00:00:00Z")
    assert (answer.status, answer.json()["title"]) == (422, "Invalid")
    assert "has not happened yet" in answer.json()["detail"]
    assert page(room, "/live?at=yesterday")[0] == 422
    assert page(room, "/live?endpoint=byus")[0] == 404
    assert send(room, "/live/again", by="vera", endpoint="buys", id="two")[0] == 403
    status, place, _ = send(room, "/live/again", endpoint="buys", id="two")
    assert status == 303
    job = place.rpartition("/")[2]
    until(lambda: jobs.job(room.at.site, room.at.ana, room.at.folder, id=job).over)
    _, text = page(room, place)
    assert "<b>The same.</b>" in text
    assert text.count("probability_1") == 2
    _, place, _ = send(room, "/live/again", endpoint="buys", id="<script>alert(1)</script>")
    job = place.rpartition("/")[2]
    until(lambda: jobs.job(room.at.site, room.at.ana, room.at.folder, id=job).over)
    _, text = page(room, place)
    assert "has logged no prediction with the id" in text
    assert "<script>alert" not in text


def test_search_over_everything(room):
    said = Comment(id=1, version=1, thread=1, about="run:shop@1", by="ana", text="a unicorn <script>alert(1)</script>")
    room.at.site.ledger.append("ana", [Entry(Comment.KIND, "1@1", encode(said))])
    _, text = page(room, "/search?q=unicorn")
    assert "<mark>unicorn</mark> &lt;script&gt;" in text
    assert "Nothing here holds" in page(room, "/search?q=zebra")[1]
    assert "Nothing here holds" in page(room, "/search?q=unicorn&kind=run")[1]
    assert re.search(r'href="/runs/shop"', page(room, "/search?q=shop&kind=run")[1])
    for wrong in ("q=%22", "q=x&after=nowhere"):
        assert page(room, f"/search?{wrong}")[0] == 422
    assert 'role="search" action="/search"' in page(room, "/")[1]
