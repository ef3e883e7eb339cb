"""How much of what comes a release has never met."""

import numpy as np
import pytest
from tests.measures.test_drift import numbers, words

from arkwright.measures import intervals, unseen
from arkwright.measures.sketch import VALUES, of_words
from arkwright.measures.window import Window


def test_words_that_were_rare_or_never_there():
    found = unseen.new_values(words({"a": 90, "b": 7, "rare": 3}, {"a": 50, "b": 20, "rare": 10, "new": 20}), "x")
    assert (found.value, found.n) == (0.3, 100)
    assert (found.low, found.high) == intervals.wilson(30, 100)
    assert found.note == "3 of 100 values of the reference are not among those of 5 rows or more either"
    found = unseen.new_values(words({"a": 90}, {"a": 50}), "x")
    assert (found.value, found.low, found.note) == (0, 0, "")
    many = {f"v{n}": 5 for n in range(VALUES + 1)}
    assert "10,000 most frequent" in unseen.new_values(words(many, many), "x").note


def test_numbers_beyond_those_known():
    seen = np.arange(100_000.0)
    found = unseen.out_of_range(numbers(seen, [-1e-9, 0, 1, 99_999, 99_999.1, np.inf, -np.inf, np.nan]), "x")
    assert (found.value, found.n) == (4 / 7, 7)
    assert found.note == "2 below and 2 above 0 to 99999"
    assert unseen.out_of_range(numbers(seen, seen[::7]), "x").value == 0
    assert unseen.out_of_range(numbers([3, 3], [3, 3]), "x").note == "all from 3 to 3"


@pytest.mark.parametrize(
    ("measure", "window", "why"),
    [
        (unseen.new_values, numbers([1, 2], [1]), "x holds numbers; out_of_range"),
        (unseen.out_of_range, words({"a": 9}, {"a": 1}), "x holds words; new_values"),
        (unseen.out_of_range, numbers([1, 2], [np.nan]), "there are no numbers in x"),
        (unseen.out_of_range, numbers([np.nan], [1]), "there are no numbers in x"),
        (unseen.new_values, words({"a": 9}, {}), "there are no rows of x"),
        (unseen.new_values, Window(), "nothing is kept of x"),
    ],
)
def test_where_nothing_can_be_said(measure, window, why):
    found = measure(window, "x")
    assert found.value is None
    assert why in found.note


def test_all_null():
    before = of_words({"a": 9})
    found = unseen.new_values(Window(reference={"x": before}, current={"x": before.empty().words({}, 5)}), "x")
    assert (found.value, found.note) == (None, "x is null in every row")
