"""Whatever bytes come, cut wherever, to however many connections: what `native` takes is answered, counted and noted as
Python alone does it.
"""

import asyncio
import json
import random
import shutil
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.serve.native.held import REQUESTS, Held, asked, quiet, told
from tests.serve.traffic.reciprocal import row_by_row

from arkwright.serve.native import native
from arkwright.serve.traffic import route
from arkwright.serve.wire import standing

pytestmark = pytest.mark.skipif(native is None and shutil.which("cc") is None, reason="no C compiler: Python serves")


@st.composite
def talks(draw):
    """For each connection the pieces that it sends; and in which order they come."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        parts = draw(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=5))
        ends = {0, *_sums(map(len, parts))} if draw(st.booleans()) else {0, len(b"".join(parts))}
        whole = b"".join(parts)
        ends |= draw(st.sets(st.integers(0, len(whole)), max_size=2))
        found.append([whole[a:b] for a, b in pairwise(sorted(ends | {len(whole)}))])
    order = draw(st.permutations([i for i, pieces in enumerate(found) for _ in pieces]))
    return found, order, draw(st.sets(st.integers(0, len(order)), max_size=4))


def _sums(sizes):
    total = 0
    for size in sizes:
        yield (total := total + size)


def test_every_kind_of_request_again(tmp_path, releases):
    """When its head and its frame are known."""

    async def run(natively):
        held = Held(tmp_path, releases[:1], natively=natively)
        await held.start()
        said = [await held.talk([[one], [one], [one]], [0, 1, 2], {0, 1}) for one in REQUESTS]
        held.close()
        return said, told(held)

    assert asyncio.run(run(natively=True)) == asyncio.run(run(natively=False))


@pytest.mark.parametrize("count", [1, 2], ids=["one release", "a canary"])
def test_no_client_can_tell(tmp_path, releases, monkeypatch, count):
    async def run(talk):
        both = []
        for natively in (True, False):
            monkeypatch.setattr(route, "random", random.Random(4).random)
            held = Held(tmp_path, releases[:count], natively=natively)
            await held.start()
            await held.talk([[asked("[2]")], [asked("[2,4]", shape="[2,1]")]] * 2, [0, 1, 2, 3], {1})  # learn
            both.append((await held.talk(*talk), told(held)))
            held.close()
        return both

    @given(talks())
    @settings(max_examples=40)
    def compare(talk):
        natively, plainly = asyncio.run(run(talk))
        assert natively[0] == plainly[0]
        assert natively[1] == plainly[1]

    compare()


@pytest.fixture
def held(tmp_path, releases):
    """Runs a scene with a worker that has seen such requests before; and what went the short way natively."""

    def run(scene):
        async def main():
            one = Held(tmp_path, releases[:1], natively=True)
            await one.start()
            await one.talk([[asked("[2]")], [asked("[2,4]", shape="[2,1]")]], [0, 1], {0})
            lane = one.server.app.routes["m"].first
            try:
                return await scene(one, lane)
            finally:
                one.close()

        return asyncio.run(main())

    return run


def test_the_shares_hold(tmp_path, releases, monkeypatch):
    """Also where one release reads nothing natively. Within four standard deviations of the binomial distribution."""
    monkeypatch.setattr(route, "random", random.Random(7).random)

    async def run():
        held = Held(tmp_path, [releases[0], row_by_row(tmp_path / "b")], natively=None)
        await held.start()
        wires = [held.connect() for _ in range(40)]
        for _ in range(50):
            for _, connection in wires:
                connection.data_received(asked("[2]"))
            await quiet(held.server)
        held.close()
        return b"".join(wire.said for wire, _ in wires)

    said = asyncio.run(run())
    assert said.count(b"HTTP/1.1 200") == 2000
    assert abs(said.count(b"release:m@2\r\n") - 1000) < 4 * 500**0.5


def answers(said):
    return [json.loads(part.split(b"\r\n\r\n", 1)[1].split(b"HTTP/1.1")[0]) for part in said.split(b"HTTP/1.1 ")[1:]]


def test_it_is_really_taken(held):
    async def scene(one, lane):
        (wire, connection), (other, second) = one.connect(), one.connect()
        connection.data_received(asked("[4]"))
        second.data_received(asked("[2,8]", shape="[2,1]"))
        assert lane.infer.turn.waiting == 2
        assert one.server.front.bodies > 0
        await quiet(one.server)
        assert [a["outputs"][0]["data"] for a in answers(wire.said) + answers(other.said)] == [[0.25], [0.5, 0.125]]

    held(scene)


def test_who_leaves_before_its_turn_ends_is_noted_as_gone(held):
    async def scene(one, lane):
        (wire, connection), (other, second) = one.connect(), one.connect()
        connection.data_received(asked("[4]"))
        second.data_received(asked("[2]"))
        assert lane.infer.turn.waiting == 2
        connection.connection_lost(None)
        await quiet(one.server)
        assert not wire.said
        assert answers(other.said)[0]["outputs"][0]["data"] == [0.5]
        assert one.server.front.bodies == 0
        assert told(one) == {"200": 3, "499": 1, "in flight": 0}

    held(scene)


def test_a_halt_between_a_request_and_its_turn_is_told_to_its_caller(held):
    """The clocks may be looked at before the answer is there."""

    async def scene(one, lane):
        wire, connection = one.connect()
        connection.data_received(asked("[4]"))
        assert lane.infer.turn.waiting == 1
        connection.look_at_the_clock(one.server.front.loop.time() + 1000)
        assert wire.said.startswith(b"HTTP/1.1 504 ")
        await quiet(one.server)
        assert wire.said.count(b"HTTP/1.1") == 1
        assert one.server.front.bodies == 0

    held(scene)


@pytest.mark.parametrize("run", [lambda *_: 1 / 0, lambda *_: [b"1"]], ids=["an error", "too few rows"])
def test_what_ends_one_run_is_answered_one_by_one(held, monkeypatch, run):
    async def scene(one, lane):
        monkeypatch.setattr(type(lane.infer), "_run", run)
        wires = [one.connect() for _ in range(3)]
        for _, connection in wires:
            connection.data_received(asked("[4]"))
        await quiet(one.server)
        assert all(answers(wire.said)[0]["outputs"][0]["data"] == [0.25] for wire, _ in wires)
        assert told(one) == {"200": 2 + 3, "in flight": 0}

    held(scene)


def test_what_waits_when_its_release_is_closed_is_answered(held):
    async def scene(one, lane):
        wire, connection = one.connect()
        connection.data_received(asked("[4]"))
        assert lane.infer.turn.waiting == 1
        lane.infer.close()
        await quiet(one.server)
        assert answers(wire.said)[0]["outputs"][0]["data"] == [0.25]
        assert told(one) == {"200": 3, "in flight": 0}

    held(scene)


@pytest.mark.parametrize("odd", ["crowded", "draining", "gateway", "bodies", "heavy", "closed"])
def test_it_is_left_where_anything_is_out_of_the_ordinary(held, odd):
    async def scene(one, lane):
        front, (wire, connection) = one.server.front, one.connect()
        if odd == "crowded":
            front.crowded["/elsewhere"] = lambda _: None
        elif odd in ("draining", "gateway"):
            setattr(front, odd, True)
        elif odd == "bodies":
            front.bodies = 2**40
        elif odd == "heavy":
            lane.batcher.cost.heavy = True
        elif odd == "closed":
            lane.close()
        assert native.take(connection, asked("[4]")) is False
        assert not wire.said
        assert connection._busy is None

    held(scene)


@pytest.mark.parametrize("data", [None, "text", bytearray(b"x"), memoryview(b"x"), b"", b"\r\n\r\n"])
def test_what_is_no_bytes_is_left(held, data):
    async def scene(one, lane):
        _, connection = one.connect()
        assert native.take(connection, data) is False

    held(scene)
    with pytest.raises(TypeError):
        native.take(None, b"")


def test_both_ways_of_noting_how_a_connection_stands_are_one():
    act = st.tuples(
        st.sampled_from(["came", "interim", "answer", "begin"]), st.integers(0, 2**23), st.booleans(), st.booleans()
    )
    handed = [None, standing.Kernel(2**40 - 1, 5, open=True), standing.Kernel(7, 9, open=True)]

    @given(st.lists(act), st.sampled_from(handed))
    def compare(acts, before):
        both = []
        for kind in (native.Stand, standing.PlainStand):
            numbers = standing.noting()
            stand = kind(numbers, before)
            seen = []
            for what, size, last, more in [("begin", 7, False, False), *acts, ("begin", 70_000, False, False)]:
                if what == "answer":
                    stand.answer(size, last=last, more=more)
                else:
                    getattr(stand, what)(size % 70_001 if what == "begin" else size)
                at = size % 70_001 if what == "begin" and size % 70_001 < standing.MOST else 0
                seen += [numbers[7], numbers[standing.MOST + 7], numbers[at], numbers[standing.MOST + at], numbers[0]]
                if what == "answer" and last:  # behind which comes none
                    break
            stand.end()
            both.append((seen, numbers[0], numbers[7]))
        assert both[0] == both[1]

    compare()


def test_one_that_was_never_begun_notes_nothing():
    stand = native.Stand.__new__(native.Stand)
    stand.begin(7)
    stand.answer(5, last=True, more=False)
    stand.end()
