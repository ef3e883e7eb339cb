"""Large answers in the coding that the caller takes; small ones, and callers that ask for nothing, as they are."""

import gzip
import zlib

import msgspec
import pytest
from tests.serve.raw import ROW

from arkwright.serve.wire.inflate import LARGE, SMALL, encoded
from arkwright.serve.wire.messages import Request, Response

MANY = b"[" + b",".join([ROW] * 100) + b"]"


def ask(live, codings, body=MANY):
    headers = {"Content-Type": "application/json"} | ({"Accept-Encoding": codings} if codings else {})
    status, told, answer = live.call("POST", "/predict", body, headers)
    assert status == 200
    return told, answer


@pytest.mark.parametrize(
    ("codings", "coding"),
    [
        (None, None), ("gzip", "gzip"), ("GZip", "gzip"), ("deflate", "deflate"), ("br, gzip;q=0.5", "gzip"),
        ("deflate, gzip", "gzip"), ("gzip;q=0", None), ("gzip;q=0.0, deflate", "deflate"), ("*", "gzip"), ("br", None),
        ("*;q=0", None), ("identity", None), ("gzip ; q=1.000", "gzip"), ("gzipped", None), (",,;q=", None),
    ],
)  # fmt: skip
def test_the_coding_that_is_taken(late, codings, coding):
    _, plain = ask(late, None)
    told, answer = ask(late, codings)
    assert told["Content-Encoding"] == coding
    assert "Accept-Encoding" in told["Vary"]
    if coding:
        assert int(told["Content-Length"]) == len(answer) < 1500
        answer = msgspec.json.decode(gzip.decompress(answer) if coding == "gzip" else zlib.decompress(answer))
    assert answer == plain


def test_small_answers_are_sent_as_they_are(late):
    told, _ = ask(late, "gzip", ROW)
    assert told["Content-Encoding"] is None


def test_what_would_hold_up_others_is_sent_as_it_is():
    request = Request("POST", "/", {b"accept-encoding": b"gzip"}, b"")
    assert encoded(request, Response(200, bytes(LARGE + 1)))[0] == bytes(LARGE + 1)
    assert len(encoded(request, Response(200, bytes(SMALL + 1)))[0]) < 100
