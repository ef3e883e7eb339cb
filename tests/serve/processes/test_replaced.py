"""Workers that take over, leave or hear nothing any more: no place is without one, and no move waits."""

import asyncio
import signal

import pytest
from tests.serve.played import FAILS, KILLS, WAITS, until


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
