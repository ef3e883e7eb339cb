"""What ends or holds up workers is left out of the next one: what moves to it, and when it comes back."""

import asyncio

import pytest
from tests.serve.played import FAILS, KILLS, WAITS, until

from arkwright.core.ports import Routing, Served, Share
from arkwright.serve.processes import control, pace
from arkwright.serve.processes.place import LeftOut


def test_who_follows_the_dead_and_is_killed_by_what_it_loads_goes_without(played, monkeypatch):
    """Whoever waits at its place is told; another tries it again."""
    monkeypatch.setattr(pace, "SOON", 0.0)

    async def play(world):
        assert await world.move(b="b@1", a="a@1") == {}
        world.does["b@1"] = KILLS
        world.here()[0].kill()
        await until(lambda: len(world.all) == 5 and world.all[4].listens)
        assert [one.told for one in world.all[2:]] == [["b@1"], ["b@1"], ["a@1"]]
        assert (world.all[4].serves, world.all[4].lacking) == ({"a": "a@1"}, ["b"])
        assert await world.move(a="a@2", b="b@1") == {}
        await world.crew.renew()
        assert (world.here()[0], world.all[4].returncode) == (world.all[4], None)
        del world.does["b@1"]
        await world.crew.renew()
        assert world.here()[0] is world.all[-1]
        assert world.all[-1].serves == {"a": "a@2", "b": "b@1"}
        count = len(world.all)
        await world.crew.renew()
        assert len(world.all) == count

    played(play)


def test_who_follows_the_dead_and_loads_for_too_long_goes_without(played):
    async def play(world):
        assert await world.move(b="b@1", a="a@1") == {}
        world.does["b@1"] = WAITS
        world.here()[0].kill()
        await until(lambda: len(world.all) == 4 and world.all[3].listens)
        assert (world.all[3].told, world.all[3].lacking) == (["a@1"], ["b"])
        del world.does["b@1"]
        assert await world.move(b="b@2", a="a@1") == {}  # which it can serve
        await until(lambda: world.serves() == [{"b": "b@2", "a": "a@1"}] * 2)
        assert await world.move(b="b@1", a="a@1") == {}  # and this, when it is asked for anew
        await until(lambda: world.serves() == [{"b": "b@1", "a": "a@1"}] * 2)

    played(play, load_time=0.1)


def test_a_place_waits_for_nobody_who_tries_again_what_held_up_another(played, monkeypatch):
    monkeypatch.setattr(pace, "SOON", 0.0)

    async def play(world):
        assert await world.move(b="b@1", a="a@1") == {}
        world.does["b@1"] = KILLS
        world.here()[0].kill()
        await until(lambda: len(world.all) == 5 and world.all[4].listens)
        world.does["b@1"] = WAITS
        renewed = asyncio.create_task(world.crew.renew())
        await until(lambda: len(world.all) == 6 and "b@1" in world.all[5].told)
        world.all[4].kill()
        await until(lambda: len(world.all) == 7 and world.all[6].listens)
        assert (world.all[5].returncode, world.here()[0]) == (-9, world.all[6])
        await renewed

    played(play)


async def left_out(world, *places, to=None):
    """a@1 ends whoever loads it at these places; b answers with b@1 everywhere, unless it fails by now."""
    b, _ = world.does.pop("b@1", None), await world.crew.move(to or world.order(a="a@1", b="b@1"), ["a"])
    world.does["b@1"] = b
    await world.crew.ready()
    world.does["a@1"] = KILLS
    for one in [world.here()[number] for number in places]:
        one.kill()
    await until(lambda: all("a" in world.here()[n].lacking and world.here()[n].listens for n in places))


def of(world, *releases, shadow=None):
    """An endpoint that answers with these, a part each, beside a shadow."""
    shares = tuple(Share(Served(world.folder, release, "d"), 1 / len(releases)) for release in releases)
    return Routing(shares + ((Share(Served(world.folder, shadow, "d"), 0.0, shadow=True),) if shadow else ()))


def order(world, **routings):
    return control.Serve({"b": of(world, "b@1")} | routings, [])


@pytest.mark.parametrize("places", [(0,), (0, 1)], ids=["at one place", "everywhere"])
def test_an_endpoint_that_answers_does_not_move_to_what_is_left_out(played, places):
    """Nobody would load it there, and its callers would get nothing by a move that was accepted."""

    async def play(world):
        await left_out(world, *places)
        with pytest.raises(LeftOut, match="of a@1 one ends or holds up workers that load it"):
            await world.crew.move(world.order(a="a@1", b="a@1"), ["b"])
        assert [one["b"] for one in world.serves()] == ["b@1"] * 2
        assert await world.crew.move(world.order(a="a@1", b="b@2"), ["b"]) == {}
        assert [one["b"] for one in world.serves()] == ["b@2"] * 2

    played(play)


def test_an_endpoint_that_answers_does_not_move_to_what_is_left_out_meanwhile(played):
    async def play(world):
        assert await world.crew.move(world.order(a="a@1", b="b@1"), ["a"]) == {}
        world.does |= {"a@1": KILLS, "b@2": WAITS}
        both = control.Serve({"a": of(world, "a@1"), "b": of(world, "a@1", "b@2")}, [])
        moving = asyncio.create_task(world.crew.move(both, ["b"]))
        await until(lambda: all(one.told[-1] == "b@2" for one in world.here()))
        world.here()[0].kill()
        await until(lambda: world.crew._places[0]._left_out)
        world.gate.set()
        with pytest.raises(LeftOut):
            await moving
        await until(lambda: [one.get("b") for one in world.serves()] == ["b@1"] * 2)

    played(play)


def test_what_no_place_can_try_beside_what_is_left_out_is_refused_for_now(played):
    async def play(world):
        world.does["b@1"] = FAILS
        await left_out(world, 0, 1)
        before = [list(one.told) for one in world.here()]
        with pytest.raises(LeftOut, match="of a@1, a@2 one ends"):
            await world.crew.move(order(world, a=of(world, "a@1", "a@2")), ["a"])
        assert not [one for one in world.all if "a@2" in one.told]
        assert [list(one.told) for one in world.here()] == before  # nobody goes back to b@1 once more, which failed
        world.does.clear()
        assert await world.crew.move(world.order(b="b@1", a="a@2"), ["a"]) == {}
        assert world.serves() == [{"a": "a@2", "b": "b@1"}] * 2

    played(play)


def test_back_to_what_is_left_out_everywhere_is_a_move_and_so_is_less_of_it(played):
    """Nothing is lost by it, and what heals answers as it was said last."""

    async def play(world):
        await left_out(world, 0, 1, to=order(world, a=of(world, "a@1", "a@2")))
        assert await world.crew.move(order(world, a=of(world, "a@1")), ["a"]) == {}

    played(play)


def test_who_is_stopped_goes_on_beside_a_place_that_leaves_out_what_it_needs(played):
    async def play(world):
        await left_out(world, 0)
        del world.does["a@1"]
        stopped = Routing((), stopped="by ana: wait")
        assert await world.crew.move(order(world, a=of(world, "a@1"), b=stopped), []) == {}
        assert await world.crew.move(order(world, a=of(world, "a@1"), b=of(world, "a@1")), ["b"]) == {}

    played(play)


def test_a_shadow_that_is_left_out_where_callers_are_answered_is_no_matter(played):
    async def play(world):
        await left_out(world, 0, 1)
        moved = order(world, a=of(world, "a@2", shadow="a@1"))
        assert await world.crew.move(moved, ["a"]) == {}
        assert all("a@2" in one.told for one in world.here())

    played(play)


def test_one_place_at_which_it_is_left_out_decides_nothing(played):
    async def play(world):
        await left_out(world, 0)
        del world.does["a@1"]
        assert await world.crew.move(order(world, a=of(world, "a@1", "a@2")), ["a"]) == {}
        assert "a@2" in world.here()[1].told

    played(play)


def test_what_is_only_a_shadow_any_more_is_not_left_out_for_ever_where_callers_are_answered(played):
    async def play(world):
        await left_out(world, 0)
        del world.does["a@1"]
        assert await world.crew.move(order(world, a=of(world, "a@2", shadow="a@1")), ["a"]) == {}
        assert await world.crew.move(order(world, a=of(world, "a@1")), ["a"]) == {}

    played(play)


def test_a_shadow_that_ends_workers_is_refused_when_it_is_to_answer(played):
    async def play(world):
        assert await world.crew.move(order(world, a=of(world, "a@2", shadow="a@1")), ["a"]) == {}
        world.does["a@1"] = KILLS
        why = {"a": "a@1: workers end while they load it (SIGKILL)"}
        assert await world.crew.move(order(world, a=of(world, "a@1")), ["a"]) == why
        await until(lambda: [one.get("a") for one in world.serves()] == ["a@2"] * 2)
        assert [place._left_out for place in world.crew._places] == [set(), set()]

    played(play)


def test_another_shadow_beside_what_is_left_out_everywhere_is_a_move(played):
    async def play(world):
        await left_out(world, 0, 1)
        assert await world.crew.move(order(world, a=of(world, "a@1", shadow="a@2")), ["a"]) == {}

    played(play)


def test_who_can_do_more_takes_over_though_it_cannot_do_all(played, monkeypatch):
    """What is broken for good keeps nothing else left out."""
    monkeypatch.setattr(pace, "SOON", 0.0)

    async def play(world):
        world.does["b@1"] = FAILS
        await left_out(world, 0)
        for _ in range(2):  # the first dies of a@1; the next one goes without, and so does no more
            assert set(world.crew._places[0].worker.lacks) == {"a", "b"}
            await world.crew.renew()
        del world.does["a@1"]
        await world.crew.renew()
        assert world.here()[0].serves == {"a": "a@1"}
        assert set(world.crew._places[0].worker.lacks) == {"b"}

    played(play)


def test_what_ends_workers_for_good_keeps_nothing_else_left_out(played, monkeypatch):
    """Who is to take over dies of it; the next one goes without, and does more than the old one all the same."""
    monkeypatch.setattr(pace, "SOON", 0.0)

    async def play(world):
        assert await world.move(a="a@1", b="b@1") == {}
        world.does["a@1"] = world.does["b@1"] = KILLS
        here = world.crew._places[0]
        world.here()[0].kill()
        await until(lambda: here.worker.lacks and here.worker.served)
        assert set(here.worker.lacks) == {"a", "b"}
        del world.does["b@1"]
        await world.crew.renew()
        assert set(here.worker.lacks) == {"a", "b"}
        await world.crew.renew()
        assert (set(here.worker.lacks), here._left_out, world.here()[0].lacking) == ({"a"}, {"a@1"}, ["a"])
        del world.does["a@1"]
        await world.crew.renew()
        assert (here.worker.lacks, here._left_out) == (set(), set())
        assert world.here()[0].serves == {"a": "a@1", "b": "b@1"}

    played(play)
