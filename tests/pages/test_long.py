"""Names and words as long as they may be: no page scrolls sideways because of what people wrote."""

import pytest
from tests.pages.test_access import LINK, LOGIN, browser, came_back, kind, links, window
from tests.rest.conftest import up
from tests.walked import Site

from arkwright.api import decide
from arkwright.api.endpoints import emergency, rollout
from arkwright.api.people import accounts
from arkwright.api.promising import propose
from arkwright.api.talking import talk
from arkwright.core.nouns import Actor
from arkwright.notify import hooks, state
from arkwright.tracking import runs

__all__ = ["browser"]  # a fixture
WORD = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft" * 4
LINE, KEY, COLUMN = WORD[:300], WORD[:240], f"spent_{WORD}"[:120]
NAMES = ("buyers", "visits", "buys", "production", "model-owner", "operations", "shop")
LONG = {name: f"{name.replace('-', '_')}_{WORD}"[:64] for name in NAMES}
ONE, OTHER = (f"{letter}_{WORD}"[:64].lower() for letter in "ab")  # accounts
WIDTHS = (360, 1280)


@pytest.fixture(scope="module")
def long_names(tmp_path_factory, shop_at):
    """A room in which everything has the longest name it may have, and everybody speaks in long words."""
    shop = shop_at(tmp_path_factory.mktemp("long") / "shop")
    for path in shop.folder.iterdir():
        text = path.read_text().replace("spent", COLUMN)
        if path.suffix == ".csv":
            text += f"{LINE},DE,{LINE},{LINE},{LINE}\n"  # which is put aside
        elif path.suffix == ".toml":
            text = renamed(text).replace("missing(again)", f"missing({COLUMN})")
            text = text.replace("Tell who buys again", LINE)
        else:
            text = renamed(text)
        path.write_text(text)
    at = Site(shop)
    assert at.run().problem is None
    (shop.folder / ".arkwright" / "site.toml").write_text(LOGIN)
    with up(at) as room:
        yield room, live(at)


def renamed(text):
    for name, longer in LONG.items():
        text = text.replace(name, longer)
    return text.replace(f"{LONG['buyers']}.csv", "buyers.csv").replace(f"{LONG['shop']}.py", "shop.py")


def live(at):
    """Everything that people write, in one word each; the ids of two runs of a client."""
    rights, release, data = ("look", "talk", "self", "work", "own"), LONG["buys"], LONG["buyers"]
    olga = Actor(name="olga", proven=True, rights=rights)
    for name, role in ((ONE, LONG["model-owner"]), (OTHER, LONG["operations"])):
        at.do(accounts.invite, olga, name=name, role="owner", signs=(role,), email=f"{name}@example.org")
        who = Actor(name=name, proven=True, signs=(role,), rights=rights)
        at.do(decide.refuse, who, release=release, reason=LINE)
        at.do(decide.sign, who, release=release, reason=LINE)
    at.do(talk.discuss, who, about=f"release:{release}@1", text=f"{LINE} @{ONE}", question=True)
    at.do(talk.discuss, who, thread=1, text=f"# {LINE}\n\n| {LINE} | b |\n|---|--:|\n| {LINE} | 2 |\n\n- `{LINE}`")
    at.do(talk.discuss, who, about=f"dataset:{data}@1#duplicates(key) == 0", text=LINE)
    at.do(talk.answer, olga, comment=2, mark="helpful")
    at.do(rollout.promote, who, release=release, reason=LINE)
    at.do(emergency.stop, who, endpoint=release, reason=LINE)
    promise = f"missing({COLUMN}) <= 0.5"
    at.do(propose.propose, who, where=f"data.{LONG['visits']}", promise=promise, reason=LINE)
    at.do(accounts.token, olga, note=LINE)
    hook = hooks.new("h" * 64, 1, f"https://example.org/{LINE}", "slack", ("everything",))
    state.begin(at.site.vault, hook.id, 0)
    state.Kept(at.site.vault, hook.id).change(state.State(place=9).given_up(7, "", LINE, "2026-11-29T08:00"))
    hooks.add(at.site.vault, hook)
    return logged(at.site)


def logged(site):
    """The ids of two runs of a client."""
    uids = []
    experiment = site.tracking.submit(runs.experiment, LINE).result()
    for _ in range(2):
        words = {"name": LINE, "user": ONE, "started": 1_700_000_000_000, "tags": [(KEY, LINE)]}
        uid = site.tracking.submit(runs.begin, experiment=experiment, **words).result()
        points = [(KEY, step, 1_700_000_000_000, 1 / (step + 1)) for step in range(5)]
        site.tracking.submit(runs.log, uid, metrics=points, params=[(KEY, LINE)]).result()
        uids.append(uid)
    return uids


def test_no_page_scrolls_sideways(browser, long_names):
    """Every kind of page, before the log-in and after it, on a phone and on a desk."""
    room, uids = long_names
    page = window(browser, room, ONE)
    came_back(room, page)
    seen, wide, ahead = set(), [], ["/", LINK, "/audit", "/discussion/new", *asked(uids)]
    while ahead:
        path = ahead.pop(0)
        if kind(path) in seen:
            continue
        seen.add(kind(path))
        page.set_viewport_size({"width": WIDTHS[0], "height": 800})
        page.goto(room.address + path)
        page.locator(".htmx-request").first.wait_for(state="detached")  # what is fetched aside is there
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wide.append(f"{path[:80]} at {width}: {page.evaluate(WIDEST)}")
        ahead += links(page)
    assert not wide, "\n".join(wide)
    assert len(seen) > 30, seen


WIDEST = """() => [...document.querySelectorAll("body *")].filter((one) =>
  one.getBoundingClientRect().right > innerWidth + 1 && !one.parentElement.closest(".table, pre, .lineage")
).slice(-3).map((one) => one.outerHTML.slice(0, 160))"""  # the innermost, for whoever mends it


def asked(uids):
    """Pages that no link leads to: filters filled in, a search that found something, runs side by side."""
    compared = "&".join(f"run=tracked:{uid}" for uid in uids)
    return [f"/search?q={LINE}", "/ledger?kind=comment", f"/runs?number={KEY}", f"/runs/compare?{compared}&show=all"]


def test_the_menu_of_a_phone_leads_everywhere(browser, long_names):
    """By keyboard and without a script: closed at first, opened, every place in it seen, closed again."""
    room, _ = long_names
    page = window(browser, room, ONE, java_script_enabled=False, viewport={"width": 360, "height": 640})
    page.goto(room.address)
    menu, places = page.get_by_role("button", name="Menu"), page.get_by_role("navigation", name="Main")
    assert menu.get_attribute("popovertarget") == "menu"
    assert not places.is_visible()
    menu.focus()
    page.keyboard.press("Enter")
    for place in ("Home", "Inbox", "Models and releases", "Endpoints", "Ledger", "What was live"):
        box = places.get_by_role("link", name=place).bounding_box()
        assert box, place
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 360
        assert 0 <= box["y"] <= box["y"] + box["height"] <= 640, place
    page.keyboard.press("Escape")
    assert not places.is_visible()
    assert page.evaluate("document.activeElement.textContent").startswith("Menu")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # into what was opened: to its button that closes it, then to the first place
    page.keyboard.press("Tab")
    for _ in range(10):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(room.address + "/live")
    page.set_viewport_size({"width": 1280, "height": 800})
    assert places.is_visible()
    assert not menu.is_visible()
    page.context.close()


def test_what_a_search_finds_stays_in_the_window(browser, long_names):
    room, _ = long_names
    page = window(browser, room, ONE, viewport={"width": 360, "height": 640})
    page.goto(room.address)
    page.get_by_role("searchbox").fill("dataset")
    page.locator("#found .hits a").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.context.close()


@pytest.mark.parametrize("place", ["/ledger", "/audit"])
def test_a_phone_shows_first_what_happened(browser, long_names, place):
    room, _ = long_names
    headers = {"Authorization": "Bearer nobody.1.nothing"}
    assert room.http.request("POST", room.address + "/api/stop", headers=headers).status == 401  # which the audit tells
    page = window(browser, room, ONE, viewport={"width": 360, "height": 640})
    page.goto(room.address + place)
    rows = page.locator("table tbody tr")
    assert rows.count()
    for row in rows.all()[:10]:
        first, cells = row.locator(".first").first.bounding_box(), row.locator("> :not(.first)").all()
        assert 0 <= first["x"] <= first["x"] + first["width"] <= 360
        for cell in cells:
            box = cell.bounding_box()
            assert box["y"] >= first["y"] + first["height"]
            assert box["x"] + box["width"] <= 360
    assert page.evaluate("[...document.querySelectorAll('.table')].every((one) => one.scrollWidth <= one.clientWidth)")
    page.set_viewport_size({"width": 1280, "height": 800})
    assert page.locator("thead th").first.bounding_box()["height"] > 10
    assert rows.first.evaluate("(row) => getComputedStyle(row).display") == "table-row"
    page.context.close()
