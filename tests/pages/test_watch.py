"""What was noticed over time, as its page shows it."""

import html
import re
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.pages.browser import chromium
from tests.pages.conftest import House
from tests.pages.seen import lived
from tests.pages.test_access import unsuited, window
from tests.rest.conftest import up
from tests.walked import copied

from arkwright.api.endpoints.logged import predictions
from arkwright.api.endpoints.rollout import promote
from arkwright.api.watch import looked
from arkwright.api.watch.alarms import MACHINE
from arkwright.api.watch.told import Causes, Rows
from arkwright.cli import context
from arkwright.cli.main import main
from arkwright.core.where import spelt
from arkwright.measures import moved
from arkwright.measures.causes import OTHERS, PARTS
from arkwright.measures.sketch import of_words
from arkwright.measures.window import Window
from arkwright.monitor.measured import Found, Measured
from arkwright.pages import watch_charts, watch_report, why
from arkwright.pages.draw.heat import heat
from arkwright.pages.draw.over_time import Series, over_time

PAGE = "/endpoints/buys/watch"


@pytest.fixture(scope="module")
def seen(walked_twice, tmp_path_factory, shop_at):
    at = copied(walked_twice, shop_at(tmp_path_factory.mktemp("seen") / "shop"))
    with pytest.MonkeyPatch.context() as patched:
        lived(at, patched, hours=24, step=6)
    return at


@pytest.fixture(scope="module")
def house(seen):
    with up(seen) as made:
        yield House(made)


def test_a_watch_that_fails_says_so_where_home_leads(seen, house):
    says = "The last look did not find out all that is promised"
    looked.note(seen.site, "buys", "up")
    assert says not in house.page(PAGE)[1]
    looked.note(seen.site, "buys", "up", well=False)
    assert says in house.page(PAGE)[1]
    looked.note(seen.site, "buys", "up")


def test_promises_alarms_and_pictures_of_an_endpoint(house):
    status, text = house.page(PAGE)
    assert status == 200
    assert "The population stability index of spent (0 is no change, 0.25 a great one) is less than 0.2" in text
    for heading in ("How well buys@1 answers", "Drift of buys@1", "recall of buys@1 by country"):
        assert f"{heading}</h2>" in text
    assert 'id="alarm-1"' in text
    assert "halted release:buys@2" in text
    assert re.search(r'<figure data-chart="time".*?<svg class="draw".*?recall of buys@1 over time', text, re.DOTALL)
    assert '<path class="sure first"' in text  # the interval of what is estimated, and of what came true
    assert '<path class="sure second"' in text
    assert re.search(r'<rect class="heat h[3-6]"[^>]*><title>score, [^<]*: moved by 0\.', text)
    table = text[text.index('aria-label="Drift of buys@1: table"') :]
    assert re.search(r'<th scope="col" class="number">spent</th>', table)
    assert re.search(r">0\.\d+ \*<", table)


def test_a_release_that_left_and_another_span(house):
    _, text = house.page(f"{PAGE}?span=24h&release=release:buys@2")
    assert "Drift of buys@2</h2>" in text
    assert "Drift of buys@1</h2>" not in text
    assert re.search(r'<rect class="heat h[3-6]"[^>]*><title>spent, ', text)
    assert house.page(f"{PAGE}?span=2y")[0] == 422
    assert house.page(f"{PAGE}?until=never")[0] == 422
    assert house.page(f"{PAGE}?until=0001-01-01")[0] == 422
    earlier = house.page(f"{PAGE}?span=24h&until=30d")[1]
    assert not re.search('class="(heat h|stood )', earlier)  # nothing was watched then, and no alarm stood
    assert "?span=7d&amp;until=30d" in earlier
    assert house.page("/endpoints/nothing/watch")[0] == 404
    hostile = "%3Cscript%3Ealert(1)%3C/script%3E"
    assert "<script>alert(1)" not in house.page(f"{PAGE}?release={hostile}")[1]


def test_a_share_has_no_room_above_all():
    found = Found("release:buys@1", "recall", 5, 0, "", 0.9, 0.0, 1.0, 40, "")
    assert re.findall(r">([\d.]+)</text>", over_time([Series("estimated", [found])], 0, 10))[:3] == ["0", "0.5", "1"]


def test_a_line_of_what_is_not_known_yet_is_not_drawn():
    known = Found("release:buys@1", "recall", 5, 0, "", 0.9, 0.8, 1.0, 40, "")
    awaited = replace(known, value=None, low=None, high=None)
    drawn = over_time([Series("estimated", [known]), Series("realised", [awaited])], 0, 10)
    assert '"line first"' in drawn
    assert "second" not in drawn  # a path of nothing is a mistake to a browser


def test_the_way_to_an_alarm(house):
    link = f'href="{PAGE}#alarm-'
    for place in ("/", "/ledger?kind=alarm", "/ledger?kind=reaction", "/search?q=psi", "/search?q=opened+discussion"):
        status, text = house.page(place)
        assert (status, link in text) == (200, True), place
    assert f'href="{PAGE}"' in house.page("/endpoints")[1]
    _, text = house.page("/endpoints/buys")
    assert f'href="{PAGE}"' in text
    _, text = house.page("/")
    assert "buys does not keep:" in text


def test_the_way_to_the_predictions(house):
    assert '<a class="button" href="/endpoints/buys/predictions">' in house.page("/endpoints/buys")[1]


def test_it_suits_everybody(house):
    """By axe's rules, on a phone too, with every table and alarm open."""
    with chromium() as browser:
        for width in (1280, 360):
            page = window(browser, house.room, viewport={"width": width, "height": 800})
            for path in (PAGE, f"{PAGE}?span=24h&release=release:buys@2"):
                page.goto(house.room.address + path)
                assert page.locator("figure").count()
                assert unsuited(page, path) == []
            for path in ("/endpoints/buys/alarms/1", "/endpoints/buys/predictions?where=country%3DXX"):
                page.goto(house.room.address + path)
                assert unsuited(page, path) == []


def test_a_report_needs_nothing_but_itself(seen):
    text = watch_report.report(seen.site, seen.ana, seen.folder, span="7d")
    assert "halted release:buys@2" in text
    assert 'id="buys-alarm-1"' in text
    for heading in ("How well buys@1 answers", "Drift of buys@1", "recall of buys@1 by country"):
        assert f"{heading}</h3>" in text
    assert "spent=" in text[text.index('class="acts causes"') :]
    assert ": before and now: table" in text  # of the alarms that stand
    assert "default-src 'none'" in text
    for word in ("<script", "<link", "<img", "href=", "url(", "src="):
        assert word not in text


def test_what_callers_send_is_text(seen, monkeypatch):
    hostile = "<script>alert(1)</script>"
    charts = watch_charts.shown
    monkeypatch.setattr(watch_charts, "shown", lambda found: [_named(one, hostile) for one in charts(found)])
    text = watch_report.report(seen.site, seen.ana, seen.folder, names=["buys"])
    assert "<script>" not in text
    assert text.count("&lt;script&gt;") > 3


def _named(one, hostile):
    groups = [(measure, hostile, [replace(p, title=hostile) for p in pictures], rows, [hostile] * len(heads))
              for measure, _, pictures, rows, heads in one.groups]  # fmt: skip
    found = one.seen.heat
    name = {column: hostile if column == "spent" else column for column in found.columns}
    cells = {(name[column], at): cell for (column, at), cell in found.cells.items()}
    moved = replace(found, columns=tuple(name.values()), cells=cells)
    return replace(one, groups=groups, heat=heat(moved), seen=replace(one.seen, heat=moved))


def test_on_the_command_line(seen, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(seen.folder)
    for name in ("ARKWRIGHT_TOKEN", "ARKWRIGHT_BY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(context, "actor", lambda _: MACHINE)
    assert main(["watch", "buys", "--report", str(tmp_path / "a.html")]) == 1
    said = capsys.readouterr().out
    assert "last 7d" in said
    assert "alarms: ━" not in said
    assert re.search(r"buys@1 recall: estimated [▁-█·]+ 0\.\d+ \[.*\], with labels ", said)
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")
    assert main(["watch", "buys", "--plots"]) == 1
    said = capsys.readouterr().out
    assert "buys@1, recall: ● estimated, ○ with labels" in said
    assert re.search(r"score [ ·░▒▓█]+ \d+\n", said)
    assert re.search(r"#\d+ +━+", said)
    assert main(["watch", "buys", "--report", str(tmp_path / "no" / "a.html")]) == 2
    assert "cannot be written: no such file or directory" in capsys.readouterr().err


def test_why_an_alarm_was_raised_and_the_rows_that_explain_it(house):
    _, watch = house.page(PAGE)
    places = re.findall(r'hx-get="(/endpoints/buys/alarms/\d+)"', watch)
    assert re.search(r'<ul class="acts causes"><li class="small">spent=', watch)
    pages = [house.page(place) for place in places]
    assert {status for status, _ in pages} == {200}
    text = next(text for _, text in pages if "spent%3E%3D" in text)
    assert re.search(r"<h1[^>]*>buys (does|did) not keep: ", text)  # what stands is the alarm
    assert '<a class="button" href="/endpoints/buys">' in text
    table = text[text.index('aria-label="spent: before and now: table"') :]
    assert re.search(r'<th scope="row" class="nowrap"><b>[^<]+</b></th><td class="number">', table)
    assert re.search(r'<svg class="draw"[^>]*aria-label="share of the rows, before and now', text)
    rows = html.unescape(re.findall(r'<a href="(/endpoints/buys/predictions\?[^"]*spent%3E%3D[^"]*)">list', table)[-1])
    status, listed = house.page(rows)
    assert status == 200
    limit = float(re.search(r"where=spent%3E%3D([\d.]+)", rows)[1])
    head = re.findall(r'<th scope="col"[^>]*>(\w+)', listed).index("spent")
    found = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in re.findall(r"<tr><td.*?</tr>", listed)]
    assert found
    assert all(float(row[head]) >= limit for row in found)
    assert house.page("/endpoints/buys/alarms/99")[0] == 404


def test_predictions_that_are_asked_for_wrongly(house):
    for wrong, said in (("where=spnet%3D1", "did you mean"), ("where=%3Cscript%3E", "says no value"), ("since=x", "x")):
        status, text = house.page(f"/endpoints/buys/predictions?{wrong}")
        assert status in (404, 422)
        assert said in text
        assert "<script>" not in text.partition("<main")[2]
        assert "No prediction was logged" not in text
    _, text = house.page("/endpoints/buys/predictions?where=country%3DXX")
    assert "No prediction of the last 7d fits" in text
    (older,) = re.findall(r'<a href="(\?[^"]*)">Look at all that is kept', text)
    assert "No prediction was logged that fits" in house.page("/endpoints/buys/predictions" + html.unescape(older))[1]
    assert "the newest 100 that fit" in house.page("/endpoints/buys/predictions")[1]


def test_predictions_are_read_page_by_page(house, seen):
    """Each once, in the order of the command line, though rows of one request have the same time."""
    expected = [(row["id"], str(row["row"])) for row in seen.do(predictions, endpoint="buys", limit=None).to_pylist()]
    cells = re.compile(r'<th scope="row" class="mono nowrap">(.*?)</th><td class="number">(\d+)</td>')
    first = place = "/endpoints/buys/predictions?until=2100-01-01"
    found, text = list[tuple[str, str]](), ""
    for _ in range(-(len(expected) // -100)):
        status, text = house.page(place)
        assert status == 200
        found += cells.findall(text)
        if onward := re.search(r'rel="next" href="([^"]*)">Next page', text):
            place = html.unescape(onward[1])
    assert found == expected
    assert place.startswith(f"{first}&")
    assert 'rel="next"' not in text
    assert f'rel="prev" href="{first}">First page' in text
    for wrong in ("x", "x,1", "2026-01-01", "2026-01-01,x", "2026-01-01,-1", "2026-01-01,9999999999"):
        status, text = house.page(f"/endpoints/buys/predictions?before={wrong}")
        assert status == 422, wrong
    _, last = house.page("/endpoints/buys/predictions?before=2020-01-01,0")
    assert 'rel="next"' not in last
    assert "No prediction was logged that fits" in last


def test_of_ten_thousand_words_few_are_drawn_and_the_others_have_their_rows():
    words = {f"w{n}": 6 for n in range(10_000)}
    before = of_words(words)
    window = Window(reference={"c": before}, current={"c": before.empty().words(words | {"w7": 9000, "new": 60})})
    found = moved.values(window, "c", "largest_change")
    rows = tuple(Rows(since="1d", until="0d", release="buys@1", where=tuple(map(spelt, p.where))) for p in found.parts)
    at, promise = datetime.now(UTC), "largest_change(c) < 0.1"
    made = Causes(about="endpoint:buys@1", release="release:buys@1", promise=promise, since=at, until=at,
                  before="", now="", explained=found, places=rows, columns=((found, rows),))  # fmt: skip
    (column,) = why.shown(made)
    assert len(column.lines) == PARTS + 1
    assert sum(len(drawn) for _, drawn in column.drawn) < 20_000
    (rest,) = (line for line in column.lines if line.part.label == OTHERS)
    assert rest.rows.count("where=c%21%3D") == PARTS
    assert len(rest.rows) < 1500


def test_roll_back_says_to_what_and_asks_whether_one_is_sure(walked_twice, tmp_path, shop_at):
    at = copied(walked_twice, shop_at(tmp_path / "shop"))
    at.do(promote, release="buys@1")
    at.do(promote, release="buys@2", share=0.2)
    with up(at) as made:
        house = House(made)
        text = re.sub("<[^>]+>", "", house.page("/endpoints/buys")[1])
        assert "From the next request on buys answers with release:buys@1 again." in text
        status, text = house.send("/endpoints/buys/rollback", reason="it errs")
        assert (status, text.count("confirm that buys answers as before")) == (422, 1)
        assert house.send("/endpoints/buys/rollback", reason="it errs", sure="yes")[0] == 303
        assert "rolled back from release:buys@2: it errs" in house.page("/endpoints/buys")[1]


def test_the_numbers_of_a_report_are_those_that_the_watch_kept(seen):
    text = watch_report.report(seen.site, seen.ana, seen.folder, span="7d")
    with closing(Measured(seen.site.watched / "buys.measured.db")) as measured:
        kept = [measured.between("release:buys@1", name, 0, 1 << 40) for name in ("estimated(recall)", "recall")]
    each = [{one.until: (one.value, one.low, one.high) for one in found} for found in kept]
    nothing = (None, None, None)
    told = text[text.index(": recall of buys@1</span>") :].partition("</table>")[0]
    heads = [f"{name}{end}" for name in ("estimated", "with labels") for end in ("", ", low", ", high")]
    assert re.findall(r'data-kind="[^"]*">([^<]*)<', told) == [*heads, "limit"]
    found = [[float(v) if v else None for v in re.findall(r'data-v="([^"]*)"', row)] for row in told.split("<tr>")[2:]]
    assert len(found) > 2
    for at, *values, limit in found:
        shown = [tuple(values[:3]), tuple(values[3:])]
        assert limit == 0.3
        assert shown != [nothing, nothing]
        assert all(one in (known.get(at), nothing) for one, known in zip(shown, each, strict=True))
