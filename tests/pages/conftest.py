"""A control room with accounts, as `arkwright up` starts it."""

from http.cookies import SimpleCookie
from urllib.parse import unquote, urlencode

import pytest
from tests.rest.conftest import room, up
from tests.walked import copied

from arkwright.web import cookies

__all__ = ["room"]  # fixtures
FORM = {"Content_Type": "application/x-www-form-urlencoded", "Accept": "text/html"}


class House:
    """A control room that the tests of one module share, seen through its pages."""

    def __init__(self, room):
        self.room, self.at = room, room.at
        self.said = ""  # what the last form did, in words for the next page

    def page(self, path, by="olga"):
        """(status, the page as text)."""
        answer = self.room.ask("GET", path, by=by, Accept="text/html")
        return answer.status, answer.data.decode()

    def send(self, path, by="olga", **fields):
        """Send a form: (status, where it leads or the page as text)."""
        answer = self.room.ask("POST", path, by=by, raw=urlencode(fields, doseq=True), **FORM)
        name = cookies.name(self.room.address, cookies.SAID)
        cookie = SimpleCookie(answer.headers.get("Set-Cookie", "")).get(name)
        self.said = unquote(cookie.value) if cookie else ""
        return answer.status, answer.headers.get("Location") or answer.data.decode()


@pytest.fixture(scope="module")
def house(walked, tmp_path_factory, shop_at):
    with up(copied(walked, shop_at(tmp_path_factory.mktemp("house") / "shop"))) as made:
        yield House(made)
