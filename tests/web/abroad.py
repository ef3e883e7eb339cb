"""What a browser does at a provider, for tests of log-in and of linking."""

from urllib.parse import urlsplit

import pytest
import urllib3
from tests.web.conftest import BACK, BASE, Door

from arkwright.api.people import entering

SECRET = "a secret/that+is:spelt%oddly"
LOGIN = """
[login]
issuer = "{issuer}"
client = "arkwright"
secret_file = "{secret}"
domains = ["airport.example"]
groups = {{ "ml-owners" = "owner" }}
"""


def opened(folder, issuer, address=BASE):
    folder.mkdir(exist_ok=True)
    (folder / "secret").write_text(f"{SECRET}\n")
    (folder / "site.toml").write_text(LOGIN.format(issuer=issuer, secret=folder / "secret"))
    return Door(folder, address)


@pytest.fixture
def door(tmp_path, provider):
    return opened(tmp_path / "site", f"{provider}/o")


def value(answer, name="arkwright-outside"):
    return answer.cookies[name].partition("=")[2].partition(";")[0]


def away(door, path="/login/oidc"):
    """(where the browser is sent, the cookie that it keeps)"""
    answer = door.ask("GET", path)
    assert answer.status == 303, answer.body
    return answer.headers["location"], f"arkwright-outside={value(answer)}"


def through(place, who):
    """What a browser does there; the address at which it comes back."""
    http, cookie = urllib3.PoolManager(retries=False), {}
    for _ in range(5):
        if place.startswith(BACK):
            return place.removeprefix("http://127.0.0.1")
        if "/enter?" in place:
            place += f"&as={who}"
        answer = http.request("GET", place, headers=cookie, redirect=False)
        if "sessionid" in answer.headers.get("Set-Cookie", ""):
            cookie = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
        assert answer.status == 302, answer.data
        there = answer.headers["Location"]
        place = there if there.startswith("http") else f"http://{urlsplit(place).netloc}{there}"
    raise AssertionError(place)


def enter(door, who, path="/login/oidc"):
    place, cookie = away(door, path)
    return door.ask("GET", through(place, who), Cookie=cookie)


def whose(door, answer):
    assert answer.status == 303, answer.body
    assert answer.headers["location"] == "/"
    return entering.prove(door.site, "session", value(answer, "arkwright")).account
