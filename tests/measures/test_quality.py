"""What each data measure says, given what an engine would answer."""

import pytest

from arkwright.core.errors import Invalid
from arkwright.core.promises import Reading, parse
from arkwright.measures import quality, registry
from arkwright.measures.aggregates import Distinct, In, Now, Nulls, Quantile, Rows, SchemaChanges
from arkwright.measures.binding import bind
from arkwright.measures.registry import Measure, Scope

MEASURES = {value.name: value for value in vars(quality).values() if isinstance(value, Measure)}
SCOPE = Scope(("year", "carrier", "time"), key=("year", "carrier"), others=("planes.tailnum",))


@pytest.fixture(autouse=True)
def only_these(monkeypatch):
    monkeypatch.setattr(registry, "measures", lambda: MEASURES)


def planned(sentence):
    return bind(parse(sentence).call, "data", SCOPE)()


@pytest.mark.parametrize(
    ("sentence", "answers", "value", "n"),
    [
        ("rows > 0", (7,), 7, 7),
        ("rows > 0", (0,), 0, 0),
        ("missing(year) < 1", (8, 2), 0.25, 8),
        ("nulls(year) < 1", (8, 2), 2, 8),
        ("duplicates(key) == 0", (8, 5), 3, 8),
        ("duplicates(key) == 0", (0, 0), 0, 0),
        ("distinct(year) > 1", (8, 2, 4), 3, 6),
        ("distinct(year) > 1", (8, 0, 4), 4, 8),
        ("distinct(year) > 1", (2, 2, 1), 0, 0),
        ("smallest(year) > 1", (8, 2, -1.5), -1.5, 6),
        ("largest(year) > 1", (8, 2, 9), 9, 6),
        ("mean(year) > 1", (8, 2, 3.5), 3.5, 6),
        ("median(year) > 1", (8, 2, 3.5), 3.5, 6),
        ("quantile(year, 0.9) > 1", (8, 2, 3.5), 3.5, 6),
        ("between(year, -1, 3) == 1", (8, 2, 3), 0.5, 6),
        ('allowed(carrier, ["UA"]) == 1', (8, 2, 3), 0.5, 6),
        ('matches(carrier, "[A-Z]+") == 1', (8, 2, 3), 0.5, 6),
        ("references(carrier, planes.tailnum) == 1", (8, 2, 3), 0.5, 6),
        ("freshness_hours(time) < 24", (8, 2, 7200.0, 10800.0), 1.0, 6),
        ("schema_changes == 0", (8, ()), 0, 8),
    ],
)
def test_a_reading(sentence, answers, value, n):
    plan = planned(sentence)
    assert len(plan.needs) == len(answers)
    assert plan.finish(*answers) == Reading(value, n=n)


@pytest.mark.parametrize(
    "sentence",
    [
        "missing(year) < 1",
        "smallest(year) > 0",
        "mean(year) > 0",
        "between(year, 0, 1) == 1",
        "freshness_hours(time) < 1",
    ],
)
def test_no_rows_and_no_values_are_no_reading(sentence):
    plan = planned(sentence)
    empty = {Rows(): 0, Now(): 1.0}
    nothing = plan.finish(*(empty.get(need, 0 if isinstance(need, Nulls) else None) for need in plan.needs))
    assert nothing == Reading(None, n=0, note="there are no rows")
    if "missing" not in sentence:
        full = {Rows(): 3, Now(): 1.0}
        nothing = plan.finish(*(full.get(need, 3 if isinstance(need, Nulls) else None) for need in plan.needs))
        assert (nothing.value, nothing.n) == (None, 0)
        assert nothing.note.endswith("is null in every row")


def test_what_lies_ahead_is_said():
    reading = planned("freshness_hours(time) < 1").finish(1, 0, 7200.0, 3600.0)
    assert reading == Reading(-1.0, n=1, note="the newest time lies in the future")


def test_schema_changes_are_named_and_bounded():
    plan = planned("schema_changes == 0")
    assert plan.needs == (Rows(), SchemaChanges())
    assert plan.finish(5, ("a is missing", "b was added")) == Reading(2, n=5, note="a is missing; b was added")
    many = plan.finish(5, tuple(f"column_{i} was added" for i in range(1000)))
    assert many.value == 1000
    assert len(many.note) < 600


def test_equal_needs_are_equal_so_they_are_answered_once():
    assert planned("quantile(year, 0.5) > 1").needs == planned("median(year) > 1").needs
    assert planned("duplicates(key) == 0").needs[1] == Distinct(("year", "carrier"))
    assert planned("median(year) > 1").needs[2] == Quantile("year", 0.5)
    assert planned('allowed(carrier, ("UA", "AA")) == 1').needs[2] == In("carrier", ("UA", "AA"))


@pytest.mark.parametrize(
    ("sentence", "why"),
    [
        ("quantile(year, 90) > 1", "between 0 and 1"),
        ("duplicates() == 0", "at least one column"),
        ('allowed(carrier, "UA") == 1', "wrong kind"),
        ("allowed(carrier, [UA]) == 1", "write text in quotes"),
        ("matches(carrier, 3) == 1", "wrong kind"),
        ("between(year, 3, 1) == 1", "smaller limit first"),
        ("between(year, 1) == 1", "missing a required argument"),
    ],
)
def test_wrong_arguments(sentence, why):
    with pytest.raises(Invalid, match=why):
        planned(sentence)


def test_every_measure_says_what_it_is_and_where_it_comes_from():
    for measure in MEASURES.values():
        assert measure.stage == "data"
        assert measure.summary.endswith(".")
        assert measure.source
