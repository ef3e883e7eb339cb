"""HTTP, against a real server."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from arkwright.core.errors import ArkwrightError, Invalid, Unknown
from arkwright.data import ingest


@dataclass
class Thing:
    a: int


BODY = b"a\n1\n2\n"


class Handler(BaseHTTPRequestHandler):
    headers_of: ClassVar = {
        "/etag.csv": {"ETag": '"v1"'},
        "/dated.csv": {"Last-Modified": "Tue, 24 Nov 2026 10:00:00 GMT"},
    }

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/moved.csv":
            self._answer(302, {"Location": "/etag.csv"})
        elif path == "/away.csv":
            self._answer(302, {"Location": "ftp://127.0.0.1/etag.csv"})
        elif path == "/error.csv":
            self._answer(503, {})
        elif path == "/short.csv":
            self._answer(200, {"Content-Length": "1000"}, BODY)
        elif path == "/huge.csv":
            self._answer(200, {"Content-Length": str(1 << 50)}, BODY)
        elif path == "/endless.csv":
            self._answer(200, {}, BODY * 1000)
        elif path in ("/etag.csv", "/dated.csv", "/plain.csv", "/data.parquet", "/odd%20name.csv"):
            self._answer(200, self.headers_of.get(path, {}) | {"Content-Length": str(len(BODY))}, BODY)
        else:
            self._answer(404, {})

    def do_HEAD(self) -> None:
        if "plain" in self.path:
            self._answer(501, {"ETag": '"of the error"'})
        else:
            self._answer(200, self.headers_of.get(self.path, {}))

    def _answer(self, code: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path", ["/plain.csv", "/moved.csv", "/etag.csv?token=secret", "/odd%20name.csv"])
def test_a_file(house, address, path):
    assert house.read(address + path, Thing) == [{"a": 1}, {"a": 2}]
    assert house.left == ["rows.parquet"]


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("/none.csv?token=secret", Unknown, "there is nothing at http://127.0.0.1:"),
        ("/error.csv", ArkwrightError, "answers 503 Service Unavailable"),
        ("/away.csv", Invalid, "leads to 'ftp://127.0.0.1/etag.csv', which is not http"),
        ("/short.csv", ArkwrightError, "broke off after 6 of 1,000 bytes; run it again"),
        ("/huge.csv", Invalid, "at most 21,474,836,480 are fetched"),
        ("/page.html", Invalid, "nothing reads files that end in '.html'"),
        ("/", Invalid, "nothing reads files that end in 'nothing'"),
        ("/data.parquet", Invalid, "/data.parquet cannot be read: Parquet file size is 6 bytes"),
    ],
)
def test_what_is_refused(refused, address, path, kind, message):
    said = refused(address + path, Thing, kind)
    assert message in said
    assert "secret" not in said


def test_it_stops_at_the_most_even_when_no_length_is_said(refused, address, monkeypatch):
    monkeypatch.setattr("arkwright.data.readers.http_source.MOST", 100)
    assert "has more than 100 bytes" in refused(address + "/endless.csv", Thing, Invalid)


def test_a_server_that_is_not_there(refused):
    message = refused("http://127.0.0.1:1/x.csv?token=secret", Thing, ArkwrightError)
    assert message.startswith("http://127.0.0.1:1/x.csv cannot be reached")


def test_an_address_with_a_password_is_not_looked_up(refused):
    message = refused("http://ann:secret@127.0.0.1:1/x.csv", Thing, Invalid)
    assert message == "http://127.0.0.1:1/x.csv: an address with a user or a password in it is not read; leave them out"


def test_fingerprint_is_what_the_server_says(house, address, monkeypatch):
    first = ingest.fingerprint(address + "/etag.csv", house.folder)
    assert first == ingest.fingerprint(address + "/etag.csv", house.folder)
    assert first != ingest.fingerprint(address + "/dated.csv", house.folder)
    monkeypatch.setitem(Handler.headers_of, "/etag.csv", {"ETag": '"v2"'})
    assert ingest.fingerprint(address + "/etag.csv", house.folder) not in (first, None)
    assert ingest.fingerprint(address + "/plain.csv", house.folder) is None
    assert ingest.fingerprint("http://127.0.0.1:1/x.csv", house.folder) is None
