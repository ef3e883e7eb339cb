"""Wrong passwords where two control rooms serve one site: each counts what was tried at the other."""

import asyncio

import pytest

from arkwright.core.errors import Full, Throttled, Unproven
from arkwright.sites import Site, choose_ledger
from arkwright.web.entry import WRONG, WRONGLY, Entry


@pytest.fixture(params=["sqlite", "postgresql"])
def rooms(request, tmp_path):
    """Two of them, each with connections of its own."""
    if request.param == "postgresql":
        schema = request.getfixturevalue("schema")
        choose_ledger(Site(tmp_path), request.getfixturevalue("postgres").url(schema))
    return Entry(Site(tmp_path)), Entry(Site(tmp_path))


def tried(room, *given, **words):
    """What came of it: True, or the error's kind."""

    def wrong():
        raise Unproven("wrong")

    try:
        asyncio.run(room.trying(*given, wrong, **words))
    except (Unproven, Throttled) as error:
        return type(error)


def test_a_stranger_has_no_more_tries_at_two(rooms):
    here, there = rooms
    for number in range(WRONG):
        assert tried(rooms[number % 2], "ann", f"10.0.0.{number}") is Unproven
    for room in rooms:
        with pytest.raises(Throttled, match=r"try again in [1-6]?\d s"):
            asyncio.run(room.trying("ann", "10.0.1.1", lambda: True))
        assert asyncio.run(room.trying("ann", "10.0.1.1", lambda: True, device="ann/1"))  # where ann entered before
        assert asyncio.run(room.trying("bob", "10.0.0.1", lambda: True))
    assert [key for key, _ in here._site.vault.find(WRONGLY) if "." in key] == []
    assert tried(Entry(Site(there._site.folder)), "ann", "10.0.2.1") is Throttled  # nor at one that was started since


def test_what_is_over_is_swept(rooms):
    here, there = rooms
    here._site.vault.put(WRONGLY, "somebody/1", "1.0", expires=1.0)
    assert tried(here, "ann", "10.0.0.1") is Unproven
    assert there._site.vault.sweep() == 0


def test_on_a_full_disk_each_counts_by_itself(rooms, monkeypatch):
    here, there = rooms

    def full(*_, **__):
        raise Full("the disk is full")

    monkeypatch.setattr(here._site.vault, "put", full)
    assert [tried(here, "ann", "10.0.0.1") for _ in range(WRONG + 1)] == [Unproven] * WRONG + [Throttled]
    assert asyncio.run(there.trying("ann", "10.0.0.1", lambda: True))
