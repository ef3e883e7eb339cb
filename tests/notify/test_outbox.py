"""The outbox: at least once, in order, and nobody waits for another."""

import json
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, nullcontext
from dataclasses import replace

import pytest
from standardwebhooks.webhooks import Webhook as Judge
from tests.notify.conftest import PATIENCE, until

from arkwright.core.errors import Away
from arkwright.core.ports import Entry
from arkwright.infra.postgres_ledger import PostgresLedger
from arkwright.infra.postgres_vault import PostgresVault
from arkwright.notify import address, hooks, outbox, state
from arkwright.notify.courier import Patience
from arkwright.notify.failed import Failed
from arkwright.notify.hooks import Receiver
from arkwright.notify.outbox import Outbox
from arkwright.notify.parts import Part
from arkwright.notify.state import Aside, State

QUICK = Patience(tries=3, first=0.01, most=0.02)
HERE = address.networks(["127.0.0.1/32"])


class Room:
    """A ledger, a vault, and hooks on them."""

    def __init__(self, ledger, vault):
        self.ledger, self.vault, self.written = ledger, vault, 0

    def hook(self, name, url, on=("everything",)):
        made = hooks.new(name, self.written + 1, url, "cloudevents", on)
        state.begin(self.vault, made.id, self.written)
        hooks.add(self.vault, made)
        return made

    def receivers(self):
        return [Receiver(hook, "urn:x", str, HERE) for hook in hooks.all_of(self.vault)]

    def open(self, patience=QUICK, subscribers=None):
        return Outbox(self.ledger, self.vault, subscribers or self.receivers, patience=patience, look=0.02)

    def write(self, many=1, kind="alarm"):
        entries = [Entry(kind, f"k{self.written + n}", "{}") for n in range(1, many + 1)]
        self.written = self.ledger.append("ana", entries)

    def until(self, hook, wanted):
        """The hook's state when it is as wanted."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = state.get(self.vault, hook.id)
            if found and wanted(found):
                return found
            time.sleep(0.01)
        raise AssertionError(found)


@pytest.fixture
def room(ledger, vault):
    return Room(ledger, vault)


def numbers(requests):
    return [json.loads(body)["data"]["seq"] for _, body in requests]


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


def test_what_is_wished_again_and_fails_is_given_up_again(room, receiver):
    hook = room.hook("in", f"{receiver.url}/in")
    receiver.answers["/in"] = 500
    with room.open():
        room.write()
        room.until(hook, lambda now: now.dead)
        state.wish(room.vault, hook.id)
        receiver.wait("/in", 4)
        room.until(hook, lambda now: len(now.dead) == 1 and not now.again)


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


def test_who_lost_the_turn_delivers_nothing_more(room, receiver, monkeypatch):
    hook, is_held = room.hook("in", f"{receiver.url}/in"), [True]
    monkeypatch.setattr(room.vault, "alone", lambda _: nullcontext(lambda: is_held[0]))
    with room.open() as told:
        room.write()
        room.until(hook, lambda now: now.place == 1)
        is_held[0] = False
        until(lambda: not told._couriers)


def test_it_ends_in_order_where_the_vault_is_away(room, monkeypatch):
    died = []
    monkeypatch.setattr(threading, "excepthook", died.append)

    def away(*_):
        raise Away("the vault cannot be reached")

    with room.open() as told:
        monkeypatch.setattr(room.vault, "find", lambda *_: told._stopped.set() or away())
        told._thread.join(PATIENCE)
    assert died == []


def test_a_wish_ends_a_long_wait(room, receiver):
    hook = room.hook("in", f"{receiver.url}/in")
    receiver.answers["/in"] = 500
    with room.open(Patience(tries=10, first=3600.0)):
        room.write()
        room.until(hook, lambda now: now.tries == 1 and now.due > time.time() + 1000)
        receiver.answers["/in"] = 200
        state.wish(room.vault, hook.id)
        room.until(hook, lambda now: now.place == 1)


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


DIES = """
import os, sys, time
from pathlib import Path
from arkwright.infra.sqlite_ledger import SqliteLedger
from arkwright.infra.sqlite_vault import SqliteVault
from arkwright.notify import address, hooks, outbox

class Dies(SqliteVault):
    def swap(self, kind, key, old, new):
        if '"place":0' not in new:
            os._exit(9)
        return super().swap(kind, key, old, new)

folder = Path(sys.argv[1])
ledger, vault = SqliteLedger(folder / "ledger.db"), Dies(folder / "vault.db")
here = address.networks(["127.0.0.1/32"])
who = lambda: [hooks.Receiver(hook, "urn:x", str, here) for hook in hooks.all_of(vault)]
with outbox.Outbox(ledger, vault, who, look=0.02):
    time.sleep(60)
"""


def test_another_process_goes_on_where_the_first_died(room, receiver, tmp_path):
    """It got its answer and died before it could note it: the message comes once more, under the same id."""
    hook = room.hook("in", f"{receiver.url}/in")
    room.write(2)
    assert subprocess.run([sys.executable, "-c", DIES, tmp_path], check=False, timeout=60).returncode == 9
    assert len(receiver.requests) == 1
    with room.open():
        room.until(hook, lambda now: now.place == 2)
    assert numbers(receiver.at("/in")) == [1, 1, 2]
    first, second, _ = receiver.at("/in")
    assert first[0]["webhook-id"] == second[0]["webhook-id"]


def test_one_of_many_delivers(room, receiver, monkeypatch):
    monkeypatch.setattr(outbox, "_AGAIN_S", 0.1)
    hook = room.hook("in", f"{receiver.url}/in")
    first = room.open()
    with first, room.open():
        room.write(50)
        room.until(hook, lambda now: now.place == 50)
        room.write(50)
        room.until(hook, lambda now: now.place == 100)
    assert numbers(receiver.at("/in")) == list(range(1, 101))


def test_another_waits_for_its_turn(room, receiver, monkeypatch):
    monkeypatch.setattr(outbox, "_AGAIN_S", 0.02)
    hook, tried, alone = room.hook("in", f"{receiver.url}/in"), [], room.vault.alone
    with ExitStack() as first:
        first.enter_context(alone(outbox.TURN))
        monkeypatch.setattr(room.vault, "alone", lambda what: tried.append(what) or alone(what))
        with room.open():
            room.write()
            until(lambda: len(tried) > 2)
            assert receiver.requests == []
            first.close()
            room.until(hook, lambda now: now.place == 1)


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


def test_the_same_on_postgresql(postgres, schema, receiver, tmp_path):
    ledger, vault = PostgresLedger(postgres.url(schema), tmp_path / "head"), PostgresVault(postgres.url(schema))
    with closing(ledger), closing(vault):
        room = Room(ledger, vault)
        hook = room.hook("in", f"{receiver.url}/in")
        receiver.answers["/in"] = 500
        with room.open(), room.open():
            room.write(2)
            room.until(hook, lambda now: len(now.dead) == 2)
            receiver.answers["/in"] = 200
            state.wish(vault, hook.id)
            room.write(3)
            room.until(hook, lambda now: now.place == 5 and not now.dead and not now.again)
        with vault.alone(outbox.TURN) as is_held:
            assert is_held
    assert sorted(set(numbers(receiver.at("/in")))) == [1, 2, 3, 4, 5]


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
