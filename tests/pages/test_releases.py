"""The list of releases, over a real control room: all of them, in pages, filtered."""

import re

import pytest
from tests.catalog.test_releases import found, release

from arkwright.core import versions
from arkwright.core.nouns import Endpoint


@pytest.fixture(scope="module")
def many(house):
    """Sixty more than the one that the line made, of two names; each third was measured, one of those answers."""
    site = house.room.at.site
    for number in range(60):
        _, model = release(site, number, name=("late", "early")[number % 2], roles=() if number % 2 else ("ops",))
        if number % 3 == 0:
            found(site, model, "kept", "kept")
    versions.move(site.ledger, "olga", Endpoint(name="early", version=1, shares={"release:early@2": 1.0}))
    return house


def listed(text):
    return re.findall(r'<th scope="row"><a class="ref mono" href="/releases/([^"]+)"', text)


def test_every_release_the_newest_first_in_pages_of_fifty(many):
    _, text = many.page("/releases")
    first = listed(text)
    assert (len(first), first[:3]) == (50, ["early@30", "late@30", "early@29"])
    (following,) = re.findall(r'rel="next" href="([^"]+)"', text)
    rest = listed(many.page(following.replace("&amp;", "&"))[1])
    assert rest[-1] == "buys@1"
    assert len({*first, *rest}) == 61


def test_by_name_and_by_how_they_stand(many):
    assert listed(many.page("/releases?name=buys")[1]) == ["buys@1"]
    assert listed(many.page("/releases?standing=waits&name=late")[1]) == [f"late@{n}" for n in range(28, 0, -3)]
    assert listed(many.page("/releases?standing=passed")[1]) == [f"early@{n}" for n in range(29, 0, -3)]
    assert listed(many.page("/releases?standing=answers")[1]) == ["early@2"]
    status, text = many.page("/releases?standing=refused")
    assert (status, len(listed(text))) == (200, 40)
    assert "No release fits" in many.page("/releases?name=early&standing=waits")[1]
    status, text = many.page("/releases?standing=wait")
    assert (status, "waits" in text) == (422, True)
