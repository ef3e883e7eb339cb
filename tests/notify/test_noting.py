"""What was told is told once, though it cannot be noted for a while; and clocks that were ahead."""

import time
from dataclasses import replace

import pytest
from tests.notify.conftest import until
from tests.notify.told import room

from arkwright.core.errors import Full
from arkwright.notify import courier, state
from arkwright.notify.courier import Patience
from arkwright.notify.failed import Failed
from arkwright.notify.parts import Part
from arkwright.notify.state import Aside

__all__ = ["room"]


class Disk:
    """Room for what is noted, until it is full."""

    def __init__(self, vault, monkeypatch):
        self.full, self.tried, self.swap = False, 0, vault.swap
        monkeypatch.setattr(vault, "swap", self.swapped)
        monkeypatch.setattr(courier, "_PAUSE", 0.01)

    def swapped(self, *words, **how):
        self.tried += self.full
        if self.full:
            raise Full("there is no room on the disk")
        return self.swap(*words, **how)

    def fill(self):
        self.full, self.tried = True, 0

    def wait(self):
        """Until somebody tried to write again and again."""
        until(lambda: self.tried > 4)


class Post:
    """A letter for each event; the disk is full by the time that the server answered."""

    id, begins = "mail", False

    def __init__(self, disk, error=None):
        self.disk, self.error, self.sent = disk, error, []

    def parts(self, event):
        return [Part("ben", lambda: self.send(event.seq))]

    def send(self, seq):
        self.sent.append(seq)
        self.disk.fill()
        if self.error:
            raise self.error


@pytest.fixture
def disk(room, monkeypatch):
    return Disk(room.vault, monkeypatch)


@pytest.mark.parametrize("error", [None, Failed("away"), Failed("full", alone=True), Failed("no", never=True)])
def test_a_letter_is_tried_once_while_what_came_of_it_cannot_be_noted(room, disk, error):
    post = Post(disk, error)
    state.begin(room.vault, "mail", 0)
    room.write(1)
    with room.open(Patience(first=3600.0), lambda: [post]):
        disk.wait()
        assert post.sent == [1]
    with room.open(Patience(first=3600.0), lambda: [post]):  # started anew: what cannot be noted is not begun
        disk.wait()
        assert post.sent == [1]


def test_a_webhook_comes_once_though_the_disk_was_full_after_it(room, receiver, disk):
    hook = room.hook("in", f"{receiver.url}/hang")
    with room.open():
        room.write(1)
        receiver.wait("/hang")
        disk.fill()
        receiver.open.set()
        disk.wait()
        disk.full = False
        room.until(hook, lambda now: now.place == 1)
        room.write(1)
        room.until(hook, lambda now: now.place == 2)
    assert len(receiver.requests) == 2


def test_a_stop_waits_for_no_room_on_the_disk(room, disk, monkeypatch):
    monkeypatch.setattr(courier, "_PAUSE", 3600.0)
    post = Post(disk)
    state.begin(room.vault, "mail", 0)
    room.write(1)
    with room.open(subscribers=lambda: [post]) as outbox:
        until(lambda: disk.tried and outbox._couriers)
        began, (told,) = time.monotonic(), outbox._couriers.values()
    assert time.monotonic() - began < 1.5
    assert told.is_over()


def test_nothing_waits_for_the_time_of_a_clock_that_was_ahead(room, disk):
    """A year ahead when the machine started, and set right since."""
    room.write(1)
    state.begin(room.vault, "mail", 1)
    kept, year = state.Kept(room.vault, "mail"), time.time() + 365 * 86400
    waits = Aside(seq=1, to="ben", tries=1, due=year, why="full")
    kept.change(replace(kept.state(), tries=1, due=year, aside=(waits,)))
    post = Post(disk)
    with room.open(subscribers=lambda: [post]):
        found = room.until(post, lambda now: now.due < year)
    assert max(found.due, found.aside[0].due) < time.time() + 3 * 3600
