"""Workers that hang in what they load: others take their places, and none answers with what was refused."""

import asyncio
import signal

import pytest
from msgspec import structs
from tests.serve.played import FAILS, WAITS, until

from arkwright.serve.processes import pace, process


@pytest.mark.parametrize("late", [False, True], ids=["never", "just then"])
def test_who_is_to_take_over_and_is_stuck_leaves_no_place_empty(played, monkeypatch, caplog, late):
    """It is never done, or just when it is given up."""
    monkeypatch.setattr(process, "_LOOK", 3600 if late else 0.02)

    async def play(world):
        old, other = world.all
        world.does["a@1"] = WAITS
        replaced = asyncio.create_task(world.crew._places[0].replace())
        await until(lambda: len(world.all) == 3 and world.all[2].told)
        worker = world.crew._places[0].coming
        if late:
            await until(lambda: worker.stuck)
            world.gate.set()
        assert await replaced == late
        assert world.here() == [world.all[2] if late else old, other]
        assert ("the workers are not replaced: a@1 did not load within 0.1 s" in caplog.text) != late
        assert old.signals == ([signal.SIGHUP, signal.SIGCONT] if late else [])

    played(play, load_time=0.1)


def test_who_is_stuck_is_told_what_comes_behind_and_does_it(played):
    async def play(world):
        world.does["a@2"], world.only = WAITS, world.all[0]
        assert "did not load within 0.1 s" in (await world.move(a="a@2"))["a"]
        assert await world.move(b="b@1", a="a@1") == {}  # nobody waits for it
        assert world.all[0].serves == {"a": "a@1"}
        world.gate.set()
        await until(lambda: world.serves() == [{"a": "a@1", "b": "b@1"}] * 2)
        assert [one.told for one in world.all] == [["a@1", "a@2", "a@1", "b@1"]] * 2
        await until(lambda: [one.worker.stuck for one in world.crew._places] == [""] * 2)

    played(play, load_time=0.1)


def test_others_take_the_places_of_those_that_are_stuck_as_soon_as_they_can(played, monkeypatch):
    """The first time there is no process for them."""
    monkeypatch.setattr(pace, "SOON", 0.0)

    async def play(world):
        before = world.here()
        world.does["a@2"] = WAITS
        assert set(await world.move(a="a@2")) == {"a"}
        world.shut = True
        await world.crew.renew()
        assert world.here() == before
        world.shut = False
        await world.crew.renew()
        assert world.here() == world.all[2:]
        assert world.serves() == [{"a": "a@1"}] * 2

    played(play, load_time=0.1)


def test_where_all_are_stuck_a_move_waits_for_one_that_takes_over(played):
    async def play(world):
        world.does["a@2"] = WAITS
        assert set(await world.move(a="a@2")) == {"a"}
        moving = asyncio.create_task(world.move(a="a@3"))
        await world.crew.renew()
        assert await moving == {}
        assert world.serves() == [{"a": "a@3"}] * 2
        assert world.all[2].told == ["a@1", "a@3"]

    played(play, load_time=0.1)


def test_where_none_can_take_over_who_is_stuck_follows_at_last(played):
    async def play(world):
        world.does["a@2"], world.shut = WAITS, True
        assert set(await world.move(a="a@2")) == {"a"}
        assert await world.move(a="a@3") == {}
        world.gate.set()
        await until(lambda: world.serves() == [{"a": "a@3"}] * 2)

    played(play, load_time=0.1)


def test_who_is_stuck_ends_when_the_others_moved_on_and_none_can_do_all_that_it_does(played):
    async def play(world):
        assert await world.move(b="b@1", a="a@1", c="c@2") == {}
        world.does["b@1"], world.does["a@2"] = FAILS, WAITS  # b's bytes are damaged: nobody loads it once more
        assert set(await world.move(a="a@2", b="b@1", c="c@2")) == {"a"}
        await world.crew.renew()
        assert [one.serves["c"] for one in world.here()] == ["c@2"] * 2  # nothing else is to be served: it stays
        assert await world.move(c="c@1", a="a@1", b="b@1") == {}
        await world.crew.renew()
        await until(lambda: world.serves() == [{"a": "a@1", "c": "c@1"}] * 2)

    played(play, load_time=0.1)


def test_who_wakes_and_hangs_again_is_still_behind_the_others(played):
    async def play(world):
        assert await world.move(b="b@1", a="a@1", c="c@2") == {}
        world.only = one = world.all[0]
        world.does |= {"a@2": WAITS, "b@1": FAILS, "c@1": WAITS}
        assert set(await world.move(a="a@2", b="b@1", c="c@2")) == {"a"}
        assert await world.move(c="c@1", a="a@1", b="b@1") == {}
        world.gate.set()
        world.gate = asyncio.Event()
        await until(lambda: world.crew._places[0].worker.stuck == "c@1")
        await world.crew.renew()
        await until(lambda: one.returncode == -9 and len(world.serves()) == 2)
        assert world.serves() == [{"a": "a@1", "b": "b@1", "c": "c@1"}, {"a": "a@1"}]  # and another tries c@1 later

    played(play, load_time=0.1)


def test_who_hangs_in_something_else_while_it_is_moved_does_not_answer_on_with_what_was_before(played):
    async def play(world):
        assert await world.move(b="b@1", a="a@2") == {}
        world.does["b@1"] = FAILS
        world.here()[0].kill()
        await until(lambda: len(world.all) == 3 and world.all[2].listens)
        assert world.all[2].serves == {"a": "a@2"}
        world.does["b@1"] = WAITS
        assert await world.move(a="a@1", b="b@1") == {}
        await world.crew.renew()
        await until(lambda: world.serves() == [{"a": "a@1", "b": "b@1"}, {"a": "a@1"}])

    played(play, load_time=0.1)


def test_who_is_stuck_may_have_ended_when_it_is_killed(played):
    """What it forked holds its end of the wire, so nobody has seen that."""

    async def play(world):
        world.does["a@1"] = WAITS
        world.here()[0].kill()
        await until(lambda: len(world.all) == 3 and world.all[2].told)
        del world.does["a@1"]
        world.all[2].returncode = -9
        await until(lambda: world.crew._places[0].worker.stuck)
        world.all[2].over.set()
        await until(lambda: len(world.all) == 4 and world.all[3].listens)
        world.all[2].writer.close()

    played(play, load_time=0.1)


def test_nobody_tries_all_of_it_at_a_place_where_one_comes_already(played, monkeypatch):
    """It is stuck, is given up, and is followed by one that does less."""
    monkeypatch.setattr(process, "_LOOK", 0.5)  # so long that on a busy machine it is seen stuck before it is given up

    async def play(world):
        assert await world.move(b="b@1", a="a@1") == {}
        world.does["b@1"] = WAITS
        world.here()[0].kill()
        here = world.crew._places[0]
        await until(lambda: here.worker.process in world.all[2:] and here.worker.stuck)
        await world.crew.renew()
        await until(lambda: here.worker.served)
        assert (len(world.all), world.all[3].told) == (4, ["a@1"])

    played(play, load_time=0.1)


def test_who_hangs_in_what_the_others_do_does_not_go_on_with_what_was_before(played):
    async def play(world):
        _, moving = await world.one_dies_amid_a_move()
        worker = world.crew._places[0].worker
        worker._start = structs.replace(worker._start, load_time=0.1)
        world.only = world.all[2]
        world.gate.set()
        world.gate = asyncio.Event()
        assert await moving == {}
        await until(lambda: len(world.all) == 4 and world.all[3].listens)
        assert (world.all[2].returncode, world.all[3].serves, world.all[3].lacking) == (-9, {}, ["a"])

    played(play)


async def refused(world):
    """The first worker did a@2; the other is stuck in it."""
    one, other = world.all
    world.does["a@2"], world.only = WAITS, other
    moving = asyncio.create_task(world.move(a="a@2"))
    await until(lambda: one.serves == {"a": "a@2"} and other.told[-1] == "a@2")
    world.only = None
    return one, other, moving


def test_who_cannot_go_back_answers_with_nothing_until_another_takes_its_place(played, monkeypatch):
    monkeypatch.setattr(pace, "SOON", 0.0)

    async def play(world):
        one, other, moving = await refused(world)
        world.does["a@1"] = FAILS
        assert set(await moving) == {"a"}
        assert (one.serves, other.serves) == ({}, {"a": "a@1"})
        world.gate.set()  # the other one gets free, does what was refused and cannot go back either
        await until(lambda: other.serves == {} and other.told[-1] == "a@1")
        await until(lambda: all(one.worker.lacks and not one.worker.stuck for one in world.crew._places))
        del world.does["a@1"]
        await world.crew.renew()
        assert world.serves() == [{"a": "a@1"}] * 2
        assert world.here() == world.all[2:]

    played(play, load_time=0.1)


def test_who_hangs_on_its_way_back_answers_no_more_with_what_was_refused(played):
    async def play(world):
        one, other, moving = await refused(world)
        world.does["a@1"] = WAITS
        assert set(await moving) == {"a"}
        await until(lambda: len(world.all) == 3 and world.all[2].listens)
        assert (one.returncode, world.all[2].lacking, world.all[2].serves) == (-9, ["a"], {})
        assert (other.returncode, other.serves) == (None, {"a": "a@1"})

    played(play, load_time=0.1)
