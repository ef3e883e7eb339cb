# ruff: noqa: E501 - requests are long
"""Where one request ends and the next begins must never be in doubt: RFC 9112, as attackers bend it."""

import msgspec
import pytest
from tests.serve.raw import CHUNKED, HOST, LIVE, POST, ROW, alive, exchange, statuses

REFUSED = {
    "double length": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "length list": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "length and chunked": POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "chunked and length": POST + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "negative length": POST + b"Content-Length: -1\r\n\r\n",
    "plus length": POST + b"Content-Length: +2\r\n\r\n{}",
    "hex length": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "length overflow": POST + b"Content-Length: 18446744073709551618\r\n\r\n{}",
    "no length": POST + b"Content-Length:\r\n\r\n{}",
    "chunked twice": POST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n",
    "gzip, chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n{}",
    "xchunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked in 1.0": POST.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunk size 0x1_0000": POST + CHUNKED + b"\r\n0x1_0000\r\n{}\r\n0\r\n\r\n",
    "chunk size -1": POST + CHUNKED + b"\r\n-1\r\n{}\r\n0\r\n\r\n",
    "chunk size too large": POST + CHUNKED + b"\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "chunk without end": POST + CHUNKED + b"\r\n2\r\n{}0\r\n\r\n",
    "chunk size +2": POST + CHUNKED + b"\r\n+2\r\n{}\r\n0\r\n\r\n",
    "chunk size after a space": POST + CHUNKED + b"\r\n 2\r\n{}\r\n0\r\n\r\n",
    "chunk size before a space": POST + CHUNKED + b"\r\n2 \r\n{}\r\n0\r\n\r\n",
    "chunk without size": POST + CHUNKED + b"\r\n\r\n{}\r\n0\r\n\r\n",
    "chunk longer than said": POST + CHUNKED + b"\r\n1\r\n{}\r\n0\r\n\r\n",
    "chunk extension with lf": POST + CHUNKED + b"\r\n2;a\n{}\r\n0\r\n\r\n",
    "chunk extension with cr": POST + CHUNKED + b"\r\n2;a\rb\r\n{}\r\n0\r\n\r\n",
    "chunk extension with an open quote": POST + CHUNKED + b'\r\n2;a="\r\n{}\r\n0\r\n\r\n',
    "last chunk lf": POST + CHUNKED + b"\r\n2\r\n{}\r\n0\n\n",
    "last chunk then lf": POST + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\n",
    "last chunk then no lf": POST + CHUNKED + b"\r\n2\r\n{}\r\n0\r\nX",
    "length in the trailer": POST + CHUNKED + b"\r\n2\r\n{}\r\n0\r\nContent-Length: 50\r\n\r\n",
    "coding in the trailer": POST + CHUNKED + b"\r\n2\r\n{}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "folded trailer": POST + CHUNKED + b"\r\n2\r\n{}\r\n0\r\nA: b\r\n c\r\n\r\n",
    "chunked behind a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunked before a nul": POST + b"Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n",
    "chunked in quotes": POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "chunked, identity": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked and a comma": POST + b"Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n",
    "gzip and chunked in two lines": POST + b"Transfer-Encoding: gzip\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "empty coding": POST + b"Transfer-Encoding:\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "coding on a folded line": POST + b"A: a\r\n\tTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
    "length 2 2": POST + b"Content-Length: 2 2\r\n\r\n{}",
    "length 2.0": POST + b"Content-Length: 2.0\r\n\r\n{}",
    "length 1e0": POST + b"Content-Length: 1e0\r\n\r\n{}",
    "length before a vertical tab": POST + b"Content-Length: 2\x0b\r\n\r\n{}",
    "length in other digits": POST + "Content-Length: \u0662\r\n\r\n{}".encode(),
    "expect twice": POST + b"Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    "two content encodings": POST + b"Content-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "chunk bare lf": POST + CHUNKED + b"\r\n2\n{}\r\n0\r\n\r\n",
    "bare lf": POST + b"A: b\nContent-Length: 2\r\n\r\n{}",
    "all lf": LIVE.replace(b"\r\n", b"\n"),
    "bare cr": POST + b"A: b\rC: d\r\n\r\n",
    "obs-fold": POST + b"A: b\r\n c\r\n\r\n",
    "space before colon": POST + b"Content-Length : 2\r\n\r\n{}",
    "space before name": POST + b" A: b\r\n\r\n",
    "nul in value": POST + b"A: b\0c\r\n\r\n",
    "no name": POST + b": x\r\n\r\n",
    "no colon": POST + b"Abc\r\n\r\n",
    "name with a bracket": POST + b"a(b): x\r\n\r\n",
    "nul in url": b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "url that is not ascii": "GET /\u00e9 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
    "tab behind method": b"GET\t/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "http/1.01": b"GET / HTTP/1.01\r\nHost: localhost\r\n\r\n",
    "lower case http": b"GET / http/1.1\r\nHost: localhost\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    "two types": POST + b"Content-Type: application/json\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
    "http/0.9": b"GET /\r\n\r\n",
    "http/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http/3.7": b"GET / HTTP/3.7\r\nHost: localhost\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "method": b"FLY / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "lower case method": b"get / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "connect": b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "connect to a path": b"CONNECT / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "space in url": b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "absolute url of another host": b"GET http://127.0.0.1/v2 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "absolute url of another port": b"GET http://localhost:1/v2 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "absolute url without a host": b"GET http://localhost/v2 HTTP/1.1\r\n\r\n",
    "absolute url with a user": b"GET http://a@localhost/v2 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "absolute url of https": b"GET https://localhost/v2 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "absolute url of nobody": b"GET http:///v2 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "absolute url of a file": b"GET file:///etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "authority alone": b"GET localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_and_closed(late, name):
    answer = exchange(late, REFUSED[name] + LIVE)
    found = statuses(answer)
    assert found in ([400], [505])  # never a second answer: what follows is not read as a request
    assert b"Connection: close" in answer
    assert "error" in msgspec.json.decode(answer.partition(b"\r\n\r\n")[2])
    assert alive(late)


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_an_absolute_url_leads_no_other_name_here(late, version):
    host = b"Host: evil.example\r\n" if version == b"1.1" else b""
    answer = exchange(late, b"GET http://evil.example/v2 HTTP/" + version + b"\r\n" + host + b"\r\n")
    assert statuses(answer) == [403]


GOOD = b"Content-Length: %d\r\n\r\n" % len(ROW) + ROW
# what a Java client sends with its first request, unless it is told to speak HTTP/1.1
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
UNDERSTOOD = {
    "tab before chunked": (POST + b"Transfer-Encoding:\tchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 422),
    "upper case": (POST + b"TRANSFER-ENCODING: Chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 422),
    "chunk extension": (POST + CHUNKED + b'\r\n2;a=b;c="d"\r\n{}\r\n0\r\n\r\n', 422),
    "chunk size 002": (POST + CHUNKED + b"\r\n002\r\n{}\r\n0\r\n\r\n", 422),
    "trailer": (POST + CHUNKED + b"\r\n2\r\n{}\r\n0\r\nHost: evil.example\r\n\r\n", 422),
    "length 02": (POST + b"Content-Length: 02\r\n\r\n{}", 422),
    "another header's name": (POST + b"Transfer_Encoding: chunked\r\n" + GOOD, 200),
    "get with a body": (b"GET /v2 HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\n{}", 200),
    "get with chunks": (b"GET /v2 HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n", 200),
    "head with a body": (b"HEAD /v2 HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\n{}", 200),
    "empty lines before": (b"\r\n\r\n" + LIVE, 200),
    "a range": (b"GET /v2 HTTP/1.1\r\n" + HOST + b"Range: bytes=" + b"0-," * 200 + b"0-\r\n\r\n", 200),
    "upgrade without connection": (b"GET /v2 HTTP/1.1\r\n" + HOST + b"Upgrade: h2c\r\n\r\n", 200),
    "upgrade": (b"GET /v2 HTTP/1.1\r\n" + HOST + OFFER + b"\r\n", 200),
    "upgrade with a body": (POST + OFFER + GOOD, 200),
    "upgrade with chunks": (POST + OFFER + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n", 422),
    "upgrade to websocket": (
        b"GET /v2 HTTP/1.1\r\n" + HOST + b"Upgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        200,
    ),
    "two codings of the content": (POST + b"Content-Encoding: gzip, gzip\r\n" + GOOD, 415),
    "absolute url": (b"GET http://localhost/v2 HTTP/1.1\r\n" + HOST + b"\r\n", 200),
    "absolute url to predict": (POST.replace(b"/predict", b"HTTP://LocalHost/predict?a=b") + GOOD, 200),
    "absolute url without a path": (b"GET http://localhost?a HTTP/1.1\r\n" + HOST + b"\r\n", 200),
    "absolute url, everything": (b"OPTIONS http://localhost HTTP/1.1\r\n" + HOST + b"\r\n", 200),
    "absolute url with a fragment": (b"GET http://localhost/v2#a HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "fragment": (b"GET /v2#a HTTP/1.1\r\n" + HOST + b"\r\n", 400),
}


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_understood_and_the_next_request_too(late, name):
    data, status = UNDERSTOOD[name]
    assert statuses(exchange(late, data + LIVE)) == [status, 200]


@pytest.mark.parametrize("path", [b"/v2", b"/predict"])
def test_nothing_is_read_behind_the_last_request(late, path):
    """Answered at once, or later by a thread: what follows `Connection: close` is dropped without a trace."""
    method, body = (b"GET", b"\r\n") if path == b"/v2" else (b"POST", GOOD)
    last = method + b" " + path + b" HTTP/1.1\r\n" + HOST + b"Connection: keep-alive, close\r\n" + body
    for follows in (LIVE, b"\0", b"x" * 100_000):
        answer = exchange(late, last + follows)
        assert statuses(answer) == [200]
    assert alive(late)
