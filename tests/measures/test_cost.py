"""What the served model costs, and whether it answers as the trained one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from sklearn import metrics

from arkwright.core.errors import Invalid
from arkwright.core.promises import judge, parse
from arkwright.measures import intervals, latencies
from arkwright.measures.cost import agreement, latency_p50_ms, latency_p99_ms, max_difference, size_mb
from arkwright.measures.evaluation import Evaluation


def classified(label, score=None, **more):
    label = np.asarray(label)
    score = None if score is None else np.asarray(score)
    return Evaluation(task="classification", truth=np.zeros(len(label), int), label=label, score=score, **more)


def valued(label, **more):
    label = np.asarray(label, float)
    return Evaluation(task="regression", truth=np.zeros(len(label)), label=label, **more)


def timed(latencies):
    return classified([0], latencies_ms=None if latencies is None else np.asarray(latencies))


def answered(took):
    return classified([0], took=latencies.counted(np.asarray(took)))


# --- the same answers


def test_agreement_by_hand():
    reading = agreement(classified([0, 1, 1, 0], original=classified([0, 1, 0, 0])))
    assert (reading.value, reading.low, reading.high, reading.n) == (0.75, *intervals.wilson(3, 4), 4)
    assert agreement(classified([0, 2], original=classified([0, 2]))).value == 1
    reading = agreement(valued([100, 100.02, -5], original=valued([100.005, 100, -5])))
    assert reading.value == pytest.approx(2 / 3)
    assert agreement(valued([100, 100.02, -5], original=valued([100.005, 100, -5])), tolerance=0.01).value == 1
    assert agreement(valued([1, 2], original=valued([1, 2])), tolerance=0).value == 1


def test_next_to_0_the_size_of_the_other_answers_counts():
    """A float32 graph says 1e-6 where the trained model says 0, beside answers of about 100."""
    assert agreement(valued([1e-6, 100], original=valued([0, 100]))).value == 1
    assert agreement(valued([0.1, 100], original=valued([0, 100]))).value == 0.5
    assert agreement(valued([1e-6, 0], original=valued([0, 0]))).value == 0.5


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60))
def test_agreement_is_scikit_learns_accuracy_of_one_against_the_other(pairs):
    served, trained = np.array(pairs).T
    reading = agreement(classified(served, original=classified(trained)))
    assert reading.value == pytest.approx(metrics.accuracy_score(trained, served))
    assert reading.low <= reading.value <= reading.high
    other = agreement(classified(trained, original=classified(served)))
    assert (other.value, other.low, other.high) == (reading.value, reading.low, reading.high)


@given(arrays.arrays(float, 20, elements=st.floats(-1e6, 1e6)), st.floats(0.01, 100))
def test_agreement_of_numbers_has_no_unit(trained, unit):
    served = trained * (1 + np.random.default_rng(0).choice([0, 5e-5, 3e-4], 20))
    one = agreement(valued(served, original=valued(trained))).value
    assert agreement(valued(-served, original=valued(-trained))).value == one
    assert agreement(valued(trained, original=valued(trained))).value == 1
    assert agreement(valued(2.0**4 * served, original=valued(2.0**4 * trained))).value == one


def test_max_difference():
    assert max_difference(
        classified([0, 1], [0.1, 0.9], original=classified([0, 1], [0.3, 0.95]))
    ).value == pytest.approx(0.2)
    one, two = [[0.1, 0.2, 0.7], [0.5, 0.4, 0.1]], [[0.1, 0.2, 0.7], [0.4, 0.4, 0.2]]
    reading = max_difference(classified([0, 1], one, original=classified([0, 1], two)))
    assert (reading.value, reading.low, reading.high, reading.n) == (pytest.approx(0.1), None, None, 2)
    assert max_difference(valued([1, 5], original=valued([1, 2]))).value == 3
    small = max_difference(classified([0], np.array([0.1], np.float32), original=classified([0], [0.1])))
    assert 0 < small.value < 1e-8


@given(arrays.arrays(float, 30, elements=st.floats(0, 1)), arrays.arrays(float, 30, elements=st.floats(0, 1)))
def test_max_difference_is_a_distance(one, two):
    def apart(a, b):
        return max_difference(classified([0] * 30, a, original=classified([0] * 30, b))).value

    assert apart(one, two) == apart(two, one) == np.linalg.norm(one - two, np.inf)
    assert apart(one, one) == 0
    assert apart(one[::-1], two[::-1]) == apart(one, two)


# --- time and size


def test_latency_by_hand():
    rounds = [[1, 2, 3, 4, 5], [2, 2, 3, 4, 100], [5, 5, 6, 7, 7]]
    reading = latency_p50_ms(timed(rounds))
    assert (reading.value, reading.low, reading.high, reading.n) == (3, 3, 6, None)
    assert reading.note == "3 rounds of 5 calls"
    reading = latency_p99_ms(timed(rounds))
    assert (reading.value, reading.low, reading.high) == pytest.approx((7, 4.96, 96.16))


@given(arrays.arrays(float, st.tuples(st.integers(2, 5), st.integers(1, 50)), elements=st.floats(1e-6, 1e4)))
@settings(max_examples=60)
def test_latency_is_scipys_quantile_of_each_round(latencies):
    for measure, q in ((latency_p50_ms, 0.5), (latency_p99_ms, 0.99)):
        each = np.asarray(stats.mstats.mquantiles(latencies, [q], alphap=1, betap=1, axis=1)).ravel()
        reading = measure(timed(latencies))
        assert (reading.value, reading.low, reading.high) == pytest.approx((np.median(each), each.min(), each.max()))
        turned = measure(timed(latencies[::-1, ::-1]))
        assert (turned.value, turned.low, turned.high) == (reading.value, reading.low, reading.high)
        doubled = measure(timed(2 * latencies))
        assert (doubled.value, doubled.low, doubled.high) == (2 * reading.value, 2 * reading.low, 2 * reading.high)


def test_one_slow_round_leaves_it_unproven():
    """A noisy minute must not be taken for a slow model, nor a lucky one for a fast model."""
    reading = latency_p99_ms(timed([[1.0] * 100, [1.1] * 100, [5.0] * 100]))
    verdict = judge(parse("latency_p99_ms <= 2"), reading)
    assert (verdict.word, verdict.more_rows) == ("unproven", None)  # rows would not help


def test_requests_of_traffic_are_told_by_ranks():
    taken = np.random.default_rng(1).permutation(np.arange(1, 10_001) / 100)
    reading = latency_p99_ms(answered(taken))
    assert reading.value == pytest.approx(np.quantile(taken, 0.99), rel=0.01)
    low, high = stats.binom.ppf([0.025, 0.975], 10_000, 0.99) / 100
    assert 0.98 * low - 0.03 <= reading.low <= low
    assert high <= reading.high <= 1.02 * high + 0.03
    assert (reading.n, reading.note) == (10_000, "10,000 calls, each to within 1%")
    assert latency_p50_ms(answered([3.0] * 20)).value == pytest.approx(3, rel=0.01)
    assert latency_p99_ms(answered([3.0] * 100)).note == "100 calls are too few to tell what 99% of them take"
    held = 0
    for seed in range(300):
        found = latency_p50_ms(answered(np.random.default_rng(seed).exponential(1, 41)))
        held += found.low <= np.log(2) <= found.high
    assert held >= 280


def test_size():
    reading = size_mb(classified([0], size_bytes=2_500_000))
    assert (reading.value, reading.low, reading.high, reading.n) == (2.5, None, None, None)
    assert size_mb(classified([0], size_bytes=0)).value == 0
    assert size_mb(classified([0], size_bytes=2_500_001)).value > 2.5


def test_which_side_is_worse():
    worse = [m.larger_is_better for m in (agreement, max_difference, latency_p50_ms, latency_p99_ms, size_mb)]
    assert worse == [True, False, False, False, False]


# --- what is missing

OTHER_CLASSES = "the served model scores (2,), the trained one (2, 3): not the same classes"
THREE = classified([0, 1], [[0.2, 0.3, 0.5]] * 2)
NO_NUMBER = "1 of 1 scores are not finite numbers"


@pytest.mark.parametrize(
    ("measure", "evaluation", "note"),
    [
        (agreement, classified([0]), "there is no trained model to compare with"),
        (max_difference, classified([0]), "there is no trained model to compare with"),
        (agreement, classified([], original=classified([])), "there are no rows"),
        (agreement, valued([], original=valued([])), "there are no rows"),
        (agreement, valued([np.nan], original=valued([0])), "1 of 1 answers are not finite numbers"),
        (max_difference, classified([0], original=classified([0], [0.1])), "the model gives no score"),
        (max_difference, classified([0], [0.1], original=classified([0])), "the model gives no score"),
        (max_difference, classified([0], [np.nan], original=classified([0], [0.1])), NO_NUMBER),
        (max_difference, classified([0, 1], [0.1, 0.2], original=THREE), OTHER_CLASSES),
        (latency_p50_ms, timed(None), "no calls were timed"),
        (latency_p50_ms, answered([]), "no calls were timed"),
        (latency_p99_ms, timed([]), "no calls were timed"),
        (latency_p99_ms, timed([[1.0, np.nan]]), "some of the times are negative or no numbers"),
        (latency_p99_ms, timed([[1.0, -1.0]]), "some of the times are negative or no numbers"),
        (latency_p99_ms, timed([[1.0, np.inf]]), "some of the times are negative or no numbers"),
        (size_mb, classified([0]), "the size of the model was not taken"),
    ],
)  # fmt: skip
def test_undefined(measure, evaluation, note):
    reading = measure(evaluation)
    assert (reading.value, reading.note) == (None, note)


@pytest.mark.parametrize("tolerance", [-0.1, 1.0, float("nan"), float("inf")])
def test_a_wrong_tolerance_is_an_error_before_any_row(tolerance):
    with pytest.raises(Invalid, match="tolerance is a share"):
        agreement(classified([]), tolerance=tolerance)
