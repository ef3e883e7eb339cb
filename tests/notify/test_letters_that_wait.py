"""Letters: what is refused or hangs keeps others waiting only where it lies with the server."""

import threading
import time
from contextlib import nullcontext
from dataclasses import replace

import pytest
from tests.notify.conftest import PATIENCE, until
from tests.notify.told import room

from arkwright.notify import outbox, state
from arkwright.notify.courier import Patience
from arkwright.notify.failed import Failed
from arkwright.notify.parts import Part
from arkwright.notify.state import Aside

__all__ = ["room"]
FULL = Failed("mx refused the address (452)", alone=True)
SPAM = Failed("mx refused the letter (554)", alone=True, never=True)
HUNG = Failed("mx does not say whether it took the letter", alone=True, after=5000.0)


def refuse(error, *taken):
    """Everybody's letter but these."""

    def bad(name):
        if name not in taken:
            raise error

    return bad


class Post:
    """One letter for each event, to whom `to` says; `bad` raises what becomes of it."""

    id, begins = "mail", False

    def __init__(self, to, bad):
        self.to, self.bad, self.tried = to, bad, []

    def parts(self, event):
        name = self.to(event.seq)
        return [Part(name, lambda: self.send(event.seq, name))]

    def send(self, seq, name):
        self.tried.append((seq, name))
        self.bad(name)


def begin(room, place, asides=()):
    state.begin(room.vault, "mail", place)
    kept = state.Kept(room.vault, "mail")
    kept.change(replace(kept.state(), aside=tuple(asides)))


def aside(seq, to):
    return Aside(seq=seq, to=to, tries=1, due=0.0, why="x")


def test_six_full_mailboxes_hold_up_nobody_while_letters_are_taken_in_between(room):
    post = Post(lambda seq: f"full{seq}" if seq % 2 else "ben", refuse(FULL, "ben"))
    begin(room, 0)
    with room.open(Patience(first=3600.0), lambda: [post]):
        room.write(14)
        found = room.until(post, lambda now: now.place == 14 or now.due)
    assert (found.place, len(found.aside)) == (14, 7)


def test_six_full_mailboxes_that_are_tried_again_say_nothing_of_the_server(room):
    """On a quiet night nobody's letter is taken between those tries."""
    post = Post(lambda seq: f"full{seq}", refuse(FULL))
    room.write(6)
    begin(room, 6, (aside(seq, f"full{seq}") for seq in range(1, 7)))
    with room.open(Patience(first=3600.0), lambda: [post]):
        room.until(post, lambda now: all(one.due for one in now.aside))
        room.write(1)
        found = room.until(post, lambda now: now.place == 7 or now.due)
    assert (found.place, len(found.aside)) == (7, 7)


def test_a_server_that_refuses_every_letter_for_good_loses_few(room):
    """As where the sender's address is not known to it any more."""
    post = Post(lambda seq: f"p{seq}", refuse(SPAM))
    room.write(8)
    begin(room, 8, (aside(seq, f"p{seq}") for seq in range(1, 9)))
    with room.open(Patience(first=3600.0), lambda: [post]):
        found = room.until(post, lambda now: all(one.due for one in now.aside))
        assert ([one.seq for one in found.dead], len(found.aside)) == ([1, 2, 3, 4, 5], 3)
        room.write(20)
        found = room.until(post, lambda now: now.due)
    assert (found.place, len(found.dead), found.last) == (8, 5, str(SPAM))


def test_what_is_new_waits_for_one_try_of_what_waits_and_a_hang_for_all_of_that_reader(room):
    def bad(name):
        if name == "hung":
            room.write(1)  # while it hangs
            raise HUNG
        if name == "full":
            raise FULL

    post = Post(lambda seq: {1: "hung", 2: "hung", 3: "full"}.get(seq, "ben"), bad)
    room.write(3)
    begin(room, 3, (aside(1, "hung"), aside(2, "hung"), aside(3, "full")))
    with room.open(Patience(first=3600.0), lambda: [post]):
        found = room.until(post, lambda now: now.place == 4 and all(one.due for one in now.aside))
    assert post.tried == [(1, "hung"), (4, "ben"), (3, "full")]
    assert {one.seq for one in found.aside if one.due > time.time() + 4000} >= {1, 2}


def test_what_is_new_and_hangs_has_all_of_that_reader_wait(room):
    post = Post(lambda seq: "hung", refuse(HUNG))
    room.write(3)
    begin(room, 2, (aside(1, "hung"), aside(2, "hung")))
    with room.open(Patience(), lambda: [post]):
        room.until(post, lambda now: len(now.aside) == 3 and all(one.due > time.time() + 4000 for one in now.aside))
    assert post.tried == [(3, "hung")]


@pytest.mark.parametrize("turns", [False, True])
def test_a_letter_that_is_being_looked_at_is_not_sent_by_another_messenger(room, monkeypatch, turns):
    """Neither when [mail] changes nor when the turn comes back to this process."""
    began, end, asked, lost = threading.Event(), threading.Event(), [], []
    monkeypatch.setattr(outbox, "_GRACE_S", 0.01)
    monkeypatch.setattr(outbox, "_AGAIN_S", 0.01)
    monkeypatch.setattr(room.vault, "alone", lambda _: nullcontext(lambda: not (lost and lost.pop())))

    def slow(_):
        began.set()
        assert end.wait(PATIENCE)

    before = Post(lambda seq: "ben", slow)
    after = before if turns else Post(lambda seq: "ben", lambda _: None)
    begin(room, 0)

    def subscribers():
        asked.append(began.is_set())
        return [after if began.is_set() else before]

    def told():
        return [letter for post in dict.fromkeys((before, after)) for letter in post.tried]

    with room.open(subscribers=subscribers):
        room.write(1)
        assert began.wait(PATIENCE)
        if turns:
            lost.append(True)
        until(lambda: sum(asked) > 5)
        assert told() == [(1, "ben")]
        end.set()
        room.until(before, lambda now: now.place == 1)
        room.write(1)
        room.until(before, lambda now: now.place == 2)
    assert told() == [(1, "ben"), (2, "ben")]
