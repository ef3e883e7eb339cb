"""Distances from the truth: by hand, by scikit-learn, by what must not change, and by how often intervals hold."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from arkwright.measures import intervals
from arkwright.measures.evaluation import Evaluation
from arkwright.measures.regression import bias, mae, mape, r2, rmse

ALL = [mae, rmse, r2, mape, bias]


def valued(truth, answer):
    return Evaluation(task="regression", truth=np.asarray(truth, float), label=np.asarray(answer, float))


def sample(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 300))
    truth = rng.gamma(2, 10, n) + 1
    return truth, truth + rng.normal(rng.normal(), 3, n)


@pytest.mark.parametrize(
    ("measure", "value"),
    [(mae, 1.5), (rmse, math.sqrt(3.5)), (r2, 1 - 14 / 20), (mape, (1 / 2 + 0 + 2 / 6 + 3 / 8) / 4), (bias, 1.0)],
)
def test_by_hand(measure, value):
    reading = measure(valued([2, 4, 6, 8], [1, 4, 8, 11]))
    assert reading.value == pytest.approx(value)
    assert reading.low < reading.value < reading.high
    assert reading.n == 4


@pytest.mark.parametrize("seed", range(200))
def test_values_are_scikit_learns(seed):
    truth, answer = sample(seed)
    evaluation = valued(truth, answer)
    assert mae(evaluation).value == pytest.approx(metrics.mean_absolute_error(truth, answer), rel=1e-9)
    assert rmse(evaluation).value == pytest.approx(metrics.root_mean_squared_error(truth, answer), rel=1e-9)
    assert r2(evaluation).value == pytest.approx(metrics.r2_score(truth, answer), rel=1e-9, abs=1e-9)
    assert mape(evaluation).value == pytest.approx(metrics.mean_absolute_percentage_error(truth, answer), rel=1e-9)
    assert bias(evaluation).value == pytest.approx(np.mean(answer - truth), rel=1e-9)
    assert (bias(evaluation).low, bias(evaluation).high) == intervals.mean(answer - truth)


@given(st.integers(0, 10**6), st.floats(0.01, 100), st.floats(-1000, 1000))
@settings(max_examples=60)
def test_units_and_origins(seed, unit, origin):
    truth, answer = sample(seed)
    one, scaled, moved = (
        valued(truth, answer),
        valued(unit * truth, unit * answer),
        valued(truth + origin, answer + origin),
    )
    for measure in (mae, rmse, bias):
        reading = measure(one)
        ends = (reading.value, reading.low, reading.high)
        for other, by in ((measure(scaled), unit), (measure(moved), 1)):
            assert (other.value, other.low, other.high) == pytest.approx([by * x for x in ends], rel=1e-6, abs=1e-6)
    for measure in (r2, mape):
        assert measure(scaled).value == pytest.approx(measure(one).value, rel=1e-9)
    assert r2(moved).value == pytest.approx(r2(one).value, rel=1e-6, abs=1e-6)


@given(st.integers(0, 10**6))
@settings(max_examples=60)
def test_rows_in_another_order_and_the_other_side(seed):
    truth, answer = sample(seed)
    turn = np.random.default_rng(seed).permutation(len(truth))
    for measure in ALL:
        one, other = measure(valued(truth, answer)), measure(valued(truth[turn], answer[turn]))
        assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), rel=1e-9, abs=1e-9)
        assert one.low <= one.value <= one.high
    one, other = bias(valued(truth, answer)), bias(valued(answer, truth))
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))
    assert mae(valued(truth, answer)).value <= rmse(valued(truth, answer)).value * (1 + 1e-12)
    assert r2(valued(truth, answer)).high <= 1


@pytest.mark.parametrize("measure", ALL)
def test_every_row_twice_is_the_same_value_and_a_narrower_interval(measure):
    truth, answer = sample(1)
    one, two = measure(valued(truth, answer)), measure(valued(np.tile(truth, 2), np.tile(answer, 2)))
    assert two.value == pytest.approx(one.value)
    assert two.high - two.low < one.high - one.low


@pytest.mark.parametrize(
    ("measure", "value"),
    [(mae, 2 * math.sqrt(2 / math.pi)), (rmse, 2.0), (bias, 0.0), (r2, 1 - 4 / 13), (mape, None)],
)
def test_intervals_cover(measure, value):
    """Truth 20 + N(0, 9), answered with noise N(0, 4)."""

    def draw(rng, n):
        answer = rng.normal(20, 3, n)
        return valued(answer + rng.normal(0, 2, n), answer)

    value = measure(draw(np.random.default_rng(0), 2_000_000)).value if value is None else value
    found = [measure(draw(np.random.default_rng(seed), 150)) for seed in range(1, 501)]
    assert 0.92 <= np.mean([r.low <= value <= r.high for r in found]) <= 0.98


@pytest.mark.parametrize(
    ("evaluation", "measures", "note"),
    [
        (valued([], []), ALL, "there are no rows"),
        (valued([1], [1]), ALL, "there are fewer than 2 rows, which give no interval"),
        (valued([1, 2, math.nan], [1, 2, 3]), ALL, "1 of 3 truth are not finite numbers"),
        (valued([1, 2, 3], [1, math.inf, math.nan]), ALL, "2 of 3 answers are not finite numbers"),
        (valued([5, 5], [5, 6]), [r2], "the truth is the same in every row, so there is no variance to explain"),
        (valued([0, 5], [5, 6]), [mape], "the truth is 0 in 1 of 2 rows, and nothing is a share of 0; use mae"),
        (valued([1e300, -1e300], [-1e300, 1e300]), [rmse, r2], None),
    ],
)
def test_undefined(evaluation, measures, note):
    for measure in measures:
        reading = measure(evaluation)
        assert reading.value is None
        assert reading.note == (note or f"{measure.name} is too large for a number")


def test_every_answer_right():
    evaluation = valued([1, 2, 3], [1, 2, 3])
    assert [measure(evaluation).value for measure in ALL] == [0, 0, 1, 0, 0]


def test_which_side_is_worse():
    assert [measure.larger_is_better for measure in ALL] == [False, False, True, False, None]
