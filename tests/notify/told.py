"""A ledger and a vault with hooks on them, and what is told of it."""

import json
import time

import pytest
from tests.notify.conftest import PATIENCE

from arkwright.core.ports import Entry
from arkwright.notify import address, hooks, state
from arkwright.notify.courier import Patience
from arkwright.notify.hooks import Receiver
from arkwright.notify.outbox import Outbox

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
