"""How an endpoint serves, counted."""

import pytest

from arkwright.core.errors import Invalid
from arkwright.measures import operations
from arkwright.measures.served import Served
from arkwright.measures.window import Window

BUSY = Window(
    served=Served(
        codes={"200": 960, "422": 10, "500": 5, "503": 15},
        limited=10,
        rows=4800,
        seconds=7200.0,
        missing=3600.0,
        busiest=(0.82, 1_767_225_600.0),
    )
)


@pytest.mark.parametrize(
    ("name", "value", "note"),
    [
        ("error_rate", 0.02, "5 with 500, 15 with 503"),
        ("refused_rate", 0.025, "10 with 429, 15 with 503"),
        ("requests", 1000, ""),
        ("requests_per_second", 1000 / 7200, ""),
        ("saturation", 0.82, "at 2026-01-01 00:00 UTC"),
    ],
)
def test_by_hand(name, value, note):
    found = getattr(operations, name)(BUSY)
    assert (found.value, found.low, found.n) == (pytest.approx(value), None, 1000)
    assert found.note == "; ".join(part for part in (note, "no server was up in 60 minutes of the window") if part)


def test_cost():
    found = operations.cost_per_thousand(BUSY, price_per_hour=0.6)
    assert found.value == pytest.approx(0.25)  # two hours, 4,800 rows
    with pytest.raises(Invalid, match="what an hour costs"):
        operations.cost_per_thousand(BUSY, price_per_hour=-1.0)


def test_nothing_counted_and_nothing_came():
    idle = Window(served=Served(seconds=60.0))
    assert operations.requests(idle).value == 0
    for name in operations.COUNTED:
        words = {"price_per_hour": 1.0} if name == "cost_per_thousand" else {}
        for given in (Window(), Window(served=Served(missing=60.0))):
            found = getattr(operations, name)(given, **words)
            assert found.value is None
            assert "no server counted anything" in found.note
        if name == "saturation":
            assert "how busy it was" in operations.saturation(idle).note
        elif name not in ("requests", "requests_per_second"):
            assert getattr(operations, name)(idle, **words).note == "no request came"
    found = operations.cost_per_thousand(Window(served=Served(codes={"500": 1}, seconds=60.0)), 1.0)
    assert found.note == "no row was answered"
