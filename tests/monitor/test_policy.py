"""When an alarm is raised and over, and what is due: by spans of time, whatever the clock of the watch."""

import math
from dataclasses import replace

import pytest

from arkwright.core.alarms import Alarm, Reaction
from arkwright.core.nouns import Endpoint, Terms
from arkwright.monitor.measured import Streak
from arkwright.monitor.policy import Deed, clears, cooling, due, never, part, raises, thing

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


def what(reactions, promise="rows >= 1", at="live", stands=0.0):
    return [do for _, do in due(reactions, promise, at, stands)]


def test_due_by_promise_by_part_and_by_time():
    assert what([Reaction(do=("notify", "discuss"))]) == ["notify", "discuss"]
    assert what([Reaction(do=("notify",), to="rows >= 2")]) == []
    assert what([Reaction(do=("halt",), of="canary")]) == []
    assert what([Reaction(do=("halt",), of="canary")], at="canary") == ["halt"]
    assert what([Reaction(do=("rollback",), after="1h")], stands=3599.0) == []
    assert what([Reaction(do=("rollback",), after="1h")], stands=3600.0) == ["rollback"]
    some = [Reaction(do=("rollback", "notify", "run"), after="7d"), Reaction(do=("halt",))]
    assert what(some, stands=math.inf) == ["notify", "halt"], "where a clock went back only words wait no longer"


def alarm(number, promise="rows >= 1", release=ONE):
    spans = {"since": "", "until": "", "value": None, "low": None, "high": None, "n": None, "note": ""}
    return Alarm(about="late", number=number, release=release, promise=promise, state="raised", **spans)


@pytest.mark.parametrize(
    ("do", "promise", "release", "cools"),
    [
        ("notify", "rows >= 1", ONE, True), ("notify", "rows >= 2", ONE, False), ("notify", "rows >= 1", TWO, False),
        ("halt", "rows >= 2", ONE, True), ("halt", "rows >= 1", TWO, False),
        ("run", "rows >= 2", TWO, True), ("rollback", "rows >= 2", TWO, True), ("fallback", "rows >= 2", TWO, True),
    ],
)  # fmt: skip
def test_what_cools_down(do, promise, release, cools):
    one = Reaction(do=(do,), cool_down="1h", tell=("ada",))
    deeds = [Deed(thing(one, do), "alarm:late/1", release, promise, 100.0)]
    assert (cooling(one, do, alarm(2), deeds, 3699.0) is not None) is cools
    assert cooling(one, do, alarm(2), deeds, 3700.0) is None
    assert cooling(one, do, alarm(1), deeds, 100.0) is None, "it is the one that it was done about"
    assert cooling(one, do, alarm(2), deeds, deeds[0].at - 61) is None, "a clock that ran ahead put it there"
    other = replace(one, tell=("dora",))
    assert (cooling(other, do, alarm(2), deeds, 100.0) is not None) is (cools and do != "notify")


HALT, LATER = Reaction(do=("halt",)), Reaction(do=("run", "halt"), after="1h")


@pytest.mark.parametrize(
    ("reactions", "wanted"),
    [
        ([HALT, LATER], ["halt"]),
        ([LATER, HALT], ["halt"]),
        ([HALT, HALT], ["halt"]),
        ([Reaction(do=("notify", "notify"))], ["notify"]),
        ([replace(HALT, dry_run=True), LATER], []),
        ([replace(HALT, to="rows >= 1"), LATER], []),
        ([HALT, replace(LATER, to="rows >= 1", of="canary")], ["halt"]),
        ([replace(HALT, of="shadow"), replace(LATER, of="canary")], []),
        ([replace(HALT, cool_down="7d"), LATER], []),
        ([replace(HALT, do=("notify",), tell=("ada",)), replace(LATER, do=("notify",), tell=("ada",))], []),
    ],
)
def test_what_never_happens(reactions, wanted):
    assert [do for _, do in never(reactions)] == wanted


def test_a_word_to_however_many_people_has_a_key_that_an_index_of_postgresql_takes():
    people = tuple(f"{n:030}" for n in range(200))
    made = [thing(Reaction(do=("notify",), tell=some), "notify") for some in (people, people[::-1], people[1:])]
    assert (len(set(made)), made[0], max(map(len, made)) < 200) == (2, made[1], True)
