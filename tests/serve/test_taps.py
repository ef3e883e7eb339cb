"""The logs of a worker, where no thread is left for one."""

import asyncio
import threading

import pytest

from arkwright.core.ports import Logged
from arkwright.serve.observer import taps

BODY = (b"id", b"127.0.0.1", b"{}", b"{}", 10)


@pytest.fixture
def threads(monkeypatch):
    """Whether any can be started."""
    left, start = [True], threading.Thread.start

    def starts(thread):
        if not left[0]:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", starts)
    monkeypatch.setattr(taps, "_AGAIN", 0.001)
    return left


def test_a_log_for_which_no_thread_is_left_begins_later_and_costs_no_answer(tmp_path, threads):
    async def run():
        made = taps.Taps()
        before, after = Logged(tmp_path), Logged(tmp_path, redact=("carrier",))
        old = made.of("late", before)
        threads[0] = False
        new = made.of("late", after)
        made.settled(["late"])  # what is left cannot be closed aside either
        again = made.of("late", before)
        assert len({old, new, again}) == 3
        assert again._thread.ident is None
        threads[0] = True
        while again._thread.ident is None:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        made.settled([])
        made.close()
        return old, new, again

    before = threading.active_count()
    old, new, again = asyncio.run(asyncio.wait_for(run(), 20))
    for tap in (old, new, again):
        assert tap.add(0, *BODY) is False
    assert threading.active_count() == before
