"""What was found over time, as a terminal shows it."""

from arkwright.cli.watch_view import GAP, STEPS, WIDE, spark
from arkwright.monitor.measured import Found


def found(until, value):
    return Found("r", "p", until, 0, "kept", value, None, None, 1, "")


def test_a_picture_of_what_was_found():
    assert spark([], 0, 10) == ""
    assert spark([found(1, None)], 0, 10) == ""
    rising = [found(n, float(n)) for n in range(WIDE)]
    assert spark(rising, 0, WIDE)[0] == STEPS[0]
    assert spark(rising, 0, WIDE)[-1] == STEPS[-1]
    assert spark([found(WIDE, 3.0)], 0, WIDE) == GAP * (WIDE - 1) + STEPS[0]  # the last moment has room too
    assert spark([found(0, 1.0), found(0, 2.0), found(1, 1.0)], 0, WIDE)[:3] == STEPS[-1] + STEPS[0] + GAP
