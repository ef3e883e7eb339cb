"""Refusals that are ready: the same answer as a refusal that is made when somebody comes, and counted like it."""

import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from tests.serve.conftest import Live, late_release
from tests.serve.observed import Observed
from tests.serve.raw import connect, exchange, statuses
from tests.serve.supervised import CODE, who_release
from tests.serve.telemetry.conftest import total
from tests.serve.traffic.test_admission import ask, distance

from arkwright.serve.traffic.batch import Batcher
from arkwright.serve.traffic.cost import Cost
from arkwright.serve.traffic.patience import LATEST, Patience
from arkwright.serve.traffic.shed import Shed
from arkwright.serve.wire.limits import Limits


@pytest.fixture
def crowded(slow):
    """A server whose queue is full, the connections that wait in it, and what its handler was asked since."""
    with Live([slow.loaded], Limits(queue=2)) as live, ThreadPoolExecutor() as pool:
        slow.hold()
        first = pool.submit(exchange, live, ask(distance(0)))
        slow.until(1)
        waiting = [pool.submit(exchange, live, ask(distance(1))) for _ in range(2)]
        while len(live.server.app.routes["late"].first.batcher._later) < 2:
            pass
        live.asked, handler = [], live.server.front.handler
        live.server.front.handler = lambda request, reply: (live.asked.append(request), handler(request, reply))
        yield live
        slow.let_go()
        assert [statuses(one.result()) for one in (first, *waiting)] == [[200]] * 3
        assert statuses(exchange(live, ask(distance(4)))) == [200]  # and then there is room


def refusals(live, request, count):
    """Heads and bodies of the answers, on one connection, without what differs: when it is, and when to come again."""
    found = []
    with connect(live) as sock, sock.makefile("rb") as file:
        for _ in range(count):
            sock.sendall(request)
            head = b"".join(iter(file.readline, b"\r\n"))
            length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
            assert b"\r\nDate: " in head
            kept = [line for line in head.split(b"\r\n") if not line.startswith((b"Date", b"Retry-After"))]
            found.append((kept, int(head.partition(b"Retry-After: ")[2].partition(b"\r\n")[0]), file.read(length)))
    return found


def test_only_the_first_is_looked_at_and_the_others_are_told_the_same(crowded):
    found = refusals(crowded, ask(distance(9)), 50)
    assert len(crowded.asked) == 1
    assert {tuple(head) for head, _, _ in found} == {tuple(found[0][0])}
    assert {body for _, _, body in found} == {found[0][2]}
    assert found[0][0][0] == b"HTTP/1.1 503 Service Unavailable"
    assert len({seconds for _, seconds, _ in found}) > 1
    assert {seconds for _, seconds, _ in found} <= set(range(1, LATEST + 1))


@pytest.mark.parametrize(
    "more",
    [b"X-Request-Id: mine\r\n", b"Arkwright-Release: 7\r\n", b"Connection: close\r\n"],
    ids=["id", "release", "close"],
)
def test_who_is_told_something_of_its_own_is_looked_at(crowded, more):
    refusals(crowded, ask(distance(9)), 3)
    told = statuses(b"".join(exchange(crowded, ask(distance(9), more)) for _ in range(3)))
    assert told == [404 if b"Release" in more else 503] * 3
    assert len(crowded.asked) == 4


def test_what_is_pipelined_is_refused_in_order(crowded):
    refusals(crowded, ask(distance(9)), 2)
    live = b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert statuses(exchange(crowded, (ask(distance(9)) + live) * 3)) == [503, 200] * 3


FEATURES = {"name": "features", "datatype": "FP32", "shape": [1, 3], "data": [1, 0, 2]}


class Held:
    """A graph that waits to be let go."""

    def __init__(self, graph):
        self._graph, self.free = graph, threading.Event()

    def __getattr__(self, name):
        return getattr(self._graph, name)

    def run_many(self, inputs):
        self.free.wait(60)
        return self._graph.run_many(inputs)


@pytest.mark.parametrize("heavy", [True, False])
@pytest.mark.parametrize("path", [b"/predict", b"/v2/models/late/infer"])
def test_a_model_without_code_refuses_so_when_it_is_heavy_and_not_when_its_requests_need_not_wait(
    tmp_path, monkeypatch, path, heavy
):
    monkeypatch.setattr(Cost, "ran", lambda *_: None)  # a run that waited for the test is not dear
    loaded = late_release(tmp_path / "late@3")
    row = b'{"km": 1, "aa": 0, "delay": 2}' if path == b"/predict" else json.dumps({"inputs": [FEATURES]}).encode()
    many = b"[" + b", ".join([b'{"km": 1, "aa": 0, "delay": 2}'] * 300) + b"]"
    with Live([loaded], Limits(queue=2)) as live, ThreadPoolExecutor() as pool:
        batcher = live.server.app.routes["late"].first.batcher
        held = batcher._graph = Held(batcher._graph)
        batcher.cost.heavy = heavy
        waiting = []
        for count in (0, 1, 2):
            waiting.append(pool.submit(exchange, live, ask(many)))
            while len(batcher._later) < count or not batcher._working:
                pass
        assert statuses(exchange(live, ask(b"{", path=path))) == [400]
        assert not heavy or statuses(exchange(live, ask(row, path=path))) == [503]
        live.asked, handler = [], live.server.front.handler
        live.server.front.handler = lambda request, reply: (live.asked.append(request), handler(request, reply))
        if not heavy:
            held.free.set()  # it answers on the loop
        told = [status for _ in range(5) for status in statuses(exchange(live, ask(row, path=path)))]
        held.free.set()
        assert [statuses(one.result()) for one in waiting] == [[200]] * 3
    assert told == [503 if heavy else 200] * 5
    assert not live.asked, "the short way, or none"


class Full(Batcher):
    def __init__(self, cost):
        self.patience, self.time = Patience(), 0.0
        self.patience.cost = cost

    def full(self):
        return True

    def now(self):
        return self.time


@pytest.mark.parametrize(("cost", "most"), [(0.0001, 3), (0.005, 10), (1.0, LATEST)])
def test_the_more_work_is_refused_the_later_they_may_come_again(cost, most):
    """A thousand refused in each second, of a model that needs so many seconds for each."""
    batcher = Full(cost)
    shed, last = Shed(batcher, lambda: True, heavy_only=False), set()
    for i in range(5000):
        batcher.time = i / 1000
        answer = shed({})
        if i > 3000:
            last.add(int(answer.partition(b"Retry-After: ")[2].partition(b"\r\n")[0]))
    assert last <= set(range(1, most + 2))
    assert max(last) > most / 2


def test_they_are_counted(tmp_path):
    gate = tmp_path / "gate"
    gate.touch()
    held = f"while flight.distance == 20 and os.path.exists({str(gate)!r}):\n        time.sleep(0.005)\n    "
    code = CODE.replace("if flight.distance < 10:", held + "if flight.distance < 10:")
    release = who_release(tmp_path / "who@1", code)
    with ExitStack() as stack, Observed(tmp_path, {"who": [(release, 1, 1.0)]}, workers=1) as served:
        served.call("/predict", {"distance": 0.2})  # what one takes, so that sixteen are too many
        body = json.dumps({"distance": 20}).encode()
        for _ in range(18):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=60))
            sock.sendall(ask(body))
        served.until(lambda: total(served.metrics(), "arkwright_in_flight") >= 17)
        client = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
        stack.callback(client.close)
        for _ in range(30):
            client.request("POST", "/predict", body)
            answer = client.getresponse()
            answer.read()
            assert answer.status == 503
        seen = total(served.metrics(), "arkwright_requests_total", endpoint="who", code="503")
        assert seen - 30 in (0, 1)  # and the last of those who wait, if it was one too many
        gate.unlink()
        stack.close()
        served.idle()
