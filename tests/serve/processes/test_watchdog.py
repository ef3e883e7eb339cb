"""A worker that hangs is ended, and another takes its place."""

import asyncio
import contextlib
import os
import signal
import threading
import time
from functools import partial

import pytest
from tests.serve.supervised import CODE, Supervised, who_release

from arkwright.serve.processes import heartbeat, waits, watchdog
from arkwright.serve.traffic.poison import Page, shared_memory


def hangs(how):
    """It does so at a distance of 777."""
    return CODE.replace(
        "    if flight.distance < 10:", f"    if flight.distance == 777:\n{how}\n    if flight.distance < 10:"
    )


WAITS = hangs("        while True:\n            time.sleep(1)")
HOLDS = hangs("        import ctypes\n        ctypes.PyDLL(None).sleep(600)")  # it keeps the interpreter to itself


def died(served, times):
    return served.said("another takes its place") >= times


def answers(served):
    return served.call("/predict", {"distance": 100})[0] == 200


@pytest.mark.parametrize(
    ("code", "said"),
    [(WAITS, "1 requests are computed since 1 s"), (HOLDS, "no sign of life for 2 s: it is ended")],
    ids=["waits", "holds the interpreter"],
)
def test_features_that_never_return_cost_the_worker_and_nobody_else(tmp_path, code, said):
    """Three of them, and the request is not computed again. What is in flight beside it is told to come again."""
    release = who_release(tmp_path / "who@1", code)
    with Supervised(tmp_path / "s", {"who": [(release, 1, 1.0)]}, workers=1, answer_time=1.0) as served:
        before = served.who()
        for round_ in range(3):
            hanging = threading.Thread(target=served.call, args=("/predict", {"distance": 777}))
            hanging.start()
            served.until(partial(died, served, round_ + 1))
            hanging.join()
            served.until(partial(answers, served))
        assert served.who() != before
        status, _, told = served.call("/predict", {"distance": 777})
        assert (status, "ended the server 3 times" in told["error"]) == (422, True)
        assert served.said(said) == 3
        assert served.said("in who\n") == 3, "the log says where it hung"


def test_a_worker_that_is_frozen_is_replaced(tmp_path):
    """It cannot end itself. Who waits for it is told; the one that is not frozen goes on."""
    release = who_release(tmp_path / "who@1")
    with Supervised(tmp_path / "s", {"who": [(release, 1, 1.0)]}, workers=1, answer_time=1.0) as served:
        before = served.who()
        os.kill(before, signal.SIGSTOP)
        assert served.who() != before, "its listening socket is another's now"
        assert served.said("no sign of life") == 1
        assert served.said("another takes its place") == 1


def test_frozen_workers_end_with_the_server(tmp_path):
    with Supervised(tmp_path / "s", {"who": [(who_release(tmp_path / "who@1"), 1, 1.0)]}, workers=2) as served:
        for worker in served.workers():
            os.kill(worker, signal.SIGSTOP)
        start = time.monotonic()
        served.process.terminate()
        served.process.wait(60)
        assert time.monotonic() - start < 15


def test_who_is_halted_and_goes_on_has_lost_no_worker(tmp_path):
    """All of it: a container that is paused. The watch over a worker goes by what it has lived."""
    release = who_release(tmp_path / "who@1")
    with Supervised(tmp_path / "s", {"who": [(release, 1, 1.0)]}, workers=1, answer_time=1.0) as served:
        before = served.who()
        for sign in (signal.SIGSTOP, signal.SIGCONT):
            os.kill(before, sign)
            served.process.send_signal(sign)
            time.sleep(4)  # longer than anything may be silent
        assert served.who() == before
        assert served.said("no sign of life") == served.said("another takes its place") == 0


def test_only_the_time_that_a_process_lived_counts(monkeypatch):
    """A release that is tried while everything is halted has not had its time."""
    slept = []

    async def halted(seconds):
        slept.append(seconds)

    async def late():
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(waits.asyncio, "sleep", halted)  # each may last as long as it likes
    with pytest.raises(TimeoutError):
        asyncio.run(waits.within(1.1, late()))
    assert slept == pytest.approx([0.25] * 4 + [0.1])


class Kept:
    """A worker, seen by the watch over it."""

    def __init__(self):
        self.told = []

    def send_signal(self, sign):
        self.told.append(sign)

    def kill(self):
        self.told.append(signal.SIGKILL)


@pytest.mark.parametrize("state", ["rests", "hangs", "never lived"])
def test_who_answers_nobody_any_more_may_write_what_is_left(monkeypatch, state):
    """Who gives no sign of life any more, or never one, is ended: no endpoint would be moved behind it."""
    monkeypatch.setattr(watchdog, "LOOK", 0.01)
    monkeypatch.setattr(watchdog, "GRACE", 0.0)
    page, worker = Page(shared_memory()), Kept()
    monkeypatch.setattr(watchdog, "BIRTH", 0.02)
    if state != "never lived":
        page.beat()
    if state == "rests":
        page.rest()

    async def watched():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(watchdog.watch(worker, page, 0.02), 0.5)

    asyncio.run(watched())
    assert worker.told == ([] if state == "rests" else [heartbeat.LAST_WORDS, signal.SIGKILL])
