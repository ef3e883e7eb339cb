"""The logs of a worker, where no thread is left for one."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

from arkwright.core.errors import Refused
from arkwright.core.ports import Logged, Routing, Served, Share
from arkwright.serve.observer import taps
from arkwright.serve.observer.labelling import Labelling
from arkwright.serve.observer.observer import Observer
from arkwright.serve.processes.server import Server
from arkwright.serve.telemetry.counters import Counters
from arkwright.serve.telemetry.telemetry import Telemetry
from arkwright.serve.wire.limits import Limits

from .conftest import DIGEST, echo_release

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
    return left


def test_a_log_for_which_no_thread_is_left_begins_later_and_costs_no_answer(tmp_path, threads, monkeypatch):
    monkeypatch.setattr(taps, "_AGAIN", 0.001)

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


def test_labels_of_an_endpoint_that_left_are_closed_when_there_is_a_thread(tmp_path, threads):
    """What was raised there would end the worker."""

    async def run():
        folders = {"late": tmp_path}
        labelling = Labelling(folders.get, lambda *_: None)
        labels = labelling._kept(SimpleNamespace(name="late"))
        folders.clear()
        threads[0] = False
        labelling.settled()
        threads[0] = True
        await asyncio.to_thread(int)
        return labels

    with pytest.raises(Refused, match="closed"):
        asyncio.run(run()).add([], "ana")


def test_who_answers_goes_on_when_its_log_changes_and_no_thread_is_left(tmp_path, threads):
    share = Share(Served(echo_release(tmp_path / "m", ["f32"]), "release:echo@1", DIGEST))
    Counters.create(tmp_path, 1)

    def logged(version, *redact):
        return {"echo": Routing((share,), version, log=Logged(tmp_path / "log", redact=redact))}

    async def run():
        observer = Observer(Telemetry(tmp_path, 0))
        server = Server(Limits(), observer=observer)
        assert await server.serve(logged(1)) == {}
        threads[0] = False
        assert await server.serve(logged(2, "f32"), question=True) == {}
        assert await server.serve(logged(1)) == {}  # another worker could not
        assert [*server.app.routes] == ["echo"]
        threads[0] = True
        for lane in server.app.routes["echo"].lanes:
            lane.close()
        observer.close()

    asyncio.run(asyncio.wait_for(run(), 20))


def test_who_answers_on_is_logged_when_what_was_to_follow_was_overtaken(tmp_path):
    """Its log had been left for the one that was asked for, which is none."""
    share, other = (
        Share(Served(echo_release(tmp_path / "m", ["f32"]), f"release:echo@{v}", DIGEST[:-1] + str(v))) for v in (1, 2)
    )
    Counters.create(tmp_path, 1)

    async def run():
        observer = Observer(Telemetry(tmp_path, 0))
        server = Server(Limits(), observer=observer)
        logged = Routing((share,), 1, log=Logged(tmp_path / "log"))
        await server.serve({"echo": logged})
        (lane,) = server.app.routes["echo"].lanes
        tap = lane.watched.tap
        await server.serve({"echo": Routing((other,), 2)}, question=True, overtaken=lambda: True)
        assert (lane.watched.tap, tap.add(0, *BODY)) == (tap, True)
        await server.serve({"echo": logged})
        await asyncio.get_running_loop().shutdown_default_executor()  # where what left is closed
        lane.close()
        observer.close()
        assert (tap.written, tap.add(0, *BODY)) == (1, False)

    asyncio.run(asyncio.wait_for(run(), 20))
