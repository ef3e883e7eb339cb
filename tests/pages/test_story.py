"""The whole story in Chromium, on SQLite and on a real PostgreSQL."""

import pytest

from .browser import begun, checkout, chromium
from .story import Story, told


@pytest.mark.parametrize("ledger", ["sqlite", "postgresql"])
def test_from_the_first_owner_to_what_was_live(ledger, shop, tmp_path, request):
    words = ()
    if ledger == "postgresql":
        words = ("--ledger", request.getfixturevalue("postgres").url(request.getfixturevalue("schema")))
    checkout(shop.folder)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    with begun(shop.folder, *words) as (address, link), chromium() as browser:
        story = Story(browser, address, pictures)
        told(story, link)
        story.close()
    assert {path.stem for path in pictures.iterdir()} >= {
        "people",
        "run",
        "discussion",
        "home",
        "release",
        "endpoint",
        "live",
    }
