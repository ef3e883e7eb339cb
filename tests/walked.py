"""Projects whose line was walked once, for all tests: a line takes seconds. Every test gets a copy of its own."""

import fcntl
import os
import shutil

import pytest

from arkwright.api import build
from arkwright.api.decide import sign
from arkwright.api.endpoints.rollout import promote
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

    def signed(self, version):
        self.do(sign, self.ben, release=f"buys@{version}")
        self.do(sign, self.cleo, release=f"buys@{version}")

    def made(self, version):
        """The next release, with everybody's signature."""
        self.shop.edit("shop.py", f"fill_null({42 - version})", f"fill_null({41 - version})")
        self.run()
        self.signed(version)


def copied(walked, shop):
    """What was walked, in a project of its own."""
    shutil.copytree(walked / ".arkwright", shop.folder / ".arkwright")
    return Site(shop)


def once(folders, name, walk):
    """The project that `walk(folder)` leaves in its folder, made by the first of pytest's processes that comes here."""
    place = folders.getbasetemp()
    place = place.parent if "PYTEST_XDIST_WORKER" in os.environ else place
    with (place / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / name).exists():
            making = folders.mktemp(name)
            walk(making).site.ledger.close()
            making.rename(place / name)
    return place / name


@pytest.fixture(scope="session")
def walked(tmp_path_factory, shop_at):
    def walk(folder):
        made = Site(shop_at(folder))
        assert made.run().problem is None
        return made

    return once(tmp_path_factory, "walked", walk)


@pytest.fixture
def at(walked, tmp_path, shop_at):
    return copied(walked, shop_at(tmp_path / "shop"))


@pytest.fixture(scope="session")
def walked_twice(walked, tmp_path_factory, shop_at):
    """Two releases, both signed."""

    def walk(folder):
        made = copied(walked, shop_at(folder))
        made.signed(1)
        made.made(2)
        return made

    return once(tmp_path_factory, "twice", walk)


@pytest.fixture
def two(walked_twice, tmp_path, shop_at):
    return copied(walked_twice, shop_at(tmp_path / "shop"))


@pytest.fixture
def first(at):
    """`buys@1` answers; there is no other."""
    at.signed(1)
    at.do(promote, release="buys@1")
    return at


@pytest.fixture
def second(two):
    """`buys@1` answers, and `buys@2`, which the code makes now, may."""
    two.shop.edit("shop.py", "fill_null(40)", "fill_null(39)")
    two.do(promote, release="buys@1")
    return two
