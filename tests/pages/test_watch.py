"""What was noticed over time, as its page shows it."""

import shutil

import pytest
from tests.api.conftest import Site
from tests.api.test_reacting import twice
from tests.pages.seen import lived
from tests.pages.conftest import House
from tests.rest.conftest import up

__all__ = ["twice"]  # fixtures


@pytest.fixture(scope="module")
def watched(twice, tmp_path_factory, shop_at):  # noqa: F811
    folder = tmp_path_factory.mktemp("watched") / "shop"
    shop = shop_at(folder)
    shutil.copytree(twice / ".arkwright", folder / ".arkwright")
    at = Site(shop)
    with pytest.MonkeyPatch.context() as patched:
        lived(at, patched)
    with up(at) as made:
        yield House(made)


def test_a_page(watched):
    status, text = watched.page("/endpoints/buys/watch")
    open("/tmp/w/pw-watch.html", "w").write(text)
    assert status == 200
