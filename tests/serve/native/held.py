"""Requests, and one worker that answers them: with `native`, or by Python alone."""

import asyncio
import re
from collections import Counter

from tests.serve.conftest import DIGEST
from tests.serve.telemetry.conftest import samples
from tests.serve.wire.wire import Wire

from arkwright.core.ports import Routing, Served, Share
from arkwright.serve.observer.observer import Observer
from arkwright.serve.processes.server import Server
from arkwright.serve.telemetry.counters import Counters
from arkwright.serve.telemetry.exposition import Exposition
from arkwright.serve.telemetry.telemetry import Telemetry
from arkwright.serve.traffic.turn import TogetherNatively
from arkwright.serve.wire.http import Connection
from arkwright.serve.wire.limits import Limits


def asked(data, *, shape="[1,1]", path="/v2/models/m/infer", extra=b"", tail="}]}", length=None, id_=""):
    begin = f'{{"id":{id_},' if id_ else "{"
    body = f'{begin}"inputs":[{{"name":"x","shape":{shape},"datatype":"FP32","data":{data}{tail}'.encode()
    size = len(body) if length is None else length
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n".encode() + extra + b"Content-Length: %d\r\n\r\n" % size + body


REQUESTS = [
    *(asked(f"[{one}]") for one in ("2", "4.0", " 8 ", "-5e-1", "0.1", "1e39", "0", "NaN", "1,2", "", "[2]", '"2"')),
    asked("[2,4]", shape="[2,1]"), asked("[2,0]", shape="[2,1]"), asked("[2]", shape="[2,1]"),
    asked("[2]", path="/v2/models/m/versions/1/infer"), asked("[2]", path="/v2/models/m/versions/2/infer"),
    asked("[2]", path="/v2/models/n/infer"), asked("[2]", extra=b"X-Request-Id: 7\r\n"),
    asked("[2]", extra=b"Arkwright-Timeout-Ms: 60000\r\n"), asked("[2]", extra=b"Arkwright-Release: 2\r\n"),
    asked("[2]", extra=b"Connection: close\r\n"), asked("[2]", extra=b"Accept-Encoding: gzip\r\n"),
    asked("[2]", length=10), asked("[2]", tail="}]} "), asked("[2]", tail='}],"id":"a"}'),
    asked("[2]", extra=b"X-Request-Id:7\r\n"), b"\r\n" + asked("[2]", extra=b"X-Request-Id: 7\r\n"),
    asked("[2]").replace(b"1.1", b"1.0"), b"rubbish\r\n\r\n",
    *(asked("[2]", id_=one) for one in ('"7"', ' "b 7"', '""', '"\\\\"', '"ü"', "7", '"' + "x" * 129 + '"', '"7" ')),
    asked("[4,8]", shape="[2,1]", id_='"7"', extra=b"x-request-ID: seven\r\ntraceparent: 00-1\r\n"),
    *(asked("[2]", extra=b"X-Request-Id: " + one + b"\r\n") for one in (b"8", b"x" * 128, b"x" * 129, b"a b", b"")),
    asked("[2]", extra=b"X-Request-Id: 7\r\nX-Request-Id: 8\r\n"), asked("[2]", extra=b"X-Request-Id: 7\nA: b\r\n"),
    asked("[2]", extra=b"traceparent: 00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01\r\nX-Request-Id: 9\r\n"),
    asked("[2]", extra=b"Arkwright-Timeout-Ms: 0\r\n"),
    b"GET /v2/health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n",
]  # fmt: skip


class Held:
    """One worker that answers for one endpoint, and the connections to it."""

    def __init__(self, folder, releases, *, natively, log=None, quota=None, **telemetry):
        counters = folder / f"counters-{natively}"
        if not counters.exists():
            counters.mkdir()
            Counters.create(counters, 1)
        self.counters = Counters(counters)
        self.observer, self.log = Observer(Telemetry(counters, 0, **telemetry)), log
        self.server = Server(Limits(), observer=self.observer, quota=quota)
        self.shares = [
            Share(Served(one, f"release:m@{i + 1}", DIGEST), 1 / len(releases)) for i, one in enumerate(releases)
        ]
        self.natively = natively

    async def start(self):
        assert await self.server.serve({"m": Routing(tuple(reversed(self.shares)), 1, self.log)}) == {}
        for lane in self.server.app.routes["m"].lanes:
            cost = lane.batcher.cost  # little, however busy this machine was when it was measured
            cost.alone = cost._row = cost._run = 1e-5
            cost.heavy = False
            if self.natively is not None:
                assert isinstance(lane.infer, TogetherNatively)
            if self.natively is False:
                lane.infer.turn.close()

    def close(self):
        self.observer.close()
        self.server.front._timer.cancel()

    def connect(self):
        wire, connection = Wire(), Connection(self.server.front)
        connection.connection_made(wire)
        return wire, connection

    async def talk(self, found, order, pauses):
        pairs, left = [self.connect() for _ in found], [list(pieces) for pieces in found]
        for at, i in enumerate(order):
            if not pairs[i][0].ended:
                pairs[i][1].data_received(left[i].pop(0))
            if at in pauses:
                await quiet(self.server)
        await quiet(self.server)
        said = [(sorted_heads(wire.said), wire.ended) for wire, _ in pairs]
        for _, connection in pairs:
            connection.connection_lost(None)
        await quiet(self.server)
        assert self.server.front.bodies == 0
        return said


def sorted_heads(said):
    """The short way and the long one say the lines of a head in another order; which it is depends on who came too, as
    does which release of a canary a request falls to. The date is left out.
    """
    said = re.sub(rb'release:m@\d|"model_version":"\d"|Date: [^\r]*\r\n', b"", said)
    parts = said.split(b"HTTP/1.1 ")
    return [(sorted(head.split(b"\r\n")), body) for head, _, body in (part.partition(b"\r\n\r\n") for part in parts)]


async def quiet(server):
    """Everything is answered: what stands behind it on the same connection, too, also by a model that became heavy."""
    for _ in range(8):
        for _ in range(4):
            await asyncio.sleep(0)
        for lane in server.app.routes["m"].lanes:
            await lane.idle()


def told(held):
    """What was counted, of all releases together: code -> requests, and those that are not answered yet."""
    found = samples(Exposition(held.counters).render()[1].decode())
    counted = Counter()
    for (name, *labels), value in found.items():
        if name in ("arkwright_requests_total", "arkwright_in_flight"):
            counted[dict(labels).get("code", "in flight")] += value
    return counted
