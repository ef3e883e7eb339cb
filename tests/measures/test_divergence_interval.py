"""Intervals of divergences: few rows prove next to nothing, and the truth is held in 95 of 100 windows, or in more."""

import math

import numpy as np
import pytest
from scipy import stats

from arkwright.core.promises import judge, parse
from arkwright.measures import drift
from arkwright.measures.distances import HELLINGER, JENSEN_SHANNON, PSI, Distance, pearson
from arkwright.measures.divergence_interval import interval
from arkwright.measures.sketch import of_words
from arkwright.measures.window import Window

DISTANCES = [PSI, JENSEN_SHANNON, HELLINGER, pearson(0.2)]
MEASURES = [drift.psi, drift.jensen_shannon, drift.hellinger, drift.chi_square]


def window(before, now):
    known = of_words(before)
    return Window(reference={"x": known}, current={"x": known.empty().words(now)})


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
@pytest.mark.parametrize("now", [{"a": 1}, {"b": 1}, {"a": 1, "b": 1}, {"a": 2, "b": 2}, {"a": 5, "b": 5}])
def test_few_rows_just_as_expected_keep_no_promise_and_break_none(measure, now):
    found = measure(window({"a": 500, "b": 500}, now), "x")
    assert found.low == 0
    assert found.high > (0.05 if measure is drift.chi_square else 0.3)
    limit = 0.03 if measure is drift.chi_square else 0.1
    assert judge(parse(f"{measure.name}(x) <= {limit}"), found).word == "unproven"


@pytest.mark.parametrize("now", [{"a": 1}, {"a": 4}])
def test_a_column_of_one_value_is_not_sure_to_stay_one(now):
    found = drift.psi(window({"a": 1000}, now), "x")
    assert (found.value, found.low) == (0, 0)
    assert found.high > 1


def test_many_rows_keep_and_break():
    half = {"a": 500, "b": 500}
    assert judge(parse("psi(x) <= 0.1"), drift.psi(window(half, {"a": 100, "b": 100}), "x")).word == "kept"
    assert judge(parse("psi(x) <= 0.1"), drift.psi(window(half, {"a": 90, "b": 10}), "x")).word == "broken"


@pytest.mark.parametrize("distance", [PSI, JENSEN_SHANNON, HELLINGER])
@pytest.mark.parametrize("came", range(9))
def test_of_two_values_the_upper_end_is_no_nearer_than_the_exact_one(distance, came):
    """Clopper and Pearson's of the share, by SciPy, beside a reference that is known."""
    known = np.array([6e8, 4e8])
    share = stats.binomtest(came, 8).proportion_ci(0.95, "exact")
    ends = [distance.of(known / known.sum(), np.array([max(1 / 16, one), max(1 / 16, 1 - one)])) for one in share]
    low, high = interval(distance, known, np.array([came, 8 - came]))
    assert high >= 0.97 * max(end[0] for end in ends)
    assert low <= (0 if share.low <= 0.6 <= share.high else min(end[0] for end in ends))


@pytest.mark.parametrize("distance", DISTANCES)
def test_derivatives_are_those_of_the_values(distance: Distance):
    rng = np.random.default_rng(1)
    a, b = rng.dirichlet(np.full(6, 3), 2)
    _, by_a, by_b = distance.of(a, b)
    for place in range(6):
        step = np.zeros(6)
        step[place] = 1e-6
        for found, (up, down) in (
            (by_a, ((a + step, b), (a - step, b))), (by_b, ((a, b + step), (a, b - step))),
        ):  # fmt: skip
            slope = (_plain(distance, *up) - _plain(distance, *down)) / 2e-6
            assert found[place] == pytest.approx(slope, abs=1e-6)


def _plain(distance, a, b):
    """As of shares that need not add up to 1: of Hellinger's and of Pearson's the terms that are not constant."""
    if distance is HELLINGER:
        return -float(np.sqrt(a * b).sum())
    if distance is DISTANCES[-1]:
        return -float((a * b / (0.8 * a + 0.2 * b)).sum())
    return distance.of(a, b)[0]


@pytest.mark.parametrize("distance", DISTANCES)
def test_merging_cells_brings_distributions_no_farther_apart(distance):
    rng = np.random.default_rng(2)
    for _ in range(100):
        p, q = rng.dirichlet(np.full(5, 0.7), 2) * 1000
        merged = (np.append(side[:3], side[3:].sum()) for side in (p, q))
        assert distance(*merged) <= distance(p, q) + 1e-12


def test_what_is_as_far_as_can_be_is_no_farther_when_it_is_rounded():
    assert pearson(1 / 5)(np.array([1, 1, 2, 0]), np.array([0, 0, 0, 1])) == 1


def truths(p, q, share):
    return [float(distance.of(p, q)[0]) for distance in (*DISTANCES[:3], pearson(share))]


@pytest.mark.parametrize("n", [4, 30, 300])
@pytest.mark.parametrize("k", [2, 20])
@pytest.mark.parametrize("moved", [0.0, 0.8])
def test_intervals_hold_the_truth_however_few_rows_came(n, k, moved):
    rng = np.random.default_rng(n + k)
    p = np.full(k, 1 / k) if n == 30 else 1 / np.arange(1, k + 1)
    p = p / p.sum()
    q = p * np.exp(moved * np.where(np.arange(k) % 2, 1, -1))
    q = q / q.sum()
    share = n / (1000 + n)
    missed = np.zeros(4)
    for _ in range(150):
        counts = rng.multinomial(1000, p), rng.multinomial(n, q)
        for place, truth in enumerate(truths(p, q, share)):
            low, high = interval((*DISTANCES[:3], pearson(share))[place], *counts)
            missed[place] += not low <= truth + 1e-12 <= high + 1e-12
    assert missed.max() / 150 < 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / 150)
