"""Tests of counts: with few rows in a cell they are as exact as with many, and changes are found."""

import time
from itertools import combinations_with_replacement

import numpy as np
import pytest
from scipy import stats

from arkwright.measures import drift
from arkwright.measures.contingency import chance, pearson
from arkwright.measures.divergence import chi_square
from arkwright.measures.sketch import of_words
from arkwright.measures.window import Window


@pytest.mark.parametrize(
    ("cells", "here"),
    [
        (np.full(20, 50), 50),  # as frequent as each other, 2.4 rows to be expected of each
        (np.full(50, 30), 60),
        (np.array([900, 300, 100, 60, 40, 30, 25, 20, 20, 20]), 75),
        (np.array([20_000, 400, 400, 400]), 53),
        (np.array([900, 50, 50]), 30),
    ],
)
def test_large_statistics_are_as_rare_as_is_said(cells, here):
    """Beside 20,000 tables with the same sums. As a chi-square of k - 1, up to four times too many are."""
    rng = np.random.default_rng(1)
    drawn = rng.multivariate_hypergeometric(cells, here, size=20_000, method="marginals")
    expected = cells * here / cells.sum()
    statistics = ((drawn - expected) ** 2 / expected).sum(axis=1) * (cells.sum() / (cells.sum() - here))
    for alpha in (0.05, 0.05 / 30):
        limit = np.quantile(statistics, 1 - alpha, method="higher")
        q = drawn[int(np.flatnonzero(statistics == limit)[0])]
        assert chi_square(cells - q, q)[0] == pytest.approx(limit)
        assert alpha / 2 < pearson(cells - q, q) < 2 * alpha


def test_of_few_tables_every_one_is_looked_at():
    """Whichever of the three words comes four times of four: three of 81 equally likely orders."""
    assert pearson(np.array([10_000] * 3), np.array([4, 0, 0])) == pytest.approx(3 / 81, rel=1e-3)
    assert pearson(np.array([4, 0, 0]), np.array([10_000] * 3)) == pytest.approx(3 / 81, rel=1e-3)
    for rows in (6, 7, 12, 20):  # beside a million rows, where nothing changed
        alarms = 0.0
        for came in combinations_with_replacement(range(3), rows):
            q = np.bincount(came, minlength=3)
            if chance(np.array([500_000, 250_000, 250_000]), q) < 0.05:
                alarms += stats.multinomial.pmf(q, rows, [0.5, 0.25, 0.25])
        assert alarms <= 0.05


def test_counts_too_large_for_products_of_64_bits_are_judged_at_once():
    huge = np.array([10**10] * 2)
    begun = time.process_time()
    assert chance(huge, huge) == 1
    assert chance(huge, huge + np.array([0, 400_000])) == pytest.approx(stats.norm.sf(2) * 2, rel=0.01)
    assert chance(huge, np.array([6, 0])) == pytest.approx(2 / 64, rel=1e-3)
    assert chance(np.array([10**10, 1, 2]), np.array([10**10, 5, 0])) == pytest.approx(2 * 2 * 7 / 64, rel=1e-3)
    assert time.process_time() - begun < 1


def test_two_cells_are_fishers():
    assert pearson(np.array([80, 20]), np.array([3, 5])) == pytest.approx(
        2 * stats.fisher_exact([[80, 20], [3, 5]], alternative="greater").pvalue
    )


def test_what_cannot_come_out_otherwise_is_no_surprise():
    assert pearson(np.array([10, 10, 9]), np.array([0, 0, 1])) == 1


def significance(p, q):
    before = of_words({f"w{place}": rows for place, rows in enumerate(p.tolist())})
    now = before.empty().words({f"w{place}": rows for place, rows in enumerate(q.tolist()) if rows})
    return drift.significance(Window(reference={"x": before}, current={"x": now}), "x")[0]


@pytest.mark.parametrize(("k", "rows", "least"), [(20, 30, 0.25), (20, 50, 0.6), (40, 75, 0.7)])
def test_a_change_among_words_of_few_rows_is_found(k, rows, least):
    """Half of them come five times as often as the others: with fewer rows it is found less often, not never."""
    rng = np.random.default_rng(2)
    found = []
    for _ in range(60):
        shares = np.exp(0.8 * np.where(rng.permutation(k) % 2, 1, -1))
        came = rng.multinomial(rows, shares / shares.sum())
        found.append(significance(rng.multinomial(1000, np.full(k, 1 / k)), came) < 0.05)
    assert np.mean(found) > least


@pytest.mark.parametrize(
    ("before", "now"), [([10] * 50 + [0], [0] * 50 + [40]), ([400, 400] + [4] * 50, [5, 5] + [1] * 45 + [0] * 5)]
)
def test_rows_that_went_from_many_small_cells_into_one_or_back_are_found(before, now):
    """A column that is wholly missing by now is the first."""
    assert chance(np.array(before), np.array(now)) < 1e-10


def test_rare_words_that_grew_together_are_found():
    """A thousand words, less than a row to be expected of most of them in the window."""
    rng = np.random.default_rng(3)
    shares = 1 / np.arange(1, 1001)
    shares /= shares.sum()
    moved = 0.7 * shares + 0.3 / 1000
    found = [significance(rng.multinomial(20_000, shares), rng.multinomial(200, moved)) < 0.05 for _ in range(30)]
    assert np.mean(found) > 0.6
