"""What was given up is told again when it is wished: once, and by whoever has the turn then."""

import time
from dataclasses import replace

from tests.notify.told import QUICK, room

from arkwright.notify import state
from arkwright.notify.courier import Patience
from arkwright.notify.outbox import Outbox
from arkwright.notify.state import Aside

__all__ = ["room"]


def test_what_is_wished_again_and_fails_is_given_up_again(room, receiver):
    hook = room.hook("in", f"{receiver.url}/in")
    receiver.answers["/in"] = 500
    with room.open():
        room.write()
        room.until(hook, lambda now: now.dead)
        state.wish(room.vault, hook.id)
        receiver.wait("/in", 4)
        room.until(hook, lambda now: len(now.dead) == 1 and not now.again)


class Overtaken:
    """The vault, in which another messenger comes first whenever this one goes to write down a wish."""

    def __init__(self, vault):
        self._vault, self.overtaken = vault, 0

    def __getattr__(self, name):
        return getattr(self._vault, name)

    def swap(self, kind, key, old, new):
        if kind == state.KIND and '"dead":[]' in new and '"dead":[]' not in old and not self.overtaken:
            self.overtaken += 1
            state.Kept(self._vault, key).change(replace(state.get(self._vault, key), last_at="meanwhile"))
        return self._vault.swap(kind, key, old, new)


def test_a_wish_is_not_lost_between_two_messengers(room, receiver):
    """One takes the wish up and is overtaken before it says so: whoever goes on must still know of it."""
    hook = room.hook("down", f"{receiver.url}/down")
    receiver.answers["/down"] = 500
    slow = Overtaken(room.vault)
    with Outbox(room.ledger, slow, room.receivers, patience=QUICK, look=0.02):
        room.write()
        room.until(hook, lambda now: now.dead)
        receiver.answers["/down"] = 200
        state.wish(room.vault, hook.id)
        room.until(hook, lambda now: not now.dead and not now.again and now.last == "told")
    assert slow.overtaken == 1


def test_a_wish_is_granted_once_and_the_next_one_too(room):
    hook = room.hook("down", "http://127.0.0.1/down")
    assert state.granted(room.vault, hook.id, state.get(room.vault, hook.id)) is None
    for _ in range(2):
        state.wish(room.vault, hook.id)
        before = replace(state.get(room.vault, hook.id).given_up(1, "x", "why", "at"), off=True, tries=3, due=7.0)
        before = replace(before, aside=(Aside(seq=1, to="y", tries=11, due=2e9, why="full"),))
        kept = state.Kept(room.vault, hook.id)
        after = state.granted(room.vault, hook.id, before)
        assert (after.dead, [one.to for one in after.again], after.off, after.tries) == ((), ["x"], False, 0)
        assert [(one.tries, one.due) for one in after.aside] == [(0, 0.0)]  # it has all its tries before it
        kept.change(replace(after, again=()))
        assert state.granted(room.vault, hook.id, kept.state()) is None
    state.forget(room.vault, hook.id)
    assert list(room.vault.find(state.WISH)) == []


def test_a_wish_ends_a_long_wait(room, receiver):
    hook = room.hook("in", f"{receiver.url}/in")
    receiver.answers["/in"] = 500
    with room.open(Patience(tries=10, first=3600.0)):
        room.write()
        room.until(hook, lambda now: now.tries == 1 and now.due > time.time() + 1000)
        receiver.answers["/in"] = 200
        state.wish(room.vault, hook.id)
        room.until(hook, lambda now: now.place == 1)
