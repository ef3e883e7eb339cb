"""Rows of many callers in one run: the same answer as alone, trouble for nobody else, nothing computed for nobody."""

import asyncio
import random
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from types import SimpleNamespace

import msgspec
import pytest
from tests.serve.conftest import Live, loaded_late
from tests.serve.raw import POST, ROW, connect, exchange, read_all, statuses

from arkwright.serve.traffic import batch
from arkwright.serve.traffic.batch import Batcher
from arkwright.serve.traffic.job import Job
from arkwright.serve.wire.limits import Limits


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


def test_a_client_that_left_is_not_computed_for(slow):
    with Live([slow.loaded]) as live, ThreadPoolExecutor() as pool:
        slow.hold()
        first = pool.submit(live.post, "/predict", {"distance": 1, "carrier": "AA"})
        slow.until(1)
        leaving = connect(live)
        leaving.sendall(asked(b'{"distance": 2, "carrier": "AA"}'))
        batcher = live.server.app.routes["late"].first.batcher
        while not batcher._later:
            pass
        reset(leaving)
        last = pool.submit(live.post, "/predict", {"distance": 3, "carrier": "AA"})
        while [b"3" in bytes(job.request.body) for job in batcher._later] != [True]:
            pass
        slow.let_go()
        assert (first.result()[0], last.result()[0]) == (200, 200)
        assert slow.calls() == ["[1.0]", "[3.0]"]


def test_what_is_too_late_is_not_computed(slow):
    with Live([slow.loaded], Limits(answer_time=0.3)) as live:
        slow.hold()
        socks = []
        for distance in (1, 2):
            socks.append(connect(live))
            socks[-1].sendall(asked(b'{"distance": %d, "carrier": "AA"}' % distance))
            slow.until(1)
        for sock in socks:
            answer = read_all(sock)
            assert statuses(answer) == [504]
            assert b"Connection: close" in answer
            sock.close()
        slow.let_go()
        assert live.post("/predict", {"distance": 3, "carrier": "AA"})[0] == 200
        assert slow.calls() == ["[1.0]", "[3.0]"]
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


def test_where_no_thread_is_left_who_waits_is_told_and_the_next_one_tries_it_anew(monkeypatch):
    """Else nobody behind them would be answered until the worker is taken for hung."""
    told, lacking, start = [], [True], threading.Thread.start

    def starts(thread):
        if lacking:
            raise RuntimeError("can't start new thread")
        start(thread)

    def job(name):
        request = SimpleNamespace(gone=0, body=name, call=None)

        def reply(response):
            told.append((name, response))

        return Job(request, 1, fast=False, prepare=None, finish=None, reply=reply, deadline=monotonic() + 60)

    async def run():
        batcher = Batcher(SimpleNamespace(row_seconds=0.0), "late")
        batcher.add(job(b"a"))
        batcher.add(job(b"b"))
        await asyncio.wait_for(batcher.idle(), 5)
        refused, told[:] = list(told), []
        assert batcher._alarm.cancelled()
        lacking.clear()
        batcher.add(job(b"c"))
        await asyncio.wait_for(batcher.idle(), 5)
        batcher.close()
        return refused

    monkeypatch.setattr(threading.Thread, "start", starts)
    monkeypatch.setattr(batch, "answer", lambda graph, name, jobs: [(200, one.request.body) for one in jobs])
    refused = asyncio.run(run())
    assert [(name, said.status, said.headers) for name, said in refused] == [
        (b"a", 503, b"Retry-After: 1\r\n"),
        (b"b", 503, b"Retry-After: 1\r\n"),
    ]
    assert told == [(b"c", (200, b"c"))]  # what was refused is computed no more
