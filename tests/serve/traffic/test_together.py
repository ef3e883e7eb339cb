"""The short way of plain requests and the long way of all others: nobody can tell them apart."""

import asyncio
import json
import random
import socket
import threading
from math import inf
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.serve.conftest import DIGEST, Live, echo_release, flat_release, late_release
from tests.serve.raw import connect, read_all
from tests.serve.traffic.reciprocal import reciprocal

from arkwright.core.safeguards.words import Rule, Seen
from arkwright.serve.model.loaded import load
from arkwright.serve.rest.predict import predict
from arkwright.serve.traffic import together, turn
from arkwright.serve.traffic.lane import Lane
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.messages import Request

LONG = {"Content-Type": "application/json", "Content-Encoding": "identity"}
SHORT = {"Content-Type": "application/json", "X-Request-Id": "7", "Arkwright-Timeout-Ms": "60000"}


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """Endpoints `late` (rows of numbers) and `f32` (a tensor given back)."""
    folder = echo_release(tmp_path_factory.mktemp("f32"), ["f32"])
    f32 = load(folder, endpoint="f32", release="release:f32@1", digest=DIGEST)
    with Live([late_release(tmp_path_factory.mktemp("late")), f32]) as live:
        yield live


@pytest.fixture
def taken(monkeypatch):
    """How many requests took the short way, and how many runs there were."""
    counted = {"requests": 0, "runs": 0}
    answer = together.Together._answer

    def counting(self, batch):
        counted["requests"] += len(batch)
        counted["runs"] += 1
        answer(self, batch)

    answer_turn = turn.TogetherNatively._answer_turn

    def counting_too(self, batch):
        counted["requests"] += batch.count
        counted["runs"] += 1
        answer_turn(self, batch)

    monkeypatch.setattr(together.Together, "_answer", counting)
    monkeypatch.setattr(turn.TogetherNatively, "_answer_turn", counting_too)
    return counted


def whole(sock):
    with sock:
        return read_all(sock)


def infer(*values, rows=1):
    return {"inputs": [{"name": "f32", "shape": [rows, 2], "datatype": "FP32", "data": list(values)}]}


OUT = {"name": "f32_out"}


def both(live, path, body):
    """The answers by the short way, once and again, and by the long one: status, what names the release, body."""
    found = []
    for headers in (SHORT, SHORT, LONG):
        status, sent, said = live.call("POST", path, body, headers)
        found.append((status, sent["Arkwright-Release"], sent["Arkwright-Digest"], sent["Content-Type"], said))
    return found


ROW = {"km": 1.5, "aa": 0.0, "delay": None}


@pytest.mark.parametrize(
    ("path", "body", "short"),
    [
        ("/endpoints/late/predict", ROW, True),
        ("/endpoints/late/predict", [ROW, ROW | {"km": 3}], True),
        ("/endpoints/late/predict", [], False),
        ("/endpoints/late/predict", ROW | {"km": "x"}, False),
        ("/endpoints/late/predict", ROW | {"kn": 1}, False),
        ("/v2/models/f32/infer", infer(1.5, 2), True),
        ("/v2/models/f32/infer", infer(1, 2, 3, 4, rows=2), True),
        ("/v2/models/f32/infer", infer(1, 2, 3), False),
        ("/v2/models/f32/infer", infer(1, 2) | {"id": "a"}, False),  # behind, where no client puts it
        ("/v2/models/f32/infer", {"id": "a/b-7 ~!"} | infer(1, 2), True),
        ("/v2/models/f32/infer", {"id": "7"} | infer(1, 2, 3, 4, rows=2), True),
        ("/v2/models/f32/infer", {"id": "é"} | infer(1, 2), False),
        ("/v2/models/f32/infer", {"id": ""} | infer(1, 2), False),
        ("/v2/models/f32/infer", {"id": "a"} | infer(1, 2, 3), False),
        ("/v2/models/f32/infer", infer(1, 2) | {"outputs": [{"name": "f32_out"}]}, True),
        ("/v2/models/f32/infer", infer(1, 2) | {"outputs": [OUT | {"parameters": {"binary_data": False}}]}, True),
        ("/v2/models/f32/infer", infer(1, 2) | {"outputs": [OUT | {"parameters": {"binary_data": 0}}]}, False),
        ("/v2/models/f32/infer", infer(1, 2) | {"outputs": [OUT, OUT]}, False),
        ("/v2/models/f32/infer", infer(1, 2) | {"outputs": [{"name": "f32_in"}]}, False),
        ("/v2/models/f32/infer", infer(1, 2) | {"model_name": "other"}, False),
        ("/v2/models/f32/versions/1/infer", infer(1.5, 2), True),
        ("/v2/models/f32/versions/1/infer", infer(1.5, 2) | {"model_version": "2"}, False),
        ("/v2/models/f32/versions/2/infer", infer(1.5, 2), False),
    ],
)
def test_both_ways_answer_alike(live, taken, path, body, short):
    first, second, long = both(live, path, body)
    assert first == second == long
    assert taken["requests"] == (2 if short else 0)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(*[st.lists(st.sampled_from([b"null", b'""', b'"a"', b'"b"', b"3"]), max_size=2)] * 2)
@example([b'"a"', b"null"], [])
@example([b'"a"', b'""'], [])
@example([b'"a"'], [b"null"])
@example([b'""'], [])
def test_of_several_ids_the_last_counts_and_is_told_as_it_came(live, before, behind):
    """An empty one too: what is given is given back. null is none."""
    ids = [b'"id": %b' % one for one in before], [b'"id": %b' % one for one in behind]
    asked = b"{%b}" % b", ".join([*ids[0], msgspec.json.encode(infer(1, 2))[1:-1], *ids[1]])
    first, second, long = both(live, "/v2/models/f32/infer", asked)
    assert first == second == long
    if b"3" not in before + behind:
        assert long[4].get("id") == json.loads(asked).get("id")


values = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.integers(-(2**40), 2**40)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(1, 5).flatmap(lambda n: st.lists(values, min_size=2 * n, max_size=2 * n)))
def test_any_numbers(live, numbers):
    first, second, long = both(live, "/v2/models/f32/infer", infer(*numbers, rows=len(numbers) // 2))
    assert first == second == long
    assert first[0] == 200


@pytest.mark.parametrize(
    ("name", "sent"),
    [("Content-Type", "text/plain"), ("Arkwright-Release", "nothing"), ("Arkwright-Timeout-Ms", "x")],
)
def test_heads_that_are_refused_are_refused_whatever_came_before(live, name, sent):
    assert live.call("POST", "/v2/models/f32/infer", infer(1, 2), SHORT)[0] == 200
    status, _, said = live.call("POST", "/v2/models/f32/infer", infer(1, 2), SHORT | {name: sent})
    assert status in (400, 404, 415)
    assert "error" in said


def test_arrow_is_answered_in_arrow(live):
    _, headers, _ = live.call(
        "POST", "/endpoints/late/predict", ROW, SHORT | {"Accept": "application/vnd.apache.arrow.stream"}
    )
    assert headers["Content-Type"] == "application/vnd.apache.arrow.stream"


def test_a_lone_request_never_waits(tmp_path):
    """There is no timer: by both ways it is answered in the turn of the loop after the one in which it came."""
    body, said = json.dumps(ROW).encode(), []

    async def ask():
        lane = Lane(late_release(tmp_path), Limits())
        request = Request("POST", "/endpoints/late/predict", {b"content-type": b"application/json"}, body)
        assert lane.predict(request, SimpleNamespace(said=lambda *_: said.append("short")))
        await asyncio.sleep(0)
        lane.batcher.add(predict(lane, request, body, lambda _: said.append("long"), inf))
        await asyncio.sleep(0)
        lane.close()

    asyncio.run(ask())
    assert said == ["short", "long"]


def test_one_bad_answer_is_its_own_trouble(tmp_path, taken):
    folder = reciprocal(tmp_path)
    with Live([load(folder, endpoint="m", release="release:m@1", digest=DIGEST)]) as live:
        lane = live.server.app.routes["m"].lanes[0]
        held = threading.Event()
        live.loop.call_soon_threadsafe(held.wait, 20)  # until all have sent, so that they come in one turn
        socks = []
        for x in (2, 0, 4):
            data = json.dumps({"x": x}).encode()
            socks.append(connect(live))
            head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            socks[-1].sendall(head + b"Content-Length: %d\r\n\r\n" % len(data) + data)
            socks[-1].shutdown(socket.SHUT_WR)
        held.set()
        answers = [whole(sock) for sock in socks]
        assert [int(answer.split()[1]) for answer in answers] == [200, 500, 200]
        assert b'"value":0.5' in answers[0]
        assert b'"value":0.25' in answers[2]
        assert b"NaN or Infinity" in answers[1]
        assert taken["requests"] == 3
        assert not lane.predict.waiting


def test_who_comes_in_one_turn_shares_a_run_and_gets_its_own_answer(live, taken):
    rng, expected = random.Random(3), []
    socks = [connect(live) for _ in range(40)]
    for sock in socks:  # each is accepted
        sock.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert sock.recv(65536)
    held = threading.Event()
    live.loop.call_soon_threadsafe(held.wait, 20)  # until all have sent, so that they come in one turn
    for sock in socks:
        numbers = [rng.randint(-1000, 1000) for _ in range(2 * rng.randint(1, 3))]
        data = json.dumps(infer(*numbers, rows=len(numbers) // 2)).encode()
        head = b"POST /v2/models/f32/infer HTTP/1.1\r\nHost: localhost\r\n"
        sock.sendall(head + b"Content-Length: %d\r\n\r\n" % len(data) + data)
        sock.shutdown(socket.SHUT_WR)
        expected.append(numbers)
    held.set()
    for sock, numbers in zip(socks, expected, strict=True):
        answer = json.loads(whole(sock).split(b"\r\n\r\n", 1)[1])
        assert answer["outputs"][0]["data"] == numbers
        assert answer["outputs"][0]["shape"] == [len(numbers) // 2, 2]
    assert taken["requests"] == 40
    assert taken["runs"] < 40


GUARDS = (
    Rule(name="far", when="km > 5", answer="review", because="no such flight was in the data"),
    Rule(name="unsure", when="confidence < 0.6", answer="review"),
    Rule(name="sure", when="probability(true) > 0.85", answer=True),
)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    folder = flat_release(tmp_path_factory.mktemp("guarded"))
    (folder / "safeguards.json").write_bytes(msgspec.json.encode(GUARDS))
    (folder / "seen.json").write_bytes(msgspec.json.encode(Seen()))
    with Live([load(folder, endpoint="late", release="release:late@3", digest=DIGEST)]) as live:
        yield live


RULED = {
    "nobody's": (ROW, True, None),
    "before the model": (ROW | {"km": 6}, False, "far"),
    "after it": (ROW | {"km": 0}, True, "unsure"),
    "after it, an answer": (ROW | {"km": 5}, True, "sure"),
}


@pytest.mark.parametrize("case", RULED)
def test_safeguards_on_both_ways(guarded, taken, case):
    row, short, rule = RULED[case]
    first, second, long = both(guarded, "/endpoints/late/predict", row)
    assert first == second == long
    assert first[0] == 200
    assert first[-1].get("rule") == rule
    assert taken["requests"] == (2 if short else 0)


def test_safeguards_in_a_list_on_both_ways(guarded, taken):
    rows = [row for row, short, _ in RULED.values() if short]
    first, second, long = both(guarded, "/endpoints/late/predict", rows)
    assert first == second == long
    assert [told and told["rule"] for told in first[-1]["rules"]] == [None, "unsure", "sure"]
    assert taken["requests"] == 2


def test_a_rule_that_fails_fails_for_its_request_alone(guarded, monkeypatch):
    """It is no rule that can be written; but what is raised must be told, and not end the connection."""
    (lane,) = guarded.server.app.routes["late"].lanes
    before = lane.loaded.guards.before

    def failing(rows):
        if any(row.km == 4 for row in rows):
            raise OverflowError
        return before(rows)

    monkeypatch.setattr(lane.loaded.guards, "before", failing)
    assert [guarded.post("/predict", ROW | {"km": km})[0] for km in (1, 4, 1)] == [200, 500, 200]
