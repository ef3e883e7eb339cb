"""A project whose line was walked once; every test gets a copy of its own."""

import shutil

import pytest

from arkwright.api import build
from arkwright.core.nouns import Actor
from arkwright.sites import local


class Site:
    """A project with its site, and the people around it."""

    def __init__(self, shop):
        self.shop, self.folder, self.site = shop, shop.folder, local(shop.folder)
        self.ana = Actor(name="ana")
        self.ben = Actor(name="ben", role="model-owner")
        self.cleo = Actor(name="cleo", role="operations")

    def do(self, verb, by=None, **words):
        """One verb, as every face calls it."""
        return verb(self.site, by or self.ana, self.folder, **words)

    def run(self, **words):
        return self.do(build.run, **words)


@pytest.fixture(scope="session")
def walked(tmp_path_factory, shop_at):
    made = Site(shop_at(tmp_path_factory.mktemp("walked") / "shop"))
    result = made.run()
    assert result.problem is None
    made.site.ledger.close()
    return made.folder


@pytest.fixture
def at(walked, tmp_path, shop_at):
    folder = tmp_path / "shop"
    shop = shop_at(folder)
    shutil.copytree(walked / ".arkwright", folder / ".arkwright")
    return Site(shop)
