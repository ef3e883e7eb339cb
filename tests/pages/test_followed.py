"""In a browser: a run followed as it goes, pictures that are dragged, lists that are filtered as one types."""

import pytest
from playwright.sync_api import expect
from tests.pages.test_access import browser, window
from tests.pages.test_runs import tracked_run
from tests.rest.test_jobs import gate, until

from arkwright.core import versions
from arkwright.core.nouns import Actor, Endpoint
from arkwright.tracking import runs

__all__ = ["browser", "gate"]  # fixtures


@pytest.fixture
def page(browser, room):
    made = window(browser, room, "carl")
    wrong = []
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    yield made
    assert wrong == []
    made.context.close()


def test_a_run_is_begun_and_followed_until_it_ends(gate, room, page):
    page.goto(room.address + "/runs")
    page.get_by_text("Start a run").click()
    page.get_by_label("Seed").fill("7")
    page.get_by_role("button", name="Walk the line").click()
    log = page.get_by_role("log")
    expect(log).to_contain_text("a line of the log", timeout=60_000)
    expect(log).to_contain_text("run:shop@2 begins")
    expect(page.locator(".step")).to_have_text("train buys")
    assert page.locator("a.refresh").count() == 0  # it comes by itself
    gate.unlink()
    expect(page.get_by_text("where everything that came of it stands")).to_be_visible(timeout=60_000)
    page.get_by_role("main").get_by_role("link", name="run:shop@2").click()
    expect(page.get_by_role("heading", name="shop@2", exact=True)).to_be_visible()
    assert page.get_by_text("finished").count()


def test_lists_follow_the_typing_and_search_answers_by_keyboard(room, page):
    room.at.run(by=Actor(name="ben", proven=True, rights=("look", "talk", "work")), seed=2)
    page.goto(room.address + "/runs")
    expect(page.locator("#list tbody tr")).to_have_count(2)
    page.get_by_label("Person").press_sequentially("ben")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    assert "author=ben" in page.url
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("/")
    page.keyboard.type("visits")
    expect(page.locator("#found .hits a").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{room.address}/data/visits")


def test_the_profile_comes_by_itself_and_lineage_is_walked(room, page):
    page.goto(room.address + "/data/buyers")
    expect(page.locator("#profile svg[aria-label^='histogram']").first).to_be_visible()
    box = page.locator(".lineage")
    box.locator("a", has_text="visits@1").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{room.address}/data/visits@1")
    page.locator("input.whole").check()
    inside, frame = box.locator("svg").bounding_box(), box.bounding_box()
    assert inside["width"] <= frame["width"]


INK = """() => {
  const canvas = document.querySelector("figure canvas");
  if (!canvas || !canvas.width) return [0, false];
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let inked = 0;
  for (let at = 0; at < data.length; at += 4) inked += Math.abs(data[at] - data[at + 2]) > 60 && data[at + 3] > 200;
  return [canvas.width, inked > 200];
}"""


def test_a_curve_is_drawn_again_when_the_window_is_another(room, page):
    uid = tracked_run(room.at.site, "trial", 1_700_000_000_000, loss=1.0)
    points = [("loss", step, 1_700_000_000_000, 1 / (step + 1)) for step in range(50)]
    room.at.site.tracking.submit(runs.log, uid, metrics=points, params=[]).result()
    page.goto(f"{room.address}/runs/tracked/{uid}")
    (wide,) = until(lambda: [width for width, inked in (page.evaluate(INK),) if inked])
    page.set_viewport_size({"width": 700, "height": 800})
    until(lambda: (found := page.evaluate(INK))[1] and found[0] != wide)


HEARD = """
Object.defineProperty(window, "uPlot", { configurable: true, set(made) {
  const kept = new Proxy(made, { construct: (of, given) => (window.drawn = new of(...given)) });
  Object.defineProperty(window, "uPlot", { value: kept, writable: true });
} });
"""


def test_shares_are_drawn_from_nothing_to_all(room, page):
    versions.move(room.at.site.ledger, "ana", Endpoint(name="buys", version=1, shares={"release:buys@1": 1.0}))
    page.add_init_script(HEARD)
    page.goto(f"{room.address}/endpoints/buys")
    page.locator("figure canvas").first.wait_for()
    assert page.evaluate("[drawn.scales.y.min, drawn.scales.y.max]") == [0, 100]
