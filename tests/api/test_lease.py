"""One process at a time has a turn, and a dead one's ends by itself."""

import time
from types import SimpleNamespace

import pytest

from arkwright.api import lease
from arkwright.core.errors import Refused
from arkwright.sites import local


@pytest.fixture
def site(tmp_path):
    return local(tmp_path)


def test_one_at_a_time_and_then_the_next(site):
    with lease.held(site, "watch"):
        with pytest.raises(Refused, match="the watch is at work already: process"), lease.held(site, "watch"):
            pass
        with lease.held(site, "another thing"):
            pass
    with lease.held(site, "watch") as turn:
        turn.must_be_held()


def test_it_is_renewed_while_it_is_held_and_ends_with_whoever_held_it(site, monkeypatch):
    monkeypatch.setattr(lease, "LASTS", 2)
    monkeypatch.setattr(lease, "RENEWED", 0.1)
    swap, until = site.vault.swap, []
    vault = SimpleNamespace(add=site.vault.add, get=site.vault.get, remove=site.vault.remove)
    vault.swap = lambda *words, expires: until.append(expires) or swap(*words, expires=expires)
    with lease.held(SimpleNamespace(vault=vault), "watch") as turn:
        before = time.time()
        while not until or until[-1] < before + lease.LASTS + 0.2:
            time.sleep(0.01)
        turn.must_be_held()
        with pytest.raises(Refused):
            lease.Lease(site, "watch").take()
    gone = lease.Lease(site, "watch")
    gone.take()  # and is killed
    with pytest.raises(Refused):
        lease.Lease(site, "watch").take()
    time.sleep(2)
    lease.Lease(site, "watch").take()


def test_who_stood_still_for_too_long_is_told(site, monkeypatch):
    monkeypatch.setattr(lease, "RENEWED", 0.05)
    with lease.held(site, "watch") as turn:
        site.vault.put(lease.KIND, "watch", "another")
        time.sleep(0.3)
        with pytest.raises(Refused, match="another process took over the watch"):
            turn.must_be_held()
    assert site.vault.get(lease.KIND, "watch") == "another"
