"""Which values and columns moved: what was planted is named first, and what was not is not."""

from collections import Counter

import numpy as np
import pytest

from arkwright.measures import divergence, drift, moved
from arkwright.measures.causes import LEAST
from arkwright.measures.sketch import of_numbers, of_words
from arkwright.measures.window import Window

WORDS = list("abcdefgh")
SHARES = np.array([0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05])


def window(rng, moved_column=None, n=10_000, m=1000, columns=20):
    """Words and numbers in turns; the planted one has 15 of 100 rows more of `c`, or numbers a third higher."""
    before, now = {}, {}
    for number in range(columns):
        name, planted = f"c{number}", number == moved_column
        if number % 2:
            shares = SHARES + np.array([-0.15, 0, 0.15, 0, 0, 0, 0, 0]) * planted
            before[name] = of_words(Counter(dict(zip(WORDS, rng.multinomial(n, SHARES).tolist(), strict=True))))
            came = dict(zip(WORDS, rng.multinomial(m, shares).tolist(), strict=True))
            now[name] = before[name].empty().words(came)
        else:
            before[name] = of_numbers(rng.normal(size=n))
            now[name] = before[name].empty().numbers(rng.normal(size=m) + planted / 3)
    return Window(reference=before, current=now)


def named(found):
    return [part.column for part in found.parts if part.named]


@pytest.mark.parametrize("planted", [3, 4])
def test_the_column_that_moved_is_named_first_of_twenty(planted):
    rng = np.random.default_rng(planted)
    for _ in range(5):
        given = window(rng, planted)
        found = moved.columns(given, given.columns)
        assert named(found)[:1] == [f"c{planted}"]
        assert found.says()[0].startswith(f"c{planted}=")
        assert found.parts[0].value == pytest.approx(drift.psi(given, f"c{planted}").value)


def test_where_nothing_moved_little_is_named():
    """At most 5 of 100: of 60 windows more than 8 in less than 1 of 200 runs."""
    rng = np.random.default_rng(5)
    of_columns = of_values = 0
    for _ in range(60):
        given = window(rng, columns=4)
        of_columns += bool(named(moved.columns(given, given.columns)))
        of_values += bool(named(moved.values(given, "c1", "psi")))
    assert of_columns <= 8
    assert of_values <= 8


@pytest.mark.parametrize("measure", ["psi", "jensen_shannon", "hellinger", "chi_square"])
def test_what_the_values_add_is_the_whole_distance(measure):
    given = window(np.random.default_rng(1), 3)
    p, q = drift.cells(given, "c3", 10)
    found = moved.values(given, "c3", measure)
    assert sum(part.explains for part in found.parts) == pytest.approx(1)
    assert {part.label for part in found.parts[:2]} == {"a", "c"}
    whole = {
        "psi": divergence.psi(p, q),
        "jensen_shannon": divergence.jensen_shannon(p, q) * 2 * np.log(2),
        "hellinger": divergence.hellinger_squared(p, q) * 2,
    }
    if measure in whole:
        terms = moved._TERMS[measure](p, q)
        assert terms.sum() == pytest.approx(whole[measure])


def test_a_sentence_says_before_and_now():
    before = of_words({"UA": 120, "DL": 880})
    now = before.empty().words({"UA": 310, "DL": 690})
    given = Window(reference={"carrier": before}, current={"carrier": now})
    assert moved.values(given, "carrier", "psi").says() == (
        "carrier=UA: 31 % of rows, was 12 %; explains 0.18 of 0.23",
        "carrier=DL: 69 % of rows, was 88 %; explains 0.046 of 0.23",
    )
    assert moved.values(given, "carrier", "largest_change").says()[0] == "carrier=UA: 31 % of rows, was 12 %"
    numbers = of_numbers(np.arange(1000.0))
    given = Window(reference={"km": numbers}, current={"km": numbers.empty().numbers(np.full(100, 950.0), missing=100)})
    found = moved.values(given, "km", "ks")
    assert found.says(2) == ("km=empty: 50 % of rows, was 0 %", "km=900 and more: 50 % of rows, was 10 %")
    assert [part.where for part in found.parts[:2]] == [("km=",), ("km>=900.0",)]
    assert ("km>=100.0", "km<200.0") in [part.where for part in found.parts]


def test_few_rows_name_nothing():
    before = of_words({"UA": 120, "DL": 880})
    now = before.empty().words({"UA": LEAST - 1})
    given = Window(reference={"carrier": before}, current={"carrier": now})
    assert moved.values(given, "carrier", "psi").says() == (moved.FEW,)
    assert moved.columns(given, ["carrier"]).says() == (moved.FEW,)
    assert moved.columns(given, []).says() == (moved.FEW,)


def test_values_of_callers_are_short_and_move_no_cursor():
    evil = "\x1b[2J\n" + "x" * 500
    before = of_words({evil: 500, "b": 500})
    given = Window(reference={"c": before}, current={"c": before.empty().words({evil: 900, "b": 100})})
    said = moved.values(given, "c", "psi").says()[0]
    assert [part.where for part in moved.values(given, "c", "psi").parts[:2]] == [("c=b",), ()]
    assert "\x1b" not in said
    assert "\n" not in said
    assert len(said) < 150
