"""Large answers in the coding that the caller takes; small ones, and callers that ask for nothing, as they are."""

import gzip
import zlib

import msgspec
import pytest
from tests.serve.raw import ROW

from arkwright.serve.wire.inflate import LARGE, MOST_MEMBERS, SMALL, encoded
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


def post(live, body, coding="gzip"):
    return live.call("POST", "/predict", body, {"Content-Type": "application/json", "Content-Encoding": coding})


def test_a_gzip_body_of_several_members_is_read_whole(late):
    parts = [MANY[:7], b"", MANY[7:2000], MANY[2000:]]
    status, _, answer = post(late, b"".join(map(gzip.compress, parts)))
    assert (status, answer) == (200, late.call("POST", "/predict", MANY)[2])


@pytest.mark.parametrize(
    ("body", "coding", "status", "told"),
    [
        (gzip.compress(MANY) + b"noise", "gzip", 400, "is not gzip"),
        (gzip.compress(MANY) + gzip.compress(b" ")[:-3], "gzip", 400, "is cut off"),
        (gzip.compress(b"") * (MOST_MEMBERS + 1), "gzip", 400, f"more than {MOST_MEMBERS} gzip members"),
        (gzip.compress(bytes(2**25)) * 3, "gzip", 413, "may expand to"),
        (zlib.compress(MANY) + zlib.compress(b""), "deflate", 400, "more follows behind its deflate part"),
        (b"", "gzip", 400, "is cut off"),
    ],
    ids=["noise", "cut off", "too many", "too much", "deflate", "nothing"],
)
def test_members_that_are_none(late, body, coding, status, told):
    found, _, answer = post(late, body, coding)
    assert (found, told in answer["error"]) == (status, True)
