"""One event told to several people: whoever cannot be told now delays nobody else."""

import time
from dataclasses import replace

from tests.notify.conftest import PATIENCE
from tests.notify.told import room

from arkwright.notify import state
from arkwright.notify.courier import Patience
from arkwright.notify.failed import Failed
from arkwright.notify.parts import Part
from arkwright.notify.state import Aside, State

__all__ = ["room"]


class Letters:
    """A subscriber that tells several people of one event."""

    id, begins = "letters", True

    def __init__(self):
        self.told, self.broken = [], {}

    def parts(self, event):
        return [Part(to, lambda to=to: self.send(event, to)) for to in ("ana", "ben", "cleo")]

    def send(self, event, to):
        if self.broken.get(to):
            raise self.broken[to].pop()
        self.told.append((event.seq, to))


def test_of_many_letters_each_is_sent_once(room):
    letters = Letters()
    letters.broken = {"ben": [Failed("later"), ValueError("a mistake")], "cleo": [Failed("no such", never=True)]}
    room.write(5)
    with room.open(subscribers=lambda: [letters]):
        end = time.monotonic() + PATIENCE
        while not state.get(room.vault, "letters"):
            assert time.monotonic() < end
            time.sleep(0.01)
        room.write(1)
        found = room.until(letters, lambda now: now.place == 6)
    assert letters.told == [(6, "ana"), (6, "ben")]  # from when it was first seen
    assert [(dead.seq, dead.to, dead.why) for dead in found.dead] == [(6, "cleo", "no such")]


def test_whoever_alone_cannot_be_told_now_delays_nobody_else(room):
    got, full = [], ["cleo"]

    class Letters:
        id, begins = "mail", False

        def parts(self, event):
            def sent(who):
                if who in full:
                    raise Failed("refused the address (451)", alone=True)
                got.append((who, event.seq))

            return [Part(who, lambda who=who: sent(who)) for who in ("cleo", "ben")]

    letters = Letters()
    state.begin(room.vault, "mail", 0)
    with room.open(Patience(tries=50, first=0.01, most=0.02), lambda: [letters]):
        room.write(3)
        aside = room.until(letters, lambda now: now.place == 3 and len(now.aside) == 3)
        assert got == [("ben", 1), ("ben", 2), ("ben", 3)]
        assert {one.to for one in aside.aside} == {"cleo"}
        full.clear()
        room.until(letters, lambda now: not now.aside)
    assert sorted(got[3:]) == [("cleo", 1), ("cleo", 2), ("cleo", 3)]
    full.append("cleo")
    with room.open(subscribers=lambda: [letters]):
        room.write()
        found = room.until(letters, lambda now: now.dead)
    assert (found.aside, [(dead.seq, dead.to) for dead in found.dead]) == ((), [(4, "cleo")])


class Refusing:
    """Tells one of thirty people of each event, and is always refused in the same way."""

    id, begins = "mail", False

    def __init__(self, **how):
        self.how, self.tried = how, []

    def parts(self, event):
        return [Part(f"p{event.seq % 30}", lambda: self.send(event.seq))]

    def send(self, seq):
        self.tried.append(seq)
        raise Failed("refused (451)", **self.how)


def test_what_everybody_is_refused_with_is_the_servers_own_and_loses_no_letter(room):
    letters = Refusing(alone=True)
    state.begin(room.vault, "mail", 0)
    with room.open(Patience(first=3600.0), lambda: [letters]):
        room.write(115)
        found = room.until(letters, lambda now: now.due)
        assert letters.tried == [1, 2, 3, 4, 5, 6]
    assert (found.place, [one.to for one in found.aside], found.dead) == (5, ["p1", "p2", "p3", "p4", "p5"], ())


def test_a_server_that_takes_nothing_is_tried_once_and_not_for_each_that_waits(room):
    room.write(9)
    letters = Refusing(after=5000.0)
    state.begin(room.vault, "mail", 9)
    kept = state.Kept(room.vault, "mail")
    kept.change(replace(kept.state(), aside=tuple(replace(aside(seq, f"p{seq}"), due=0.0) for seq in range(1, 10))))
    with room.open(Patience(first=0.01), lambda: [letters]):
        found = room.until(letters, lambda now: all(one.due > time.time() + 4000 for one in now.aside))
        assert (letters.tried, found.last, len(found.aside)) == ([1], "refused (451)", 9)
        room.write(1)
        room.until(letters, lambda now: now.due > time.time() + 4000)
        assert letters.tried == [1, 10], "what is new is tried all the same, and before the others"


def aside(seq, to):
    return Aside(seq=seq, to=to, tries=1, due=2e9, why="full")


def test_of_too_many_that_wait_the_oldest_of_whoever_has_the_most_gives_way(monkeypatch):
    monkeypatch.setattr(state, "MOST_ASIDE", 4)
    found = State(place=9)
    for seq, to in ((2, "ben"), (1, "ben"), (3, "ben"), (4, "ana")):
        found = found.put_aside(aside(seq, to), "at")
    assert found.dead == ()
    found = found.put_aside(aside(5, "ben"), "at").put_aside(aside(6, "cleo"), "at")
    assert [(one.seq, one.to) for one in found.aside] == [(3, "ben"), (4, "ana"), (5, "ben"), (6, "cleo")]
    assert [(one.seq, one.to, one.why) for one in found.dead] == [
        (1, "ben", "4 others wait already: full"),
        (2, "ben", "4 others wait already: full"),
    ]


def test_one_full_mailbox_never_stops_everybody_s_mail(room, monkeypatch):
    monkeypatch.setattr(state, "MOST_ASIDE", 2)
    letters = Letters()
    letters.broken = {"ben": [Failed("full", alone=True) for _ in range(4)]}
    state.begin(room.vault, "letters", 0)
    with room.open(Patience(first=3600.0), lambda: [letters]):
        room.write(4)
        found = room.until(letters, lambda now: now.place == 4)
    assert [seq for seq, to in letters.told if to == "cleo"] == [1, 2, 3, 4]
    assert ([one.seq for one in found.aside], [one.seq for one in found.dead]) == ([3, 4], [1, 2])


def test_what_waits_for_nobody_any_more_is_given_up_and_not_forgotten(room):
    room.write()
    letters = Letters()
    state.begin(room.vault, "letters", 1)
    kept = state.Kept(room.vault, "letters")
    kept.change(replace(kept.state(), aside=(replace(aside(1, "dora"), due=0.0),)))
    with room.open(subscribers=lambda: [letters]):
        found = room.until(letters, lambda now: not now.aside)
    (dead,) = found.dead
    assert (dead.seq, dead.to, dead.why) == (1, "dora", "nobody of that name is to be told of it any more")
