"""What is said of all columns together, and when it cannot be said."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.spatial.distance import cdist, pdist

from arkwright.measures import drift, joint
from arkwright.measures.window import Window
from arkwright.monitor.counting import Reference, reference


def table(n, seed, together=0.0):
    """Two numbers and a word; `together`: how much the second says of the first, and so does the word."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, n))
    second = together * first + np.sqrt(1 - together**2) * second
    word = np.where(np.where(rng.random(n) < together, first, rng.normal(size=n)) > 0, "up", "down")
    return pa.table({"first": first * 1000, "second": second, "word": word})


def window(before, now):
    known = reference(before)
    return known.window(known.count(now, None, np.zeros(len(now), np.int64)))


def test_what_only_moves_together_is_found():
    found = window(table(5000, 1), table(900, 2, together=0.9))
    assert drift.drifted_columns(found).value == 0
    moved, told = joint.mmd(found), joint.domain_auc(found)
    assert moved.low > 0.05
    assert float(moved.note.split(";")[0].removeprefix("p = ")) < 1e-6
    assert told.low > 0.6
    assert (moved.n, told.n) == (900, 900)


def test_the_measure_is_about_the_discrepancy_that_scipys_distances_give():
    """Of numbers in standard deviations of the reference, by a kernel as wide as its median distance."""
    rng = np.random.default_rng(11)
    for _ in range(5):
        scale, centre = rng.lognormal(0, 3, (2, 3))
        shift = rng.normal(0, 0.7, 3)
        before, now = (rng.normal(by, 1, (n, 3)) * scale + centre for n, by in ((1500, 0), (800, shift)))
        found = window(*(pa.table(dict(zip("abc", rows.T, strict=True))) for rows in (before, now)))
        drawn_in = np.clip(before, *np.quantile(before, [0.001, 0.999], axis=0))
        x, y = (np.clip((rows - drawn_in.mean(axis=0)) / drawn_in.std(axis=0), -5, 5) for rows in (before, now))
        within, without, across = pdist(x, "sqeuclidean"), pdist(y, "sqeuclidean"), cdist(x, y, "sqeuclidean")
        twice = 2 * np.median(within)
        squared = np.exp(-within / twice).mean() + np.exp(-without / twice).mean() - 2 * np.exp(-across / twice).mean()
        assert joint.mmd(found).value == pytest.approx(np.sqrt(squared), rel=0.15)


def test_what_did_not_move_is_not_found():
    found = window(table(5000, 3, 0.5), table(900, 4, 0.5))
    moved, told = joint.mmd(found), joint.domain_auc(found)
    assert moved.low == 0
    assert moved.value < 0.05
    assert "95 % of such windows stay under" in moved.note
    assert told.low == 0.5
    assert told.value < 0.53


@pytest.mark.parametrize("measure", [joint.mmd, joint.domain_auc])
def test_what_cannot_be_compared_says_why(measure):
    assert measure(Window()).note.endswith("run the line again: arkwright run")
    known = reference(table(500, 5))
    assert measure(Reference(known.columns).window(known.count(table(50, 6)))).note.endswith("arkwright run")
    assert "the window has too few rows" in measure(window(table(500, 5), table(3, 6))).note
    assert "the window has too few rows" in measure(known.window(known.count(table(50, 6)))).note  # nothing was kept
    assert "the reference has too few rows" in measure(window(table(3, 5), table(500, 6))).note


def test_a_column_that_vanished_is_another_distribution():
    found = window(table(2000, 7), table(500, 8).select(["first", "word"]))
    assert joint.domain_auc(found).low > 0.95
    assert joint.mmd(found).low > 0.3


def test_words_that_are_frequent_by_luck_are_not_told_apart():
    """Of 200 words as frequent as each other the first thirty of a reference are rarer in every window."""
    rng = np.random.default_rng(9)
    for _ in range(10):
        both = [pa.table({"word": rng.integers(0, 200, n).astype(str)}) for n in (1000, 1000)]
        found = window(*both)
        assert (joint.mmd(found).low, joint.domain_auc(found).low <= 0.5) == (0, True)


def zipf(rng, n, shift=0.0):
    """Three numbers, the first of them moved, and 500 words of which the k-th comes as 1 / k."""
    shares = 1 / np.arange(1, 501)
    numbers = rng.normal(size=(3, n))
    return pa.table({
        "moved": numbers[0] + shift, "second": numbers[1], "third": numbers[2],
        "word": rng.choice(500, n, p=shares / shares.sum()).astype(str),
    })  # fmt: skip


def test_of_numbers_and_words_one_window_in_twenty_is_called_changed_and_a_change_is_found():
    rng, alarms, found = np.random.default_rng(10), [], []
    for _ in range(50):
        known = reference(zipf(rng, 800))
        for rows, shift, into in ((300, 0, alarms), (1000, 0, alarms), (1000, 0.4, found)):
            came = known.count(zipf(rng, rows, shift), None, np.zeros(rows, np.int64))
            notes = [measure(known.window(came)).note for measure in (joint.mmd, joint.domain_auc)]
            into.append([float(note.split(";")[0].removeprefix("p = ")) < 0.05 for note in notes])
    assert np.mean(alarms, axis=0).max() < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)
    assert np.mean(found, axis=0).min() > 0.9


def test_words_that_are_clearly_more_frequent_than_all_others_are():
    def words(share, seed):
        rng = np.random.default_rng(seed)
        usual, rare = rng.integers(0, 3, 1000), rng.integers(3, 200, 1000)
        return pa.table({"word": np.where(rng.random(1000) < share, usual, rare).astype(str)})

    found = window(words(0.6, 1), words(0.4, 2))
    assert joint.mmd(found).low > 0
    assert joint.domain_auc(found).low > 0.5
