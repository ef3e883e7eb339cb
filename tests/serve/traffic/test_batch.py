"""Rows of many callers in one run: the same answer as alone, trouble for nobody else, nothing computed for nobody."""

import asyncio
import random
import socket
import struct
import threading
import time
from types import SimpleNamespace

import msgspec
import pytest
from tests.serve.conftest import DIGEST, FLIGHTS, Live, late_model, late_signature, loaded_late, write
from tests.serve.raw import POST, ROW, connect, exchange, read_all, statuses

from arkwright.serve.model.loaded import load
from arkwright.serve.traffic.batch import Batcher
from arkwright.serve.wire.limits import Limits

COUNTED = """

def counted(flights: "pl.DataFrame") -> "pl.DataFrame":
    import time
    from pathlib import Path

    import polars as pl

    with Path(__file__).with_name("calls").open("a") as calls:
        calls.write(f"{flights['distance'].to_list()}\\n")
    time.sleep(0.5)
    return flights.select(pl.col("distance").alias("km"), pl.lit(0.0).alias("aa"), pl.col("delay"))
"""


def row(rng):
    return {
        "distance": rng.uniform(0, 5000),
        "carrier": rng.choice(["AA", "UA"]),
        "delay": rng.choice([None, rng.gauss(0, 30)]),
    }


def asked(body):
    return POST + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("function", ["polars_features", "row_features", "arrow_features"])
def test_a_row_has_the_same_answer_alone_and_in_any_company(tmp_path, function):
    rng = random.Random(7)
    rows = [row(rng) for _ in range(60)]
    with Live([loaded_late(tmp_path, function, function.partition("_")[0])]) as live:
        alone = [live.post("/predict", one)[1]["prediction"]["probabilities"]["true"] for one in rows]
        for _ in range(30):
            parts, expected = [], []
            for _ in range(rng.randint(1, 12)):
                chosen = rng.sample(range(60), rng.randint(1, 5))
                parts.append(msgspec.json.encode([rows[i] for i in chosen]))
                expected.append([alone[i] for i in chosen])
            socks = [connect(live) for _ in parts]
            for sock, part in zip(socks, parts, strict=True):
                sock.sendall(asked(part))
                sock.shutdown(socket.SHUT_WR)
            for sock, expect in zip(socks, expected, strict=True):
                answer = msgspec.json.decode(read_all(sock).partition(b"\r\n\r\n")[2])
                found = [p["probabilities"]["true"] for p in answer["predictions"]]
                assert found == pytest.approx(expect, abs=1e-6)
                sock.close()


def test_a_bad_row_is_its_senders_alone(late):
    bad = ROW.replace(b"1200", b'"far"')
    answer = exchange(late, b"".join([asked(ROW), asked(bad), asked(b"{"), asked(b"[%b]" % ROW)] * 10))
    assert statuses(answer) == [200, 422, 400, 200] * 10


def reset(sock):
    """Gone at once, with nothing left to read: as a process that is killed."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def test_a_client_that_left_is_not_computed_for(tmp_path, counted):
    with Live([counted]) as live:
        first = threading.Thread(target=live.post, args=("/predict", {"distance": 1, "carrier": "AA"}))
        first.start()
        time.sleep(0.15)
        leaving = connect(live)
        leaving.sendall(asked(b'{"distance": 2, "carrier": "AA"}'))
        time.sleep(0.05)
        reset(leaving)
        assert live.post("/predict", {"distance": 3, "carrier": "AA"})[0] == 200
        first.join()
        assert calls(tmp_path) == ["[1.0]", "[3.0]"]


def test_what_is_too_late_is_not_computed(tmp_path, counted):
    with Live([counted], Limits(answer_time=0.3)) as live:
        socks = []
        for distance in (1, 2):
            socks.append(connect(live))
            socks[-1].sendall(asked(b'{"distance": %d, "carrier": "AA"}' % distance))
            time.sleep(0.05)
        for sock in socks:
            answer = read_all(sock)
            assert statuses(answer) == [504]
            assert b"Connection: close" in answer
            sock.close()
        time.sleep(0.4)
        assert calls(tmp_path) == ["[1.0]"]
        assert live.server.front.bodies == 0


def test_a_halt_of_the_process_counts_as_one_second_of_a_batch():
    """However long it was: whoever computes has lived no longer."""

    async def run():
        batcher, hung, alarms = Batcher(SimpleNamespace(row_seconds=0.0), "late", hangs=3.5), [], []
        batcher.when_hung = lambda: hung.append(True)
        batcher._loop = SimpleNamespace(call_later=lambda *after: alarms.append(after))
        batcher._wait_on(3.5)
        steps = []
        while alarms:
            assert not hung
            seconds, then, left = alarms.pop()
            steps.append(seconds)
            then(left)
        batcher.close()
        return steps, hung

    assert asyncio.run(run()) == ([1, 1, 1, 0.5], [True])


@pytest.fixture
def counted(tmp_path):
    """A release whose `features` takes its time and writes down what it saw."""
    write(tmp_path, late_signature("counted"), late_model(), FLIGHTS + COUNTED)
    return load(tmp_path, endpoint="late", release="release:late@3", digest=DIGEST)


def calls(tmp_path):
    """Without the made-up row for warming up."""
    return (tmp_path / "code" / "calls").read_text().splitlines()[1:]
