"""Advisories over HTTP, from a real server on this machine: a file, and the API of osv.dev as it answers."""

import io
import os
import socket
import threading
import time
import zipfile
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from arkwright.advisories import https, online
from arkwright.advisories.desk import Desk
from arkwright.core.errors import Invalid
from arkwright.core.settings import Advisories

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
PACKAGES = [("Requests", "2.19.0"), ("jinja2", "3.1.6")]


class World:
    """What the server has, and what it was asked."""

    def __init__(self):
        self.files, self.entries, self.asked, self.status, self.page = {}, {}, [], None, 100

    def answer(self, method, path, headers, body):
        """(status, headers, body)."""
        self.asked.append((method, path, headers.get("If-None-Match")))
        if self.status:
            return self.status, {"Location": "/all.json"}, b""
        if path == "/v1/querybatch":
            return 200, {}, self._batch(msgspec.json.decode(body)["queries"])
        if path.startswith("/v1/vulns/"):
            found = self.entries.get(path.removeprefix("/v1/vulns/"))
            return (200, {}, msgspec.json.encode(found)) if found else (404, {}, b"")
        data = self.files.get(path)
        if data is None:
            return 404, {}, b""
        tag = f'"{hash(data)}"'
        return (304, {}, b"") if headers.get("If-None-Match") == tag else (200, {"ETag": tag}, data)

    def _batch(self, queries):
        """Page by page, as the API's description says."""
        results = []
        for query in queries:
            name, start = query["package"]["name"], int(query.get("page_token", 0))
            ids = [n for n, one in self.entries.items() if one and one["affected"][0]["package"]["name"] == name]
            one = {"vulns": [{"id": n, "modified": "2026-11-28T00:00:00Z"} for n in ids[start : start + self.page]]}
            results.append(one | ({"next_page_token": str(start + self.page)} if len(ids) > start + self.page else {}))
        return msgspec.json.encode({"results": [one if one["vulns"] else {} for one in results]})


@pytest.fixture
def world():
    return World()


@pytest.fixture
def server(world):
    with serving(world) as url:
        yield url


@contextmanager
def serving(world):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, data = world.answer(self.command, self.path, self.headers, body)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(https, "_PAUSES", (0.0, 0.0))


def look(source, tmp_path, now=NOW):
    """What is known, or why nothing is."""
    found = Desk(Advisories(source=source), tmp_path, lambda: now).look(PACKAGES)
    return found if found.age else found.stale


def ids(advised):
    return [one.id for one in advised.known]


def test_a_file_is_fetched_once_and_again_when_it_changed(world, server, entry, tmp_path):
    world.files["/all.json"] = msgspec.json.encode([entry()])
    assert ids(look(f"{server}/all.json", tmp_path)) == ["GHSA-x84v-xcm2-53pg"]
    assert ids(look(f"{server}/all.json", tmp_path)) == ["GHSA-x84v-xcm2-53pg"]
    assert [tag is not None for _, _, tag in world.asked] == [False, True]
    world.files["/all.json"] = msgspec.json.encode([entry("GHSA-2", "jinja2", (("introduced", "0"),))])
    assert ids(look(f"{server}/all.json", tmp_path)) == ["GHSA-2"]


def test_what_is_kept_and_cannot_be_read_is_fetched_anew(world, server, entry, tmp_path):
    world.files["/all.json"] = msgspec.json.encode([entry()])
    look(f"{server}/all.json", tmp_path)
    (kept,) = (tmp_path / "advisories").glob("*.json")
    kept.write_bytes(b"")
    found = look(f"{server}/all.json", tmp_path)
    assert (ids(found), found.failed) == (["GHSA-x84v-xcm2-53pg"], False)
    assert [tag is not None for _, _, tag in world.asked] == [False, True, False]


def test_where_nobody_answers_what_was_fetched_is_as_good_as_its_age(world, server, entry, tmp_path):
    world.files["/all.json"] = msgspec.json.encode([entry()])
    look(f"{server}/all.json", tmp_path)
    world.status = 503
    found = look(f"{server}/all.json", tmp_path)
    assert (ids(found), found.failed) == (["GHSA-x84v-xcm2-53pg"], True)
    late = look(f"{server}/all.json", tmp_path, NOW.replace(year=2027))
    assert "366 days old, at most 7d may be" in late.stale
    assert "answers 503" in look(f"{server}/other.zip", tmp_path)


def test_the_api_is_asked_about_every_package(world, server, entry, tmp_path):
    world.page = 2
    world.entries = {f"GHSA-{n}": entry(f"GHSA-{n}") for n in range(5)}
    world.entries["GHSA-later"] = entry("GHSA-later", events=(("introduced", "2.31"),))
    advised = look(server, tmp_path)
    assert ids(advised) == [f"GHSA-{n}" for n in range(5)]
    assert advised.age == f"advisories of 2026-11-29 from {server.removeprefix('http://')}"
    assert [path for method, path, _ in world.asked if method == "POST"] == ["/v1/querybatch"] * 3
    assert advised.stale == ""


def test_an_advisory_that_the_api_does_not_give_is_told(world, server, entry, tmp_path):
    world.entries = {"GHSA-1": entry("GHSA-1")}
    answer = world.answer
    world.answer = lambda method, path, *rest: (500, {}, b"") if "vulns" in path else answer(method, path, *rest)
    advised = look(server, tmp_path)
    assert (advised.known, advised.unreadable) == ((), 1)
    assert advised.unread[0].endswith(", GHSA-1 cannot be read: it answers 500")


def test_what_the_api_gives_before_the_time_is_over_counts(world, server, entry, tmp_path, monkeypatch):
    world.entries = {f"GHSA-{n}": entry(f"GHSA-{n}") for n in range(4)}
    answer = world.answer
    world.answer = lambda *given: time.sleep(0.2 if "vulns" in given[1] else 0) or answer(*given)
    monkeypatch.setattr(https, "WHOLE_S", 0.5)
    advised = look(server, tmp_path)
    assert (len(advised.known) + advised.unreadable, advised.failed) == (4, True)
    assert advised.known
    assert advised.unread[-1].endswith("took too long: more than 0 s; it is asked the next time")


def test_an_advisory_that_takes_up_all_the_time_hides_those_behind_it_from_one_look(
    world, server, entry, tmp_path, monkeypatch
):
    world.entries = {f"GHSA-{n}": entry(f"GHSA-{n}") for n in range(4)}
    answer, over, looks = world.answer, threading.Event(), []

    def drips(*given):
        over.wait(5 if given[1].endswith("GHSA-1") else 0)
        return answer(*given)

    world.answer = drips
    monkeypatch.setattr(https, "WHOLE_S", 0.4)
    for _ in range(2):
        looks.append(sorted(ids(look(server, tmp_path))))
        https._silent.clear()  # as of another process
    over.set()
    assert looks == [["GHSA-0"], ["GHSA-0", "GHSA-2", "GHSA-3"]]


@pytest.mark.parametrize("status", [301, 404, 429, 500])
def test_a_server_that_does_not_answer_well(world, server, tmp_path, status):
    world.status = status
    assert f"answers {status}" in look(server, tmp_path)
    assert f"answers {status}" in look(f"{server}/all.zip", tmp_path)
    assert "/all.json" not in [path for _, path, _ in world.asked]  # no redirect is followed


def test_answers_of_another_kind_or_without_end(world, server, tmp_path, monkeypatch):
    world.answer = lambda *given: (200, {}, b"<html>")
    assert "answers otherwise than osv.dev does" in look(server, tmp_path)
    world.answer = lambda *given: (200, {}, b'{"results": []}')
    assert "answers otherwise than osv.dev does" in look(server, tmp_path)
    monkeypatch.setattr(online, "LARGEST_FILE", 10)
    world.answer = lambda *given: (200, {}, b"x" * 11)
    assert "gives more than" in look(f"{server}/all.zip", tmp_path)
    assert [path.suffix for path in (tmp_path / "advisories").iterdir()] == []  # nothing half is left


def test_what_is_no_zip_takes_the_place_of_none(world, server, entry, tmp_path):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("one.json", msgspec.json.encode(entry()))
    world.files["/all.zip"] = held.getvalue()
    look(f"{server}/all.zip", tmp_path)
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    for wrong in (held.getvalue()[: len(held.getvalue()) // 2], b"<html>sign in</html>", empty.getvalue()):
        world.files["/all.zip"] = wrong
        found = look(f"{server}/all.zip", tmp_path)
        assert (ids(found), found.failed) == (["GHSA-x84v-xcm2-53pg"], True)
    assert "gives no advisories" in look(f"{server}/all.zip", tmp_path / "elsewhere")
    world.files["/all.zip"] = b"<html>sign in</html>"
    assert "gives no whole zip" in look(f"{server}/all.zip", tmp_path / "elsewhere")


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (HEAD + b"Content-Length: 9999\r\n\r\n", b"["),
        (HEAD + b"\r\n", b"["),
        (HEAD + b"X-Long: ", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_an_answer_that_has_no_end_is_cut_and_its_server_left_alone_for_a_while(first, then, tmp_path, monkeypatch):
    monkeypatch.setattr(https, "WHOLE_S", 0.2)
    with dripping(first, then) as (url, asked):
        for _ in range(3):
            assert "took too long" in look(f"{url}/all.json", tmp_path)
    assert len(asked) == 1
    assert not [*tmp_path.rglob("*.json")]


@contextmanager
def dripping(first, then):
    """A server that gives a little now and then."""
    asked, over = [], threading.Event()

    def drip():
        line, _ = listener.accept()
        with line:
            asked.append(line.recv(65536))
            line.sendall(first)
            with suppress(OSError):
                for _ in range(150):  # who is not cut off goes wrong after three seconds
                    if over.wait(0.02):
                        break
                    line.sendall(then)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        finally:
            over.set()
            thread.join()


def test_who_is_busy_is_asked_again_at_once_and_then_left_alone(world, server, tmp_path):
    answer = world.answer
    world.answer = lambda *given: (answer(*given)[0], {"Retry-After": "3"}, b"")
    world.status, begun = 503, time.monotonic()
    for _ in range(2):
        assert "answers 503; it is asked the next time" in look(f"{server}/all.zip", tmp_path)
    assert len(world.asked) == len(https._PAUSES)
    assert time.monotonic() - begun < 2


def test_a_name_that_is_not_found_out_holds_up_nobody(tmp_path, monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(5) and [])
    monkeypatch.setattr(https, "WHOLE_S", 0.2)
    begun = time.monotonic()
    assert look("https://osv.example.org/all.zip", tmp_path).startswith("osv.example.org ")
    assert time.monotonic() - begun < 1
    over.set()


def test_what_was_left_behind_by_who_was_killed_goes_and_what_is_being_fetched_stays(world, server, entry, tmp_path):
    world.files["/all.json"] = msgspec.json.encode([entry()])
    look(f"{server}/all.json", tmp_path)
    [own] = (tmp_path / "advisories").glob("*.json")
    old, young = (own.with_name(f"{own.name}.half-{n}") for n in (1, 2))
    for half, age in ((old, 3 * https.WHOLE_S), (young, 0)):
        half.write_bytes(b"PK")
        os.utime(half, (time.time() - age, time.time() - age))
    world.files["/all.json"] = msgspec.json.encode([entry("GHSA-2")])
    look(f"{server}/all.json", tmp_path)
    assert (old.exists(), young.exists()) == (False, True)


def test_nobody_is_there(tmp_path):
    assert "cannot be reached" in look("http://127.0.0.1:1", tmp_path)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://osv.example.org/all.zip", "take https://"),
        ("https://ana:secret@osv.example.org/", "holds a password"),
        ("ftp://osv.example.org/all.zip", "is no address"),
        ("https://[::1", "is no address"),
        ("https://", "is no address"),
    ],
)
def test_addresses(url, why):
    with pytest.raises(Invalid, match=why) as caught:
        https.address(url, "advisories.source")
    assert "secret" not in str(caught.value)
