"""Ranking and probabilities: by hand, by scikit-learn, by what must not change, and by how often intervals hold."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.calibration import calibration_curve

from arkwright.measures import curves, intervals
from arkwright.measures.evaluation import Evaluation
from arkwright.measures.score import average_precision, brier, calibration_error, log_loss, roc_auc

ALL = [roc_auc, average_precision, brier, log_loss, calibration_error]


def scored(truth, score, seed=0):
    truth, score = np.asarray(truth), np.asarray(score)
    label = score.argmax(axis=1) if score.ndim == 2 else (score >= 0.5).astype(int)
    return Evaluation(task="classification", truth=truth, label=label, score=score, seed=seed)


def sample(rng, n=None, classes=2, ties=None):
    """Rows whose scores know something; every class occurs at least twice."""
    n = n or int(rng.integers(2 * classes + 2, 400))
    truth = np.concatenate([np.repeat(np.arange(classes), 2), rng.integers(0, classes, n - 2 * classes)])
    rng.shuffle(truth)
    raw = rng.normal(size=(n, classes)) + 1.5 * (np.arange(classes) == truth[:, None]) * rng.random()
    score = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    if classes == 2:
        score = score[:, 1]
        score = np.round(score, ties) if ties else score
    return truth, score


SAMPLES = [(seed, classes, ties) for seed in range(60) for classes, ties in ((2, None), (2, 1), (2, 2), (4, None))]


# --- by hand


def test_values_by_hand():
    assert roc_auc(scored([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])).value == 0.75  # 3 of 4 pairs in order
    assert roc_auc(scored([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8])).value == 0.875  # a tie counts half
    assert average_precision(scored([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])).value == pytest.approx((1 + 2 / 3) / 2)
    assert brier(scored([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3])).value == pytest.approx(0.0375)
    assert log_loss(scored([1, 0], [0.25, 0.5])).value == pytest.approx((math.log(4) + math.log(2)) / 2)
    assert calibration_error(scored([0, 0, 0, 1], [0.25] * 4)).value == 0
    assert calibration_error(scored([0, 1, 1, 1], [0.25] * 4)).value == 0.5


def test_three_classes_by_hand():
    score = [[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.4, 0.3, 0.3]] * 2
    truth = [0, 1, 2, 1] * 2
    assert brier(scored(truth, score)).value == pytest.approx((0.06 + 0.38 + 0.14 + 0.74) / 4)
    assert log_loss(scored(truth, score)).value == pytest.approx(-sum(map(math.log, (0.8, 0.5, 0.7, 0.3))) / 4)
    # the highest scores .8 .5 .7 .4 are right, right, right, wrong; four bins of their own
    assert calibration_error(scored(truth, score)).value == pytest.approx((0.2 + 0.5 + 0.3 + 0.4) / 4)


def test_delong_by_hand():
    """Placements of the positives .5 and 1, of the negatives 1 and .5: DeLong's variance is .125/2 + .125/2."""
    truth, score = np.array([0, 0, 1, 1]) == 1, np.array([0.1, 0.4, 0.35, 0.8])
    area, influence = curves.roc_area(truth, score)
    assert (area, influence @ influence) == pytest.approx((0.75, 0.125))


def test_certain_and_wrong_is_dear_and_finite():
    assert log_loss(scored([0, 1], [1.0, 1.0])).value == pytest.approx(-math.log(np.finfo(float).eps) / 2)
    single = scored([0, 1], np.array([1, 1], np.float32))
    assert log_loss(single).value == pytest.approx(-math.log(np.finfo(np.float32).eps) / 2, rel=1e-6)


# --- by scikit-learn


@pytest.mark.parametrize(("seed", "classes", "ties"), SAMPLES)
def test_values_are_scikit_learns(seed, classes, ties):
    truth, score = sample(np.random.default_rng(seed), None, classes, ties)
    evaluation, several = scored(truth, score), classes > 2
    hot = np.arange(classes) == truth[:, None] if several else truth
    theirs = {
        roc_auc: metrics.roc_auc_score(truth, score, multi_class="ovr", labels=range(classes)) if several
        else metrics.roc_auc_score(truth, score),
        average_precision: metrics.average_precision_score(hot, score),
        brier: metrics.brier_score_loss(truth, score, scale_by_half=not several),
        log_loss: metrics.log_loss(truth, score),
    }  # fmt: skip
    for measure, value in theirs.items():
        assert measure(evaluation).value == pytest.approx(value, rel=1e-9), measure.name


@pytest.mark.parametrize(("seed", "classes", "ties"), SAMPLES)
def test_calibration_is_of_scikit_learns_curve(seed, classes, ties):
    truth, score = sample(np.random.default_rng(seed), None, classes, ties)
    said, came = (score, truth) if classes == 2 else (score.max(axis=1), score.argmax(axis=1) == truth)
    shares, means = calibration_curve(came, said, n_bins=15, strategy="uniform")
    rows = np.histogram(np.searchsorted(np.linspace(0, 1, 16)[1:-1], said), np.arange(16))[0]
    expected = np.abs(shares - means) @ rows[rows > 0] / len(truth)
    assert calibration_error(scored(truth, score)).value == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_delong_is_the_variance_over_all_pairs(seed):
    """DeLong, DeLong and Clarke-Pearson 1988, eq. 4 and 5, over every pair instead of by sorting."""
    rng = np.random.default_rng(seed)
    truth, score = sample(rng, 120, 2, ties=1)
    x, y = score[truth == 1], score[truth == 0]
    pairs = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    variance = pairs.mean(axis=1).var(ddof=1) / len(x) + pairs.mean(axis=0).var(ddof=1) / len(y)
    area, influence = curves.roc_area(truth == 1, score)
    assert area == pytest.approx(pairs.mean(), rel=1e-12)
    assert influence @ influence == pytest.approx(variance, rel=1e-9)
    reading = roc_auc(scored(truth, score))
    assert (reading.low, reading.high) == intervals.on_logit(reading.value, math.sqrt(influence @ influence), 1)


@pytest.mark.parametrize("area", [curves.roc_area, curves.average_precision])
def test_an_influence_is_what_a_row_of_a_little_more_weight_does(area):
    rng = np.random.default_rng(3)
    truth, score = sample(rng, 60, 2, ties=1)
    their = metrics.roc_auc_score if area is curves.roc_area else metrics.average_precision_score
    value, influence = area(truth == 1, score)
    if area is curves.roc_area:  # DeLong divides by one row less
        n = np.where(truth == 1, truth.sum(), (1 - truth).sum())
        influence = influence * np.sqrt((n - 1) / n)
    for i in range(0, 60, 7):
        weight = np.ones(60)
        weight[i] += 1e-6
        assert (their(truth, score, sample_weight=weight) - value) / 1e-6 == pytest.approx(influence[i], abs=1e-6)


@pytest.mark.parametrize("measure", [roc_auc, average_precision])
@pytest.mark.parametrize("classes", [2, 3])
def test_ranking_intervals_are_as_wide_as_a_bootstrap_of_rows(measure, classes):
    rng = np.random.default_rng(1)
    truth, score = sample(rng, 1500, classes)
    reading = measure(scored(truth, score))
    draws = [measure(scored(truth[rows], score[rows])).value for rows in rng.integers(0, 1500, (600, 1500))]
    low, high = np.quantile(draws, [0.025, 0.975])
    assert reading.high - reading.low == pytest.approx(high - low, rel=0.15)


# --- by what must not change


@given(st.integers(0, 10**6), st.sampled_from([2, 3]), st.sampled_from([None, 1]))
@settings(max_examples=40)
def test_the_order_of_rows_says_nothing(seed, classes, ties):
    rng = np.random.default_rng(seed)
    truth, score = sample(rng, None, classes, ties)
    turn = rng.permutation(len(truth))
    for measure in ALL:
        one, other = measure(scored(truth, score)), measure(scored(truth[turn], score[turn]))
        assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), rel=1e-9, abs=1e-9)
        assert one.low <= one.value <= one.high


@given(st.integers(0, 10**6), st.sampled_from([None, 1]))
@settings(max_examples=40)
def test_only_the_order_of_scores_ranks(seed, ties):
    truth, score = sample(np.random.default_rng(seed), None, 2, ties)
    for measure in (roc_auc, average_precision):
        other = measure(scored(truth, np.exp(3 * score) - 7))
        assert measure(scored(truth, score)).value == pytest.approx(other.value, rel=1e-12)


@given(st.integers(0, 10**6), st.sampled_from([None, 1]))
@settings(max_examples=40)
def test_the_other_side_of_the_coin(seed, ties):
    truth, score = sample(np.random.default_rng(seed), None, 2, ties)
    one, other = roc_auc(scored(truth, score)), roc_auc(scored(truth, -score))
    assert (one.value, one.low, one.high) == pytest.approx((1 - other.value, 1 - other.high, 1 - other.low))
    for measure in (roc_auc, brier, log_loss):
        assert measure(scored(truth, score)).value == pytest.approx(measure(scored(1 - truth, 1 - score)).value)


@pytest.mark.parametrize("measure", ALL)
def test_every_row_twice_is_the_same_value_and_a_narrower_interval(measure):
    truth, score = sample(np.random.default_rng(0), 300)
    one, two = measure(scored(truth, score)), measure(scored(np.tile(truth, 2), np.tile(score, 2)))
    assert two.value == pytest.approx(one.value)
    assert two.n == 2 * one.n
    assert two.high - two.low < one.high - one.low


@pytest.mark.parametrize("measure", ALL)
def test_two_columns_of_scores_are_one(measure):
    truth, score = sample(np.random.default_rng(0), 300)
    assert measure(scored(truth, np.stack([1 - score, score], axis=1))) == measure(scored(truth, score))


@pytest.mark.parametrize("measure", ALL)
def test_number_types_agree(measure):
    truth, score = sample(np.random.default_rng(0), 300)
    one = measure(scored(truth, score))
    for other in (
        scored(truth == 1, score),
        scored(truth.astype(float), score),
        scored(truth, score.astype(np.float32)),
    ):
        assert measure(other).value == pytest.approx(one.value, rel=1e-5)


def test_which_side_is_worse():
    assert [measure.larger_is_better for measure in ALL] == [True, True, False, False, False]


def test_noise_of_the_bins_by_hand():
    """Two bins: residuals -.5 .5 .5 .5 with variance 1/4 about their mean, and one row alone with -.9."""
    reading = calibration_error(scored([1, 0, 0, 0, 1], [0.5, 0.5, 0.5, 0.5, 0.1]))
    spread = np.array([4 * 0.25, 0.81]) / 25
    noise, by_chance = intervals.Z * math.sqrt(spread.sum()), math.sqrt(2 / math.pi) * np.sqrt(spread).sum()
    value = 0.2 + 0.18
    expected = (value, max(0, value - noise - by_chance), value + noise)
    assert (reading.value, reading.low, reading.high) == pytest.approx(expected)


# --- by how often intervals hold the truth


def held(measure, truth_value, draw, times=300):
    found = [measure(scored(*draw(np.random.default_rng(seed)))) for seed in range(times)]
    return float(np.mean([r.low <= truth_value <= r.high for r in found if r.value is not None]))


def binormal(n, share, shift):
    def draw(rng):
        truth = (rng.random(n) < share).astype(int)
        return truth, rng.normal(size=n) + shift * truth

    return draw


@pytest.mark.parametrize(("n", "share", "shift"), [(200, 0.5, 1.0), (100, 0.3, 2.0), (60, 0.5, 3.0), (1000, 0.03, 1.0)])
def test_roc_auc_covers(n, share, shift):
    area = 0.5 * (1 + math.erf(shift / 2))  # of two normals: Phi(shift / sqrt 2)
    assert 0.92 <= held(roc_auc, area, binormal(n, share, shift), 500) <= 1.0


@pytest.mark.parametrize(("n", "share"), [(500, 0.3), (1000, 0.05)])
def test_average_precision_covers(n, share):
    truth, score = binormal(400_000, share, 1.0)(np.random.default_rng(9))
    value = metrics.average_precision_score(truth, score)
    assert 0.91 <= held(average_precision, value, binormal(n, share, 1.0)) <= 0.985


def honest(n):
    def draw(rng):
        score = rng.beta(2, 5, n)
        return (rng.random(n) < score).astype(int), score

    return draw


def boastful(n):
    def draw(rng):
        score = rng.beta(0.5, 0.5, n)
        return (rng.random(n) < 0.25 + 0.5 * score).astype(int), score

    return draw


def test_brier_covers():
    a, b = 2, 5
    value = a * b / ((a + b) * (a + b + 1))  # E p(1-p) of a beta
    assert 0.92 <= held(brier, value, honest(300)) <= 0.98


@pytest.mark.parametrize("n", [100, 2000])
def test_calibration_error_covers(n):
    assert held(calibration_error, 0.0, honest(n)) >= 0.95
    truth, score = boastful(2_000_000)(np.random.default_rng(1))
    value = calibration_error(scored(truth, score)).value
    assert 0.93 <= held(calibration_error, value, boastful(n)) <= 1.0


# --- where nothing varies, and how fast


def test_a_perfect_score_on_few_rows_proves_little():
    evaluation = scored([0] * 10 + [1] * 5, [0.0] * 10 + [1.0] * 5)
    for measure, value, low, high in (
        (roc_auc, 1, 0.565, 1),
        (average_precision, 1, 0.565, 1),
        (brier, 0, 0, 0.204),
        (calibration_error, 0, 0, 0.204),
    ):
        reading = measure(evaluation)
        assert (reading.value, reading.low, reading.high) == pytest.approx((value, low, high), abs=1e-3), measure.name


def test_a_million_rows_take_well_under_a_second():
    rng = np.random.default_rng(0)
    truth = (rng.random(1_000_000) < 0.2).astype(int)
    evaluation = scored(truth, rng.random(1_000_000))
    started = time.process_time()
    roc_auc(evaluation)
    assert time.process_time() - started < 1.5
