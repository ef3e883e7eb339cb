"""What people decide by is on the pages: numbers, pictures, tables; where one release answers and the next one may."""

import re
from dataclasses import replace
from datetime import datetime
from html import unescape
from types import SimpleNamespace

import pytest
from tests.walked import copied
from tests.web.conftest import Door

from arkwright.api import look
from arkwright.api.decide import refuse
from arkwright.api.endpoints.rollout import promote
from arkwright.api.endpoints.traffic_seen import Seen
from arkwright.api.watch import looked
from arkwright.core import versions
from arkwright.core.errors import Refused
from arkwright.core.nouns import Endpoint, Release
from arkwright.pages import home, traffic
from arkwright.pages.health import Health
from arkwright.pages.words import number
from arkwright.serve.tap.over_time import Slot
from arkwright.web import plane

ONE, TWO = "release:buys@1", "release:buys@2"
LABELS = f'endpoint="buys",release="{ONE}"'
COUNTED = f"""arkwright_build_info{{version="1"}} 1
arkwright_in_flight{{{LABELS}}} 0
arkwright_endpoint_share{{{LABELS}}} 1
arkwright_requests_total{{{LABELS},code="200"}} 140
arkwright_requests_total{{{LABELS},code="422"}} 5
arkwright_request_seconds_bucket{{{LABELS},le="0.002"}} 100
arkwright_request_seconds_bucket{{{LABELS},le="0.004"}} 140
arkwright_request_seconds_bucket{{{LABELS},le="+Inf"}} 140
"""


@pytest.fixture(scope="module")
def site(walked_twice, tmp_path_factory, shop_at):
    at = copied(walked_twice, shop_at(tmp_path_factory.mktemp("shown") / "shop"))
    at.do(promote, release="buys@1")
    return at


@pytest.fixture(scope="module")
def door(site):
    return Door(site.folder, project=site.folder, site=site.site)


@pytest.fixture(autouse=True)
def served(monkeypatch):
    """What the server of the endpoints answers to each path, nothing to others."""
    said = {"/metrics": COUNTED.encode()}

    def ask(path, method, target, *_, **__):
        if target not in said:
            raise Refused("nobody answers")
        return SimpleNamespace(status=200, headers={}, body=said[target])

    monkeypatch.setattr(plane, "ask", ask)
    return said


def page(door, path):
    answer = door.ask("GET", path, Accept="text/html", Cookie=f"arkwright={door.sessions['owner']}")
    assert answer.status == 200, path
    return unescape(answer.body.decode())


def send(door, path, **fields):
    return door.post(path, cookie=f"arkwright={door.sessions['owner']}", **fields)


def panel(text, name):
    return text[text.index(f'aria-labelledby="{name}"') :].partition("</section>")[0]


def cells(table):
    """The text of each cell, row by row."""
    rows = table.partition("<tbody>")[2].partition("</tbody>")[0].split("<tr")[1:]
    each = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[re.sub(r"<[^>]*>", "", cell).strip() for cell in row] for row in each]


def test_a_release_shows_what_one_signs_by(site, door):
    text = page(door, "/releases/buys@2")
    new, old = (versions.resolve(site.site.ledger, Release, ref) for ref in (TWO, ONE))
    measured = look.measured(site.site, look.find(site.site, new.model))
    drawn = panel(text, "smaller")
    assert {f"{c.name}: {number(c.score)}, {number(c.p50_ms)} ms" for c in measured.candidates} == set(
        re.findall(r"<title>([^<]*)</title>", drawn)
    ), "a dot for each candidate"
    assert [row[1] for row in cells(drawn)] == [number(c.score) for c in measured.candidates]
    (chosen,) = (c for c in measured.candidates if c.chosen)
    groups = [(g.group, number(g.rows), number(g.score)) for g in chosen.groups]
    assert [tuple(row[1:4]) for row in cells(panel(text, "groups"))] == groups
    found = {f.promise: f for f in look.findings(site.site, new)}
    before = {f.promise: f for f in look.findings(site.site, old)}
    gate = panel(text, "gate")
    assert re.search(rf'aria-label="found {number(found["roc_auc >= 0.6"].value)}, 95 % interval [^"]*≥ 0.6"', gate)
    assert gate.count('class="range good"') == sum(found[p].low is not None for p in new.gate.promises)
    against = cells(panel(text, "against"))
    assert {row[0] for row in against} == {*new.gate.promises, *old.gate.promises}
    for promise, _, _, change in against:
        by = found[promise].value - before[promise].value
        assert change == f"{'+' if by > 0 else ''}{number(by)}"


def test_a_promise_that_was_not_measured_is_listed(site, door):
    release = versions.resolve(site.site.ledger, Release, "buys@2")
    gate = replace(release.gate, promises=(*release.gate.promises, "recall >= 0.1"))
    asked = versions.add(site.site.ledger, "ana", replace(release, gate=gate))
    shown = panel(page(door, f"/releases/{asked.name}@{asked.version}"), "gate")
    assert re.search(r"recall >= 0.1</code>.*?not measured", shown, re.DOTALL)


def test_how_an_endpoint_is_now(door):
    now = [["release:buys@1", "100 %", "145", "5", "1.4", "3.93", "0"]]
    for path in ("/endpoints/buys", "/endpoints/buys/traffic"):
        assert cells(panel(page(door, path), "now")) == now, path
    for path in ("/", "/endpoints"):
        assert "145 requests, 5 refused (3.45 %), p99 3.93 ms" in page(door, path)
        assert "answered by this control room's server, since it began" in page(door, path), path


def test_a_watch_that_fails_is_shown_at_home(site):
    now = versions.resolve(site.site.ledger, Endpoint, "buys")
    promised = replace(now, terms=replace(now.terms, promises=("age <= 90d",)))

    def told(endpoint):
        one = Health(endpoint=endpoint, word="answers", tone="good", says="", rows=())
        return [waits.title for waits in home._alarms(site.site, (one,)) if waits.kind == "watch"]

    looked.note(site.site, "buys", "up")
    assert told(promised) == []
    looked.note(site.site, "buys", "up", well=False)
    assert told(promised) == ["The watch of buys fails"]
    assert told(now) == []  # nothing is promised any more


def test_traffic_over_time(door, monkeypatch):
    at = 1_800_000_000
    slot = Slot(at=at, release=ONE, shadow=False, requests=9, errors=2, p50_ms=1.5, p99_ms=7.5)
    seen = Seen(since=at, until=at + 60, seconds=60, sample=1.0, slots=(slot,))
    monkeypatch.setattr(traffic.traffic_seen, "seen", lambda *_, **__: seen)
    figures = page(door, "/endpoints/buys/traffic").split("<figure")[1:]
    drawn = {
        re.search(r"<figcaption>(.*?) <", one)[1]: re.findall(r'class="number" data-v="(.*?)"', one) for one in figures
    }
    assert drawn == {
        "Requests": ["9"],
        "Refused": ["2"],
        "Latency, median": ["1.5"],
        "Latency, 99 of 100 are faster": ["7.5"],
    }


def test_what_was_tried_says_how_sure_it_is(door, served):
    served["/endpoints/buys/predict"] = b'{"prediction":{"label":1,"probabilities":{"0":0.07,"1":0.93}}}'
    form = {"row.country": "DE", "row.spent": "90", "row.age": "", "row.id": "1"}
    text = send(door, "/endpoints/buys/try", **form).body.decode()
    assert re.findall(r"<dt>(.)</dt><dd>(.*?)</dd>", text) == [("0", "7 %"), ("1", "93 %")]


@pytest.fixture
def own(second):
    """One that is moved."""
    return Door(second.folder, project=second.folder, site=second.site)


def test_a_shadow_then_a_canary_then_a_stop(second, own):
    """By the forms, in order. What a person chose there is what moves."""

    def now():
        return versions.resolve(second.site.ledger, Endpoint, "buys")

    def moved(**more):
        fields = {"release": TWO, "endpoint": "buys", "version": now().version, "reason": "to see", "sure": "yes"}
        return send(own, "/endpoints/buys/promote", **fields | more).status

    assert moved(how="shadow") == 303
    assert (now().shares, now().shadows) == ({ONE: 1.0}, (TWO,))
    assert moved(how="share", share="10") == 303
    assert (now().shares, now().shadows) == ({TWO: 0.1, ONE: 0.9}, ())
    assert re.findall(r"<b>(\d+ %)</b>", panel(page(own, "/endpoints/buys"), "answers")) == ["90 %", "10 %"]
    assert send(own, "/endpoints/buys/stop", reason="it guesses", sure="yes").status == 303
    for text in (
        panel(page(own, "/endpoints/buys"), "answers"),
        page(own, "/endpoints"),
        panel(page(own, "/"), "health"),
    ):
        assert "topped by owner" in text
        assert not re.search(r"\d %|of the requests", text), "nobody gets a share of what is stopped"


def test_what_was_live_says_since_when_and_what_was_missing(second):
    second.do(refuse, second.ben, release="buys@1", reason="too few rows")
    text = page(Door(second.folder, project=second.folder, site=second.site), "/live")
    (moved,) = second.site.ledger.find(Endpoint.KIND, "buys@")
    since = datetime.fromisoformat(moved.at).isoformat(timespec="seconds")
    assert f'<dt>So since</dt><dd><time datetime="{since}"' in text
    assert re.search(r">missing then</span><span>[^<]*too few rows", text)
