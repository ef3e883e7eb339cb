"""What an endpoint promises and does not keep, where people look: Home, the endpoint's page, the requirements."""

import pytest

from arkwright.api.watch.alarms import MACHINE
from arkwright.api.watch.standing import KEPT, Standing
from arkwright.core.alarms import Alarm, Reacted
from arkwright.core.ports import Entry
from arkwright.core.record import encode

PROMISE = "psi(spent) < 0.2"
SAID = "The population stability index of spent"


def alarm(number, state="raised", about="buys", **other):
    times = {"since": "2026-11-29T08:00:00+00:00", "until": "2026-11-29T09:00:00+00:00"}
    found = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 900, "note": ""} | times
    words = {"release": "release:buys@1", "promise": PROMISE} | found | other
    return Alarm(about=about, number=number, state=state, **words)


def put(ledger, one):
    over = "" if one.state == "raised" else "/over"
    ledger.append(MACHINE.name, [Entry(Alarm.KIND, f"{one.about}/{one.number}{over}", encode(one))])


def did(ledger, number, says):
    noun = Reacted(alarm=f"alarm:buys/{number}", do="discuss", outcome="done", says=says)
    ledger.append(MACHINE.name, [Entry(Reacted.KIND, f"buys/{number}/discuss", encode(noun))])


def test_only_what_is_new_is_read(at, monkeypatch):
    standing, ledger = Standing(at.site.ledger), at.site.ledger
    assert standing.look() == ()
    put(ledger, alarm(1))
    put(ledger, alarm(1, about="late"))
    assert [one.alarm.ref for one in standing.look()] == ["alarm:late/1", "alarm:buys/1"]
    did(ledger, 1, "opened a discussion")
    put(ledger, alarm(1, "over"))
    (one,) = standing.look("buys")
    assert (one.state, one.reactions[0].says) == ("over", "opened a discussion")
    assert [one.state for one in standing.look()] == ["raised", "over"]
    asked = []
    monkeypatch.setattr(ledger, "find", lambda kind, after: asked.append((kind, after)) or ())
    standing.look()
    assert dict(asked) == {kind: ledger.last(kind, "").seq for kind in (Alarm.KIND, Reacted.KIND)}


def test_what_is_over_goes_and_what_stands_stays(at):
    standing, ledger = Standing(at.site.ledger), at.site.ledger
    put(ledger, alarm(1))
    for number in range(2, KEPT + 5):
        put(ledger, alarm(number))
        put(ledger, alarm(number, "over"))
        standing.look()
    found = standing.look("buys")
    assert found[0].alarm.number == 1
    assert [one.alarm.number for one in found[1:]] == list(range(KEPT + 4, 4, -1))


@pytest.fixture(scope="module")
def watched(house):
    """The endpoint `buys` promises something of its traffic and answers with its first release."""
    shop = house.at.shop
    shop.edit("arkwright.toml", "[endpoint.buys]\n", f'[endpoint.buys]\npromises = ["{PROMISE}"]\n')
    for name, role in (("ben", "model-owner"), ("cleo", "operations")):
        house.room.ask("POST", "/api/sign", {"release": "buys@1", "role": role}, by=name)
    assert house.room.ask("POST", "/api/promote", {"release": "buys@1"}).status == 200
    return house


def test_on_home_on_the_endpoint_and_among_the_requirements(watched):
    assert "1 promise watched" in watched.page("/endpoints/buys")[1]
    assert "no alarm" in watched.page("/requirements", "vera")[1]
    put(watched.at.site.ledger, alarm(1))
    did(watched.at.site.ledger, 1, "opened a <discussion>")
    home = watched.page("/", "vera")[1]
    assert "Nothing waits for you" not in home
    assert f"buys does not keep: {SAID}" in home
    assert 'href="/endpoints/buys#alarms"' in home
    page = watched.page("/endpoints/buys", "vera")[1]
    for said in ("stands", SAID, "found 0.5 (95 % interval 0.4 to 0.6, 900 rows)", "opened a &lt;discussion&gt;"):
        assert said in page
    for path in ("/endpoints", "/"):
        assert ">1 alarm<" in watched.page(path)[1]
    promised = watched.page("/requirements", "vera")[1]
    assert "no alarm" not in promised
    assert "broken" in promised
    put(watched.at.site.ledger, alarm(1, "over"))
    assert f"buys does not keep: {SAID}" not in watched.page("/")[1]
    assert "kept again" in watched.page("/endpoints/buys")[1]
    assert ">1 alarm<" not in watched.page("/endpoints")[1]


def test_a_dead_source_is_told_on_home(watched):
    dead = {"about": "data.visits", "release": "", "promise": "readable == 1", "note": "it <hangs>"}
    put(watched.at.site.ledger, alarm(1, **dead))
    home = watched.page("/")[1]
    assert "data.visits does not keep: Its source can be read" in home
    assert "it &lt;hangs&gt;" in home
    assert 'href="/data/visits/watch#alarm-1"' in home
    assert 'href="/data/visits/watch">1 alarm<' in watched.page("/data")[1]
    put(watched.at.site.ledger, alarm(1, "over", **dead))
    assert "data.visits does not keep" not in watched.page("/")[1]
