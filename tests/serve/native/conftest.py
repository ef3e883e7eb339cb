"""Releases that can be read by `native`."""

import pytest
from tests.serve.traffic.reciprocal import reciprocal


@pytest.fixture(scope="module")
def releases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("releases")
    return [reciprocal(folder / "a"), reciprocal(folder / "b")]
