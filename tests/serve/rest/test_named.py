"""Every answer says what its caller calls the request, whatever becomes of it."""

import pytest
from tests.serve.conftest import Live, late_release

from arkwright.serve.wire.limits import Limits

ROW = b'{"km": 1.0, "aa": 0.0}'
JSON = {"Content-Type": "application/json"}
ASKED = {
    "an answer": ("POST", "/predict", ROW, JSON, 200),
    "not such a row": ("POST", "/predict", b"{}", JSON, 422),
    "another type": ("POST", "/predict", ROW, {"Content-Type": "text/plain"}, 415),
    "no such release": ("POST", "/predict", ROW, JSON | {"Arkwright-Release": "7"}, 404),
    "no such endpoint": ("POST", "/endpoints/lat/predict", ROW, JSON, 404),
    "labels": ("POST", "/endpoints/late/labels", b"[]", JSON, 404),
    "health": ("GET", "/v2/health/live", None, {}, 200),
    "too large": ("POST", "/predict", b"x" * 2001, JSON, 413),
}


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with Live([late_release(tmp_path_factory.mktemp("named"))], Limits(body=2000)) as live:
        yield live


@pytest.mark.parametrize("case", ASKED)
def test_every_answer_is_named(live, case):
    method, path, body, headers, status = ASKED[case]
    for id_, told in (("order-17", ["order-17"]), ("two words", None), (None, None)):
        found, answered, _ = live.call(method, path, body, headers | ({"X-Request-Id": id_} if id_ else {}))
        assert (found, answered.get_all("X-Request-Id")) == (status, told)


def test_a_refusal_for_the_quota_is_named(tmp_path):
    with Live([late_release(tmp_path)], Limits(rate=0.01)) as live:
        found = [live.call("POST", "/predict", ROW, JSON | {"X-Request-Id": f"n{i}"}) for i in range(2)]
    assert [(status, headers["X-Request-Id"]) for status, headers, _ in found] == [(found[0][0], "n0"), (429, "n1")]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json; profile=x", 200), ("application/json;profile=x; charset=UTF-8", 200),
        ('application/json; charset="utf-8"; q="a"', 200), ("application/json; charset=latin-1; profile=x", 415),
        ("application/vnd.apache.arrow.stream; codecs=x", 400), ("application/jsonp", 415),
    ],
)  # fmt: skip
def test_parameters_of_a_type_that_say_nothing_here(live, kind, status):
    assert live.call("POST", "/predict", ROW, {"Content-Type": kind})[0] == status
