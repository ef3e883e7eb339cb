"""Heads that `native` knows are those that Python would know, and what it packs is what the log reads."""

import asyncio
import random
import shutil

import pytest
from tests.serve.native.held import Held, asked

from arkwright.serve.native import native
from arkwright.serve.tap.segment import Record, _records
from arkwright.serve.wire.front import Head
from arkwright.serve.wire.parted import parted

pytestmark = pytest.mark.skipif(native is None and shutil.which("cc") is None, reason="no C compiler: Python serves")
BODY = b'{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[2%b]}]}'
NAMES = [b"X-Request-Id", b"traceparent", b"X-REQUEST-ID", b"TraceParent", b" X-Request-Id", b"X-Request-Id ", b"x"]
BETWEEN = [b": "] * 8 + [b":", b":  ", b":\t"]
ENDS = [b"\r\n"] * 9 + [b"\n", b"\r", b"\r\r\n", b" \r\n"]
VALUES = [b"7", b"seven", b"x" * 127, b"x" * 128, b"x" * 129, b"", b"a b", b"a\0b", b"\x7f", b"\xff", b"!~"]


@pytest.fixture
def apart(tmp_path, releases):
    """Runs a scene with a worker, and with what takes requests and answers none."""

    def run(scene):
        async def main():
            held = Held(tmp_path, releases[:1], natively=True)
            await held.start()
            await held.talk([[asked("[2]")]], [0], set())
            lane = held.server.app.routes["m"].first
            turn = native.Turn(
                lane.infer._plain.frames, lane.batcher.cost, lambda: None,
                width=1, item=4, most=10, most_rows=1, largest=2**20,
            )  # fmt: skip
            try:
                scene(held, turn)
            finally:
                held.close()

        asyncio.run(main())

    return run


def known(body, turn):
    return Head("POST", "/", {}, len(body), keep_alive=True, old=False, way=None, turn=turn)


def head(dice):
    """Lines that are said anew among others; now and then nearly as long as what is remembered."""
    lines = [b"Host: localhost\r\n", b"A: %b\r\n" % (b"y" * dice.choice([0, 0, 0, dice.randrange(1900, 2048)]))]
    for _ in range(dice.randrange(4)):
        said = dice.choice(NAMES) + dice.choice(BETWEEN) + dice.choice(VALUES) + dice.choice(ENDS)
        lines.insert(dice.randrange(3), said)
    whole = dice.choice([b"POST / HTTP/1.1\r\n"] * 20 + [b"\r\n", b"\n", b""]) + b"".join(lines) + b"\r\n\r\n"
    return whole[: whole.index(b"\r\n\r\n") + 4]


def test_heads_are_known_as_python_knows_them(apart):
    dice, body = random.Random(24), BODY % b""

    def scene(held, turn):
        front, (_, connection), taken = held.server.front, held.connect(), 0
        for _ in range(4000):
            said = head(dice)
            parts = parted(said)
            twice = parts is not None and len(parts[0]) - 1 > len(parts[1])  # of which none is remembered
            front.heads = {parts[0] if parts else said: known(body, turn)}
            knows = not twice and len(said) <= 2048
            if 2048 < len(said) <= 2052:
                continue  # Python parses it
            assert native.take(connection, said + body) == knows, said
            if knows:
                ((batch, _), taken) = turn.batch(0.0, 0.0, 1), taken + 1
                anew = parts[1] if parts else {}
                assert (batch.ids or [b""]) == [anew.get(b"x-request-id", b"")]
                assert batch.jobs[0].trace == anew.get(b"traceparent")
                assert batch.jobs[0].headers == anew
                connection._busy, front.bodies = None, 0
        assert taken > 2000

    apart(scene)


def test_records_are_packed_as_the_log_reads_them(apart):
    sizes = [0, 255, 256, 65535, 65536]
    numbers = [0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**63]

    def scene(held, turn):
        front, (_, connection) = held.server.front, held.connect()
        for i, number in enumerate(numbers):
            body = BODY % (b" " * max(0, sizes[i % 5] - len(BODY) + 2))
            connection.caller, said = "ü" * sizes[i % 3], b"POST / HTTP/1.1\r\n\r\n"
            front.heads = {said: known(body, turn)}
            assert native.take(connection, said + body)
            batch, _ = turn.batch(0.0, 0.0, 1)
            now, id_, answer = batch.received[0] + number / 1e6, bytes(sizes[i // 2]), bytes(sizes[-1 - i // 2])
            took = int((now - batch.received[0]) * 1e6)
            packed = batch.records([id_], [answer], now, number, number % 2**40, 3)
            caller = connection.caller.encode()
            assert _records.decode(b"\x91" + packed) == [
                Record(number, took, 200, 3, number % 2**40, 0, 0, id_, caller, body, answer)
            ]
            connection._busy, front.bodies = None, 0

    apart(scene)
