"""What the control room says of the endpoints beside it."""

import pytest

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
    with Plane(site, tmp_path) as plane:
        assert plane.ready is not promoted
