"""What says nothing of a release: the move is put off, and all go on as before."""

import asyncio

import pytest
from tests.serve.played import EARLY, FAILS, STARVES, World

from arkwright.core.ports import Routing, Served, Share
from arkwright.serve.processes import control, crew, place

NOW = "a@2 cannot be loaded by a worker now: "


@pytest.fixture
def played(tmp_path, monkeypatch):
    """Runs what is played in a world that serves a@1."""
    monkeypatch.setattr(place, "pause", lambda _: 0.0)

    async def served(play):
        async with World(tmp_path) as world:
            assert await world.move(a="a@1") == {}
            await world.crew.ready()
            await play(world)
            while world.serves() != [{"a": "a@1"}] * 2:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    return lambda play: asyncio.run(asyncio.wait_for(served(play), 20))


@pytest.mark.parametrize("everywhere", [True, False])
def test_a_worker_that_finds_no_thread_refuses_no_release(played, everywhere):
    async def play(world):
        world.does["a@2"], world.only = STARVES, None if everywhere else world.all[1]
        with pytest.raises(OSError, match=NOW + "RuntimeError: can't start new thread"):
            await world.move(a="a@2")

    played(play)


def test_what_fails_in_one_is_refused_though_another_finds_no_thread(played):
    async def play(world):
        world.does |= {"a@2": STARVES, "b@1": FAILS}
        served = world.order(a="a@2", b="b@1")
        assert await world.crew.move(served, ["a", "b"]) == {"b": "it is broken"}

    played(play)


def test_workers_that_end_before_they_load_anything_of_it_are_not_told_it_for_ever(played):
    async def play(world):
        world.does["a@2"] = EARLY
        with pytest.raises(OSError, match=NOW + "workers end before they load anything"):
            await world.move(a="a@2")
        assert len(world.all) <= 2 * 4

    played(play)


def test_workers_that_end_before_they_unload_it_unload_nothing_and_say_so(played):
    async def play(world):
        world.does["b@1"] = EARLY
        order = control.Serve(world.order(b="b@1").traffic, ["a"])
        with pytest.raises(OSError, match="a cannot be unloaded by a worker now: workers end before"):
            await world.crew.move(order, ["a"])

    played(play)


def test_after_a_mistake_of_ours_all_go_on_as_before(played, monkeypatch):
    async def play(world):
        async def mistake(*_):
            for one in world.crew._places:
                await one.has(world.order(a="a@2"), ["a"])
            raise KeyError("a")

        monkeypatch.setattr(world.crew, "_ask", mistake)
        with pytest.raises(KeyError):
            await world.move(a="a@2")

    played(play)


def test_what_no_worker_could_read_to_its_end_is_refused_and_told_to_none(played, tmp_path, monkeypatch):
    async def play(world):
        large = Served(tmp_path, "a@2", "d", {f"code/module_{number:04}.py": "ab" * 32 for number in range(1000)})
        order = control.Serve({"a": Routing((Share(large),))}, [])
        monkeypatch.setattr(crew.control, "LONGEST", len(control.line(order)) - 1)
        why = "its releases have 1,000 files, so workers would have to be told 0.1 MiB in one line"
        assert (await world.crew.move(order, ["a"]))["a"].startswith(why)
        assert [one.told for one in world.all] == [["a@1"]] * 2

    played(play)
