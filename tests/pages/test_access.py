"""For everybody: by screen reader, without a mouse, on a phone, in the dark, without scripts; by axe-core's rules."""

import html
import re
import time
from contextlib import closing
from pathlib import Path

import axe_playwright_python
import pytest
from tests.rest.conftest import up
from tests.walked import copied

from arkwright.api import decide
from arkwright.api.endpoints import emergency, rollout
from arkwright.api.people import accounts, entering, linking
from arkwright.api.promising import propose
from arkwright.api.talking import talk
from arkwright.core import versions
from arkwright.core.alarms import READABLE
from arkwright.core.nouns import Actor, Endpoint
from arkwright.govern import passwords, secrets
from arkwright.govern.oidc import Person
from arkwright.monitor.measured import Found, Measured
from arkwright.notify import hooks, state
from arkwright.web import cookies

from .browser import chromium
from .logged import logged

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
PASSWORD = "a long enough password"
HOSTILE = "<script>hacked = 1</script>\"'><img src=x onerror='hacked = 1'><svg onload='hacked = 1'>{{1337*7331}}"
LEFT, LINK = ("/password", "/logout", "/account/link"), "/account/link"
LOGIN = '[login]\nissuer = "http://127.0.0.1:9"\nclient = "arkwright"\n'  # which nobody asks here


@pytest.fixture(scope="module")
def lived_in(walked, tmp_path_factory, shop_at):
    """A room in which something happened: signed, promoted, asked and answered."""
    at = copied(walked, shop_at(tmp_path_factory.mktemp("lived") / "shop"))
    (at.folder / ".arkwright" / "site.toml").write_text(LOGIN)
    looked(at.site)
    with up(at) as room:
        rights = ("look", "talk", "self", "work", "own")
        ben, cleo = (Actor(name=n, proven=True, signs=(r,), rights=rights[:3]) for n, r in
                     (("ben", "model-owner"), ("cleo", "operations")))  # fmt: skip
        olga = Actor(name="olga", proven=True, rights=rights)
        at.do(decide.sign, ben, release="buys", reason=HOSTILE)
        at.do(talk.discuss, ben, about="release:buys@1", text="Is *France* right? @olga", question=True)
        at.do(talk.discuss, cleo, thread=1, text="# Yes\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n```\nx\n```")
        at.do(talk.discuss, ben, thread=1, text=HOSTILE)
        at.do(talk.amend, ben, comment=3, text=f"# {HOSTILE}\n\n{HOSTILE}")
        at.do(talk.discuss, ben, about="model:buys@2#roc_auc >= 0.6", text=HOSTILE)
        at.do(decide.refuse, cleo, release="buys", reason=HOSTILE)
        at.do(decide.sign, cleo, release="buys", reason="now")
        at.do(rollout.promote, olga, release="buys")
        at.do(emergency.stop, olga, endpoint="buys", reason=HOSTILE)
        at.do(emergency.resume, olga, endpoint="buys", reason=HOSTILE)
        at.do(accounts.role, olga, name="carl", reason=HOSTILE)
        at.do(accounts.token, olga, note=HOSTILE)
        at.do(propose.propose, cleo, where="gate.production", promise="size_mb <= 5", reason=HOSTILE)
        hook = hooks.new(
            "ci", 1, "https://127.0.0.1/never", "slack", ("everything",)
        )  # what is given up stands on its page
        state.begin(at.site.vault, hook.id, 0)
        state.Kept(at.site.vault, hook.id).change(state.State(place=9).given_up(7, "", HOSTILE, "2026-11-29T08:00"))
        hooks.add(at.site.vault, hook)
        logged(at.site, HOSTILE)
        at.do(talk.discuss, ben, about="registered:wool@1", text=HOSTILE)
        at.site.vault.put(passwords.KIND, "olga", passwords.hashed(PASSWORD, "olga"))
        yield room


def looked(site):
    """Its data were looked at for a day, and the source was dead at last."""
    begin, found = int(time.time()) - 86_400, []
    for at in range(begin, begin + 86_400, 3600):
        dead = at > begin + 70_000
        here = {READABLE: (float(not dead), HOSTILE), "rows >= 100": (400.0, "")}
        found += [
            Found("", text, at, at, "broken" if dead else "kept", value, None, None, 400, note)
            for text, (value, note) in here.items()
        ]
    with closing(Measured(site.watched / "data.buyers.measured.db")) as measured:
        measured.put(found, int(time.time()))


@pytest.fixture(scope="module")
def browser():
    with chromium() as made:
        yield made


def unsuited(page, path):
    """What axe finds there, in the light and in the dark, and whether it is wider than the window, all of it open."""
    page.locator(".htmx-request").first.wait_for(state="detached")  # what is fetched aside is there
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found += [f"{path}, {scheme}: {fault}" for fault in faults(page)]
    wide, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    return found + ([f"{path}: {wide} wide in a window of {room}"] if wide > room else [])


def window(browser, room, who="olga", **words):
    """A page of somebody who logged in."""
    context = browser.new_context(**words)
    context.set_default_timeout(15_000)
    value = secrets.issue(room.at.site.vault, secrets.SESSION, who, 3600.0)
    context.add_cookies([{"name": cookies.name(room.address, cookies.SESSION), "value": value, "url": room.address}])
    return context.new_page()


def links(page):
    """Where the page leads within the room, one of each kind of page."""
    ours = "a[href^='/']:not([download], [type='text/plain'])"
    found = page.eval_on_selector_all(ours, "all => all.map(one => one.getAttribute('href'))")
    return [link.partition("#")[0] for link in found if not link.startswith(("/static", *LEFT, "/comments/"))]


def kind(path):
    """Pages with one template are one kind: names and numbers in an address do not matter, what is asked does."""
    return re.sub(r"@\d+|/\d+|\b[0-9a-f]{8,}\b|=[^&]*", "", re.sub(r"/(people|discussion)/[^/?]+$", r"/\1/x", path))


@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing_on_any_page(browser, lived_in, width):
    """In the light and in the dark."""
    page = window(browser, lived_in, viewport={"width": width, "height": 800})
    came_back(lived_in, page)
    seen, ahead, found = set(), ["/", "/password", LINK], []
    while ahead:
        path = ahead.pop(0)
        if kind(path) in seen:
            continue
        seen.add(kind(path))
        sent = page.goto(lived_in.address + path).text()
        found += unsuited(page, path)
        found += [f"{path}: {said}" for said in obeyed(page)]
        title = html.unescape(re.search("<title>(.*?)</title>", sent, re.DOTALL)[1])
        if page.title() != title:  # by a part of another page that came later
            found.append(f"{path}: is called {page.title()}, not {title}")
        ahead += links(page)
    assert not found, "\n".join(found)
    assert {
        "/inbox",
        "/people",
        "/people/x",
        "/releases/buys",
        "/endpoints/buys",
        "/endpoints/buys/watch",
        "/discussion/x",
        "/account",
        LINK,
        "/webhooks",
        "/data/buyers/watch",
        "/registered/wool",
        "/registered",
    } <= seen
    assert all(any(path.startswith(one) for path in seen) for one in ("/runs/tracked", "/runs/logged"))


def came_back(room, page):
    """As if from the provider, to this session."""
    name = cookies.name(room.address, cookies.SESSION)
    secret = next(one["value"] for one in page.context.cookies() if one["name"] == name)
    known = entering.prove(room.at.site, secrets.SESSION, secret)
    person = Person(issuer="https://a.example", subject="1", name=HOSTILE, email="o@a.example", groups=())
    linking.offer(room.at.site, known, person)


def obeyed(page):
    """What of the hostile texts, which stand in every field, was taken for more than text."""
    said = page.evaluate(
        "[window.hacked && 'a script ran', document.querySelector('main :is(img, script, iframe)') && 'an element',"
        " document.body.innerText.includes('9801547') && 'a template']"
    )
    return [one for one in said if one]


def faults(page):
    """What axe calls serious or critical, each with an element."""
    page.evaluate(AXE)
    run = (
        "axe.run({resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']})"
    )
    said = page.evaluate(run)
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:160]}"
        for one in said["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"][:2]
    ]


def test_before_the_login(browser, lived_in):
    page = browser.new_page(color_scheme="dark", viewport={"width": 360, "height": 700})
    page.goto(lived_in.address + "/discussion/1#c2")
    away = page.get_by_role("link", name="Log in with").get_attribute("href")
    assert away.endswith("/login/oidc?next=%2Fdiscussion%2F1%23c2")  # no link takes the part behind the # along itself
    page.goto(lived_in.address + "/releases")
    assert page.url.endswith("/login?next=/releases")
    assert faults(page) == []
    page.get_by_label("Name").fill("olga")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    assert page.get_by_role("alert").inner_text() == "the name or the password is wrong"
    page.get_by_label("Name").fill("olga")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lived_in.address + "/releases")


def tab_to(page, name, presses=200):
    """Press Tab until what has the focus is called so, and can be seen to have it."""
    for _ in range(presses):
        page.keyboard.press("Tab")
        at = page.evaluate(
            "() => { const e = document.activeElement, s = getComputedStyle(e), l = e.labels && e.labels[0];"
            " return [(l ? l.innerText : e.innerText || '').trim(), s.outlineStyle, s.outlineWidth] }"
        )
        if at[0].startswith(name):
            assert at[1:] != ["none", "0px"], f"{name} has the focus, and nobody sees it"
            return
    raise AssertionError(f"no Tab leads to {name!r} on {page.url}")


def test_promoted_without_a_mouse(browser, lived_in):
    """From the first page to an endpoint that was stopped, through its form, to the answer."""
    olga = Actor(name="olga", proven=True, rights=("look", "talk", "self", "work", "own"))
    lived_in.at.do(emergency.stop, olga, endpoint="buys", reason="so that there is something to do")
    page = window(browser, lived_in, viewport={"width": 1280, "height": 800})
    page.goto(lived_in.address)
    for link, place in (("Endpoints", "/endpoints"), ("buys", "/endpoints/buys")):
        tab_to(page, link)
        page.keyboard.press("Enter")
        page.wait_for_url(lived_in.address + place)
    tab_to(page, "Promote a release")
    page.keyboard.press("Enter")
    tab_to(page, "Release")
    tab_to(page, "as the project")
    page.keyboard.press("ArrowUp")  # around to the last: with all requests
    assert page.get_by_label("with all requests").is_checked()
    tab_to(page, "Why")
    page.keyboard.type("promoted without a mouse")
    tab_to(page, "Real callers")
    page.keyboard.press("Space")
    tab_to(page, "Promote")
    page.keyboard.press("Enter")
    page.get_by_role("status").filter(has_text="buys").wait_for()
    noun = versions.latest(lived_in.at.site.ledger, Endpoint, "buys")
    assert (noun.stopped, noun.shares) == ("", {"release:buys@1": 1.0})
    assert noun.reason.endswith("promoted without a mouse")


def test_without_a_mouse(browser, lived_in):
    page = window(browser, lived_in, "ben", viewport={"width": 1280, "height": 800})
    page.goto(lived_in.address + "/releases/buys@1")
    tab_to(page, "Skip to the page", 1)
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    tab_to(page, "Say or ask something")
    page.keyboard.press("Enter")
    tab_to(page, "What do you say?")
    page.keyboard.type("typed without a mouse")
    tab_to(page, "Say it")
    page.keyboard.press("Enter")
    page.get_by_role("paragraph").filter(has_text="typed without a mouse").wait_for()
    page.goto(lived_in.address + "/releases/buys@1")
    tab_to(page, "Refuse")
    page.keyboard.press("Enter")
    tab_to(page, "Why")
    page.keyboard.type("found something")
    tab_to(page, "Refuse")
    page.keyboard.press("Enter")
    page.get_by_role("status").filter(has_text="ben refused").wait_for()
    ben = Actor(name="ben", proven=True, role="model-owner", signs=("model-owner",), rights=("look", "talk"))
    lived_in.at.do(decide.sign, ben, release="buys@1")  # whichever test comes next may promote it


def test_without_scripts(browser, lived_in):
    page = window(browser, lived_in, java_script_enabled=False, viewport={"width": 360, "height": 700})
    page.goto(lived_in.address + "/discussion/1")
    page.get_by_label("What do you say?").fill("said without a script")
    page.get_by_role("button", name="Answer", exact=True).click()
    assert page.get_by_role("paragraph").filter(has_text="said without a script").is_visible()
    page.goto(lived_in.address + "/endpoints/buys/traffic")
    assert page.get_by_role("heading", name="Over time").is_visible()
    page.goto(lived_in.address + "/account")
    page.get_by_label("What for").fill("night")
    page.get_by_role("button", name="Make it").click()
    assert page.get_by_label("Token").input_value().startswith("olga.")
    page.goto(lived_in.address + "/account")
    page.get_by_role("button", name="End the token night").click()
    assert page.get_by_text("night").count() == 0


def test_addresses_that_clients_of_mlflow_print(browser, lived_in):
    """They end in a page of ours, after a login too; anything else stays where it is."""
    site = lived_in.at.site
    first = lambda db, table: db.execute(f"SELECT uid FROM {table}").fetchone()[0]  # noqa: E731
    uid, model = site.tracking.look(first, "run"), site.tracking.look(first, "model")
    page = window(browser, lived_in)
    for shape, place in (
        (f"experiments/1/runs/{uid}", f"/runs/tracked/{uid}"),
        (f"experiments/1/runs/{uid}/artifacts?x=1", f"/runs/tracked/{uid}"),
        (f"experiments/1/models/{model}", f"/runs/logged/{model}"),
        ("experiments/0", "/runs?source=clients&name=Default"),
        ("models/wool", "/registered/wool"),
        ("models/wool/versions/2", "/registered/wool@2"),
        ("prompts/ask", "/registered/ask"),
        ("models", "/registered"),
        ("models/a%2Fb%40c", "/registered/a%2Fb%2540c"),
    ):
        page.goto("about:blank")
        page.goto(f"{lived_in.address}/#/{shape}")
        page.wait_for_url(lived_in.address + place, timeout=5000)
    for shape in ("models/..", "models/%2e%2e", "models/%", "//evil.example/", "experiments/1/runs//evil.example",
                  "experiments/1/runs/..%2f..", "experiments/x", "models/..%2f..%2f/versions/x", "javascript:hacked=1",
                  "experiments/1/runs/" + "a" * 300, "main"):  # fmt: skip
        page.goto("about:blank")
        page.goto(f"{lived_in.address}/#/{shape}")
        page.evaluate("new Promise(done => setTimeout(done, 0))")
        assert page.url == f"{lived_in.address}/#/{shape}"
        assert page.get_by_role("heading", name="shop").is_visible()
    page.goto(f"{lived_in.address}/runs/tracked/{uid}")
    with page.expect_download() as fetched:  # with a session, as a browser has it
        page.get_by_role("link", name="notes.html").click()
    assert fetched.value.suggested_filename == "notes.html"
    assert Path(fetched.value.path()).read_bytes() == b"<b>x"
    assert page.url == f"{lived_in.address}/runs/tracked/{uid}"
    page.goto(f"{lived_in.address}/#/experiments/x")
    page.evaluate("location.hash = '#/models/wool/versions/1'")  # typed into a page that is open
    page.wait_for_url(lived_in.address + "/registered/wool@1")
    fresh = browser.new_context().new_page()
    fresh.goto(f"{lived_in.address}/#/experiments/1/runs/{uid}")
    fresh.wait_for_url("**/login#/experiments/**")
    fresh.get_by_label("Name").fill("olga")
    fresh.get_by_label("Password").fill(PASSWORD)
    fresh.keyboard.press("Enter")
    fresh.wait_for_url(f"{lived_in.address}/runs/tracked/{uid}")
    fresh.goto(lived_in.address + "/")
    assert fresh.get_by_role("heading", name="shop").is_visible()  # led once
