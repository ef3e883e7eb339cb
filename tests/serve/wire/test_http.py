"""HTTP on raw sockets: methods, paths, encodings, every limit, slow and hasty clients."""

import contextlib
import gzip
import itertools
import re
import resource
import socket
import threading
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.serve.conftest import Live, loaded_late
from tests.serve.raw import CHUNKED, HOST, LIVE, POST, ROW, alive, connect, exchange, read_all, statuses

from arkwright.serve.wire.limits import Limits

TIGHT = Limits(
    body=5000, headers=1000, url=200, chunks=20, bodies=12_000, connections=20, header_time=0.6, body_idle=0.6,
    request_time=1.5, answer_time=1.5, idle=1.0, drain_time=3.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def tight(tmp_path_factory):
    with Live([loaded_late(tmp_path_factory.mktemp("tight"), "polars_features")], TIGHT) as live:
        yield live


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (b"localhost", 200),
        (b"127.0.0.1:80", 200),
        (b"[::1]:8", 200),
        (b"LocalHost", 200),
        (b"evil.example", 403),
        (b"localhost.evil.example", 403),
        (b"127.0.0.1.nip.io", 403),
        (b"localhost:80:80", 403),
        (b"", 403),
    ],
)
def test_only_this_machines_own_names(late, host, status):
    answer = exchange(late, b"GET /v2 HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
    assert statuses(answer) == [status]


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (b"http://localhost:8", 200),
        (b"https://LocalHost:8", 200),  # a proxy before it speaks TLS
        (b"http://localhost:9", 403),
        (b"http://localhost", 403),
        (b"http://evil.example", 403),
        (b"null", 403),
        (b"", 403),
    ],
)
def test_no_page_of_another_address_gets_anything_done(late, origin, status):
    host = b"Host: localhost:8\r\nOrigin: " + origin + b"\r\n"
    body = b"Content-Length: %d\r\n\r\n%b" % (len(ROW), ROW)
    asked = b"POST /predict HTTP/1.1\r\n" + host + body
    assert statuses(exchange(late, asked)) == [status]
    assert statuses(exchange(late, asked)) == [status]  # by a head that may be known
    assert statuses(exchange(late, b"GET /v2 HTTP/1.1\r\n" + host + b"\r\n")) == [200]  # read it cannot


def test_pipelined_requests_are_answered_in_order(late):
    post = POST + b"Content-Length: %d\r\n\r\n" % len(ROW) + ROW
    answer = exchange(late, (post + LIVE) * 40)
    assert statuses(answer) == [200, 200] * 40
    bodies = re.findall(rb"\r\n\r\n(\{.*?\})(?=HTTP|$)", answer, re.DOTALL)
    assert [b"prediction" in b for b in bodies] == [True, False] * 40


def test_byte_by_byte(late):
    data = POST + CHUNKED + b"\r\n" + b"".join(b"1\r\n%c\r\n" % c for c in ROW) + b"0\r\nTrailer: 1\r\n\r\n"
    with connect(late) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in data:
            sock.sendall(bytes([byte]))
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_keep_alive_and_close(late):
    old = LIVE.replace(b"1.1", b"1.0")
    assert statuses(exchange(late, old + LIVE)) in ([200], [200, 400])
    kept = exchange(late, old.replace(HOST, HOST + b"Connection: keep-alive\r\n") + LIVE)
    assert statuses(kept) == [200, 200]
    assert b"Connection: keep-alive" in kept
    closed = exchange(late, LIVE.replace(HOST, HOST + b"Connection: close\r\n"))
    assert statuses(closed) == [200]
    assert b"Connection: close" in closed


def test_head_options_and_405(late):
    _, asked, _ = late.call("GET", "/v2/models/late")
    status, headers, body = late.call("HEAD", "/v2/models/late")
    assert (status, body) == (200, b"")
    assert headers["Content-Length"] == asked["Content-Length"]
    for path in (b"/v2/health/live", b"/nothing", b"/predict"):
        assert exchange(late, b"HEAD " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n").endswith(b"\r\n\r\n")
    refused = exchange(late, b"HEAD / HTTP/1.1\r\n\r\n")  # no Host, and still no body
    assert (statuses(refused), refused[-4:]) == ([400], b"\r\n\r\n")
    status, headers, _ = late.call("OPTIONS", "/predict")
    assert (status, headers["Allow"]) == (200, "POST, OPTIONS")
    assert statuses(exchange(late, b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n")) == [200]
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "GET"):
        status, headers, answer = late.call(method, "/predict")
        assert (status, headers["Allow"]) == (405, "POST, OPTIONS")
        assert "error" in answer
    assert late.call("POST", "/v2")[:1] == (405,)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"]
)
def test_other_content_types_are_415(late, kind):
    assert late.call("POST", "/predict", ROW, {"Content-Type": kind})[0] == 415


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"']
)
def test_json_by_its_names(late, kind):
    assert late.call("POST", "/predict", ROW, {"Content-Type": kind})[0] == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/v2/", 404),
        ("/v2/models/lat", 404),
        ("/v2/models/late/versions/9", 404),
        ("//", 404),
        ("/v2/models/late/versions/3/ready", 200),
        ("/v2/models/../late", 400),
        ("/v2/models/%2e%2e/x", 400),
        ("/v2/models/..%2f..%2fetc%2fpasswd", 400),
        ("/v2/models/%252e%252e%252fx", 400),
        ("/v2/models/%6cate", 400),
        ("/v2/models/a:b", 400),
        ("/v2/models/%00", 400),
        ("/v2/models/" + "a" * 65, 400),
        ("/v2/models/x;/../../etc", 400),
        ("/..", 400),
        ("/v2/models/%EF%BC%8E", 400),
        ("/v2?verbose=1", 200),
        ("/v2/models/C:%5Cx", 400),
        ("/v2/models/-a", 400),
    ],
)
def test_paths(late, path, status):
    found, _, answer = late.call("GET", path)
    assert found == status
    assert (status == 200) == ("error" not in answer)


@pytest.mark.parametrize(("wbits", "encoding"), [(31, "gzip"), (15, "deflate"), (31, "x-gzip")])
def test_compressed_bodies(late, wbits, encoding):
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    packer = zlib.compressobj(wbits=wbits)
    packed = packer.compress(ROW) + packer.flush()
    assert late.call("POST", "/predict", packed, headers)[0] == 200
    assert late.call("POST", "/predict", packed[:-3], headers)[0] == 400
    assert late.call("POST", "/predict", packed + packed, headers)[0] == 400
    assert late.call("POST", "/predict", ROW, headers)[0] == 400
    assert late.call("POST", "/predict", packed, {"Content-Encoding": "br"})[0] == 415


def test_a_bomb_is_413_and_costs_little(late):
    bomb = gzip.compress(bytes(70 * 2**20))
    start = time.process_time()  # of client and server
    assert late.call("POST", "/predict", bomb, {"Content-Encoding": "gzip"})[0] == 413
    assert time.process_time() - start < 2
    assert alive(late)


def test_continue_is_said_once_and_in_turn(late):
    head = POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(ROW)
    with connect(late) as sock:
        sock.sendall(LIVE + head)
        data = b""
        while b"100 Continue" not in data:
            data += sock.recv(65536)
        assert statuses(data) == [200, 100]
        sock.sendall(ROW)
        assert statuses(sock.recv(65536)) == [200]
    assert statuses(exchange(late, POST + b"Expect: a-miracle\r\nContent-Length: 2\r\n\r\n{}")) == [417]


@pytest.mark.parametrize("before", [b"", LIVE])
def test_continue_is_not_said_to_who_can_send_no_more(late, before):
    """What it sent comes in one moment with its end."""
    sent = threading.Event()
    with connect(late) as sock:
        sock.sendall(LIVE)
        assert statuses(sock.recv(65536)) == [200]
        late.loop.call_soon_threadsafe(sent.wait, 10)
        sock.sendall(before + POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(ROW))
        sock.shutdown(socket.SHUT_WR)
        sent.set()
        assert statuses(read_all(sock)) == [200] * bool(before)


# limits


def test_413_before_the_body_and_before_100_continue(tight):
    with connect(tight) as sock:
        sock.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 5001\r\n\r\n")
        assert statuses(sock.recv(65536)) == [413]
    big = b"x" * 5001
    assert statuses(exchange(tight, POST + CHUNKED + b"\r\n%x\r\n" % len(big) + big + b"\r\n0\r\n\r\n")) == [413]
    assert statuses(exchange(tight, POST + b"Content-Length: 5000\r\n\r\n" + big[:5000])) == [400]


def test_a_refused_sender_can_read_why(tight):
    """The body goes on arriving after the refusal; closing at once would reset the connection and lose the answer."""
    with connect(tight) as sock:
        sock.sendall(POST + b"Content-Length: 100000000\r\n\r\n")
        for _ in range(20):
            sock.sendall(bytes(50_000))
            time.sleep(0.01)
        assert statuses(read_all(sock)) == [413]


def test_431_414_and_chunks(tight):
    assert statuses(exchange(tight, b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"a" * 1000 + b"\r\n\r\n")) == [431]
    many = b"".join(b"A%d: b\r\n" % i for i in range(200))
    assert statuses(exchange(tight, b"GET / HTTP/1.1\r\n" + HOST + many + b"\r\n")) == [431]
    assert statuses(exchange(tight, b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"a" * 5000)) == [431]
    assert statuses(exchange(tight, b"GET /" + b"a" * 200 + b" HTTP/1.1\r\n" + HOST + b"\r\n")) == [414]
    assert statuses(exchange(tight, b"GET /" + b"a" * 5000)) == [414]
    assert statuses(exchange(tight, POST + CHUNKED + b"\r\n" + b"1\r\n \r\n" * 21 + b"0\r\n\r\n")) == [400]
    trailers = b"A: " + b"a" * 1001 + b"\r\n\r\n"
    assert statuses(exchange(tight, POST + CHUNKED + b"\r\n0\r\n" + trailers)) == [431]


def test_slow_clients_are_sent_away(tight):
    slow = {
        b"GET / HTTP/1.1\r\nHost: loc": 408,  # headers that never end
        POST + b"Content-Length: 10\r\n\r\n{": 408,  # a body that stops
        b"": None,  # says nothing
        LIVE: 200,  # says nothing more
    }
    socks = []
    for data in slow:
        sock = connect(tight)
        sock.sendall(data)
        socks.append(sock)
    start = time.perf_counter()
    for sock, status in zip(socks, slow.values(), strict=True):
        assert statuses(read_all(sock)) == ([status] if status else [])
        sock.close()
    assert time.perf_counter() - start < 30
    with connect(tight) as sock:  # a byte now and then does not help
        sock.sendall(POST + b"Content-Length: 1000\r\n\r\n")
        start = time.perf_counter()
        with pytest.raises(OSError), sock:  # noqa: PT012
            sock.settimeout(0.2)
            while time.perf_counter() - start < 30:
                sock.sendall(b" ")
                try:
                    if b"408" in sock.recv(4096):
                        raise OSError
                except TimeoutError:
                    pass


def test_a_client_that_does_not_read_is_cut_off(tight):
    with connect(tight) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(0.5)
        ask = b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n"
        with pytest.raises(OSError):  # noqa: PT012
            start = time.perf_counter()
            while time.perf_counter() - start < 8:
                try:
                    sock.sendall(ask * 100)
                except TimeoutError:
                    continue
    assert alive(tight)


def test_bodies_and_connections_have_a_common_limit(tight):
    socks = [connect(tight) for _ in range(5)]
    for sock in socks:
        sock.sendall(POST + b"Content-Length: 5000\r\n\r\n" + b" " * 4000)
    time.sleep(0.2)
    assert 503 in [status for sock in socks for status in statuses(sock.recv(4096) if _readable(sock) else b"")]
    for sock in socks:
        sock.close()
    socks = [connect(tight) for _ in range(30)]
    time.sleep(0.2)
    assert sum(503 in statuses(sock.recv(4096)) for sock in socks if _readable(sock)) >= 10
    for sock in socks:
        sock.close()
    time.sleep(0.3)
    assert alive(tight)
    assert tight.server.front.bodies == 0


def _readable(sock):
    sock.settimeout(0.05)
    try:
        return bool(sock.recv(1, socket.MSG_PEEK))
    except TimeoutError:
        return False


PIECES = [
    LIVE,
    POST,
    CHUNKED,
    HOST,
    b"\r\n",
    b"\r\n\r\n",
    b"Content-Length: 2\r\n",
    b"{}",
    b"0\r\n\r\n",
    b"GET / HTTP/1.1\r\n",
]
PIECES += [ROW, b"Expect: 100-continue\r\n", b"Content-Encoding: gzip\r\n", b"2\r\n{}\r\n", b"Connection: close\r\n"]
PIECES += [b"POST /v2/models/late/infer HTTP/1.1\r\n", b"Inference-Header-Content-Length: 2\r\n", b"\n", b"\0"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=12))
def test_any_bytes_are_answered_with_http_or_closed(late, pieces):
    answer = exchange(late, b"".join(pieces))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert all(status < 500 or status == 505 for status in statuses(answer))
    assert alive(late)
    assert late.server.front.bodies == 0


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_body_is_answered(late, data):
    path = data.draw(st.sampled_from(["/predict", "/v2/models/late/infer"]))
    good = b'{"inputs": [{"name": "features", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}'
    body = bytearray(ROW if path == "/predict" else good)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        body[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    status, _, answer = late.call("POST", path, bytes(body), {})
    assert status in {200, 400, 422}
    assert ("error" in answer) == (status != 200)


def test_endless_extensions_and_empty_lines_are_431(late):
    assert statuses(exchange(late, POST + CHUNKED + b"\r\n2;" + b"a" * 600_000 + b"\r\n{}\r\n0\r\n\r\n")) == [431]
    assert statuses(exchange(late, b"\r\n" * 100_000 + LIVE)) == [431]


def test_many_slow_clients_hold_up_nobody(late):
    slow = [connect(late) for _ in range(200)]
    for i, sock in enumerate(slow):
        sock.sendall((b"GET / HTTP/1.1\r\nHost: loc", POST + b"Content-Length: 100\r\n\r\n{", b"")[i % 3])
    taken = []
    for _ in range(50):
        start = time.perf_counter()
        assert late.call("POST", "/predict", ROW)[0] == 200
        taken.append(time.perf_counter() - start)
    assert sorted(taken)[45] < 0.25
    for sock in slow:
        sock.close()


def test_refused_bodies_leave_nothing_behind(tight):
    """100 bodies of a megabyte that announce no length: memory may not grow by one of them."""
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"

    def refuse(times):
        for _ in range(times):
            with connect(tight) as sock, contextlib.suppress(ConnectionError):
                sock.sendall(POST + CHUNKED + b"\r\n" + chunk * 16 + b"0\r\n\r\n")
                assert statuses(sock.recv(65536)) == [413]
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    sizes = [refuse(100) for _ in range(4)]  # a leak grows every time, an allocator's arenas do not
    assert min(after - before for before, after in itertools.pairwise(sizes)) < 2**20
    assert tight.server.front.bodies == 0
