"""What is let in: deadlines, and queues that are full or slow."""

import asyncio
import json
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.serve.conftest import Live, late_release
from tests.serve.raw import POST, ROW, connect, exchange, read_all, statuses

from arkwright.serve.traffic.batch import Batcher
from arkwright.serve.traffic.job import Job
from arkwright.serve.traffic.patience import FEW
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.messages import Problem, Request, Response

FLAT = b'{"km": 1.0, "aa": 0.0, "delay": 2.0}'


def ask(body, headers=b"", path=b"/predict"):
    return POST.replace(b"/predict", path) + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body


def distance(metres):
    return ROW.replace(b"1200", b"%d" % metres)


@pytest.mark.parametrize("asked", [b"Arkwright-Timeout-Ms: 30\r\n", b"arkwright-timeout-ms: 0\r\n"])
def test_what_nobody_waits_for_any_more_is_not_computed(slow, asked):
    with Live([slow.loaded]) as live, ThreadPoolExecutor() as pool:
        slow.hold()
        first = pool.submit(exchange, live, ask(distance(1)))
        slow.until(1)
        second = pool.submit(exchange, live, ask(distance(2), asked))
        third = pool.submit(exchange, live, ask(distance(3), b"Arkwright-Timeout-Ms: 600000\r\n"))
        assert statuses(second.result(60)) == [504]  # at its deadline, and not when its turn would come
        while len(live.server.app.routes["late"].first.batcher._later) < 1:
            threading.Event().wait(0.005)
        slow.let_go()
        assert [statuses(one.result()) for one in (first, second, third)] == [[200], [504], [200]]
        assert slow.calls() == ["[1.0]", "[3.0]"]
        assert b"the deadline passed" in second.result()


def test_who_is_computed_beyond_its_deadline_is_told_so_and_the_others_go_on(slow):
    with Live([slow.loaded]) as live, ThreadPoolExecutor() as pool:
        slow.hold()
        first = pool.submit(exchange, live, ask(distance(1), b"Arkwright-Timeout-Ms: 50\r\n"))
        assert statuses(first.result(60)) == [504]
        assert b"the deadline passed before the answer was there" in first.result()
        assert slow.calls() == ["[1.0]"]
        second = pool.submit(exchange, live, ask(distance(2)))
        slow.let_go()
        assert statuses(second.result(60)) == [200]


def test_a_deadline_that_is_over_on_arrival(tmp_path):
    """Also where nothing waits, and beside others in one batch; the loop goes on."""
    with Live([late_release(tmp_path)]) as live:
        late, good = ask(FLAT, b"Arkwright-Timeout-Ms: 0\r\n"), ask(FLAT)
        assert statuses(exchange(live, (late + good + late) * 5)) == [504, 200, 504] * 5
        socks = [connect(live) for _ in range(6)]
        for i, sock in enumerate(socks):
            sock.sendall(late if i % 2 else good)
        assert [statuses(sock.recv(65536)) for sock in socks] == [[200], [504]] * 3
        for sock in socks:
            sock.close()


@pytest.mark.parametrize("value", [b"-1", b"1.5", b"soon", b"", b"1234567890", "\u0663".encode()])
def test_a_deadline_that_is_none(tmp_path, value):
    with Live([late_release(tmp_path)]) as live:
        answer = exchange(live, ask(FLAT, b"Arkwright-Timeout-Ms: " + value + b"\r\n"))
        assert statuses(answer) == [400]


@pytest.mark.parametrize(
    ("timeout", "status"), [(60_000_000, 200), (0, 200), (-1, 400), (1.5, 400), ("1", 400), (True, 400), (10**400, 400)]
)
def test_the_protocols_own_timeout(tmp_path, timeout, status):
    with Live([late_release(tmp_path)]) as live:
        assert statuses(exchange(live, infer(timeout))) == [status]


def infer(timeout):
    tensor = {"name": "features", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}
    return ask(
        json.dumps({"inputs": [tensor], "parameters": {"timeout": timeout}}).encode(), path=b"/v2/models/late/infer"
    )


def test_the_protocols_own_timeout_is_the_deadline_in_microseconds(tmp_path):
    with Live([late_release(tmp_path)]) as live:
        batcher, found = live.server.app.routes["late"].first.batcher, []
        add = batcher.add

        def over(job):
            found.append(job.deadline - batcher.now())
            job.deadline = 0.0
            add(job)

        batcher.add = over
        assert statuses(exchange(live, infer(7_000_000))) == [504]
        assert found == [pytest.approx(7, abs=5)]


def test_a_full_queue_is_503_and_says_when_to_come_back(slow):
    with Live([slow.loaded], Limits(queue=3)) as live, ThreadPoolExecutor() as pool:
        slow.hold()
        first = pool.submit(exchange, live, ask(distance(0)))
        slow.until(1)
        waiting = [connect(live) for _ in range(3)]
        for sock in waiting:
            sock.sendall(ask(distance(1), b"Connection: close\r\n"))
        while len(live.server.app.routes["late"].first.batcher._later) < 3:
            threading.Event().wait(0.005)
        seen = set()
        for _ in range(20):
            answer = exchange(live, ask(distance(9)))
            assert statuses(answer) == [503]
            seen.add(int(answer.partition(b"Retry-After: ")[2].partition(b"\r\n")[0]))
        assert seen <= set(range(1, 31))
        assert len(seen) > 1  # jittered
        slow.let_go()
        assert statuses(first.result()) == [200]
        for sock in waiting:
            assert statuses(read_all(sock)) == [200]
            sock.close()
        assert statuses(exchange(live, ask(distance(4)))) == [200]
        assert "[9.0]" not in slow.calls()


def test_a_slow_queue_is_503(slow):
    with Live([slow.loaded], Limits(queue_time=0.1)) as live, ThreadPoolExecutor() as pool:
        slow.hold()
        first = pool.submit(exchange, live, ask(distance(0)))
        slow.until(1)
        second = pool.submit(exchange, live, ask(distance(1)))
        while not live.server.app.routes["late"].first.batcher._later:
            threading.Event().wait(0.005)
        threading.Event().wait(0.2)
        assert statuses(exchange(live, ask(distance(2)))) == [503]
        slow.let_go()
        assert statuses(first.result() + second.result()) == [200, 200]


def test_a_queue_that_would_keep_everybody_waiting_is_503_however_short(slow):
    """By what the last requests took, more than a quarter of a second; a few may wait all the same."""
    with Live([slow.loaded]) as live, ThreadPoolExecutor(FEW + 2) as pool:
        batcher = live.server.app.routes["late"].first.batcher
        batcher.patience.cost = 1.0
        slow.hold()
        first = pool.submit(exchange, live, ask(distance(0)))
        slow.until(1)
        waiting = []
        for count in range(1, FEW + 1):
            waiting.append(pool.submit(exchange, live, ask(distance(1))))
            while len(batcher._later) < count:
                threading.Event().wait(0.005)
        assert statuses(exchange(live, ask(distance(2)))) == [503]
        batcher.patience.cost = 0.0001
        later = pool.submit(exchange, live, ask(distance(3)))
        while len(batcher._later) <= FEW:
            threading.Event().wait(0.005)
        slow.let_go()
        assert [statuses(one.result()) for one in (first, *waiting, later)] == [[200]] * (FEW + 2)


def test_who_is_answered_504_and_asks_again_at_once_is_heard(slow):
    """Two requests on one connection, both too late when their turn comes, and nobody else comes behind them."""
    with Live([slow.loaded]) as live, ThreadPoolExecutor() as pool:
        late = ask(distance(2), b"Arkwright-Timeout-Ms: 0\r\n")
        assert statuses(pool.submit(exchange, live, late + late + ask(distance(3))).result(20)) == [504, 504, 200]
        assert slow.calls() == ["[3.0]"]


class Echo:
    """A graph that gives back what it takes."""

    batches, inputs, outputs, row_seconds = True, {"x": None}, {"x": None}, 0.0

    def run(self, inputs):
        return inputs

    def run_many(self, inputs):
        return self.run(inputs)


def job(request, reply, *, fast=True, **words):
    prepare, finish = (lambda: {"x": np.zeros((1, 1))}), (lambda _: Response(200, b""))
    return Job(request, 1, fast=fast, prepare=prepare, finish=finish, reply=reply, **words)


def test_in_one_turn_of_the_loop_no_more_than_the_queue_takes():
    async def run():
        batcher, answers = Batcher(Echo(), "late", most=3), []
        for i in range(5):
            try:
                batcher.add(job(Request("POST", "/", {}, b""), lambda response: answers.append(response.status)))
            except Problem as problem:
                answers.append((i, problem.status))
        await batcher.idle()
        batcher.close()
        return answers

    assert asyncio.run(run()) == [(3, 503), (4, 503), 200, 200, 200]


def test_when_all_who_asked_have_left_nothing_breaks():
    async def run():
        broken = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: broken.append(context))
        batcher, answers = Batcher(Echo(), "late"), []
        for deadline, gone in ((math.inf, True), (0.0, False), (math.inf, True)):
            batcher.add(job(Request("POST", "/", {}, b"", gone=gone), answers.append, deadline=deadline))
        await batcher.idle()
        batcher.close()
        return broken, [answer.status for answer in answers]

    broken, statuses = asyncio.run(run())
    assert broken == []
    assert sorted(statuses) == [499, 499, 504]  # 499: told to those who count, not to who left


class Slow(Echo):
    """Takes some time for each row, and notes on which thread."""

    def __init__(self, seconds, tried=0.0):
        self.seconds, self.row_seconds, self.threads = seconds, tried, []

    def run(self, inputs):
        self.threads.append(threading.current_thread() is threading.main_thread())
        time.sleep(self.seconds * len(inputs["x"]))
        return inputs


def computed(graph, count):
    """Requests one after the other; whether each was computed on the loop."""

    async def run():
        batcher = Batcher(graph, "late")
        for _ in range(count):
            answered = asyncio.get_running_loop().create_future()
            batcher.add(job(Request("POST", "/", {}, b""), answered.set_result))
            await answered
        batcher.close()

    asyncio.run(run())
    return graph.threads


def test_a_heavy_model_is_computed_on_the_thread():
    """By what was measured when it was loaded, or by what it takes since."""
    assert computed(Slow(0.005, tried=0.005), 3) == [False] * 3
    found = computed(Slow(0.02), 10)
    assert found[0]
    assert not found[-1]


def test_a_light_one_that_was_held_up_when_it_was_tried_comes_back():
    found = computed(Slow(0.0, tried=0.003), 400)
    assert not found[0]
    assert found[-1]


def test_what_came_too_long_ago_is_refused_before_it_is_computed():
    async def run():
        batcher = Batcher(Echo(), "late", longest=5.0)
        batcher.add(job(Request("POST", "/", {}, b"", received=batcher.now() - 1), lambda _: None))
        with pytest.raises(Problem, match="try again") as problem:
            batcher.add(job(Request("POST", "/", {}, b"", received=batcher.now() - 6), lambda _: None))
        await batcher.idle()
        batcher.close()
        return problem.value.status

    assert asyncio.run(run()) == 503
