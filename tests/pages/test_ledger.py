"""The ledger's page over a real control room: filtered, turned, verified, taken away."""

import json
import re
import sqlite3

from tests.pages.test_runs import page, send

from arkwright.core.nouns import Comment
from arkwright.core.ports import Entry
from arkwright.core.record import encode

HOSTILE = "<script>alert(1)</script>"
ASIDE = {"recipe", "turn to decide", "turn of owners", "seal of files"}


def kinds(text):
    return re.findall(r'</time></td><td data-head="by">[^<]*</td><td>([a-z ]+)</td>', text)


def test_filtered_and_turned(room):
    _, text = page(room, "/ledger")
    assert kinds(text)[:5] == ["account"] * 5
    assert 'href="/releases/buys@1"' in text
    for place in ("/ledger", "/search"):
        offered = set(re.findall(r'<option value="(\w+)"', page(room, place)[1]))
        assert {"release", "finding"} <= offered
        assert not offered & {"owners", "turn", "signature", "recipe"}
    assert '<option value="recipe" selected' in page(room, "/ledger?kind=recipe")[1]
    assert not set(kinds(text)) & ASIDE  # what only keeps the others in order is shown to whoever asks for it
    shown = kinds(page(room, "/ledger?beside=yes")[1])
    assert set(shown) & ASIDE
    assert set(shown) - ASIDE == set(kinds(text))
    assert set(kinds(page(room, "/ledger?kind=run")[1])) == {"run"}
    assert set(kinds(page(room, "/ledger?about=release:buys@1")[1])) <= {"release", "run", "decision"}
    assert kinds(page(room, "/ledger?who=nobody")[1]) == []
    assert kinds(page(room, "/ledger?until=2000-01-01T00:00")[1]) == []
    assert "account" in kinds(page(room, "/ledger?since=2000-01-01T00:00&who=test")[1])
    for since in ("1h", "2000-01-01", "2000-01-01T00:00:00%2B01:00"):  # as the command line and REST read them
        assert "account" in kinds(page(room, f"/ledger?since={since}&who=test")[1])
        assert any(event["by"] == "test" for event in room.ask("GET", f"/api/ledger?since={since}&who=test").json())
    assert kinds(page(room, "/ledger?text=agreement&kind=finding")[1]) == ["finding"]
    for number in range(60):
        said = Comment(id=number, version=1, thread=number, about="run:shop@1", by="ana", text=HOSTILE)
        room.at.site.ledger.append("ana", [Entry(Comment.KIND, f"{number}@1", encode(said))])
    _, text = page(room, "/ledger?kind=comment")
    assert len(kinds(text)) == 50
    assert "<script>alert" not in text
    (older,) = re.findall(r'rel="next" href="([^"]*)"', text)
    assert len(kinds(page(room, older.replace("&amp;", "&"))[1])) == 10
    for wrong in ("since=yesterday", "since=2026-02-30", "before=x", "kind=runn"):
        assert page(room, f"/ledger?{wrong}")[0] in (404, 422)


def test_taken_away(room):
    every = [json.loads(line) for line in room.ask("GET", "/ledger/export").data.splitlines()]
    assert [event["seq"] for event in every] == list(range(1, len(every) + 1))
    answer = room.ask("GET", "/ledger/export?kind=finding")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    some = [json.loads(line) for line in answer.data.splitlines()]
    assert some == [event for event in every if event["kind"] == "finding"]
    assert room.ask("GET", "/ledger/export?kind=findingg").status == 404


def test_verified(room):
    status, _, text = send(room, "/ledger/verify", by="vera")
    assert (status, "every seal holds" in text) == (200, True)
    head = re.search(r"<code>(\d+:[0-9a-f]{64})</code>", text)[1]
    assert "every seal holds" in send(room, "/ledger/verify", against=head)[2]
    status, _, text = send(room, "/ledger/verify", against=head[:-1] + ("0" if head[-1] != "0" else "1"))
    assert status == 500
    assert "every seal holds" not in text
    with sqlite3.connect(room.at.site.folder / "ledger.db") as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE event SET by = 'mallory' WHERE seq = 3")
    status, _, text = send(room, "/ledger/verify")
    assert "event 3" in text
    assert "every seal holds" not in text
