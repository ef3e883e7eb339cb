"""Which values and columns moved: what was planted is named first, and what was not is not."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from arkwright.core.where import spelt
from arkwright.measures import divergence, drift, moved
from arkwright.measures.causes import LEAST, OTHERS, PARTS
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


def found_by(part):
    return [spelt(one) for one in part.where]


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
    assert [found_by(part) for part in found.parts[:2]] == [["km="], ["km>=900.0"]]
    assert ["km>=100.0", "km<200.0"] in [found_by(part) for part in found.parts]


@pytest.mark.parametrize("measure", ["largest_change", "psi"])
def test_of_very_many_words_those_that_say_most_and_the_others_together(measure):
    words = {f"w{n:04}": 20 for n in range(3000)}
    before = of_words(words | {"up": 500, "down": 500}, missing=300)
    now = before.empty().words(words | {"up": 2000, "new": 70}, missing=300)
    given = Window(reference={"c": before}, current={"c": now})
    found = moved.values(given, "c", measure, bins=1000)
    assert len(found.parts) == PARTS + 2
    assert {"up", "down"} <= {part.label for part in found.parts if part.named}
    assert sum(part.before for part in found.parts) == pytest.approx(1)
    assert sum(part.now for part in found.parts) == pytest.approx(1)
    if measure == "psi":
        assert found.total == pytest.approx(drift.psi(given, "c", bins=1000).value)
        assert sum(part.explains for part in found.parts) == pytest.approx(1)
    (rest,) = (part for part in found.parts if part.label == OTHERS)
    assert not rest.named
    assert found_by(rest) == [f"c!={part.label}" for part in sorted(found.parts, key=lambda part: part.place)[:PARTS]]


def test_of_very_many_ranges_neighbours_that_say_little_go_together():
    before = of_numbers(np.arange(100_000.0))
    came = np.concatenate([np.arange(0, 100_000, 10.0), np.full(500, 40_123.0)])
    given = Window(reference={"km": before}, current={"km": before.empty().numbers(came)})
    found = moved.values(given, "km", "psi", bins=200)
    assert found.total == pytest.approx(drift.psi(given, "km", bins=200).value)
    assert [found_by(part) for part in found.parts if part.named] == [["km>=39990.0", "km<40478.0"]]
    placed = sorted(found.parts, key=lambda part: part.place)
    ends = [[float(one.value) for (one,) in part.where] for part in placed]
    assert len(placed) <= PARTS + 1
    assert all(one[-1] == after[0] for one, after in pairwise(ends))  # no gap between them
    assert sum(part.now for part in placed) == pytest.approx(1)


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
    assert [found_by(part) for part in moved.values(given, "c", "psi").parts[:2]] == [["c=b"], []]
    assert "\x1b" not in said
    assert "\n" not in said
    assert len(said) < 150
