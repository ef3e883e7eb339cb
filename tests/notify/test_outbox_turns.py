"""One of many processes delivers; where it dies or loses its turn another goes on."""

import subprocess
import sys
import threading
from contextlib import ExitStack, closing, nullcontext

from tests.notify.conftest import PATIENCE, until
from tests.notify.told import Room, numbers, room

from arkwright.core.errors import Away
from arkwright.infra.postgres_ledger import PostgresLedger
from arkwright.infra.postgres_vault import PostgresVault
from arkwright.notify import outbox, state

__all__ = ["room"]


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
