"""Settings that no server can live with are refused where they are read, whoever gives them."""

from dataclasses import replace

import pytest

from arkwright.api.endpoints.serving import check
from arkwright.api.endpoints.traffic import serve
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Actor
from arkwright.core.ports import Serving

BOUNDS = {
    "port": (0, 65535), "grpc_port": (0, 65535), "workers": (1, 256), "rate": (0.001, 1e6), "load_time": (1.0, 86400.0),
    "answer_time": (1.0, 86400.0), "queue": (1, 65536), "queue_time": (0.01, 86400.0), "drain_delay": (0.0, 3600.0),
}  # fmt: skip


@pytest.mark.parametrize("name", BOUNDS)
def test_what_is_within_the_bounds_can_be_and_nothing_else(name):
    least, most = BOUNDS[name]
    for value in BOUNDS[name]:
        check(replace(Serving(), **{name: value}))
    step = 1 if isinstance(least, int) else 1e-9
    for value in (least - step, most + max(step, most * 1e-9), *([] if isinstance(least, int) else [float("nan")])):
        with pytest.raises(Invalid, match=";"):
            check(replace(Serving(), **{name: value}))


def test_they_are_looked_at_before_anything_else(tmp_path):
    """Also by `arkwright up` and from Python."""
    with pytest.raises(Invalid, match="no model answers in 0 s; take 1 s to a day"):
        serve(None, Actor(name=""), tmp_path, how=Serving(answer_time=0.0))
