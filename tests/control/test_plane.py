"""What the control room says of the endpoints beside it."""

import threading

import pytest

from arkwright.control import plane
from arkwright.control.plane import Plane
from arkwright.core import versions
from arkwright.core.nouns import Endpoint
from arkwright.sites import Site


@pytest.mark.parametrize("promoted", [True, False])
def test_ready_is_said_only_when_it_is_known_what_has_to_answer(tmp_path, monkeypatch, promoted):
    """From the first moment: whoever sends callers by `/health` asks before the thread has looked once."""
    monkeypatch.setattr(Plane, "_run", lambda self: self._stopped.wait())
    site = Site(tmp_path)
    if promoted:
        versions.move(site.ledger, "olga", Endpoint(name="buys", version=1, shares={"release:buys@1": 1.0}))
    with Plane(site, tmp_path) as kept:
        assert kept.ready is not promoted


def test_no_mistake_ends_the_serving_in_silence(tmp_path, monkeypatch, caplog):
    looks, waited = [], threading.Event()

    def look(_):
        looks.append(None)
        if len(looks) == 2:
            raise ValueError("a mistake")
        if len(looks) > 3:
            waited.set()

    monkeypatch.setattr(plane, "LOOK", 0.01)
    monkeypatch.setattr(Plane, "_look", look)
    with Plane(Site(tmp_path), tmp_path):
        assert waited.wait(10)
    assert "the endpoints are not served: a mistake; trying again" in caplog.text
