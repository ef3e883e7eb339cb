"""Plain requests where releases come, go and share the traffic: each is answered by who must, and counted once."""

import asyncio
import gc
import random
import weakref
from dataclasses import replace
from time import monotonic

import pytest
import uvloop
from tests.serve.conftest import DIGEST
from tests.serve.telemetry.conftest import samples, total
from tests.serve.traffic.reciprocal import Caller, reciprocal, row_by_row

from arkwright.core.ports import Logged, Routing, Served, Share
from arkwright.serve.observer.observer import Observer
from arkwright.serve.processes.server import Server
from arkwright.serve.telemetry.counters import Counters
from arkwright.serve.telemetry.exposition import Exposition
from arkwright.serve.telemetry.telemetry import Telemetry
from arkwright.serve.traffic import route
from arkwright.serve.traffic.route import Route
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.messages import GONE, Request


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


def canary(first, second, part):
    """Two releases of the endpoint `m`, the second with this part of the traffic."""
    served = [Served(folder, f"release:m@{i}", DIGEST) for i, folder in ((1, first), (2, second))]
    return {"m": Routing((Share(served[1], part), Share(served[0], 1 - part)), 1)}


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
