"""When an alarm is raised and over, and what is due: by spans of time, whatever the clock of the watch."""

import pytest

from arkwright.core.alarms import Reaction
from arkwright.core.nouns import Endpoint, Terms
from arkwright.monitor.measured import Streak
from arkwright.monitor.policy import clears, due, part, raises

ONE, TWO, THREE = (f"release:late@{n}" for n in (1, 2, 3))


def terms(**words):
    return Terms(model="late", gate="g", **words)


@pytest.mark.parametrize(
    ("after", "verdict", "lasts", "wanted"),
    [
        (None, "broken", 0, True),
        (None, "unproven", 10**6, False),
        (None, "kept", 10**6, False),
        ("10m", "broken", 599, False),
        ("10m", "broken", 600, True),
    ],
)
def test_raised(after, verdict, lasts, wanted):
    assert raises(terms(raise_after=after), Streak(verdict, lasts)) is wanted


@pytest.mark.parametrize(
    ("after", "verdict", "lasts", "wanted"),
    [
        (None, "kept", 0, True),
        (None, "unproven", 10**6, False),
        ("1h", "kept", 3599, False),
        ("1h", "kept", 3600, True),
    ],
)
def test_over(after, verdict, lasts, wanted):
    assert clears(terms(clear_after=after), Streak(verdict, lasts)) is wanted


def test_what_a_release_is():
    one = Endpoint(name="late", version=4, shares={TWO: 0.1, ONE: 0.9}, shadows=(THREE,))
    assert [part(one, ref) for ref in (ONE, TWO, THREE, "release:late@9")] == ["live", "canary", "shadow", None]
    half = Endpoint(name="late", version=4, shares={TWO: 0.5, ONE: 0.5})
    assert [part(half, ref) for ref in (ONE, TWO)] == ["live", "canary"]


def what(reactions, promise="rows >= 1", at="live", stands=0.0, since=()):
    return [do for _, do in due(reactions, promise, at, stands, dict(since))]


def test_due_by_promise_by_part_and_by_time():
    assert what([Reaction(do=("notify", "discuss"))]) == ["notify", "discuss"]
    assert what([Reaction(do=("notify",), to="rows >= 2")]) == []
    assert what([Reaction(do=("halt",), of="canary")]) == []
    assert what([Reaction(do=("halt",), of="canary")], at="canary") == ["halt"]
    assert what([Reaction(do=("rollback",), after="1h")], stands=3599.0) == []
    assert what([Reaction(do=("rollback",), after="1h")], stands=3600.0) == ["rollback"]


def test_not_again_before_it_has_cooled_down():
    reactions = [Reaction(do=("notify", "run"), cool_down="1h")]
    assert what(reactions, since={"run": 3599.0}) == ["notify"]
    assert what(reactions, since={"run": 3600.0}) == ["notify", "run"]
