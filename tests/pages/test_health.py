"""What is said of an endpoint that the server does not answer for."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from arkwright.core.nouns import Endpoint
from arkwright.pages import health


@pytest.mark.parametrize(("age", "word"), [(1, "loading"), (health.LOADING - 5, "loading"), (3600, "not served")])
def test_what_was_just_moved_is_being_loaded(age, word):
    at = (datetime.now(UTC) - timedelta(seconds=age)).isoformat()
    site = SimpleNamespace(ledger=SimpleNamespace(last=lambda kind, prefix: SimpleNamespace(at=at)))
    endpoint = Endpoint(name="churn", version=1, shares={"release:churn@1": 1.0})
    assert health._of(site, endpoint, ()).word == word
