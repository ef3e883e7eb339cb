"""What is long comes in parts: threads of many comments, many people."""

import re
from datetime import datetime, timedelta

import pytest
from tests.web.conftest import Door

from arkwright.api.runs.tracked import Curve
from arkwright.api.talking import talk
from arkwright.core import versions
from arkwright.core.nouns import Run
from arkwright.pages import people, predictions, runs
from arkwright.pages import talk as talk_pages

RUN = Run(name="flights", version=0, author="viewer", state="finished", started="2026-01-01T00:00:00", seed=1, code="",
          lock="")  # fmt: skip


@pytest.fixture
def door(tmp_path):
    return Door(tmp_path)


def page(door, path):
    answer = door.ask("GET", path, Cookie=f"arkwright={door.sessions['viewer']}", Accept="text/html")
    assert answer.status == 200, answer.body
    return answer.body.decode()


def test_a_long_thread(door, monkeypatch):
    monkeypatch.setattr(talk_pages, "WHOLE", 4)
    monkeypatch.setattr(talk_pages, "LAST", 2)
    versions.add(door.site.ledger, "viewer", RUN)
    viewer = door.actor("viewer")
    first = door.do(talk.discuss, viewer, about="run:flights@1", text="comment 0")
    said = [door.do(talk.discuss, viewer, thread=first.id, text=f"comment {n}").id for n in range(1, 13)]

    def shown(path):
        text = page(door, path)
        return text, [int(n) for n in re.findall(r"<p>comment (\d+)</p>", text)]

    text, found = shown("/discussion/1")
    assert (found, "8 comments more" in text, ">Later<" in text) == ([0, 9, 10, 11, 12], True, False)
    seen = set(found)
    while earlier := re.search(r'href="([^"]*)">Earlier<', text):
        text, found = shown(earlier[1])
        seen |= set(found)
    assert (seen, ">Later<" in text) == (set(range(13)), True)
    place = door.ask("GET", f"/comments/{said[2]}", **door.bearer("viewer")).headers["location"]
    assert place == f"/discussion/1?around={said[2]}#c{said[2]}"
    assert 3 in shown(place.partition("#")[0])[1]
    text, found = shown("/runs/flights@1")  # on the page of what it is about
    assert (found, '<a href="/discussion/1">all of the thread</a>' in text) == ([0, 11, 12], True)


def test_many_people(door, monkeypatch):
    monkeypatch.setattr(people, "LISTED", 2)
    first = page(door, "/people")
    assert "3 accounts" in first
    assert re.findall(r'class="person" href="/people/(\w+)"', first) == ["contributor", "owner"]
    after = re.search(r'rel="next" href="([^"]*)"', first)[1]
    assert re.findall(r'class="person" href="/people/(\w+)"', page(door, after)) == ["viewer"]


def test_what_was_logged_once_has_no_curve():
    known = (
        Curve(what="once", points=((0, 1.0),)),
        Curve(what="falls", points=((0, 1.0), (1, 0.5))),
        Curve(what="broke", points=((0, 1.0),), ends="NaN from 1 on"),
    )
    assert [one.what for one in runs.charts(known)] == ["falls", "broke"]


@pytest.mark.parametrize("shown", [1, 2, 3, 7])
def test_predictions_of_one_request_have_one_time_and_none_is_left_out(shown):
    moments = [datetime(2026, 11, 30, 8, 0, 0, n) for n in (9, 7, 7, 7, 7, 7, 3, 2, 2)]  # noqa: DTZ001
    rows = [{"at": at, "row": number} for number, at in enumerate(moments)]
    found, before = [], ""
    while len(found) < len(rows):
        until, seen = predictions._turned(before, None)
        some = [row for row in rows if until is None or row["at"] < until][seen:][:shown]
        found, before = [*found, *some], predictions._on(some, before)
    assert found == rows


def test_the_last_moment_there_is():
    moment = datetime.max.isoformat()  # noqa: DTZ901
    assert predictions._turned(f"{moment},3", None) == (datetime.max, 3)  # noqa: DTZ901
    early = datetime(2026, 1, 1) - timedelta(days=1)  # noqa: DTZ001
    assert predictions._turned(f"{moment},3", early) == (early, 3)
