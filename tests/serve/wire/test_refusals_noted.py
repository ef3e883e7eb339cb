"""What is refused before it is a request stands in the access log and in the metrics, as far as it is known."""

import json
import socket
import time
from contextlib import ExitStack

import pytest
from tests.serve.conftest import Live, late_release
from tests.serve.telemetry.conftest import samples, total

from arkwright.serve.wire.limits import Limits

CLOSE = b"Host: localhost\r\nConnection: close\r\n"
POST = b"POST /predict?key=secret HTTP/1.1\r\n" + CLOSE
WIRE = {
    "another host": (b"GET /v2 HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403, "GET", "/v2"),
    "a head too long": (b"GET /v2 HTTP/1.1\r\n" + CLOSE + b"X: " + b"a" * 17_000 + b"\r\n\r\n", 431, "GET", "/v2"),
    "a target too long": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + CLOSE + b"\r\n", 414, "GET", "/" + "a" * 319),
    "a body too large": (POST + b"Content-Length: 99999999\r\n\r\n", 413, "POST", "/predict"),
    "an expectation": (POST + b"Expect: 200-ok\r\nContent-Length: 7\r\n\r\n", 417, "POST", "/predict"),
    "another version": (b"GET /v2 HTTP/2.0\r\n" + CLOSE + b"\r\n", 505, "GET", "/v2"),
    "a proxy's target": (b"GET http://me:secret@evil/ HTTP/1.1\r\n" + CLOSE + b"\r\n", 400, "GET", ""),
    "two lengths": (POST + b"Content-Length: 7\r\nContent-Length: 7\r\n\r\n", 400, "POST", "/predict"),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01", 400, "", ""),
    "no HTTP behind a request": (b"GET /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n\x16\x03", 400, "", ""),
    "odd letters": ("GET /\u202e\x1b[2J HTTP/1.1\r\n".encode() + CLOSE + b"\r\n", 400, "", ""),
}


@pytest.fixture(scope="module")
def observed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refusals")
    (folder / "counters").mkdir()
    limits = Limits(body=2**20, header_time=0.3, connections=8)
    with Live([late_release(folder / "late")], limits, observed=folder / "counters") as live:
        live.folder = folder / "counters"
        yield live


def send(live, data):
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as sock:
        sock.sendall(data)
        return b"".join(iter(lambda: sock.recv(65_536), b""))


def refused(live):
    """code -> how many requests of no endpoint were answered so."""
    found = samples(live.call("GET", "/metrics")[2].decode())
    told = [(dict(key[1:]), value) for key, value in found.items() if key[0] == "arkwright_requests_total"]
    return {int(k["code"]): n for k, n in told if k["endpoint"] == "(none)"}


def lines(live, status, count):
    """The lines of the log with this status, when there are so many: it is written once a second."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        every = [json.loads(line) for line in (live.folder / "access").read_text().splitlines()]
        found = [line for line in every if line["status"] == status]
        if len(found) >= count:
            return found
        time.sleep(0.02)
    raise TimeoutError


@pytest.mark.parametrize("name", WIRE)
def test_each_refusal_is_noted(observed, name):
    data, status, method, path = WIRE[name]
    before = refused(observed).get(status, 0)
    assert b"HTTP/1.1 %d " % status in send(observed, data)
    assert refused(observed)[status] == before + 1
    line = lines(observed, status, before + 1)[-1]
    assert (line["method"], line["path"], line["caller"], line["release"]) == (method, path, "127.0.0.1", "")
    log = (observed.folder / "access").read_text()
    assert "secret" not in log
    assert log.isascii()


def test_a_request_that_never_comes_whole_is_noted_with_its_ids(observed):
    trace = "0af7651916cd43dd8448eb211c80319c"
    ids = f"X-Request-Id: mine\r\ntraceparent: 00-{trace}-b7ad6b7169203331-01\r\nX: y\r\n".encode()
    assert b" 408 " in send(observed, b"POST /predict HTTP/1.1\r\nHost: localhost\r\n" + ids)
    assert refused(observed)[408] == 1
    (line,) = lines(observed, 408, 1)
    assert (line["request_id"], line["trace_id"], line["path"]) == ("mine", trace, "/predict")


def test_a_connection_too_many_is_noted(observed):
    with ExitStack() as held:
        for _ in range(8):
            held.enter_context(socket.create_connection(("127.0.0.1", observed.port)))
        assert b" 503 " in send(observed, b"")
    assert [(line["method"], line["path"]) for line in lines(observed, 503, 1)] == [("", "")]
    while observed.server.front.connections:
        time.sleep(0.01)
    assert refused(observed)[503] == 1


def test_who_is_limited_is_counted_where_the_path_names_an_endpoint(tmp_path):
    (tmp_path / "counters").mkdir()
    paths = ("/predict", "/endpoints/late/predict", "/v2/models/late/infer", "/endpoints/other/predict", "/elsewhere")
    with Live([late_release(tmp_path / "late")], Limits(rate=0.01), observed=tmp_path / "counters") as live:
        assert live.post("/predict", {})[0] == 422
        assert {live.post(path, {})[0] for path in paths} == {429}
        found = samples(live.call("GET", "/metrics")[2].decode())
    assert total(found, "arkwright_rate_limited_total", endpoint="late", release="release:late@3") == 3
    assert total(found, "arkwright_rate_limited_total", endpoint="(none)") == 2
