"""The outbox: at least once, in order, and nobody waits for another."""

import threading
import time
from types import SimpleNamespace

import pytest
from standardwebhooks.webhooks import Webhook as Judge
from tests.notify.conftest import PATIENCE, until
from tests.notify.told import numbers, room

from arkwright.notify import hooks, state
from arkwright.notify.courier import Patience
from arkwright.notify.outbox import Outbox
from arkwright.notify.parts import Part

__all__ = ["room"]


def test_everything_comes_once_in_order_and_signed(room, receiver):
    room.write(3)
    hook = room.hook("in", f"{receiver.url}/in")
    with room.open():
        room.write(2)
        receiver.wait("/in", 2)
        room.write(2)
        got = receiver.wait("/in", 4)
        room.until(hook, lambda now: now.place == 7)
    assert numbers(got) == [4, 5, 6, 7]  # what came before it was added is not told
    for headers, body in got:
        said = Judge(hook.key).verify(body, headers)
        assert headers["webhook-id"] == said["id"]
        with pytest.raises(Exception, match="No matching signature"):
            Judge(hook.key).verify(body + b" ", headers)
    assert state.get(room.vault, hook.id).last == "told"


def test_only_what_was_chosen_is_told(room, receiver):
    hook = room.hook("in", f"{receiver.url}/in", ("alarms",))
    room.write(5, "recipe")
    room.write(1)
    room.write(2000, "recipe")
    with room.open():
        assert numbers(receiver.wait("/in")) == [6]
        room.until(hook, lambda now: now.place >= 2000)  # a long way of no interest is not walked again
    assert len(receiver.requests) == 1


def test_who_begins_hears_what_comes_right_after_the_start(room):
    heard = []
    mail = SimpleNamespace(id="mail", begins=True)
    mail.parts = lambda event: (Part("", lambda: heard.append(event.seq)),)
    room.write(2)
    with Outbox(room.ledger, room.vault, lambda: [mail], look=0.1):
        room.write(1)  # before the first look
        until(lambda: state.get(room.vault, "mail") and state.get(room.vault, "mail").place == 3)
    assert heard == [3]


def test_who_was_taken_away_and_is_there_again_is_told(room, receiver):
    hook = room.hook("in", f"{receiver.url}/in")
    state.forget(room.vault, hook.id)
    with room.open() as box:
        until(lambda: [one for one in box._couriers.values() if one.is_over()])
        state.begin(room.vault, hook.id, 0)
        room.write(1)
        assert numbers(receiver.wait("/in")) == [1]


def test_a_receiver_that_hangs_delays_no_other(room, receiver):
    room.hook("hangs", f"{receiver.url}/hang")
    room.hook("in", f"{receiver.url}/in")
    with room.open():
        room.write()
        receiver.wait("/hang")
        room.write(5)
        receiver.wait("/in", 6)
        assert len(receiver.at("/hang")) == 1
        began = time.monotonic()
    assert time.monotonic() - began < 5  # nor the end of the process


def test_what_fails_is_tried_again_and_then_given_up(room, receiver):
    hook = room.hook("in", f"{receiver.url}/in")
    receiver.answers["/in"] = 500
    with room.open():
        room.write(2)
        found = room.until(hook, lambda now: len(now.dead) == 2)
        assert numbers(receiver.at("/in")) == [1, 1, 1, 2, 2, 2]
        assert len({headers["webhook-id"] for headers, _ in receiver.at("/in")}) == 2
        assert [(dead.seq, "answered 500" in dead.why) for dead in found.dead] == [(1, True), (2, True)]
        receiver.answers["/in"] = 204
        room.write()
        receiver.wait("/in", 7)
        state.wish(room.vault, hook.id)
        receiver.wait("/in", 9)
        found = room.until(hook, lambda now: not now.dead and not now.again and now.last == "told")
    assert numbers(receiver.at("/in"))[6:] == [3, 1, 2]
    assert found.place == 3


def test_a_message_that_may_be_tried_again_at_once_is_not_passed_by(room, receiver):
    hook = room.hook("in", f"{receiver.url}/in")
    receiver.answers["/in"] = 500
    with room.open(Patience(tries=50, first=0.0)):
        room.write(3)
        receiver.wait("/in", 20)
        receiver.answers["/in"] = 200
        room.until(hook, lambda now: now.place == 3)
    told = numbers(receiver.at("/in"))
    assert told == sorted(told)
    assert set(told) == {1, 2, 3}


def test_nothing_is_lost_while_a_receiver_is_away(room, receiver):
    hook = room.hook("in", f"{receiver.url}/in")
    receiver.answers["/in"] = 503
    with room.open(Patience(tries=1000, first=0.01, most=0.02)):
        room.write(20)
        receiver.wait("/in", 5)
        receiver.answers["/in"] = 200
        room.until(hook, lambda now: now.place == 20)
    told = numbers(receiver.at("/in"))
    assert list(dict.fromkeys(told)) == list(range(1, 21))


def test_who_wants_to_hear_nothing_any_more_is_left_alone(room, receiver):
    hook = room.hook("in", f"{receiver.url}/in")
    receiver.answers["/in"] = 410
    with room.open():
        room.write(3)
        room.until(hook, lambda now: now.off)
        assert len(receiver.requests) == 1
        receiver.answers["/in"] = 200
        state.wish(room.vault, hook.id)
        receiver.wait("/in", 4)


def test_a_hook_comes_changes_and_goes_while_it_runs(room, receiver):
    with room.open():
        room.write()
        hook = room.hook("in", f"{receiver.url}/in")
        room.write()
        receiver.wait("/in")
        room.until(hook, lambda now: now.place == 2)
        turned = hooks.rotated(hook, time.time())
        hooks.swap(room.vault, hook, turned)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:  # until the outbox has seen it
            room.write()
            headers, body = receiver.wait("/in", len(receiver.at("/in")) + 1)[-1]
            if len(headers["webhook-signature"].split()) == 2:
                break
        for key in (hook.key, turned.key):
            assert Judge(key).verify(body, headers)
        assert turned.keys(time.time() + hooks.BOTH + 1) == (turned.key,)
        hooks.remove(room.vault, hook)
        state.forget(room.vault, hook.id)
        end = time.monotonic() + PATIENCE
        while f"tells {hook.id}" in {thread.name for thread in threading.enumerate()}:
            assert time.monotonic() < end
            time.sleep(0.01)
    assert state.get(room.vault, hook.id) is None


def test_memory_and_records_stay_bounded(room, receiver):
    hook = room.hook("in", f"{receiver.url}/in")
    receiver.answers["/in"] = 400
    with room.open(Patience(tries=1)):
        room.write(150)
        found = room.until(hook, lambda now: now.place == 150)
    assert [dead.seq for dead in found.dead] == list(range(51, 151))


def test_waiting_grows_to_its_most():
    waits = [Patience().wait(tries) for tries in range(1, 100)]
    assert 1 <= waits[0] <= 3
    assert all(wait <= 5400 for wait in waits)
    assert 4 * 3600 < sum(2.0 * 4**n if n < 6 else 3600.0 for n in range(11)) < 7 * 3600
