"""In a browser: where one was going before the log-in, and a session that ends while a page is open."""

import re
import socket
import threading
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn
from tests.rest.conftest import up
from tests.walked import copied
from tests.web.abroad import opened
from tests.web.conftest import WORD, providing

from arkwright.api import decide
from arkwright.api.endpoints import rollout
from arkwright.api.talking import talk
from arkwright.core.nouns import Actor
from arkwright.govern import passwords, secrets
from arkwright.web import cookies

from .browser import chromium

PASSWORD = "a long enough password"


@pytest.fixture(scope="module")
def room(walked, tmp_path_factory, shop_at):
    """A thread that is long enough to be scrolled, and an endpoint."""
    at = copied(walked, shop_at(tmp_path_factory.mktemp("ended") / "shop"))
    with up(at) as room:
        rights = ("look", "talk", "self", "work", "own")
        for name, role in (("ben", "model-owner"), ("cleo", "operations")):
            at.do(decide.sign, Actor(name=name, proven=True, signs=(role,), rights=rights), release="buys")
        olga = Actor(name="olga", proven=True, rights=rights)
        at.do(rollout.promote, olga, release="buys")
        at.do(talk.discuss, olga, about="release:buys@1", text="line\n\n" * 60)
        at.do(talk.discuss, olga, thread=1, text="the second")
        at.site.vault.put(passwords.KIND, "olga", passwords.hashed(PASSWORD, "olga"))
        yield room


@pytest.fixture(scope="module")
def browser():
    with chromium() as made:
        yield made


def enter(page):
    page.get_by_label("Name").fill("olga")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def window(browser, room):
    context = browser.new_context()
    context.set_default_timeout(15_000)
    value = secrets.issue(room.at.site.vault, secrets.SESSION, "olga", 3600.0)
    name = cookies.name(room.address, cookies.SESSION)
    context.add_cookies([{"name": name, "value": value, "url": room.address}])
    return context, context.new_page()


def test_log_in_leads_to_the_very_comment(browser, room):
    page = browser.new_page()
    page.goto(room.address + "/discussion/1#c2")
    assert page.url == room.address + "/login?next=/discussion/1#c2"
    page.get_by_label("Name").fill("olga")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    enter(page)
    page.wait_for_url(room.address + "/discussion/1#c2")
    page.wait_for_function("document.querySelector('#c2:target').getBoundingClientRect().top < innerHeight")


@pytest.fixture(scope="module")
def abroad(tmp_path_factory):
    """The address of a room that has a provider, as a browser reaches both."""
    folder = tmp_path_factory.mktemp("abroad")
    with socket.create_server(("127.0.0.1", 0)) as listens:
        address = f"http://127.0.0.1:{listens.getsockname()[1]}"
        with providing(folder, f"{address}/login/oidc/callback") as issuer:
            door = opened(folder / "site", f"{issuer}/o", address)
            server = uvicorn.Server(uvicorn.Config(door.app, log_level="error"))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listens]})
            thread.start()
            yield address
            server.should_exit = True
            thread.join(60)


def test_a_provider_leads_to_the_very_place_too(browser, abroad):
    for place in ("/people?x=1#who", "/login?next=/people%3Fx%3D1%23who"):
        page = browser.new_context().new_page()
        page.goto(abroad + place)
        page.get_by_role("link", name="Log in with").click()
        page.wait_for_url(f"{abroad}/people?x=1#who")
        page.context.close()


def test_who_is_refused_there_logs_in_with_a_password_and_is_led_there(browser, abroad):
    page = browser.new_context().new_page()
    sent = page.context.request.get(f"{abroad}/login/oidc?next=/people%23who", max_redirects=0)
    asked = parse_qs(urlsplit(sent.headers["location"]).query)
    page.goto(f"{abroad}/login/oidc/callback?error=access_denied&state={asked['state'][0]}")
    page.get_by_text("access_denied").wait_for()
    page.get_by_label("Name").fill("viewer")
    page.get_by_label("Password").fill(WORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{abroad}/people#who")
    page.context.close()


def test_stop_is_not_lost_with_the_session(browser, room):
    context, page = window(browser, room)
    page.goto(room.address + "/endpoints/buys")
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    form = page.locator("form[action$='/stop']")
    form.get_by_label("Why").fill("URGENT: it sells <b>sand</b>")
    form.get_by_role("checkbox").check()
    context.clear_cookies(name=re.compile("^arkwright"))
    form.get_by_role("button").last.click()
    page.get_by_role("heading", name="Your session ended").wait_for()
    assert page.get_by_label("reason").input_value() == "URGENT: it sells <b>sand</b>"
    with context.expect_page() as opened:
        enter(page)
    opened.value.wait_for_url(room.address + "/endpoints/buys")
    assert opened.value.get_by_role("button", name="Ask", exact=True).is_visible()
    assert page.get_by_label("reason").input_value()  # is there yet
    page.go_back()
    page.reload()
    assert page.locator("form[action$='/stop']").count() == 1  # nothing was sent by itself: nobody stopped it


def test_what_htmx_asks_says_so_and_goes_on_after_the_log_in(browser, room):
    context, page = window(browser, room)
    page.goto(room.address + "/endpoints/buys")
    held = context.cookies()
    context.clear_cookies()
    ask = page.get_by_role("button", name="Ask", exact=True)
    for _ in range(2):
        ask.click()
        page.get_by_role("alert").get_by_text("Your session ended").wait_for()
    link = page.get_by_role("alert").get_by_role("link")
    assert link.get_attribute("href") == "/login?next=/endpoints/buys"
    assert page.locator("#answer").count() == 1
    context.add_cookies(held)
    ask.click()
    page.locator("#answer .tile, #answer .note").wait_for()
    assert page.get_by_role("alert").count() == 0
    page.goto(room.address + "/runs")
    context.clear_cookies()
    page.get_by_label("Text").first.fill("late")
    page.get_by_role("alert").get_by_text("Your session ended").wait_for()
    assert page.locator("#list").count() == 1
