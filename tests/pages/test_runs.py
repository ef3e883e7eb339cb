"""The pages about runs, over a real control room."""

import math
import re
from urllib.parse import urlencode

import pytest
from tests.rest.test_jobs import begun, gate, until

from arkwright.api import build
from arkwright.api.jobs import jobs
from arkwright.api.runs import every_run
from arkwright.core import versions
from arkwright.core.errors import Invalid, Refused
from arkwright.core.nouns import Actor, Run
from arkwright.tracking import runs as tracked_runs

__all__ = ["gate"]  # fixtures
PAGE = {"Accept": "text/html"}
FORM = {"Content-Type": "application/x-www-form-urlencoded", **PAGE}


def page(room, path, by="olga"):
    answer = room.ask("GET", path, by=by, **PAGE)
    return answer.status, answer.data.decode()


def send(room, path, by="carl", **fields):
    """A form, by somebody with a token; where it leads."""
    answer = room.http.request(
        "POST",
        room.address + path,
        body=urlencode(fields),
        headers={**FORM, "Authorization": f"Bearer {room.tokens[by]}"},
        redirect=False,
    )
    return answer.status, answer.headers.get("Location", ""), answer.data.decode()


def worker(name):
    """As proven by a token: a site with accounts takes no other."""
    return Actor(name=name, proven=True, rights=("look", "talk", "work"))


def listed(text):
    return re.findall(r'href="/runs/(shop@\d+)"', text)


def test_a_list_that_is_filtered_sorted_and_turned(room):
    at = room.at
    at.run(by=worker("ben"), seed=2)
    at.shop.edit("arkwright.toml", "roc_auc >= 0.6", "roc_auc >= 0.9999")
    assert at.run(by=worker("ana"), seed=3).problem
    assert listed(page(room, "/runs")[1]) == ["shop@3", "shop@2", "shop@1"]
    assert listed(page(room, "/runs?state=failed")[1]) == ["shop@3"]
    assert listed(page(room, "/runs?author=ben&state=finished")[1]) == ["shop@2"]
    assert listed(page(room, "/runs?text=0.9999&name=shop")[1]) == ["shop@3"]
    assert listed(page(room, "/runs?sort=started")[1]) == ["shop@1", "shop@2", "shop@3"]
    assert "No run fits" in page(room, "/runs?author=nobody")[1]
    status, text = page(room, "/runs?state=finnished")
    assert (status, "finished" in text) == (422, True)


def test_a_run_shows_what_it_was_given_and_what_came_of_it(room):
    at = room.at
    at.shop.edit("arkwright.toml", "rows >= 100", "rows >= 1000")
    assert at.run(by=worker("ana"), seed=3).problem
    _, text = page(room, "/runs/shop@1")
    for said in ("rows &gt;= 100", "roc_auc &gt;= 0.6", "model.buys.target", "optimize buys", "model:buys@2"):
        assert said in text
    assert "rows &gt;= 1000" not in text  # what was promised later of the same bytes was not promised then
    _, text = page(room, "/runs/shop@2")
    assert "rows &gt;= 1000 is broken" in text
    _, text = page(room, "/runs/shop@1/code?file=shop.py")
    assert "def features(visits: pl.DataFrame)" in text
    assert page(room, "/runs/shop@1/code?file=../../etc/passwd")[0] == 404
    assert page(room, "/runs/shop@9")[0] == 404


def test_a_run_begun_on_the_page_is_followed_there_and_on_its_own(gate, room):
    status, place, _ = send(room, "/runs", seed="7")
    assert (status, place[:11]) == (303, "/runs/jobs/")
    name = place.rpartition("/")[2]
    until(lambda: any(told.kind == "log" for told in jobs.events(room.at.site, name)))
    run = until(lambda: jobs.run_of(room.at.site, name))
    _, text = page(room, place)
    assert f'data-follow="/api/jobs/{name}/events"' in text
    assert "a line of the log" in text
    assert run == "run:shop@2"
    _, text = page(room, "/runs/shop@2")
    assert f'data-follow="/api/jobs/{name}/events"' in text
    assert "Working now" in page(room, "/runs")[1]
    assert send(room, place + "/stop", by="vera")[0] == 403
    assert send(room, place + "/stop")[0] == 303
    _, text = page(room, place)
    assert "stopped by carl" in text
    assert "data-follow" not in text
    assert send(room, place + "/stop")[0] == 409


FIT = """
def buys(features: pl.DataFrame, again: pl.Series, seed: int, report: Callable[..., None]) -> LogisticRegression:
    print("</div><script>alert(1)</script> postgresql://ana:geheim@db/shop")
    for step in range(3):
        report(step, loss=1 / (step + SEED))
    return LogisticRegression(random_state=seed).fit(features, again)
"""


def test_a_run_from_a_terminal_keeps_its_log_and_its_curves(room):
    at, code = room.at, room.at.folder / "shop.py"
    assert "· " in (log := room.ask("GET", "/runs/shop@1/log").data.decode())
    assert log.splitlines()[-1].endswith("finished")
    before = (
        code.read_text()
        .partition("def buys")[0]
        .replace("import polars", "from collections.abc import Callable\nimport polars")
    )
    for seed in (1, 2):
        code.write_text(before + FIT.replace("SEED", str(seed)))
        at.run(by=worker("ana"))
    _, text = page(room, "/runs/shop@3")
    for said in ("&lt;script&gt;alert(1)", "ana:•••@db", "train buys", "data-chart", "buys: loss", "finished"):
        assert said in text
    assert "<script>alert" not in text
    assert "geheim" not in text
    answer = room.ask("GET", "/runs/shop@3/log")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "ana:•••@db" in answer.data.decode()
    _, text = page(room, "/runs/compare?run=shop@1&run=shop@2&run=shop@3")
    chart = text[text.index("<figcaption><b>buys: loss") :]
    rows = re.findall(r"<tr>(.*?)</tr>", chart[: chart.index("</figure>")])[1:]
    values = [re.findall(r'data-v="(.*?)"', row) for row in rows]
    assert values == [[str(step), "", str(1 / (step + 1)), str(1 / (step + 2))] for step in range(3)]


def test_a_run_that_failed_keeps_how_it_ended(room):
    at = room.at
    at.shop.edit(
        "shop.py",
        "    return LogisticRegression",
        "    print('so far')\n    raise ValueError('<b>no')\n    return LogisticRegression",
    )
    with pytest.raises(Invalid):
        at.run(by=worker("ana"), seed=3)
    log = room.ask("GET", "/runs/shop@2/log").data.decode().splitlines()
    assert "so far" in log
    assert log[-1].startswith("· ")
    assert "failed: shop.py:" in log[-1]
    assert "<b>no" not in page(room, "/runs/shop@2")[1]
    assert re.search(r"ran <a [^>]*>run:shop@2</a> and it failed", page(room, "/")[1])
    at.site.store.remove(versions.resolve(at.site.ledger, Run, "shop@2").log)
    assert page(room, "/runs/shop@2")[0] == 200
    assert room.ask("GET", "/runs/shop@2/log").status == 404


def test_runs_side_by_side(room):
    room.at.shop.edit("shop.py", "fill_null(40)", "fill_null(41)")
    room.at.shop.edit("shop.py", "import polars as pl", "import polars as pl  # <script>alert(1)</script>")
    room.at.run(by=worker("ana"), seed=7)
    _, text = page(room, "/runs/compare?run=shop@1&run=shop@2&run=")
    for said in (
        "seed",
        'class="cut"',
        "fill_null(41)",
        "pl  # &lt;script&gt;",
        "the same in all of them that have such",
    ):
        assert said in text
    assert "model.buys.target" not in text
    numbers = text[text.index(">Numbers</h2>") :].partition("</section>")[0]
    assert re.search(r'<th scope="row">buys: roc_auc</th><td class="number named">0\.\d+</td>', numbers)
    _, text = page(room, "/runs/compare?run=shop@1&run=shop@2&show=all")
    assert "model.buys.target" in text
    status, text = page(room, "/runs/compare?run=shop@1&run=<b>x")
    assert (status, "<b>x" in text) == (422, False)
    assert page(room, "/runs/compare?run=shop@1&run=shop@9")[0] == 404
    assert page(room, "/runs/compare")[0] == 422


def test_what_cannot_be_a_seed_is_said_on_the_page(room):
    status, _, text = send(room, "/runs", seed="seven")
    assert (status, "the seed is a whole number" in text) == (422, True)
    assert send(room, "/runs", by="vera")[0] == 403


def test_hostile_text_of_a_run_is_text(room):
    hostile = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>"

    def fails(*_, **__):
        raise Refused(hostile)

    work, build.line._work = build.line._work, fails
    try:
        room.at.run(by=worker("ana"))
    except Refused:
        pass
    finally:
        build.line._work = work
    for path in ("/runs", "/runs/shop@2", *("/runs?" + urlencode({word: hostile}) for word in ("text", "author"))):
        _, text = page(room, path)
        assert "<script>alert" not in text
        assert "<img src=x" not in text
    assert "&lt;script&gt;alert(1)" in page(room, "/runs/shop@2")[1]


def test_the_log_of_a_job_is_text(room):
    room.at.shop.edit("shop.py", "import polars as pl", "import polars as pl\nprint('<script>alert(1)</script>')")
    job = begun(room, "check").rpartition("/")[2]
    until(lambda: jobs.job(room.at.site, room.at.ana, room.at.folder, id=job).over)
    _, text = page(room, f"/runs/jobs/{job}")
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert" not in text


def test_runs_of_clients_stand_beside_ours(room):
    tracking = room.at.site.tracking
    hostile = "<script>alert(1)</script>"
    uids = []
    for number in range(3):
        begun = {"name": f"trial {number} {hostile}", "user": "carl", "tags": [("note", hostile)]}
        uids.append(
            tracking.submit(tracked_runs.begin, experiment=0, **begun, started=1_700_000_000_000 + number).result()
        )
        points = [("loss", step, 1_700_000_000_000, 1 / (step + 1)) for step in range(5)]
        tracking.submit(tracked_runs.log, uids[-1], metrics=points, params=[("lr", f"0.{number}")]).result()
    _, text = page(room, "/runs")
    assert "shop@1" in text
    assert text.count("/runs/tracked/") == 3
    assert "<script>alert" not in text
    assert "shop@1" not in page(room, "/runs?source=clients")[1]
    assert "/runs/tracked/" not in page(room, "/runs?source=line")[1]
    assert page(room, "/runs?author=carl&state=started&text=trial+1")[1].count("/runs/tracked/") == 1
    _, text = page(room, f"/runs/tracked/{uids[0]}")
    assert "loss" in text
    assert "data-chart" in text
    assert "<script>alert" not in text
    _, text = page(room, f"/runs/compare?run=tracked:{uids[0]}&run=tracked:{uids[1]}&run=shop@1")
    for said in ("lr", "0.1", "loss", "data-chart", "seed"):
        assert said in text
    assert page(room, "/runs/tracked/nothing")[0] == 404
    assert page(room, "/runs?source=elsewhere")[0] == 422


def tracked_run(site, name, started, seconds=None, **metrics):
    begun = {"name": name, "user": "ana", "started": started}
    uid = site.tracking.submit(tracked_runs.begin, experiment=0, **begun).result()
    points = [(key, 0, started, value) for key, value in metrics.items()]
    site.tracking.submit(tracked_runs.log, uid, metrics=points, params=[]).result()
    if seconds is not None:
        words = {"status": "FINISHED", "ended": started + int(seconds * 1000)}
        site.tracking.submit(tracked_runs.change, uid, **words).result()
    return uid


def test_both_kinds_in_pages_meet_without_gap_or_overlap(at):
    """Whatever the order: every run once, the numbers of both kinds among one another."""
    for number in range(9):
        seconds = None if number == 8 else number / 4
        metrics = {"roc_auc": math.nan if number == 7 else number / 10} if number else {}
        tracked_run(at.site, f"t{number % 3}", 2_000_000_000_000 - number // 2, seconds, **metrics)
    for number in range(7):
        noun = Run(name=f"r{number}", version=0, author="ana", state="started", started="2033-05-18T03:33:19.99",
                   seed=1, code="", lock="")  # fmt: skip
        versions.add(at.site.ledger, "ana", noun)
    for order in ("started", "seconds", "name", "number"):
        for sort in (f"-{order}", order):
            found, after = [], None
            while True:
                page_now = at.do(every_run.listed, sort=sort, limit=3, after=after, number="roc_auc")
                found += page_now.items
                after = page_now.next
                if after is None:
                    break
            assert len(found) == len({one.ref for one in found}) == (8 if order == "number" else 17), sort
            keys = [PLACES[order](one) for one in found]
            assert keys == sorted(keys, reverse=sort != order), sort


PLACES = {
    "started": lambda one: one.started,
    "seconds": lambda one: one.seconds or 0.0,
    "name": lambda one: one.name.partition("@")[0],
    "number": lambda one: one.number,
}


def test_the_order_of_a_number_has_both_kinds(room):
    at = room.at
    own = at.do(every_run.listed, number="roc_auc").items[0].number
    tracked_run(at.site, "better", 1_700_000_000_000, 3.0, roc_auc=own + 0.01, loss=0.2)
    tracked_run(at.site, "worse", 1_700_000_000_000, 5.0, roc_auc=own - 0.01)
    tracked_run(at.site, "without", 1_700_000_000_000, 9.0, loss=0.1)

    def names(query):
        status, text = page(room, f"/runs?{query}")
        assert status == 200
        return re.findall(r'href="/runs/[^"]*">([^<]+)</a></th>', text)

    assert names("sort=-number&number=roc_auc") == ["better", "shop@1", "worse"]
    assert names("sort=number&number=roc_auc&source=clients") == ["worse", "better"]
    assert names("sort=number&number=loss") == ["without", "better"]
    assert names("sort=number&number=%60%22") == []
    assert set(names("number=roc_auc")) == {"better", "worse", "without", "shop@1"}
    assert names("sort=-seconds&source=clients") == ["without", "worse", "better"]
    _, text = page(room, "/runs")
    for said in ("roc_auc", "loss", "rows trained on"):
        assert f'<option value="{said}">' in text
    assert page(room, "/runs?sort=number")[0] == 422
    assert page(room, "/runs?sort=lenght")[0] == 422
    hostile = "<script>alert(1)</script>"
    assert hostile not in page(room, "/runs?" + urlencode({"number": hostile, "sort": "number"}))[1]
