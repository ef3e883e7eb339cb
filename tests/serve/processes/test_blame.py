"""Whom a death is laid to: what is refused for it, what is left out, and that neither lasts longer than it must.

The workers are played, by a clock that jumps. Most stories have a release that ends a process only beside another, or a
moment after it is loaded, which no trial of it alone can tell.
"""

import asyncio
import signal

import pytest
from tests.serve import telling
from tests.serve.actor import Actor
from tests.serve.stories import World
from tests.serve.telling import tell

from arkwright.core.ports import Routing, Served, Share
from arkwright.serve.processes import control
from arkwright.serve.processes.place import LeftOut
from arkwright.serve.processes.putoff import PutOff


@pytest.fixture
def stage(monkeypatch):
    """Plays in a world in which all serve a@1 and b@1. `kills(actor, release, before)`: whether it ends what loads it,
    where these were loaded `before`.
    """
    for judge in ("judge", "steady"):  # who is refused here, and who answers, is for the test to say
        monkeypatch.setattr(World, judge, lambda *a, **k: None)
    load, step = Actor.load, World.step

    def run(play, kills=lambda *_: False):
        async def loads(self, release):
            before, _ = list(self.told), self.told.append(release)
            if kills(self, release, before):
                await asyncio.sleep(0.1)
                self.end(-signal.SIGKILL)
                await asyncio.sleep(1e9)
            self.told.pop()
            await load(self, release)

        async def steps(self, verb, *said):
            await (play(self) if verb == "play" else step(self, verb, *said))

        monkeypatch.setattr(Actor, "load", loads)
        monkeypatch.setattr(World, "step", steps)
        tell([("play",)], ends=None)

    return run


def of(world, version, *releases, shadow=None):
    """These answer, a part each."""
    shares = tuple(Share(Served(world.folder, one, "d"), 1 / len(releases)) for one in releases)
    return Routing(shares + ((Share(Served(world.folder, shadow, "d"), 0.0, shadow=True),) if shadow else ()), version)


def answers(world, name):
    """With what, in each that callers may meet."""
    return [one.answers().get(name) for one in world.all if one.is_met and not one.shadow]


def kill(world):
    for one in [one for one in world.all if one.alive]:
        one.end(-signal.SIGKILL)


async def put(world, name, routing, seconds=4.0):
    world.put(name, routing)
    await asyncio.sleep(seconds)


async def takes(world, seconds, *answered):
    """Until that many seconds have passed each of these is answered so, everywhere."""
    until = world.now + seconds
    while any(answers(world, name) != [{release}] * 2 for name, release in answered):
        assert world.now < until, [(name, answers(world, name)) for name, _ in answered]
        await asyncio.sleep(0.1)


@pytest.fixture
def ends_later(monkeypatch):
    """What is in it ends whoever has loaded it a moment later: a thread does, or the collection of garbage."""
    bad, say = set(), Actor._say

    async def says(self, release, name):
        await say(self, release, name)
        if not release and bad & {*self.told}:
            await asyncio.sleep(0.05)
            self.end(-signal.SIGSEGV)
            await asyncio.sleep(1e9)

    monkeypatch.setattr(Actor, "_say", says)
    return bad


@pytest.mark.parametrize("stops", [False, True], ids=["rolled back", "stopped"])
def test_what_ends_workers_when_it_is_loaded_and_before_they_listen_is_left_out(stage, ends_later, stops):
    async def play(world):
        await put(world, "a", of(world, 2, "a@2"))
        ends_later.add("a@2")
        kill(world)
        await asyncio.sleep(2)
        world.put("a", Routing((), 3, stopped="by ana") if stops else of(world, 3, "a@1"))
        await takes(world, 4, ("b", "b@1"), *([] if stops else [("a", "a@1")]))

    stage(play)


def test_what_ends_who_tries_it_when_it_is_loaded_and_before_it_listens_is_refused(stage, ends_later):
    async def play(world):
        ends_later.add("a@2")
        await put(world, "a", of(world, 2, "a@2"))
        await takes(world, 1, ("b", "b@1"), ("a", "a@1"))
        assert [one.version for one in world.refused["a"]] == [2]

    stage(play)


def test_a_stop_waits_for_nobody_where_none_lives(stage, monkeypatch):
    """Nothing can be said of what ends them: they load nothing."""
    live = Actor._live

    async def dies(self):
        self.end(-signal.SIGKILL)

    async def play(world):
        monkeypatch.setattr(Actor, "_live", dies)
        kill(world)
        await put(world, "a", of(world, 2, "a@2"), 0.0)
        world.do_stop("b")
        await asyncio.sleep(150.0)
        assert (world.super._traffic["b"].stopped, world.super._traffic["a"].version) == ("stopped by ana", 1)
        assert not world.refused
        monkeypatch.setattr(Actor, "_live", live)
        await takes(world, 80, ("a", "a@2"))

    stage(play)


def test_a_move_is_not_decided_by_the_shadows_alone(stage, monkeypatch):
    live = Actor._live

    async def dies(self):
        await live(self) if self.shadow else self.end(-signal.SIGKILL)

    async def play(world):
        await put(world, "a", of(world, 2, "a@1", shadow="s@1"))
        world.do_does("a@3", "fails")
        with monkeypatch.context() as patched:
            patched.setattr(Actor, "_live", dies)
            kill(world)
            await put(world, "a", of(world, 3, "a@3", shadow="s@1"), 6.0)
            kill(world)  # who did it: the next one of the shadows decides nothing either
            await asyncio.sleep(30.0)
            assert world.super._traffic["a"].version == 2
        await takes(world, 80, ("a", "a@1"))
        await asyncio.sleep(20)
        assert [one.version for one in world.refused["a"]] == [3]

    stage(play)


def test_a_rollback_is_not_refused_by_what_ends_who_loaded_more_than_that(stage):
    """All are just being born for so long that they try it, behind what they loaded before."""

    async def play(world):
        await put(world, "a", of(world, 2, "a@2"))
        for release in ("a@2", "b@1"):
            world.do_does(release, "good", 3.0)
        kill(world)
        await asyncio.sleep(0.5)
        await put(world, "a", of(world, 3, "a@1"), 6.5)
        assert ["b@1", "a@2", "a@1"] in [one.told for one in world.all if not one.alive]
        await takes(world, 9, ("a", "a@1"), ("b", "b@1"))
        assert not world.refused

    stage(play, lambda one, release, before: release == "a@1" and "a@2" in before and before[0] == "b@1")


@pytest.mark.parametrize("shadow", [False, True], ids=["answers", "is a shadow"])
def test_a_second_copy_that_does_not_fit_is_refused_and_nobody_tries_it_again(stage, shadow):
    async def play(world):
        await put(world, "b", of(world, 2, "b@1", shadow="s@1" if shadow else None))
        await put(world, "a", of(world, 2, "a@1", shadow="s@1") if shadow else of(world, 2, "b@1"))
        await takes(world, 1, ("a", "a@1"), ("b", "b@1"))
        assert [one.version for one in world.refused["a"]] == [2]
        born = len(world.all)
        await asyncio.sleep(15)
        assert (len(world.all), [p._left_out for p in world.crew._places if p._left_out]) == (born, [])

    stage(play, lambda one, release, before: release == ("s@1" if shadow else "b@1") and release in before)


def test_what_leaves_no_room_for_what_is_served_is_refused(stage):
    """A canary: the two of them do not fit together, whichever is loaded last."""

    async def play(world):
        await put(world, "a", of(world, 2, "a@2", "a@1"))
        await takes(world, 1, ("a", "a@1"), ("b", "b@1"))
        assert [one.version for one in world.refused["a"]] == [2]

    stage(play, lambda one, release, before: {"a@1", "a@2"} <= {*before, release})


def test_back_to_what_was_left_out_beside_what_ends_it_is_a_move(stage):
    """b@1 cannot be loaded behind a@2; so b is left out until a answers with b@1 as before."""

    async def play(world):
        await put(world, "a", of(world, 2, "b@1"))
        await put(world, "a", of(world, 3, "a@2"))
        await put(world, "b", of(world, 2, "b@1"))
        kill(world)
        await asyncio.sleep(5)
        assert [place._left_out for place in world.crew._places] == [{"b@1"}] * 2
        world.put("a", of(world, 4, "b@1"))
        await takes(world, 25, ("a", "b@1"), ("b", "b@1"))

    stage(play, lambda one, release, before: release == "b@1" and "a@2" in before and "b@1" not in before)


@pytest.mark.parametrize("loads", [False, True], ids=["weights", "releases"])
def test_a_rollback_that_was_put_off_gets_through_whatever_else_moves(stage, loads):
    async def play(world):
        await put(world, "a", of(world, 2, "b@1"))
        await put(world, "c", of(world, 1, "c@1"))
        await put(world, "a", of(world, 3, "a@2"))
        await put(world, "b", of(world, 2, "b@1"))
        kill(world)
        await asyncio.sleep(5)
        world.put("a", of(world, 4, "b@1"))
        for version in range(2, 6):  # once between any two times that the rollback is tried
            await put(world, "c", of(world, version, f"c@{version if loads else 1}"), 6.0)
        await takes(world, 1, ("a", "b@1"), ("b", "b@1"))

    stage(play, lambda one, release, before: release == "b@1" and "a@2" in before and "b@1" not in before)


async def left_b_which_ends_workers(world, bad):
    """a answered with b's release, and does not any more when that begins to end workers, so that b is left out."""
    await put(world, "a", of(world, 2, "b@1"))
    await put(world, "a", of(world, 3, "a@2"))
    bad.add("b@1")
    kill(world)
    await asyncio.sleep(5)


def test_a_rollback_that_was_put_off_and_overtaken_is_tried_no_more(stage):
    async def play(world):
        await left_b_which_ends_workers(world, bad)
        await put(world, "a", of(world, 4, "b@1"))
        assert [place._put_off.next() is None for place in world.crew._places] == [False] * 2
        world.blind = False
        world.do_does("a@5", "fails")
        await put(world, "a", of(world, 5, "a@5"))
        assert [one.version for one in world.refused["a"]] == [5]
        assert [place._put_off.next() for place in world.crew._places] == [None] * 2
        bad.clear()

    bad = set()
    stage(play, lambda one, release, before: release in bad)


def test_a_rollback_that_would_end_workers_again_ends_nobody_who_answers(stage):
    async def play(world):
        await left_b_which_ends_workers(world, bad)
        living = [one for one in world.all if one.is_met]
        await put(world, "a", of(world, 4, "b@1"), 30)
        assert ([one for one in world.all if one.is_met], answers(world, "a")) == (living, [{"a@2"}] * 2)
        bad.clear()
        await takes(world, 20, ("a", "b@1"), ("b", "b@1"))

    bad = set()
    stage(play, lambda one, release, before: release in bad)


def test_after_a_move_that_heals_nobody_waits_until_it_would_have_been_tried_again(stage):
    async def play(world):
        await put(world, "a", of(world, 2, "a@2", "a@1"))
        kill(world)
        await asyncio.sleep(12)
        for place in world.crew._places:
            place._pace._pause = place._pace._again = 1000.0 + world.now
        world.put("a", of(world, 3, "a@1"))
        await takes(world, 5, ("a", "a@1"))

    stage(play, lambda one, release, before: release == "a@1" and "a@2" in before and "a@1" not in before)


def test_what_heals_is_not_left_out_for_what_ends_workers_beside_it(stage):
    async def play(world):
        bad.update({"a@1", "b@1"})
        kill(world)
        await asyncio.sleep(5)
        bad.discard("b@1")
        await takes(world, 30, ("b", "b@1"))
        assert [(place._left_out, place.worker.lacks) for place in world.crew._places] == [({"a@1"}, {"a"})] * 2
        bad.clear()
        await takes(world, 20, ("a", "a@1"))

    bad = set()
    stage(play, lambda one, release, before: release in bad)


@pytest.mark.parametrize(
    ("seconds", "sign", "computes", "left_out"),
    [
        (-1.0, signal.SIGKILL, False, True),
        (0.7, signal.SIGSEGV, False, True),
        (0.7, signal.SIGSEGV, True, False),
        (2.0, signal.SIGSEGV, False, False),
        (0.7, signal.SIGKILL, False, False),
        (0.7, signal.SIGTERM, False, False),
    ],
)
def test_what_ends_who_begins_to_listen_is_left_out(stage, monkeypatch, seconds, sign, computes, left_out):
    """Where no request is computed, which may have ended it, nor for a second before; and nobody outside did."""
    opens = Actor._open

    async def dies(self):
        if bad & {*self.told} and seconds < 0:
            self.end(-sign)
            await asyncio.sleep(1e9)
        await opens(self)
        if bad & {*self.told}:
            asyncio.get_running_loop().call_later(seconds, struck, self)

    def struck(one):
        if one.alive:
            one.send_signal(sign) if sign == signal.SIGTERM else one.end(-sign)

    async def play(world):
        await put(world, "a", of(world, 2, "a@2"))
        await put(world, "b", of(world, 2, "b@1"))
        bad.add("b@1")
        kill(world)
        await asyncio.sleep(8)
        assert any("goes without it" in line for line in world.log) == left_out
        bad.clear()

    class Computes(telling.Nothing):
        def at_work(self):
            return [[(1, 1)]]

    bad = set()
    monkeypatch.setattr(telling, "Nothing", Computes if computes else telling.Nothing)
    monkeypatch.setattr(Actor, "_open", dies)
    stage(play)


def test_who_cannot_begin_to_listen_at_the_first_start_is_not_laid_to_a_release(monkeypatch):
    async def dies(self):
        self.end(1)
        await asyncio.sleep(1e9)

    monkeypatch.setattr(Actor, "_open", dies)
    with pytest.raises(AssertionError, match="the server's worker ends as soon as it starts"):
        tell([("wait", 1.0)], ends=None)


def test_what_is_loaded_over_the_repository_and_answers_nowhere_is_told(stage):
    async def play(world):
        bad.add("a@1")
        kill(world)
        await asyncio.sleep(4)
        told = await world.super._asked(control.Ask(1, "load", "a"))
        assert told == "a cannot be loaded by any worker now, which is tried again; the server's log says why"
        bad.clear()
        await takes(world, 20, ("a", "a@1"))
        assert await world.super._asked(control.Ask(2, "load", "a")) is None

    bad = set()
    stage(play, lambda one, release, before: release in bad)


def test_what_is_put_off_when_workers_tried_it_is_tried_twice_at_most(stage, monkeypatch):
    """Each time it may have ended them."""
    error = LeftOut("of a@2 one ends or holds up workers that load it")
    error.asked = True

    async def play(world):
        async def move(*_):
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(world.crew, "move", move)
            await put(world, "a", of(world, 2, "a@2"))
            assert not world.refused
            await asyncio.sleep(8)
        assert [one.version for one in world.refused["a"]] == [2]

    stage(play)


@pytest.mark.parametrize("at", [0.3, 0.6])
def test_who_hangs_in_something_else_wakes_and_fails_keeps_nothing_of_before(at):
    """It lacks b and a moves; it hangs in b, gets free while another comes, and cannot load what a moved to."""
    tell([
        ("does", "b@1", "fails", 0.0, 0), ("kill", 0), ("wait", 0.9),
        ("does", "b@1", "hangs", 0.0, 0), ("does", "a@2", "fails", 0.0, 0), ("route", "a", "a@2"),
        ("until", "stuck", 9.0), ("until", "moved", 3.0), ("wait", at), ("free", "b@1"), ("wait", 30.0),
    ], ends=None)  # fmt: skip


def test_of_two_that_were_put_off_neither_keeps_the_other_waiting():
    put_off = PutOff()
    first, second = (control.Serve({name: Routing((), 2)}, []) for name in "ab")
    assert put_off.put("a", first, frozenset({"r"}))
    assert put_off.put("b", second, frozenset({"s"}))
    assert not put_off.put("a", first, frozenset({"r"}))
    one, other = put_off.next(), put_off.next()
    assert (one.order, other.order, put_off.next()) == (first, second, one)
    one.lives = other.lives = True
    assert (put_off.next(), put_off.readmitted(first), put_off.readmitted(second)) == (None, {"r"}, {"s"})
    put_off.doubt()
    assert put_off.readmitted(first) == set()


@pytest.mark.parametrize("does", ["good", "kills", "hangs"])
def test_what_moves_while_all_are_being_born_keeps_no_caller_waiting(stage, does):
    """All endpoints together take longer to load than one may."""

    async def play(world):
        for release in ("a@1", "b@1", "a@2"):
            world.do_does(release, does if release == "a@2" else "good", 3.5)
        kill(world)
        await asyncio.sleep(0.5)
        world.put("a", of(world, 2, "a@2"))
        await takes(world, 7, ("b", "b@1"), ("a", "a@1"))
        await asyncio.sleep(20)
        assert answers(world, "a") == [{"a@2" if does == "good" else "a@1"}] * 2

    stage(play)


def test_moves_that_change_nothing_of_what_is_loaded_bring_no_more_births(stage, monkeypatch):
    monkeypatch.setattr(telling, "SHORTER", ())

    async def play(world):
        bad.add("b@1")
        kill(world)
        await asyncio.sleep(200)  # until the pace is slow
        born = len(world.all)
        for number in range(60):
            await world.super._asked(control.Ask(number, "load", "a"))
            await asyncio.sleep(5)
        assert len(world.all) - born <= 12
        await put(world, "c", of(world, 1, "c@1"))
        assert len(world.all) - born <= 14  # something changed: one more each
        bad.clear()

    bad = set()
    stage(play, lambda one, release, before: release in bad)


@pytest.mark.parametrize("deaths", [1, 2])
def test_of_those_just_being_born_one_death_refuses_no_move(stage, monkeypatch, deaths):
    """It is tried in them where none gets far enough to load anything; then one is killed while it does."""

    async def dies(self):
        self.end(-signal.SIGKILL)

    async def play(world):
        with monkeypatch.context() as patched:
            patched.setattr(Actor, "_live", dies)
            kill(world)
            world.do_does("a@2", "good", 3.0)
            await put(world, "a", of(world, 2, "a@2"), 7.0)
        for _ in range(deaths):
            while any(place.worker.loading != "a@2" for place in world.crew._places):
                assert world.now < 60.0
                await asyncio.sleep(0.01)
            kill(world)
            await asyncio.sleep(0.05)
        await asyncio.sleep(20)
        assert ("a" in world.refused) == (deaths == 2)

    stage(play)
