"""Workers that die or fail while they load, and what becomes of their places and of the moves."""

import asyncio

import pytest
from tests.serve.played import FAILS, KILLS, TEARS, WAITS, World, until

from arkwright.core.errors import Invalid
from arkwright.serve.processes import control, pace, place, process


def test_a_release_that_kills_its_workers_is_refused_and_nobody_loads_it_later(played):
    async def play(world):
        world.does["a@2"] = KILLS
        assert await world.move(a="a@2") == {"a": "a@2: workers end while they load it (SIGKILL)"}
        await until(lambda: len(world.serves()) == 2)
        assert [one.told for one in world.all] == [["a@1", "a@2"]] * 2 + [["a@2"]] * 2 + [["a@1"]] * 2
        world.here()[0].kill()
        await until(lambda: len(world.all) == 7 and world.all[-1].listens)
        assert world.all[-1].told == ["a@1"]
        assert world.serves() == [{"a": "a@1"}] * 2

    played(play)


@pytest.mark.parametrize("loads", [True, False], ids=["while it loads", "before"])
def test_who_is_killed_by_chance_refuses_no_move(played, loads):
    async def play(world):
        one, other = world.all
        world.does["a@2"] = WAITS
        moving = asyncio.create_task(world.move(a="a@2"))
        if loads:
            await until(lambda: one.told[-1] == other.told[-1] == "a@2")
        one.kill()
        world.gate.set()
        assert await moving == {}
        await until(lambda: world.serves() == [{"a": "a@2"}] * 2)
        assert (len(world.all), one.returncode) == (3, -9)

    played(play)


def test_of_several_endpoints_what_kills_is_refused_alone(played):
    async def play(world):
        world.does["b@1"] = KILLS
        assert set(await world.move(b="b@1", a="a@1")) == {"b"}
        assert await world.move(c="c@1", a="a@1") == {}
        await until(lambda: world.serves() == [{"a": "a@1", "c": "c@1"}] * 2)

    played(play)


def test_no_move_waits_for_who_is_just_being_born_and_that_one_follows_before_it_answers(played):
    async def play(world):
        one, other = world.all
        world.does["a@1"] = WAITS
        one.kill()
        await until(lambda: len(world.all) == 3 and world.all[2].told)
        assert await world.move(a="a@2") == {}
        assert world.serves() == [{"a": "a@2"}]
        world.gate.set()
        await until(lambda: world.all[2].listens)
        assert world.serves() == [other.serves, {"a": "a@2"}] == [{"a": "a@2"}] * 2

    played(play)


def test_when_the_server_starts_what_kills_or_hangs_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "_LOOK", 0.02)

    async def starts(does):
        async with World(tmp_path, 600.0 if does == KILLS else 0.1) as world:
            world.does["a@1"] = does
            return await world.move(a="a@1")

    assert asyncio.run(starts(KILLS)) == {"a": "a@1: workers end while they load it (SIGKILL)"}
    (tmp_path / "s").unlink()
    assert "did not load within 0.1 s" in asyncio.run(starts(WAITS))["a"]


def test_until_all_have_served_a_release_that_kills_is_an_error_too(tmp_path, monkeypatch):
    """One was told before; the other is just being born."""

    async def starts():
        async with World(tmp_path) as world:
            await until(lambda: world.here()[0].writer)
            world.here()[0].kill()
            await until(lambda: not world.crew._places[0].answers)
            await world.crew.move(world.order(a="a@1"), ["a"])
            world.does["a@1"] = KILLS
            ready = asyncio.create_task(world.crew.ready())
            await until(lambda: world.failures)
            assert not ready.done()
            ready.cancel()
            return world.failures

    (error,) = asyncio.run(asyncio.wait_for(starts(), 60))
    assert isinstance(error, Invalid)
    assert str(error) == "a@1: workers end while they load it (SIGKILL)"


def test_a_move_waits_for_nobody_who_died_loading_and_has_no_successor_nor_is_it_refused(played, monkeypatch):
    """That there is no process says nothing of the release: the other place did it."""
    monkeypatch.setattr(place, "BIRTH", 0.0)

    async def play(world):
        assert await world.move(b="b@1", a="a@1") == {}
        one = world.all[0]
        world.does["a@2"], world.only, world.crew._places[0]._load_time = WAITS, one, 0.2
        moving = asyncio.create_task(world.crew.move(world.order(b="b@1", a="a@2"), ["a"]))
        await until(lambda: one.told[-1] == "a@2")
        world.does["b@1"], world.only = KILLS, None
        born = world.born

        async def once(start):
            world.shut = len(world.all) > 2
            return await born(start)

        world.born = once
        one.kill()
        assert await asyncio.wait_for(moving, 20) == {}
        world.shut, world.born = False, born
        world.does.clear()
        await until(lambda: world.serves() == [{"a": "a@2", "b": "b@1"}] * 2)

    played(play)


def test_a_move_waits_for_who_tries_it_as_long_as_that_one_loads_something(played, monkeypatch):
    monkeypatch.setattr(place, "BIRTH", 0.0)

    async def play(world):
        assert await world.move(b="b@1", a="a@1") == {}
        one, other = world.all
        world.does["a@2"], world.crew._places[0]._load_time = WAITS, 0.5
        moving = asyncio.create_task(world.move(a="a@2", b="b@1"))
        await until(lambda: one.told[-1] == other.told[-1] == "a@2")
        one.kill()
        await until(lambda: len(world.all) == 3 and world.all[2].told)
        await asyncio.sleep(1.2)
        assert not moving.done()
        world.gate.set()
        assert await moving == {}

    played(play)


def test_a_line_that_is_torn_keeps_nobody_waiting(played):
    async def play(world):
        world.does["a@2"] = TEARS
        assert set(await world.move(a="a@2")) == {"a"}
        await until(lambda: world.serves() == [{"a": "a@1"}] * 2)

    played(play)


def test_however_often_none_lives_the_next_one_is_waited_for_5_seconds_at_most():
    assert [pace.pause(many) for many in (1, 5, 6, 2000)] == [0.2, 3.2, 5.0, 5.0]


def test_a_signal_without_a_name_ends_a_worker_alone(played):
    async def play(world):
        world.here()[0].end(-40)
        await until(lambda: len(world.all) == 3 and world.all[2].listens)

    played(play)


def test_what_crashes_on_requests_is_left_behind(played):
    """Whoever answers with it dies; the release that is to come is tried where nobody is answered yet."""

    async def play(world):
        assert await world.move(a="a@2") == {}
        world.does["a@1"] = WAITS
        moving = asyncio.create_task(world.move(a="a@1"))
        await until(lambda: all(one.told[-1] == "a@1" for one in world.all))
        for one in world.all[:2]:
            one.kill()
        await until(lambda: len(world.all) == 4 and all(one.told for one in world.all[2:]))
        world.gate.set()
        assert await moving == {}
        await until(lambda: world.serves() == [{"a": "a@1"}] * 2)
        assert [one.told for one in world.all[2:]] == [["a@1"]] * 2

    played(play)


def test_what_is_refused_in_who_follows_the_dead_is_not_left_out_later(played):
    """It hung there."""

    async def play(world):
        world.does["a@2"] = WAITS
        moving = asyncio.create_task(world.move(a="a@2"))
        await until(lambda: all(one.told[-1] == "a@2" for one in world.all))
        world.all[0].kill()
        assert "did not load within 0.2 s" in (await moving)["a"]
        await until(lambda: world.here()[0].listens)
        assert world.here()[0].serves == {"a": "a@1"}
        del world.does["a@2"]
        assert await world.move(a="a@2") == {}
        assert world.here()[0].serves == {"a": "a@2"}

    played(play, load_time=0.2)


def test_each_place_is_asked_once_however_often_somebody_dies(played):
    async def play(world):
        other, moving = await world.one_dies_amid_a_move()
        world.only = world.all[2]
        other.kill()
        await until(
            lambda: control.releases(world.crew.order.traffic.values()) == {"a@2"}
        )  # its loading decides nothing
        world.gate.set()
        assert await moving == {}
        await until(lambda: world.serves() == [{"a": "a@2"}] * 2)

    played(play)


def test_who_tries_what_is_refused_answers_with_what_is_served(played):
    async def play(world):
        one, other = world.all
        world.does["a@2"] = WAITS
        moving = asyncio.create_task(world.move(a="a@2"))
        await until(lambda: one.told[-1] == other.told[-1] == "a@2")
        world.does["a@2"] = FAILS
        one.kill()
        await until(lambda: len(world.all) == 3 and world.all[2].listens)
        assert (world.all[2].serves, moving.done()) == ({"a": "a@1"}, False)
        world.gate.set()
        assert await moving == {"a": "it is broken"}
        assert world.serves() == [{"a": "a@1"}] * 2

    played(play)


def test_what_ends_who_tries_a_move_and_is_no_part_of_it_is_left_out_and_the_move_tried_again(played):
    async def play(world):
        assert await world.move(b="b@1", a="a@1") == {}
        world.does["a@2"] = WAITS
        moving = asyncio.create_task(world.crew.move(world.order(b="b@1", a="a@2"), ["a"]))
        await until(lambda: all(one.told[-1] == "a@2" for one in world.all))
        world.does |= {"b@1": KILLS, "a@2": FAILS}
        for one in world.all[:2]:
            one.kill()
        assert await moving == {"a": "it is broken"}
        await until(lambda: world.serves() == [{"a": "a@1"}] * 2)

    played(play)


def test_who_is_born_does_not_answer_with_what_it_was_told_first(played):
    """What is served then fails in it."""

    async def play(world):
        world.does["a@1"] = WAITS
        world.here()[0].kill()
        await until(lambda: len(world.all) == 3 and world.all[2].told)
        assert await world.move(a="a@2") == {}
        world.does["a@2"] = FAILS
        world.gate.set()
        await until(lambda: world.all[2].listens)
        assert world.all[2].serves == {}

    played(play)


def test_where_all_end_just_when_they_are_to_be_asked_their_successors_are(played):
    async def play(world):
        world.does["a@2"] = FAILS
        moving = asyncio.create_task(world.move(a="a@2"))
        for one in world.all[:2]:
            one.kill()
        assert await moving == {"a": "it is broken"}

    played(play)
