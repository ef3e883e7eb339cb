"""The supervisor, with a crew that is never done with what it is told: it follows, and it ends."""

import asyncio
import os
import signal
import threading

import pytest

from arkwright.core.errors import Invalid
from arkwright.core.ports import Routing, Served, Serving, Share
from arkwright.serve.processes import control, supervisor
from arkwright.serve.processes.files import Room
from arkwright.serve.processes.supervisor import Supervisor


class Busy:
    """A crew that is never done with what it is told."""

    def __init__(self, stopped):
        self.did, self._stopped = [], stopped

    def __getattr__(self, name):
        async def never(*_):
            self.did.append(name)
            if name == self._stopped:
                os.kill(os.getpid(), signal.SIGTERM)
            if name in ("start", "move"):
                await asyncio.Event().wait()

        return never

    def halt(self, stopped):
        self.did.append(("halt", *stopped))
        os.kill(os.getpid(), signal.SIGTERM)

    def end_shadows(self):
        pass

    def forget(self, name):
        pass


@pytest.mark.parametrize("while_", ["start", "move"])
def test_a_server_that_begins_is_stopped_at_once(tmp_path, monkeypatch, while_):
    crew = Busy(while_)
    if while_ == "move":
        crew.start = crew.begun = crew.ready
    monkeypatch.setattr(supervisor, "Crew", lambda *_, **__: crew)
    served = {"who": Routing((Share(Served(tmp_path, "release:who@1", "1" * 64)),))}
    running = Supervisor(lambda held: served, Serving(), Room(1, 1, 1), (), None, tmp_path, print)
    asyncio.run(asyncio.wait_for(running.run(), 60))
    assert crew.did[-3:] == [while_, "leave_be", "close"]


def test_that_nobody_lives_to_do_the_first_move_is_no_fault_of_the_program(tmp_path, monkeypatch):
    class Empty(Busy):
        async def start(self):
            pass

        async def move(self, order, names):
            raise OSError("no worker lives to try it")

    crew = Empty(None)
    monkeypatch.setattr(supervisor, "Crew", lambda *_, **__: crew)
    served = {"who": Routing((Share(Served(tmp_path, "release:who@1", "1" * 64)),))}
    with pytest.raises(Invalid, match="no worker lives to try it"):
        asyncio.run(Supervisor(lambda held: served, Serving(), Room(1, 1, 1), (), None, tmp_path, print).run())


def test_the_end_waits_for_no_look_at_the_releases(tmp_path, monkeypatch):
    """To look through a large one takes long."""
    closed, waited = threading.Event(), []

    class Closes(Busy):
        async def close(self, sign):
            closed.set()

    def watch(held):
        os.kill(os.getpid(), signal.SIGTERM)
        waited.append(closed.wait(20))

    async def begun():
        pass

    monkeypatch.setattr(supervisor, "Crew", lambda *_, **__: Closes(""))
    running = Supervisor(watch, Serving(), Room(1, 1, 1), (), None, tmp_path, print)
    monkeypatch.setattr(running, "_begin", begun)
    asyncio.run(running.run())
    assert waited == [True]


@pytest.mark.parametrize(("pause", "lines"), [(60.0, 1), (0.0, 5)])
def test_what_cannot_be_read_is_said_now_and_then(tmp_path, monkeypatch, caplog, pause, lines):
    """Not at each look: the log may be on the disk that is full."""
    looks = []

    def watch(held):
        looks.append(held)
        if len(looks) == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        raise OSError(28, "No space left on device")

    async def begun():
        pass

    monkeypatch.setattr(supervisor, "Crew", lambda *_, **__: Busy(""))
    monkeypatch.setattr(supervisor, "LOOK", 0.001)
    monkeypatch.setattr(supervisor, "_COMPLAINT", pause)
    running = Supervisor(watch, Serving(), Room(1, 1, 1), (), None, tmp_path, print)
    monkeypatch.setattr(running, "_begin", begun)
    asyncio.run(asyncio.wait_for(running.run(), 60))
    assert caplog.text.count("what is to be served cannot be read: OSError(28, ") == lines


def test_an_endpoint_that_is_gone_keeps_no_stop_and_no_end_waiting(tmp_path, monkeypatch):
    """The workers are busy: they are told of it later."""
    both, stopped = ({"a": Routing((Share(Served(tmp_path, "release:a@1", "1" * 64)),)), "b": b} for b in (
        Routing(()), Routing((), 2, stopped="stopped by ana"),
    ))  # fmt: skip
    said = [{"b": stopped["b"]}, {"b": both["b"]}, both]
    crew = Busy("")
    crew.start = crew.ready
    monkeypatch.setattr(supervisor, "Crew", lambda *_, **__: crew)
    running = Supervisor(lambda held: said.pop() if said else None, Serving(), Room(1, 1, 1), (), None, tmp_path, print)

    async def begun():
        running._wanted = running._traffic = dict(running._watch(()))

    monkeypatch.setattr(running, "_begin", begun)
    asyncio.run(asyncio.wait_for(running.run(), 60))
    assert [one for one in crew.did if one != "renew"] == ["move", ("halt", "b"), "leave_be", "close"]


def test_who_asks_for_an_endpoint_that_is_just_taken_away_is_told_so(tmp_path):
    """A later one of that name is served."""
    told = []

    class Slow:
        async def move(self, order, names):
            told.append(order)
            await asyncio.sleep(0)
            return {}

    async def gone():
        running = Supervisor(None, Serving(), Room(1, 1, 1), (), None, tmp_path, print)
        running._applying, running._crew = asyncio.Lock(), Slow()
        served = Routing((Share(Served(tmp_path, "release:who@1", "1" * 64)),))
        running._traffic = {"who": served}
        going = asyncio.create_task(running._apply("who", None))
        await asyncio.sleep(0)
        why_not = await running._asked(control.Ask(1, "unload", "who"))
        await going
        await running._apply("who", served)
        return why_not

    assert asyncio.run(gone()) == "no endpoint is called 'who'"
    assert [(list(order.traffic), order.unloaded) for order in told] == [([], []), (["who"], [])]


def test_an_endpoint_that_is_gone_is_not_told_as_unloaded(tmp_path):
    """Who has one of that name later has it loaded."""
    told = []

    class Ready:
        async def move(self, order, names):
            told.append(order)
            return {}

    async def gone():
        running = Supervisor(None, Serving(), Room(1, 1, 1), (), None, tmp_path, print)
        running._applying, running._crew = asyncio.Lock(), Ready()
        running._traffic = {"who": Routing((Share(Served(tmp_path, "release:who@1", "1" * 64)),))}
        assert await running._asked(control.Ask(1, "unload", "who")) is None
        await running._apply("who", None)

    asyncio.run(gone())
    assert [order.unloaded for order in told] == [["who"], []]
