"""The short way of plain requests and the long way of all others: nobody can tell them apart."""

import asyncio
import gc
import json
import random
import socket
import threading
import weakref
from dataclasses import replace
from math import inf
from time import monotonic
from types import SimpleNamespace

import msgspec
import onnx
import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from tests.serve.conftest import DIGEST, Live, echo_release, flat_release, late_release, proto, value, write
from tests.serve.raw import connect, read_all
from tests.serve.telemetry.conftest import samples, total

from arkwright.core.nouns import Column
from arkwright.core.ports import Logged, Routing, Served, Share
from arkwright.core.safeguards.words import Rule, Seen
from arkwright.core.signature import Signature, Tensor
from arkwright.serve.model.loaded import load
from arkwright.serve.observer.observer import Observer
from arkwright.serve.processes.server import Server
from arkwright.serve.rest.predict import predict
from arkwright.serve.telemetry.counters import Counters
from arkwright.serve.telemetry.exposition import Exposition
from arkwright.serve.telemetry.telemetry import Telemetry
from arkwright.serve.traffic import route, together
from arkwright.serve.traffic.lane import Lane
from arkwright.serve.traffic.route import Route
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.messages import GONE, Request

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

    monkeypatch.setattr(together.Together, "_answer", counting)
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
        ("/v2/models/f32/infer", {"id": ""} | infer(1, 2), True),
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
        assert lane.predict.take(request, SimpleNamespace(said=lambda *_: said.append("short")))
        await asyncio.sleep(0)
        lane.batcher.add(predict(lane, request, body, lambda _: said.append("long"), inf))
        await asyncio.sleep(0)
        lane.close()

    asyncio.run(ask())
    assert said == ["short", "long"]


def reciprocal(folder):
    """1 / x: infinite for whoever asks for 0, and JSON has no word for that."""
    graph = proto(
        [value("x", TensorProto.FLOAT, ["n", 1])],
        [value("y", TensorProto.FLOAT, ["n", 1])],
        [helper.make_node("Reciprocal", ["x"], ["y"])],
    )
    tensors = [(Tensor(name=n, datatype="FP32"),) for n in "xy"]
    columns = (Column(name="x", type="float"),)
    about = Signature(model="m", task="regression", target="t", columns=columns, inputs=tensors[0], outputs=tensors[1])
    return write(folder, about, graph)


def test_each_is_counted_once_whichever_way_it_went(tmp_path):
    (tmp_path / "counters").mkdir()
    counters = Counters.create(tmp_path / "counters", 1)
    share = Share(Served(reciprocal(tmp_path / "m"), "release:m@1", DIGEST), 1.0)

    class Sender:
        def __init__(self, handler):
            self.handler, self.answers = handler, []

        def said(self, request, body, headers):
            self.answers.append(200)

        def long_way(self, request):
            self.handler(request, lambda response: self.answers.append(response.status))

    async def run():
        observer = Observer(Telemetry(counters.folder, 0))
        server = Server(Limits(), observer=observer)
        assert await server.serve({"m": Routing((share,), 1)}) == {}
        sender = Sender(server.app)
        for i, body in enumerate([b'{"x":1}', b'{"x":0}', b'{"x":2}', b'{"x":4}', b'{"x":"5"}']):
            request = Request("POST", "/predict", {}, body, gone=GONE if i == 3 else 0, received=monotonic())
            if not server.app.way(request)(request, sender):
                sender.long_way(request)
        await asyncio.sleep(0.05)
        assert sorted(sender.answers) == [200, 200, 422, 499, 500]
        told = samples(Exposition(counters).render()[1].decode())  # `close` makes gauges 0
        observer.close()
        return told

    told = uvloop.run(run())
    for code, count in {"200": 2, "422": 1, "499": 1, "500": 1}.items():
        assert total(told, "arkwright_requests_total", code=code) == count
    assert total(told, "arkwright_requests_total") == 5
    assert total(told, "arkwright_in_flight") == 0


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


class Caller:
    """Who sends requests to a server without a socket, and what each was answered."""

    def __init__(self, app):
        self.app, self.answers = app, []

    def said(self, request, body, headers):
        self.answers.append((200, headers))

    def long_way(self, request):
        self.app(request, lambda response: self.answers.append((response.status, response.headers)))

    def ask(self, path, body):
        request = Request("POST", path, {}, body, received=monotonic())
        way = self.app.way(request)
        if way is None or not way(request, self):
            self.long_way(request)

    async def all(self, count):
        while len(self.answers) < count:  # noqa: ASYNC110 - one turn of the loop
            await asyncio.sleep(0)
        return self.answers


def canary(first, second, part):
    """Two releases of the endpoint `m`, the second with this part of the traffic."""
    served = [Served(folder, f"release:m@{i}", DIGEST) for i, folder in ((1, first), (2, second))]
    return {"m": Routing((Share(served[1], part), Share(served[0], 1 - part)), 1)}


def row_by_row(folder):
    """The same as `reciprocal`, for one row at a time, which has no short way."""
    graph = proto(
        [value("x", TensorProto.FLOAT, [1, 1])],
        [value("y", TensorProto.FLOAT, [1, 1])],
        [helper.make_node("Reciprocal", ["x"], ["y"])],
    )
    reciprocal(folder)
    onnx.save(graph, folder / "model.onnx")
    return folder


@pytest.mark.parametrize("path", ["/predict", "/v2/models/m/infer"])
@pytest.mark.parametrize("newest", [True, False], ids=["the newest has none", "the oldest has none"])
def test_the_shares_hold_where_one_release_has_no_short_way(tmp_path, monkeypatch, path, newest):
    """Within four standard deviations of the binomial distribution."""
    monkeypatch.setattr(route, "random", random.Random(7).random)
    made = [reciprocal(tmp_path / "a"), row_by_row(tmp_path / "b")]
    body = b'{"x":2}' if path == "/predict" else b'{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[2]}]}'
    count, part = 2000, 0.1

    async def run():
        server = Server(Limits())
        assert await server.serve(canary(*(made if newest else reversed(made)), part)) == {}
        caller = Caller(server.app)
        for _ in range(count):
            caller.ask(path, body)
        return await caller.all(count)

    answers = uvloop.run(run())
    assert {status for status, _ in answers} == {200}
    of_newest = sum(b"release:m@2\r\n" in headers for _, headers in answers)
    assert abs(of_newest - count * part) < 4 * (count * part * (1 - part)) ** 0.5


def test_what_a_release_could_not_answer_shortly_it_answers_the_long_way(tmp_path):
    """Also when another is picked for the next request, or when the traffic has moved on: it is counted once."""
    (tmp_path / "counters").mkdir()
    counters = Counters.create(tmp_path / "counters", 1)
    old, new = (Share(Served(reciprocal(tmp_path / n), f"release:m@{n}", DIGEST), 1.0) for n in "12")
    both = (replace(new, part=0.5), replace(old, part=0.5))

    async def run():
        observer = Observer(Telemetry(counters.folder, 0))
        server = Server(Limits(), observer=observer)
        caller = Caller(server.app)
        assert await server.serve({"m": Routing(both, 1)}) == {}
        for x in range(200):
            caller.ask("/predict", b'{"x":%d}' % x)  # the first spoils the run of all
        await caller.all(200)
        assert await server.serve({"m": Routing((old,), 2)}) == {}
        routes = server.app.routes
        later = Server(Limits(), observer=observer)
        assert await later.serve({"m": Routing((new,), 3)}) == {}
        for x in range(10):
            caller.ask("/predict", b'{"x":%d}' % x)
        server.app.install(later.app.routes)
        assert not any(b"release:m@2" in headers for _, headers in (await caller.all(210))[200:])
        server.app.install(routes)
        caller.ask("/predict", b'{"x":0}')
        server.app.install({"o": Route("o", [(routes["m"].first, 1.0)]), "p": Route("p", [(routes["m"].first, 1.0)])})
        assert (await caller.all(211))[-1][0] == 404
        told = samples(Exposition(counters).render()[1].decode())  # `close` makes gauges 0
        observer.close()
        return told, caller.answers

    told, answers = uvloop.run(run())
    for release in ("release:m@1", "release:m@2"):
        by = sum(status == 200 and f"{release}\r\n".encode() in headers for status, headers in answers)
        assert 0 < by == total(told, "arkwright_requests_total", release=release, code="200")
    assert total(told, "arkwright_requests_total", code="500") == 2
    assert total(told, "arkwright_requests_total") == 211
    assert total(told, "arkwright_in_flight") == 0


def test_a_release_that_left_is_gone(tmp_path):
    """Without the garbage collector, which does not look at what was there when a worker froze it."""
    old, new = (Share(Served(reciprocal(tmp_path / n), f"release:m@{n}", DIGEST), 1.0) for n in "12")

    async def run():
        server = Server(Limits())
        assert await server.serve({"m": Routing((old,), 1)}) == {}
        caller, left = Caller(server.app), weakref.ref(server.app.routes["m"].first.loaded.graph)
        caller.ask("/predict", b'{"x":0}')
        await caller.all(1)
        gc.disable()
        try:
            assert await server.serve({"m": Routing((new,), 2)}) == {}
            caller.ask("/predict", b'{"x":1}')
            await caller.all(2)
            del caller.answers[:]
            await asyncio.sleep(0)
            assert left() is None
        finally:
            gc.enable()

    uvloop.run(run())


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


def test_what_came_before_a_log_was_asked_for_is_not_in_it(tmp_path):
    """It has no id by which anybody could find it."""
    (tmp_path / "counters").mkdir()
    counters = Counters.create(tmp_path / "counters", 1)
    share = Share(Served(reciprocal(tmp_path / "m"), "release:m@1", DIGEST), 1.0)

    async def run():
        observer = Observer(Telemetry(counters.folder, 0))
        server = Server(Limits(), observer=observer)
        assert await server.serve({"m": Routing((share,), 1)}) == {}
        caller = Caller(server.app)
        caller.ask("/predict", b'{"x":1}')
        observer.follow("m", Routing((share,), 2, log=Logged(tmp_path / "log")), server.app.routes["m"].lanes)
        caller.ask("/predict", b'{"x":2}')
        await caller.all(2)
        observer.close()

    uvloop.run(run())
    told = samples(Exposition(counters).render()[1].decode())
    assert total(told, "arkwright_requests_total", code="200") == 2
    assert total(told, "arkwright_tap_records_total") == 1
