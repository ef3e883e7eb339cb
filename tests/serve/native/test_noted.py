"""What `native` has read is logged, traced and counted of its client's quota as Python does it."""

import asyncio
import json
import re
import shutil
from pathlib import Path
from uuid import uuid4

import pytest
from tests.serve.native.held import REQUESTS, Held, asked, quiet, told
from tests.serve.tap.conftest import records
from tests.serve.telemetry.conftest import samples
from tests.serve.telemetry.receiver import Receiver, attributes

from arkwright.core.ports import Logged
from arkwright.serve.native import native
from arkwright.serve.telemetry.exposition import Exposition
from arkwright.serve.telemetry.traces import Sampling
from arkwright.serve.traffic import turn
from arkwright.serve.wire.quota import Quota

pytestmark = pytest.mark.skipif(native is None and shutil.which("cc") is None, reason="no C compiler: Python serves")
MADE = rb"[0-9a-f]{12}-[0-9a-f]+"  # an id that the server made
NAMED = [
    {"id_": '"7"'},
    {"extra": b"X-Request-Id: 7\r\n"},
    {"id_": '"b"', "extra": b"TraceParent: 00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01\r\nx-request-id: c\r\n"},
    {"extra": b"Arkwright-Timeout-Ms: 60000\r\n"},
]


@pytest.fixture
def everything(tmp_path):
    """What can be switched on, each time in a place of its own; and what was told there."""
    receiver = Receiver()

    def made():
        folder = tmp_path / uuid4().hex
        folder.mkdir()
        Quota.create(folder)
        return {
            "log": Logged(folder / "log"), "quota": Quota(folder, 1e6), "access_log": str(folder / "access"),
            "collector": receiver.url, "sampling": Sampling(),
        }  # fmt: skip

    def said(on):
        access = [json.loads(line) for line in Path(on["access_log"]).read_text().splitlines()]
        for line in access:
            del line["time"], line["ms"]
            line["trace_id"] = line["trace_id"] == "a" * 32  # as its caller says; else it is any
            line["request_id"] = re.sub(MADE.decode(), "", line["request_id"])
        logged = [
            (re.sub(MADE, b"", one.id), one.caller, one.body, re.sub(MADE, b"", one.answer), one.status, one.flags)
            for one in records(on["log"].folder)
        ]
        spans = [
            (one.name, attributes(one), bool(one.parent_span_id), one.end_time_unix_nano >= one.start_time_unix_nano)
            for one in receiver.spans()
        ]
        return access, logged, spans

    yield made, said
    receiver.close()


def test_everything_is_told_as_python_tells_it(tmp_path, releases, everything):
    """In the order of the answers: those of each kind go together, and again when all is known."""
    made, said = everything

    async def run(natively):
        on = made()
        held = Held(tmp_path, releases[:1], natively=natively, **on)
        await held.start()
        for one in REQUESTS:
            for many in ([[one]], [[one]], [[one], [one]]):
                await held.talk(many, [*range(len(many))], set())
        held.close()
        return told(held), said(on)

    natively, plainly = asyncio.run(run(natively=True)), asyncio.run(run(natively=False))
    assert natively[0] == plainly[0]
    for ours, pythons in zip(natively[1], plainly[1], strict=True):
        assert len(ours) > len(REQUESTS)
        assert ours == pythons


@pytest.mark.parametrize("ask", NAMED, ids=["id", "X-Request-Id", "all", "deadline"])
@pytest.mark.parametrize("on", [False, True])
def test_it_is_really_taken(tmp_path, releases, everything, ask, on):
    async def run():
        held = Held(tmp_path, releases[:1], natively=True, **everything[0]() if on else {})
        await held.start()
        await held.talk([[asked("[2]", **ask)]] * 2, [0, 1], {0})
        turn = held.server.app.routes["m"].first.infer.turn
        wire, connection = held.connect()
        connection.data_received(asked("[4]", **ask))
        assert turn.waiting == 1
        await quiet(held.server)
        held.close()
        return wire.said

    said = asyncio.run(run())
    assert b'"data":[0.25]' in said
    assert said.endswith(b"%b}" % (b',"id":' + ask["id_"].encode() if "id_" in ask else b"]"))
    named = re.findall(rb"(?i)x-request-id: (.*?)\r\n", ask.get("extra", b""))
    answered = re.findall(rb"X-Request-Id: (.*?)\r\n", said)
    assert answered == named if named or not on else re.fullmatch(MADE, *answered)


def test_whose_quota_is_used_up_is_refused_once(tmp_path, releases):
    """And what is refused does not count."""
    folder = tmp_path / "quota"
    folder.mkdir()
    Quota.create(folder)

    async def run():
        quota = Quota(folder, 4.0)
        held = Held(tmp_path, releases[:1], natively=True, quota=quota)
        await held.start()
        said = [await held.talk([[asked("[2]")]], [0], set()) for _ in range(7)]
        held.close()
        return [one[0][0][-1][0][0] for one in said], quota.wait("127.0.0.1", 0.0), told(held)

    first, _, counted = asyncio.run(run())
    assert [one[:3] for one in first] == [b"200"] * 4 + [b"429"] * 3
    assert counted == {"200": 4, "429": 3, "in flight": 0}


@pytest.mark.parametrize(("what", "kept"), [("called", 7), ("logged", 5), ("add_packed", 5)])
def test_no_memory_for_one_run_costs_the_others_nothing(tmp_path, releases, monkeypatch, what, kept):
    """Two at a time go through the model. Those of the first run are answered, too, and so is who comes later."""
    monkeypatch.setattr(turn, "BATCH_ROWS", 2)

    async def run():
        held = Held(tmp_path, releases[:1], natively=True, log=Logged(tmp_path / "log"))
        await held.start()
        await held.talk([[asked("[2]")]], [0], set())
        lane = held.server.app.routes["m"].first
        once(monkeypatch, lane.watched.tap if what == "add_packed" else held.observer, what)
        wires = [held.connect() for _ in range(6)]
        for _, connection in wires[:5]:
            connection.data_received(asked("[4]"))
        assert lane.infer.turn.waiting == 5
        async with asyncio.timeout(20):
            await quiet(held.server)
            wires[5][1].data_received(asked("[4]"))
            await quiet(held.server)
        held.close()
        return [wire.said[:12] for wire, _ in wires], told(held), dropped(held)

    assert asyncio.run(run()) == ([b"HTTP/1.1 200"] * 6, {"200": 7, "in flight": 0}, 2 if what == "add_packed" else 0)
    assert len(records(tmp_path / "log")) == kept


def once(monkeypatch, whose, what):
    """No memory is left for that, the first time."""
    does, left = getattr(whose, what), [MemoryError()]

    def does_not(*args):
        if left:
            raise left.pop()
        return does(*args)

    monkeypatch.setattr(whose, what, does_not)


def dropped(held):
    found = samples(Exposition(held.counters).render()[1].decode())
    return sum(value for (name, *_), value in found.items() if name == "arkwright_tap_dropped_total")
