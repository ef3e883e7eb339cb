"""The pages about runs, over a real control room."""

import re
from urllib.parse import urlencode

from tests.rest.test_jobs import begun, gate, until

from arkwright.api import build, jobs
from arkwright.core.errors import Refused
from arkwright.core.nouns import Actor

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
    assert "1000" not in text  # what was promised later of the same bytes was not promised then
    _, text = page(room, "/runs/shop@2")
    assert "rows &gt;= 1000 is broken" in text
    _, text = page(room, "/runs/shop@1/code?file=shop.py")
    assert "def features(visits: pl.DataFrame)" in text
    assert page(room, "/runs/shop@1/code?file=../../etc/passwd")[0] == 404
    assert page(room, "/runs/shop@9")[0] == 404


def test_a_run_begun_on_the_page_is_followed_there_and_on_its_own(gate, room):
    room.at.shop.edit("shop.py", "or visits.height:", "or visits.height >= 300:")  # not in the rehearsal
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


def test_runs_side_by_side(room):
    room.at.shop.edit("shop.py", "fill_null(40)", "fill_null(41)")
    room.at.shop.edit("shop.py", "import polars as pl", "import polars as pl  # <script>alert(1)</script>")
    room.at.run(by=worker("ana"), seed=7)
    _, text = page(room, "/runs/compare?run=shop@1&run=shop@2&run=")
    for said in ("seed", 'class="cut"', "fill_null(41)", "pl  # &lt;script&gt;", "the same in all of them"):
        assert said in text
    assert "model.buys.target" not in text
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
