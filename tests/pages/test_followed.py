"""In a browser: a run followed as it goes, pictures that are dragged, lists that are filtered as one types."""

import pytest
from playwright.sync_api import expect
from tests.pages.test_access import browser, window
from tests.rest.test_jobs import gate

from arkwright.core.nouns import Actor

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
    room.at.shop.edit("shop.py", "or visits.height:", "or visits.height >= 300:")  # not in the rehearsal
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
