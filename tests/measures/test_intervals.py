"""Intervals, judged by scipy, by published numbers, and by how often they hold the truth."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats

from arkwright.measures import intervals


def test_z():
    assert pytest.approx(1.959963984540054, rel=1e-15) == intervals.Z


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_newcombe_prints_it(successes, n, low, high):
    """Newcombe 1998, table I, method 3."""
    assert intervals.wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10**7), st.data())
def test_wilson_is_scipys(n, data):
    successes = data.draw(st.integers(0, n))
    theirs = stats.binomtest(successes, n).proportion_ci(method="wilson")
    assert intervals.wilson(successes, n) == pytest.approx((theirs.low, theirs.high), rel=1e-9, abs=1e-12)


@given(st.integers(1, 10**6), st.data())
def test_wilson_is_symmetric_and_holds_the_share(n, data):
    successes = data.draw(st.integers(0, n))
    low, high = intervals.wilson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    assert intervals.wilson(n - successes, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("n", [50, 500])
def test_wilson_covers(share, n):
    """Exactly: the chance of every count times whether its interval holds the share."""
    counts = np.arange(n + 1)
    held = [low <= share <= high for low, high in (intervals.wilson(int(k), n) for k in counts)]
    assert 0.92 <= float(stats.binom.pmf(counts, n, share) @ held) <= 0.985


@pytest.mark.parametrize("df", [*range(1, 40), 100, 1000, 10**6])
def test_student_is_scipys(df):
    assert intervals.student(df) == pytest.approx(stats.t.ppf(0.975, df), rel=1e-5)


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=25))
@settings(max_examples=50)
def test_mean_of_symmetric_rows_is_scipys(half):
    rows = np.array([7 + x for x in half] + [7 - x for x in half])
    theirs = stats.t.interval(0.95, len(rows) - 1, rows.mean(), max(stats.sem(rows), 1e-300))
    assert intervals.mean(rows) == pytest.approx(theirs, abs=1e-9 + 1e-5 * (theirs[1] - theirs[0]))


@pytest.mark.parametrize("n", [3, 4, 10, 50, 2000])
@pytest.mark.parametrize("tail", [1, -1])
def test_mean_of_skewed_rows_is_halls(n, tail):
    """The end away from the long tail solves Hall's cubic, with SciPy's skewness; the other one is its series, with
    the skewness of which the sample's is the biased estimate.
    """
    rows = tail * np.random.default_rng(n).lognormal(size=n)
    seen = tail * float(stats.skew(rows))
    q, error = stats.t.ppf(0.975, n - 1), stats.sem(rows)

    def cubic(x):
        bend = seen / math.sqrt(n)
        return x + bend * x**2 / 3 + bend**2 * x**3 / 27 + bend / 6 - q

    short = optimize.brentq(cubic, 0, q)
    there = seen * (1 + 6.51 / n + 20.2 / n**2 + (1.48 / n + 6.77 / n**2) * seen**2)
    bend = min(there, math.sqrt(n)) / math.sqrt(n)
    h = q + bend / 6
    long = sum(-3 * special.binom(1 / 3, k) * (-h) ** k * bend ** (k - 1) for k in (1, 2, 3))
    ends = sorted((rows.mean() - tail * short * error, rows.mean() + tail * long * error))
    assert intervals.mean(rows) == pytest.approx(ends, abs=1e-4 * error)


@pytest.mark.parametrize(("kind", "student_misses"), [("squares", 0.06), ("log-normal", 0.08)])
def test_mean_of_skewed_rows_covers(kind, student_misses):
    """Of 50 rows Student's t ends below the mean in 7 and 10 of 100 samples."""
    normal = np.random.default_rng(6).normal(size=(1500, 50))
    rows, truth = (normal**2, 1.0) if kind == "squares" else (np.exp(normal), math.exp(0.5))
    high = rows.mean(axis=1) + stats.t.ppf(0.975, 49) * stats.sem(rows, axis=1)
    found = np.array([intervals.mean(row) for row in rows])
    assert (high < truth).mean() > student_misses
    assert (found[:, 1] < truth).mean() < 0.06
    assert (found[:, 0] > truth).mean() < 0.04


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_mean_of_rows_of_any_size(scale):
    low, high = intervals.mean(np.array([1.0, 3.0, 9.0, 1.0]))
    assert intervals.mean(scale * np.array([1.0, 3.0, 9.0, 1.0])) == pytest.approx((scale * low, scale * high))
    assert intervals.mean(scale * np.array([-1.0, -3.0, -9.0, -1.0])) == pytest.approx((-scale * high, -scale * low))
    assert intervals.mean(np.full(3, scale)) == (scale, scale)


def test_mean_covers():
    rng = np.random.default_rng(5)
    held = [low <= 3 <= high for low, high in (intervals.mean(rng.normal(3, 2, 8)) for _ in range(2000))]
    assert 0.935 <= np.mean(held) <= 0.965


def test_mean_of_shares_is_careful_where_nothing_varies():
    assert intervals.mean_of_shares(np.zeros(20)) == intervals.wilson(0, 20)
    assert intervals.mean_of_shares(np.ones(20)) == intervals.wilson(20, 20)
    assert intervals.mean_of_shares(np.full(1000, 0.1)) == pytest.approx(intervals.wilson(100, 1000))  # 0.1 is no sum
    low, high = intervals.mean_of_shares(np.array([0, 0, 0.2, 0.2]))
    assert (low, high) == (0.0, pytest.approx(0.1 + 3.182446 * 0.1 / math.sqrt(3)))


def test_mover_is_newcombes_difference():
    """Newcombe 1998, table II, method 10: 56/70 against 48/80 gives 0.0524 to 0.3339."""
    shares, ends = np.array([56 / 70, 48 / 80]), np.array([intervals.wilson(56, 70), intervals.wilson(48, 80)])
    low, high = intervals.mover(shares, ends[:, 0], ends[:, 1], np.array([1.0, -1.0]))
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize(("value", "error"), [(0.5, 0.05), (0.99, 0.02), (0.01, 0.05)])
def test_on_logit_stays_inside_and_is_symmetric(value, error):
    low, high = intervals.on_logit(value, error, 10)
    assert 0 < low < value < high < 1
    assert intervals.on_logit(1 - value, error, 10) == pytest.approx((1 - high, 1 - low))
    half = stats.norm.ppf(0.975) * error / (value * (1 - value))
    logit = math.log(value / (1 - value))
    assert (low, high) == pytest.approx((1 / (1 + math.exp(half - logit)), 1 / (1 + math.exp(-half - logit))))


def test_on_logit_at_the_ends():
    assert intervals.on_logit(1.0, 0.0, 10) == intervals.wilson(10, 10)
    assert intervals.on_logit(0.0, 0.0, 10) == intervals.wilson(0, 10)
    assert intervals.on_logit(0.5, 0.0, 10) == (0.5, 0.5)  # a score that never differs
    assert intervals.on_logit(0.999, 50.0, 10) == (0.0, 1.0)  # no overflow


def test_percentiles():
    draws = np.append(np.linspace(0, 1, 1001), [np.nan, np.nan])
    assert intervals.percentiles(draws, 0.5, 10) == pytest.approx((0.025, 0.975))
    assert intervals.percentiles(draws, 0.99, 10) == pytest.approx((0.025, 0.99))
    assert intervals.percentiles(np.ones(9), 1.0, 10) == intervals.wilson(10, 10)


def test_recounts_are_a_multinomial():
    counts = np.array([5, 20, 75])
    draws = np.concatenate(intervals.recounts(counts, np.random.default_rng(0)))
    assert draws.shape == (intervals.DRAWS, 3)
    assert (draws.sum(axis=1) == 100).all()
    assert draws.mean(axis=0) == pytest.approx(counts, abs=0.5)
    shares = counts / 100
    assert np.cov(draws.T) == pytest.approx(100 * (np.diag(shares) - np.outer(shares, shares)), abs=3)
    again = np.concatenate(intervals.recounts(counts, np.random.default_rng(0)))
    assert (draws == again).all()
    wide = intervals.recounts(np.ones(5000, np.int64), np.random.default_rng(0))
    assert sum(len(block) for block in wide) == intervals.DRAWS
    assert max(block.size for block in wide) <= 2**21


def test_stretch():
    assert intervals.stretch(0) == intervals.stretch(1) == 1
    assert intervals.stretch(5) == pytest.approx(stats.norm.ppf(1 - 0.025 / 5) / stats.norm.ppf(0.975))


def test_macro():
    value, (low, high) = intervals.macro([(9, 10), (40, 80)])
    ends = [intervals.wilson(9, 10), intervals.wilson(40, 80)]
    assert value == pytest.approx(0.7)
    assert low == pytest.approx(0.7 - math.hypot(0.9 - ends[0][0], 0.5 - ends[1][0]) / 2)
    assert high == pytest.approx(0.7 + math.hypot(ends[0][1] - 0.9, ends[1][1] - 0.5) / 2)
    assert intervals.macro([(5, 5), (5, 5)])[1][1] == 1.0


def test_many_shares_at_once_are_wilsons_of_each():
    counts = np.array([0, 3, 50, 100])
    lows, highs = intervals.wilsons(counts, 100, intervals.Z)
    for count, low, high in zip(counts.tolist(), lows, highs, strict=True):
        assert (low, high) == pytest.approx(intervals.wilson(count, 100), abs=1e-12)
