"""A worker that hangs is ended, and another takes its place."""

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial

from tests.serve.supervised import CODE, Supervised, who_release

HANGS = CODE.replace(
    "    if flight.distance < 10:",
    """    if flight.distance == 777:
        while True:
            time.sleep(1)
    if flight.distance < 10:""",
)
HOLDS = """
import asyncio, ctypes, time
from arkwright.serve.processes import watchdog

watchdog.REACH = 0.1

async def main():
    with watchdog.watched(0.3, lambda: None):
        await asyncio.sleep(1)  # it lives
        print("alive", flush=True)
        ctypes.PyDLL(None).sleep(60)  # a call that keeps the interpreter to itself

asyncio.run(main())
"""


def died(served, times):
    return served.said("another takes its place") >= times


def answers(served):
    return served.call("/predict", {"distance": 100})[0] == 200


def test_features_that_never_return_cost_the_worker_and_nobody_else(tmp_path):
    """Three of them, and the request is not computed again. What is in flight beside it is told to come again."""
    release = who_release(tmp_path / "who@1", HANGS)
    with Supervised(tmp_path / "s", {"who": [(release, 1, 1.0)]}, workers=1, answer_time=1.0) as served:
        before = served.who()
        for round_ in range(3):
            hanging = threading.Thread(target=served.call, args=("/predict", {"distance": 777}))
            hanging.start()
            served.until(partial(died, served, round_ + 1))
            hanging.join()
            served.until(partial(answers, served))
        assert served.who() != before
        status, _, said = served.call("/predict", {"distance": 777})
        assert (status, "ended the server 3 times" in said["error"]) == (422, True)
        assert served.said("1 requests are computed since 1 s") == 3
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


def test_a_loop_that_is_held_ends_too():
    done = subprocess.run([sys.executable, "-c", HOLDS], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (1, "alive\n")
    assert "Timeout (0:00:00.4" in done.stderr
    assert "in main" in done.stderr
