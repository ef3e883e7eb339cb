"""What was noticed of a watched dataset over time, on its pages and in a report."""

import re
from datetime import UTC, datetime

import pytest
from tests.api.watch.test_data import Data, Here, buyers
from tests.web.conftest import Door

from arkwright.api.watch import data
from arkwright.api.watch.data_over_time import _last, data_over_time
from arkwright.core.alarms import READABLE, UNCHANGED
from arkwright.core.errors import Invalid, Unknown
from arkwright.core.promises import Reading, judge, parse
from arkwright.infra import sqlite_ledger
from arkwright.line.look import Judged
from arkwright.monitor.measured import Found
from arkwright.pages import watch_report

HOUR = 3600
FRESH, ROWS = "freshness_hours(at) <= 24", "rows >= 100"
HOSTILE = "<script>alert(1)</script>"


def judged(text, value, note=""):
    return Judged(value=value, n=400, note=note, verdict=judge(parse(text), Reading(value)).word)


def looked(at, hours, monkeypatch):
    """What looks found so many hours ago: (hours ago, what)."""
    spec, watch = data.spec_of(at.folder, "buyers")
    now = datetime.now(UTC).timestamp()
    for ago, found in hours:
        then = now - ago * HOUR
        with monkeypatch.context() as patched:
            patched.setattr(data.time, "time", lambda then=then: then)
            patched.setattr(sqlite_ledger, "now", lambda then=then: datetime.fromtimestamp(then, UTC).isoformat())
            data._noticed(
                at.site, "data.buyers", spec, watch, {text: judged(text, *one) for text, one in found.items()}
            )


def alive(ago, changed=0, rows=400):
    gone = "age is gone" if changed else ""
    return ago, {READABLE: (1,), UNCHANGED: (changed, gone), FRESH: (30 - ago / 2,), ROWS: (rows,)}


def dead(ago):
    return ago, {READABLE: (0, f"it {HOSTILE} hangs")}


def story():
    yield from (alive(ago) for ago in range(48, 28, -1))
    yield from (dead(ago) for ago in range(28, 24, -1))
    yield from (alive(ago, changed=2) for ago in range(24, 20, -1))
    yield from (alive(ago) for ago in range(20, 16, -1))
    yield from (alive(ago, rows=50) for ago in range(10, 0, -1))  # for six hours nobody looked


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    at = Data(tmp_path_factory.mktemp("watched") / "shop")
    (at.folder / "buyers.csv").write_text("id,spent\n1,2\n2,3\n")
    plain = buyers(promises="").replace("watch = {  }", "")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(at.folder)
        at.site.__dict__["runner"] = Here()
        at.says(buyers=plain, plain=plain)
        assert at.run().problem is None
        at.says(buyers=buyers(watch='every = "1h"', promises=f'promises = ["{FRESH}", "{ROWS}"]\n'), plain=plain)
        looked(at, story(), patched)
    return at


@pytest.fixture(scope="module")
def door(seen):
    return Door(seen.site.folder, project=seen.folder, site=seen.site)


def page(door, path):
    answer = door.ask("GET", path, Accept="text/html", Cookie=f"arkwright={door.sessions['viewer']}")
    return answer.status, answer.body.decode()


def states(found):
    return [(one.state, round((one.until - one.since) / HOUR)) for one in found.source]


def test_the_source_was_readable_dead_changed_and_not_looked_at(seen):
    found = seen.do(data_over_time, name="buyers")
    expected = [("readable", 20), ("dead", 4), ("columns changed", 4), ("readable", 3), ("readable", 10)]
    assert states(found) == expected
    assert [one.note for one in found.source] == ["", f"it {HOSTILE} hangs", "age is gone", "", ""]
    assert [line.promise for line in found.lines] == [READABLE, UNCHANGED, FRESH, ROWS]
    assert [one.alarm.alarm.promise for one in found.alarms] == [ROWS, FRESH, UNCHANGED, READABLE]
    assert [one.end is None for one in found.alarms] == [True, True, False, False]
    day = datetime.fromtimestamp(datetime.now(UTC).timestamp() - 24.5 * HOUR, UTC)
    assert states(seen.do(data_over_time, name="buyers", span="24h", until=day)) == [("readable", 20), ("dead", 4)]


def test_what_was_not_measured_at_the_last_look_says_when_it_was():
    one = Found("", ROWS, HOUR, HOUR, "kept", 400, None, None, 400, "few")
    assert _last(one, 2 * HOUR).note == "as of 1970-01-01T01:00:00+00:00, not measured since; few"
    assert _last(one, HOUR).note == "few"


def test_its_page_has_pictures_and_tables(door):
    status, text = page(door, "/data/buyers/watch")
    assert status == 200
    assert re.search(r'<rect class="state bad"[^>]*><title>dead from [^<]*: it &lt;script', text)
    assert len(re.findall(r'<rect class="state good"', text)) == 3
    assert "readable for 33 h, columns changed for 4 h, dead for 4 h, 1 time dead" in text
    table = text[text.index('aria-label="The source of buyers over time: table"') :]
    assert re.search(r">dead</span></td><td class=\"because\">it &lt;script&gt;alert\(1\)&lt;/script&gt; hangs<", table)
    assert '<path class="limit"' in text  # of a promise
    assert 'aria-label="Promises of buyers over time: table"' in text
    assert "Its source can be read" in text
    assert 'id="alarm-1"' in text
    assert "<script>alert" not in text
    assert page(door, "/data/buyers/watch?span=2y")[0] == 422
    assert page(door, "/data/nothing/watch")[0] == 404


def test_it_stands_on_the_datasets_page_too(door):
    status, text = page(door, "/data/buyers")
    assert (status, 'aria-label="The source of buyers over time: table"' in text) == (200, True)
    assert 'href="/data/buyers/watch">Watch</a>' in text
    assert ">2 alarms<" in text
    assert 'href="/data/buyers/watch">2 alarms<' in page(door, "/data")[1]
    assert "over time: table" not in page(door, "/data/plain")[1]
    assert "It is not watched now." in page(door, "/data/plain/watch")[1]


def test_why_an_alarm_was_raised(seen, door):
    for number, said in ((1, "the source as a whole"), (3, "the newest row alone")):
        status, text = page(door, f"/data/buyers/alarms/{number}")
        assert status == 200
        assert f"No value of a column explains it: it is about {said}" in text
        assert f'href="/data/buyers/watch#alarm-{number}"' in text
        assert f'href="/data/buyers/alarms/{number}"' in page(door, "/data/buyers/watch")[1]
    assert page(door, "/data/buyers/alarms/99")[0] == 404


def test_in_a_report(seen):
    text = watch_report.report(seen.site, seen.ana, seen.folder)
    assert 'id="data-buyers-alarm-1"' in text
    assert "2 alarms standing" in text
    for word in ("<script", "<link", "<img", "href=", "url(", "src="):
        assert word not in text
    with pytest.raises(Unknown):
        watch_report.report(seen.site, seen.ana, seen.folder, names=["data.nothing"])


def test_what_was_never_looked_at_and_what_is_promised_no_more(seen):
    found = seen.do(data_over_time, name="plain")
    assert (found.watched, found.last, found.lines, found.source) == (False, None, (), ())
    before = (seen.folder / "arkwright.toml").read_text()
    (seen.folder / "arkwright.toml").write_text(before.replace(f', "{ROWS}"', "").replace("<= 24", "<= 30"))
    try:
        lines = {line.promise: (bool(line.found), line.last) for line in seen.do(data_over_time, name="buyers").lines}
        assert lines[ROWS] == lines[FRESH] == (True, None)  # as it was promised then
        assert lines["freshness_hours(at) <= 30"] == (False, None)
        (seen.folder / "arkwright.toml").write_text("[")
        assert seen.do(data_over_time, name="buyers").watched is False  # what was found can be looked at all the same
    finally:
        (seen.folder / "arkwright.toml").write_text(before)
    with pytest.raises(Invalid, match="the watch is shown over"):
        seen.do(data_over_time, name="buyers", span="2y")
