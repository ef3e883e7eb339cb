"""What a registered version of elsewhere says that it is made of."""

from types import SimpleNamespace

import pytest

from arkwright.core.errors import Invalid
from arkwright.tracking.importing import registering


@pytest.mark.parametrize("place", ["models/m-{}/artifacts", "0/{}/artifacts/model"])
def test_an_address_with_a_newline_behind_it_is_no_other_one(place):
    source = f"s3://store/{place.format('a' * 32)}\n"
    with pytest.raises(Invalid, match="no run's and no logged model's"):
        registering._source(None, SimpleNamespace(source=source))
