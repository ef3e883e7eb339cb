"""What a server lets go of, it lets go of once."""

import asyncio
import errno
import os
from types import SimpleNamespace

import pytest
from tests.serve.conftest import flat_release

from arkwright.core.ports import Routing, Served, Share
from arkwright.serve.processes import control
from arkwright.serve.processes import server as server_
from arkwright.serve.processes.server import Server
from arkwright.serve.traffic.poison import Page, shared_memory
from arkwright.serve.wire.limits import Limits


@pytest.fixture
def page():
    fd = shared_memory()
    made = Page(fd)
    os.close(fd)
    yield made
    made.map.close()


def routing(folder, *versions, number=1):
    shares = [
        Share(Served(folder / f"late@{v}", f"release:late@{v}", f"{v:02x}" * 32), 1 / len(versions)) for v in versions
    ]
    return Routing(tuple(shares), version=number)


@pytest.fixture
def releases(tmp_path):
    for version in (1, 2, 3):
        flat_release(tmp_path / f"late@{version}")
    (tmp_path / "late@3" / "model.onnx").write_bytes(b"no graph")
    return tmp_path


def test_what_is_stopped_while_another_endpoint_is_loaded(page, releases):
    async def served():
        server, before = Server(Limits(), page=page), len(page._free)
        await server.serve({"one": routing(releases, 1), "two": routing(releases, 1)})

        async def loads(release, endpoint):
            if release:
                server.halt({"two": (2, "stopped")})
                await asyncio.gather(*server._retiring)

        server.loads = loads
        assert not await server.serve({"one": routing(releases, 2, number=2), "two": routing(releases, 1)})
        assert list(server.app.routes) == ["one"]
        return before - len(page._free)

    assert asyncio.run(served()) == 2  # of the one that is served
    assert len(set(page._free)) == len(page._free)


@pytest.mark.parametrize("asked", [0, 1], ids=["at rest", "while it is asked something"])
@pytest.mark.parametrize("shares", [(1,), (1, 2)], ids=["as it was", "beside another release"])
def test_what_is_stopped_amid_the_move_that_starts_it_again_is_at_work(page, releases, asked, shares):
    async def served():
        server, before = Server(Limits(), page=page), len(page._free)
        await server.serve({"one": routing(releases, 1), "two": routing(releases, 1)})
        (lane,) = server.app.routes["two"].lanes
        lane.reading += asked

        async def loads(release, endpoint):
            if endpoint == "one":
                server.halt({"two": (2, "stopped")})
                await asyncio.sleep(0.02)

        server.loads = loads
        move = {"two": routing(releases, *shares, number=3), "one": routing(releases, 2, number=2)}
        assert not await server.serve(move)
        lane.reading = 0
        await asyncio.gather(*server._retiring)
        lanes = [lane for route in server.app.routes.values() for lane in route.lanes]
        assert [lane.closed for lane in lanes] == [False] * (len(shares) + 1)
        return before - len(page._free) - 2 * len(lanes)

    assert asyncio.run(served()) == 0  # and nothing else is held


def test_what_was_loaded_beside_what_cannot_be(page, releases):
    async def served():
        server, before = Server(Limits(), page=page), len(page._free)
        assert list(await server.serve({"one": routing(releases, 1, 3)})) == ["one"]
        return before - len(page._free)

    assert asyncio.run(served()) == 0


def test_what_was_loaded_and_cannot_be_counted(page, releases):
    """There is no file left to say what it is called; it is tried again each minute."""

    def follow(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    async def served():
        server, before = Server(Limits(), page=page), len(page._free)
        server._observer = SimpleNamespace(follow=follow, settled=lambda _: None)
        (why,) = (await server.serve({"one": routing(releases, 1, 2)})).values()
        return before - len(page._free), isinstance(why, control.Again)

    assert asyncio.run(served()) == (0, True)


@pytest.mark.parametrize("question", [True, False])
def test_what_cannot_be_loaded_stays_as_it_was_only_where_that_may_be_refused(page, releases, question):
    async def served():
        server = Server(Limits(), page=page)
        await server.serve({"one": routing(releases, 1)})
        failed = await server.serve({"one": routing(releases, 3, number=2)}, question=question)
        assert (list(failed), server.app.lacking) == (["one"], not question)
        return list(server.app.routes)

    assert asyncio.run(served()) == ["one"] * question


@pytest.mark.parametrize("question", [True, False])
def test_a_question_that_was_overtaken_changes_nothing(page, releases, question):
    """A worker that was stuck in what was refused has the way back before it."""

    async def served():
        server = Server(Limits(), page=page)
        await server.serve({"one": routing(releases, 1)})
        before = server.app.routes["one"]
        given = {"one": routing(releases, 2, number=2)}
        assert await server.serve(given, question=question, overtaken=lambda: True) == {}
        now = server.app.routes["one"]
        assert {id(lane) for lane in now.lanes}.isdisjoint(map(id, before.lanes)) != question
        return await server.serve({"one": routing(releases, 1)})

    assert asyncio.run(served()) == {}


@pytest.mark.parametrize("left_out", ["unloaded", "lacking"])
def test_what_is_stopped_while_it_is_left_out_here_stays_stopped(page, releases, left_out):
    """The stop comes at once; what was asked for before it is told later."""

    async def served():
        server, both = Server(Limits(), page=page), {"one": routing(releases, 1), "two": routing(releases, 1, number=4)}
        await server.serve(both)
        await server.serve({"one": both["one"]}, **{left_out: ["two"]})
        server.halt({"two": (5, "stopped")})
        await server.serve({"one": routing(releases, 2, number=2)}, **{left_out: ["two"]})
        said = []
        for version in (4, 6):
            await server.serve({"one": both["one"], "two": routing(releases, 1, number=version)})
            said.append(sorted(server.app.routes))
        return said

    assert asyncio.run(served()) == [["one"], ["one", "two"]]


@pytest.mark.parametrize("late", [True, False], ids=["a stop", "a removal"])
def test_what_is_older_and_comes_late_takes_nothing_from_an_emergency_stop(page, releases, late):
    """Moves go their way one after the other, an emergency stop at once."""

    async def served():
        server = Server(Limits(), page=page)
        await server.serve({"one": routing(releases, 1)})
        server.halt({"one": (4, "stopped again")})
        await server.serve({"one": Routing((), version=2, stopped="stopped")} if late else {})
        await server.serve({"one": routing(releases, 2, number=3)})
        between = list(server.app.routes)
        await server.serve({"one": routing(releases, 2, number=5)})
        return between, list(server.app.routes)

    assert asyncio.run(served()) == ([], ["one"])


def test_a_move_waits_a_moment_for_what_it_leaves_and_the_log_until_all_is_answered(page, releases, monkeypatch):
    """A request may take a minute; the way back from a bad release is none to wait for it."""
    monkeypatch.setattr(server_, "_LEFT", 0.05)

    async def served():
        server, settled = Server(Limits(), page=page), []
        server._observer = SimpleNamespace(follow=lambda *_: None, settled=lambda names: settled.append([*names]))
        await server.serve({"one": routing(releases, 1), "two": routing(releases, 1)})
        (slow,) = server.app.routes["one"].lanes
        slow.reading += 1  # it is asked something that takes its time
        before = len(settled)
        await server.serve({"one": routing(releases, 2, number=2), "two": routing(releases, 1)})
        await server.serve({"one": routing(releases, 1, number=3)})
        assert (slow.closed, len(settled) - before, list(server.app.routes)) == (False, 0, ["one"])
        slow.reading -= 1
        await asyncio.gather(*server._retiring)
        await asyncio.sleep(0)
        assert slow.closed
        assert settled[before:] == [["one"]]

    asyncio.run(asyncio.wait_for(served(), 20))


def test_nothing_is_settled_while_something_is_loaded_to_be_served(page, releases):
    """Its log is open already, and is not to be closed by the end of what is stopped meanwhile."""

    async def served():
        server, settled = Server(Limits(), page=page), []
        server._observer = SimpleNamespace(follow=lambda *_: None, settled=lambda names: settled.append([*names]))
        await server.serve({"one": routing(releases, 1)})

        async def loads(release, endpoint):
            if endpoint == "two":
                server.halt({"one": (2, "stopped")})
                await asyncio.gather(*server._retiring)
                await asyncio.sleep(0)

        server.loads = loads
        await server.serve({"one": routing(releases, 1), "two": routing(releases, 1)})
        return settled

    assert asyncio.run(served()) == [["one"], ["two"]]
