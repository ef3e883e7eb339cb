"""Workers that die, hang or fail while they load, and what becomes of their places and of the moves."""

import asyncio
import signal

import pytest
from msgspec import structs
from tests.serve.played import FAILS, KILLS, TEARS, WAITS, World

from arkwright.core.errors import Invalid
from arkwright.core.ports import Routing, Served, Share
from arkwright.serve.processes import control, pace, place, process
from arkwright.serve.processes.place import LeftOut


@pytest.fixture
def played(tmp_path, monkeypatch):
    """Runs what is played in a world that serves a@1."""
    monkeypatch.setattr(process, "_LOOK", 0.02)

    async def served(play, load_time):
        async with World(tmp_path, load_time) as world:
            assert await world.move(a="a@1") == {}
            await world.crew.ready()
            await play(world)
            assert world.failures == []

    return lambda play, load_time=600.0: asyncio.run(asyncio.wait_for(served(play, load_time), 60))


async def until(true):
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


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


def test_no_move_waits_for_who_is_to_take_over_and_none_is_refused_by_it(played):
    async def play(world):
        one, other = world.all
        world.does["a@1"] = WAITS
        replaced = asyncio.create_task(world.crew.replace_all())
        await until(lambda: len(world.all) == 3 and world.all[2].told)
        world.does["a@1"] = FAILS
        assert await world.move(a="a@2") == {}
        world.gate.set()
        await replaced
        assert world.all[2].told == ["a@1", "a@2"]
        assert world.here() == world.all[2:]
        assert [one.signals[0], other.signals[0]] == [signal.SIGHUP] * 2
        assert world.serves() == [{"a": "a@2"}] * 2

    played(play)


@pytest.mark.parametrize(("empty", "decided"), [(1, [(3, True), (3, False)]), (2, [(2, False)])])
def test_a_place_where_nobody_lives_says_nothing_of_what_workers_are_forked_from(played, empty, decided):
    """Who is replaced does: the first that is, or nobody is and what was there before stays."""

    async def play(world):
        said = []

        async def decide(*, works):
            said.append((len(world.all), works))

        world.decide = decide
        for one in world.crew._places[:empty]:
            one.worker.opened = False  # it was just born, and died
        await world.crew.replace_all()
        assert said == decided

    played(play)


def test_what_workers_are_forked_from_sees_all_of_them_end(played):
    """Where the server is killed while they drain, it goes on for them."""

    async def play(world):
        closed, (one, other) = asyncio.Event(), world.all

        async def close():
            closed.set()

        world.close = close
        one.linger()
        await world.crew.leave_be()
        closing = asyncio.create_task(world.crew.close(signal.SIGTERM))
        await until(lambda: other.returncode is not None and one.signals)
        await asyncio.sleep(0.02)
        early = closed.is_set()
        one.end(0)
        await closing
        assert (early, closed.is_set()) == (False, True)

    played(play)


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


def test_who_leaves_goes_back_too_when_a_move_is_refused(played):
    async def play(world):
        one, other = world.all
        world.does["a@2"], world.only = WAITS, other
        one.linger()
        moving = asyncio.create_task(world.move(a="a@2"))
        await until(lambda: one.serves == {"a": "a@2"} and other.told[-1] == "a@2")
        replaced = asyncio.create_task(world.crew._places[0].replace())
        await until(lambda: len(world.all) == 3 and world.all[2].listens)
        world.does["a@2"] = FAILS
        other.kill()
        assert await moving == {"a": "it is broken"}
        await until(lambda: one.serves == {"a": "a@1"})
        one.end(0)
        await replaced

    played(play)


def test_who_leaves_is_not_told_to_load_what_nobody_lived_to_serve(played):
    async def play(world):
        assert await world.move(b="b@1", a="a@1") == {}
        world.does["b@1"] = KILLS
        world.here()[0].kill()
        await until(lambda: len(world.all) == 5 and world.all[4].listens)
        leaving = world.all[4]
        assert leaving.serves == {"a": "a@1"}
        del world.does["b@1"]
        leaving.linger()
        replaced = asyncio.create_task(world.crew._places[0].replace())
        await until(lambda: len(world.all) == 6 and world.all[5].listens)
        world.does |= {"b@1": KILLS, "a@2": FAILS}
        assert set(await world.move(a="a@2", b="b@1")) == {"a"}
        await asyncio.sleep(0.05)
        assert (leaving.returncode, leaving.serves) == (None, {"a": "a@1"})
        leaving.end(0)
        await replaced

    played(play)


def test_who_never_began_is_told_nothing_when_it_is_let_go(played):
    async def play(world):
        leaving = world.crew.let_go(world.crew._places[0].worker.twin("replaced"), signal.SIGKILL)
        await world.crew._go_back()
        assert not leaving.done() or leaving.result() is None

    played(play)


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


def test_a_stop_ends_who_hears_nothing_any_more(played):
    async def play(world):
        deaf, other = world.here()
        deaf.writer.close()
        await until(lambda: world.crew._places[0].worker.goes)
        world.crew.halt({"a": (2, "stopped by ana")})
        await until(lambda: other.halted)
        assert (deaf.signals, other.signals) == ([signal.SIGKILL], [])
        await until(lambda: len(world.all) == 3 and world.all[2].listens)
        assert world.all[2].halted == other.halted

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


def test_who_comes_knows_what_was_stopped(played):
    async def play(world):
        world.crew.halt({"a": (2, "stopped by ana")})
        world.here()[0].kill()
        await until(lambda: len(world.all) == 3 and world.all[2].listens)
        assert [one.halted for one in world.all[1:]] == [{"a": (2, "stopped by ana")}] * 2

    played(play)


def test_who_dies_while_it_leaves_tells_of_what_it_died(played):
    async def play(world):
        page = world.crew._places[0].worker.page
        page.desk("who").note([b"poison"])
        await world.crew._places[0].replace()
        assert [size for _, size in world.crew._register.suspects] == [len(b"poison")]

    played(play)


def test_workers_that_are_replaced_meanwhile_refuse_no_move(played):
    async def play(world):
        world.does["a@2"] = WAITS
        moving = asyncio.create_task(world.move(a="a@2"))
        await until(lambda: all(one.told[-1] == "a@2" for one in world.all))
        await world.crew.replace_all()
        world.gate.set()
        assert await moving == {}
        assert world.here() == world.all[2:]
        assert world.serves() == [{"a": "a@2"}] * 2

    played(play)


def test_however_often_none_lives_the_next_one_is_waited_for_5_seconds_at_most():
    assert [pace.pause(many) for many in (1, 5, 6, 2000)] == [0.2, 3.2, 5.0, 5.0]


def test_a_signal_without_a_name_ends_a_worker_alone(played):
    async def play(world):
        world.here()[0].end(-40)
        await until(lambda: len(world.all) == 3 and world.all[2].listens)

    played(play)


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


@pytest.mark.parametrize("moves", [True, False], ids=["told then", "told nothing"])
def test_who_hears_nothing_any_more_is_followed_before_it_ends(played, moves):
    async def play(world):
        deaf = world.here()[0]
        deaf.writer.close()
        await until(lambda: world.crew._places[0].worker.goes)
        moving = asyncio.create_task(world.move(a="a@2" if moves else "a@1"))
        await world.crew.renew()
        assert await moving == {}
        assert deaf.signals == [signal.SIGHUP, signal.SIGCONT]
        assert len(world.all) == 3
        assert world.serves() == [{"a": "a@2" if moves else "a@1"}] * 2

    played(play)


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
        one, other = world.all
        world.does["a@2"], world.only = WAITS, other
        moving = asyncio.create_task(world.move(a="a@2"))
        await until(lambda: one.serves == {"a": "a@2"} and other.told[-1] == "a@2")
        one.kill()
        await until(lambda: len(world.all) == 3 and world.all[2].listens)
        assert world.all[2].serves == {"a": "a@1"}
        world.only = world.all[2]
        other.kill()
        await until(
            lambda: control.releases(world.crew.order.traffic.values()) == {"a@2"}
        )  # its loading decides nothing
        world.gate.set()
        assert await moving == {}
        await until(lambda: world.serves() == [{"a": "a@2"}] * 2)

    played(play)


def test_who_hangs_in_what_the_others_do_does_not_go_on_with_what_was_before(played):
    async def play(world):
        one, other = world.all
        world.does["a@2"], world.only = WAITS, other
        moving = asyncio.create_task(world.move(a="a@2"))
        await until(lambda: one.serves == {"a": "a@2"} and other.told[-1] == "a@2")
        one.kill()
        await until(lambda: len(world.all) == 3 and world.all[2].listens)
        assert world.all[2].serves == {"a": "a@1"}
        worker = world.crew._places[0].worker
        worker._start = structs.replace(worker._start, load_time=0.1)
        world.only = world.all[2]
        world.gate.set()
        world.gate = asyncio.Event()
        assert await moving == {}
        await until(lambda: len(world.all) == 4 and world.all[3].listens)
        assert (world.all[2].returncode, world.all[3].serves, world.all[3].lacking) == (-9, {}, ["a"])

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


def test_who_takes_over_when_another_died_of_a_move_is_told_of_it(played):
    async def play(world):
        one, other = world.all
        world.does |= {"a@1": WAITS, "a@2": WAITS}
        replaced = asyncio.create_task(world.crew._places[0].replace())
        await until(lambda: len(world.all) == 3 and world.all[2].told)
        moving = asyncio.create_task(world.move(a="a@2"))
        await until(lambda: one.told[-1] == other.told[-1] == "a@2")
        one.kill()
        world.gate.set()
        assert await moving == {}
        assert await replaced
        assert world.serves() == [{"a": "a@2"}] * 2
        assert world.here() == [world.all[2], other]

    played(play)


def test_where_all_end_just_when_they_are_to_be_asked_their_successors_are(played):
    async def play(world):
        world.does["a@2"] = FAILS
        moving = asyncio.create_task(world.move(a="a@2"))
        for one in world.all[:2]:
            one.kill()
        assert await moving == {"a": "it is broken"}

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
