"""The control room behind a real nginx, configured by the very block that the docs show."""

import getpass
import os
import re
import shutil
import socket
import subprocess
import time
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
import urllib3
from tests.control.test_listening import certificate, served
from tests.pages.browser import chromium
from tests.web.conftest import WORD

from arkwright.api.people import sessions
from arkwright.api.people.audit import denied
from arkwright.govern import passwords

PAGE = Path(__file__).parents[2] / "docs" / "accounts.md"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
NAME = "arkwright.example.org"
AROUND = """
daemon off; worker_processes 1; {user} pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  {shown}
}}
"""
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
FORGED = {
    "X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9", "Forwarded": "for=203.0.113.9;host=evil.example",
    "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "1",
}  # fmt: skip


def free():
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        return found.getsockname()[1]


def shown(**instead):
    """The block of the docs, with what is different here; each of it must stand there."""
    text = re.search(r"```nginx\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    for old, new in instead.items():
        assert text.count(f" {old}") == 1, old
        text = text.replace(f" {old}", f" {new}")
    return text


@contextmanager
def nginx(folder, behind, cert, key):
    """(the port of https, the port of http)"""
    safe, plain = free(), free()
    text = shown(**{
        "443": f"127.0.0.1:{safe}", "80;": f"127.0.0.1:{plain};", "/etc/ssl/arkwright.pem": cert,
        "/etc/ssl/private/arkwright.key": key, "http://127.0.0.1:8080": f"http://127.0.0.1:{behind}",
    })  # fmt: skip
    user = "" if os.getuid() else f"user {getpass.getuser()};"
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder, user=user, shown=text))
    command = [NGINX, "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx.err")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", plain)).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "nginx.err").read_text()
                time.sleep(0.05)
        yield safe, plain
    finally:
        process.terminate()
        assert process.wait(30) == 0


class Behind:
    """A control room, the nginx before it, and callers at addresses of their own."""

    def __init__(self, door, port, safe, plain, cert):
        self.door, self.port, self.safe, self.plain, self.cert = door, port, safe, plain, cert

    def ask(self, method, path, body=None, caller="127.0.0.2", **headers):
        """Through nginx, over TLS. Who calls: an address of this machine."""
        headers = {"Host": NAME, "Origin": f"https://{NAME}"} | {n.replace("_", "-"): v for n, v in headers.items()}
        with urllib3.HTTPSConnectionPool(
            "127.0.0.1", self.safe, source_address=(caller, 0), ca_certs=self.cert, server_hostname=NAME,
            assert_hostname=NAME, retries=False, timeout=60,
        ) as pool:  # fmt: skip
            headers = {name: value for name, value in headers.items() if value is not None}
            return pool.request(method, path, body=body, headers=headers, redirect=False)

    def past(self, method, path, body=None, caller="127.0.0.3", **headers):
        """Straight to the port, without nginx."""
        with urllib3.HTTPConnectionPool(
            "127.0.0.1", self.port, source_address=(caller, 0), retries=False, timeout=60
        ) as pool:
            return pool.request(method, path, body=body, headers={"Host": NAME, **headers}, redirect=False)

    def log_in(self, name="viewer", password=WORD, ask=None, **more):
        return (ask or self.ask)("POST", "/login", urlencode({"name": name, "password": password}), **FORM, **more)

    def refused(self):
        """(what, from where) of every refusal."""
        found = self.door.do(denied, self.door.actor("owner"))
        return [(one.what, one.address) for one in found]


@pytest.fixture(scope="module")
def behind(tmp_path_factory):
    if NGINX is None:
        pytest.skip("nginx is not installed: make proxies")
    folder = tmp_path_factory.mktemp("nginx")
    cert, key = certificate(folder, NAME)
    with (
        served(folder / "site", public_url=f"https://{NAME}", proxies=("127.0.0.1",)) as (door, port, _),
        nginx(folder, port, cert, key) as (safe, plain),
    ):
        yield Behind(door, port, safe, plain, str(cert))


@pytest.fixture
def wrong(monkeypatch):
    """A wrong password costs nothing; it takes a third of a second."""
    monkeypatch.setattr(passwords, "fits", lambda *_: False)


def cookies(answer):
    return {one.partition("=")[0]: one for one in answer.headers.getlist("Set-Cookie")}


def test_cookies_go_over_tls_only_and_the_caller_is_who_called(behind):
    answer = behind.log_in(**FORGED)
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert cookies(answer).keys() == {"__Host-arkwright", "__Host-arkwright-device"}
    for cookie in cookies(answer).values():
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= {part.strip() for part in cookie.split(";")}
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    held = behind.door.do(sessions.sessions, behind.door.actor("viewer"))
    assert [one.note.partition(",")[0] for one in held if one.note] == ["127.0.0.2"]
    session = cookies(answer)["__Host-arkwright"].partition(";")[0]
    assert behind.ask("GET", "/account", Cookie=session, Accept="text/html").status == 200
    assert behind.ask("GET", "/account", Cookie=session.removeprefix("__Host-")).status == 401


@pytest.mark.parametrize(
    "origin", [f"http://{NAME}", f"https://{NAME}:8443", "https://evil.example", "https://127.0.0.1", "null", None]
)
def test_only_its_own_pages_may_act(behind, origin):
    session = f"__Host-arkwright={behind.door.sessions['owner']}"
    words = {"Cookie": session, **FORM, "X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example"}
    assert behind.ask("POST", "/account/end", "id=x", Origin=origin, **words).status == 403
    assert behind.ask("POST", "/account/end", "id=x", **words).status == 404  # no such session, and let in


def test_other_names_are_not_answered(behind):
    assert behind.ask("GET", "/health", Host="evil.example").status == 403
    assert behind.ask("GET", "/health", Host="evil.example", X_Forwarded_Host=NAME).status == 403
    assert behind.ask("GET", "/health", X_Forwarded_Host="evil.example").status == 200


def test_who_was_refused_is_on_record_by_their_own_address(behind, wrong):
    behind.log_in("owner", "wrong", caller="127.0.0.6", **FORGED)
    behind.log_in("owner", "wrong", caller="127.0.0.6", **{"X-Forwarded-For": "127.0.0.1, 203.0.113.9"})
    assert ("POST /login", "127.0.0.6") in behind.refused()
    straight = {**FORGED, "Origin": f"https://{NAME}"}
    behind.log_in("contributor", "wrong", behind.past, caller="127.0.0.7", **straight)
    assert ("POST /login", "127.0.0.7") in behind.refused()  # who is no proxy is not believed
    assert not [one for one in behind.refused() if one[1] == "203.0.113.9"]
    behind.log_in("contributor", "wrong", behind.past, caller="127.0.0.1", **straight)
    assert ("POST /login", "203.0.113.9") in behind.refused()  # the proxy is
    added = {**straight, "X-Forwarded-For": "203.0.113.9, 198.51.100.3, 127.0.0.1"}
    behind.log_in("contributor", "wrong", behind.past, caller="127.0.0.1", **added)
    assert ("POST /login", "198.51.100.3") in behind.refused()  # and, of what proxies added, the last that is none


def test_wrong_passwords_are_counted_for_who_calls_whatever_they_say_of_themselves(behind, wrong):
    def tried(number, caller, ask=None, **more):
        more["X-Forwarded-For"] = f"198.51.100.{number}"
        return behind.log_in(f"nobody{caller}{number}", "wrong", ask, caller=caller, **more).status

    assert [tried(number, "127.0.0.8") for number in range(21)] == [401] * 20 + [429]
    assert tried(0, "127.0.0.9") == 401  # another caller through the same proxy
    origin = {"Origin": f"https://{NAME}"}
    assert [tried(number, "127.0.0.10", behind.past, **origin) for number in range(21)] == [401] * 20 + [429]


def test_http_leads_to_https(behind):
    with urllib3.HTTPConnectionPool("127.0.0.1", behind.plain, retries=False) as pool:
        answer = pool.request("GET", "/runs?state=failed", headers={"Host": NAME}, redirect=False)
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{NAME}/runs?state=failed")


def test_limits_are_those_of_the_control_room(behind):
    owner = behind.door.bearer("owner")
    answer = behind.ask("POST", "/api/runs", b"x" * (2 << 20), Content_Type="application/json", **owner)
    assert (answer.status, answer.headers["Content-Type"]) == (413, "application/problem+json")
    as_json = {"Content-Type": "application/json", **owner}
    mlflow = "/api/2.0/mlflow"
    made = behind.ask("POST", f"{mlflow}/experiments/create", b'{"name": "proxied"}', **as_json)
    body = b'{"experiment_id": "%s"}' % made.json()["experiment_id"].encode()
    run = behind.ask("POST", f"{mlflow}/runs/create", body, **as_json).json()["run"]["info"]
    place = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
    data = os.urandom(3 << 20)
    path = f"/api/2.0/mlflow-artifacts/artifacts/{place.lstrip('/')}/large.bin"
    assert behind.ask("PUT", path, data, **owner).status == 200
    assert behind.ask("GET", path, **owner).data == data


def test_a_browser_enters_through_it(behind):
    with chromium(f"--host-resolver-rules=MAP {NAME} 127.0.0.1:{behind.safe}") as browser:
        page = browser.new_page(ignore_https_errors=True)
        page.goto(f"https://{NAME}/account")
        assert page.url == f"https://{NAME}/login?next=/account"
        page.get_by_label("Name").fill("contributor")
        page.get_by_label("Password").fill(WORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"https://{NAME}/account")
        page.get_by_role("heading", name="Sessions").wait_for()
        assert "from 127.0.0.1" in page.locator("tr", has_text="this one").inner_text()
        kept = {one["name"]: one for one in page.context.cookies()}
        assert kept.keys() == {"__Host-arkwright", "__Host-arkwright-device"}
        assert all(one["secure"] and one["httpOnly"] for one in kept.values())
        page.get_by_label("What for").fill("night")
        page.get_by_role("button", name="Make it").click()  # a form that changes something: its origin is right
        assert page.get_by_label("Token").input_value().startswith("contributor.")
