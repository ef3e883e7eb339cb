"""What is answered right: by hand, by scikit-learn, by what must not change, and by how often intervals hold."""

import numpy as np
import pytest
from fairlearn.metrics import selection_rate
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from arkwright.core.errors import Invalid
from arkwright.measures import curves, intervals
from arkwright.measures.evaluation import Evaluation
from arkwright.measures.labels import (
    accuracy,
    balanced_accuracy,
    f1,
    positive_rate,
    precision,
    recall,
    specificity,
    top_k_accuracy,
)

ALL = [accuracy, balanced_accuracy, f1, positive_rate, precision, recall, specificity]
SEVERAL = [accuracy, balanced_accuracy, f1, precision, recall]


def answered(truth, label, score=None, seed=0):
    score = None if score is None else np.asarray(score)
    return Evaluation(task="classification", truth=np.asarray(truth), label=np.asarray(label), score=score, seed=seed)


def sample(seed, classes=2, n=None):
    """Answers that are often right; every class occurs in both."""
    rng = np.random.default_rng(seed)
    n = n or int(rng.integers(4 * classes, 300))
    truth = np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)])
    label = np.where(rng.random(n) < 0.6, truth, rng.integers(0, classes, n))
    label[:classes] = np.roll(np.arange(classes), 1)
    return truth, label


def ranked(seed, n=None, share=0.4, decimals=None):
    rng = np.random.default_rng(seed)
    n = n or int(rng.integers(5, 300))
    truth = (rng.random(n) < share).astype(int)
    truth[0] = 1
    score = 1 / (1 + np.exp(-(rng.normal(size=n) + 1.5 * truth - 1)))
    score = np.round(score, decimals) if decimals else score
    return truth, score


# 3 found, 1 missed, 2 falsely found, 4 left alone
BY_HAND = answered([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], [1, 1, 1, 0, 1, 1, 0, 0, 0, 0])


@pytest.mark.parametrize(
    ("measure", "value", "interval"),
    [
        (accuracy, 0.7, intervals.wilson(7, 10)),
        (recall, 0.75, intervals.wilson(3, 4)),
        (precision, 0.6, intervals.wilson(3, 5)),
        (specificity, 4 / 6, intervals.wilson(4, 6)),
        (positive_rate, 0.5, intervals.wilson(5, 10)),
        (f1, 2 / 3, tuple(2 * j / (1 + j) for j in intervals.wilson(3, 6))),
        (balanced_accuracy, (0.75 + 4 / 6) / 2, intervals.macro([(4, 6), (3, 4)])[1]),
    ],
)
def test_by_hand(measure, value, interval):
    reading = measure(BY_HAND)
    assert reading.value == pytest.approx(value)
    assert (reading.low, reading.high) == pytest.approx(interval)
    assert (reading.n, reading.note) == (10, "")


def test_several_classes_by_hand():
    evaluation = answered([0, 0, 1, 1, 2, 2, 2, 2], [0, 1, 1, 1, 2, 2, 0, 2])
    assert accuracy(evaluation).value == 6 / 8
    assert recall(evaluation).value == pytest.approx((1 / 2 + 1 + 3 / 4) / 3)
    assert precision(evaluation).value == pytest.approx((1 / 2 + 2 / 3 + 1) / 3)
    assert f1(evaluation).value == pytest.approx((1 / 2 + 4 / 5 + 6 / 7) / 3)
    reading = recall(evaluation)
    assert (reading.low, reading.high) == intervals.macro([(1, 2), (2, 2), (3, 4)])[1]


def test_top_k():
    score = [[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.4, 0.4, 0.2], [0.2, 0.2, 0.6]]
    evaluation = answered([1, 1, 0, 0], [0, 1, 0, 2], score)
    assert [top_k_accuracy(evaluation, k=k).value for k in (1, 2, 3)] == [0.25, 0.75, 1.0]  # ties miss


# --- by scikit-learn


@pytest.mark.parametrize("seed", range(100))
@pytest.mark.parametrize("classes", [2, 3, 6])
def test_values_are_scikit_learns(seed, classes):
    truth, label = sample(seed, classes)
    average = {"average": "binary" if classes == 2 else "macro"}
    theirs = {
        accuracy: metrics.accuracy_score(truth, label),
        balanced_accuracy: metrics.balanced_accuracy_score(truth, label),
        f1: metrics.f1_score(truth, label, **average),
        precision: metrics.precision_score(truth, label, **average),
        recall: metrics.recall_score(truth, label, **average),
    }
    if classes == 2:
        theirs[specificity] = metrics.recall_score(truth, label, pos_label=0)
        theirs[positive_rate] = selection_rate(truth, label)
    for measure, value in theirs.items():
        assert measure(answered(truth, label)).value == pytest.approx(value, rel=1e-9), measure.name


@pytest.mark.parametrize("seed", range(40))
def test_points_on_the_curve_are_scikit_learns(seed):
    truth, score = ranked(seed, decimals=1 if seed % 2 else None)
    evaluation = answered(truth, score >= 0.5, score)
    precisions, recalls, thresholds = metrics.precision_recall_curve(truth, score)
    for wanted in (0.5, 0.75, 1.0):
        best = recalls[precisions >= wanted].max()
        assert recall(evaluation, at_precision=wanted).value == pytest.approx(best, rel=1e-9)
        best = precisions[recalls >= wanted].max()
        assert precision(evaluation, at_recall=wanted).value == pytest.approx(best, rel=1e-9)
    for i in range(0, len(thresholds), 7):
        threshold = float(thresholds[i])
        assert recall(evaluation, threshold=threshold).value == pytest.approx(recalls[i])
        assert precision(evaluation, threshold=threshold).value == pytest.approx(precisions[i])


@pytest.mark.parametrize("seed", range(50))
def test_top_k_is_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    truth, score = rng.integers(0, 5, 80), rng.random((80, 5))
    score /= score.sum(axis=1, keepdims=True)
    evaluation = answered(truth, score.argmax(axis=1), score)
    for k in (1, 2, 4):
        theirs = metrics.top_k_accuracy_score(truth, score, k=k, labels=range(5))
        assert top_k_accuracy(evaluation, k=k).value == pytest.approx(theirs)
    assert top_k_accuracy(evaluation, k=1).value == accuracy(evaluation).value


# --- by what must not change


@given(st.integers(0, 10**6), st.sampled_from([2, 4]))
@settings(max_examples=50)
def test_the_order_of_rows_says_nothing(seed, classes):
    truth, label = sample(seed, classes)
    turn = np.random.default_rng(seed).permutation(len(truth))
    for measure in ALL if classes == 2 else SEVERAL:
        reading = measure(answered(truth, label))
        assert measure(answered(truth[turn], label[turn])) == reading
        assert 0 <= reading.low <= reading.value <= reading.high <= 1


@given(st.integers(0, 10**6))
@settings(max_examples=50)
def test_the_names_of_classes_say_nothing(seed):
    truth, label = sample(seed, 4)
    turn = np.random.default_rng(seed).permutation(4)
    for measure in SEVERAL:
        other = measure(answered(turn[truth], turn[label]))
        assert measure(answered(truth, label)).value == pytest.approx(other.value)


@given(st.integers(0, 10**6))
@settings(max_examples=50)
def test_the_other_side_of_the_coin(seed):
    truth, label = sample(seed)
    one, other = answered(truth, label), answered(1 - truth, 1 - label)
    assert specificity(one) == recall(other)
    assert accuracy(one) == accuracy(other)
    assert positive_rate(one).value == pytest.approx(1 - positive_rate(other).value)
    assert recall(one).value == precision(answered(label, truth)).value
    assert f1(one).value == f1(answered(label, truth)).value
    found, right = recall(one).value, precision(one).value
    assert f1(one).value == pytest.approx(2 * found * right / (found + right) if found else 0)


@given(st.integers(0, 10**6), st.floats(0.05, 0.95))
@settings(max_examples=50)
def test_a_threshold_is_the_label_it_makes(seed, threshold):
    truth, score = ranked(seed, decimals=2)
    by_score = answered(truth, np.zeros(len(truth), int), score)
    by_label = answered(truth, (score >= threshold).astype(int), score)
    for measure in (recall, precision, f1, specificity, positive_rate, balanced_accuracy):
        assert measure(by_score, threshold=threshold) == measure(by_label)


@given(st.integers(0, 10**6))
@settings(max_examples=30)
def test_asking_for_more_precision_finds_no_more(seed):
    truth, score = ranked(seed, decimals=1)
    found = [recall(answered(truth, truth, score), at_precision=p).value for p in (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("measure", ALL)
def test_every_row_twice_is_the_same_value_and_a_narrower_interval(measure):
    truth, label = sample(3, n=100)
    one, two = measure(answered(truth, label)), measure(answered(np.tile(truth, 2), np.tile(label, 2)))
    assert two.value == pytest.approx(one.value)
    assert two.high - two.low < one.high - one.low


# --- by how often intervals hold the truth


def held(measure, value, draw, times=300):
    found = [measure(draw(np.random.default_rng(seed), seed)) for seed in range(times)]
    return float(np.mean([r.low <= value <= r.high for r in found if r.value is not None]))


def by_cells(n, chances):
    """Rows whose (truth, label) is drawn from a table of chances."""
    chances = np.asarray(chances)

    def draw(rng, seed):
        cells = rng.choice(chances.size, n, p=chances.ravel())
        return answered(*np.divmod(cells, chances.shape[1]), seed=seed)

    return draw


TWO = np.array([[0.55, 0.1], [0.12, 0.23]])
THREE = np.array([[0.3, 0.05, 0.05], [0.04, 0.2, 0.06], [0.05, 0.05, 0.2]])


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        (recall, 0.23 / 0.35),
        (precision, 0.23 / 0.33),
        (specificity, 0.55 / 0.65),
        (f1, 0.46 / 0.68),
        (balanced_accuracy, (0.23 / 0.35 + 0.55 / 0.65) / 2),
    ],
)
def test_two_classes_cover(measure, value):
    assert 0.925 <= held(measure, value, by_cells(150, TWO), 500) <= 0.98


@pytest.mark.parametrize("measure", [recall, precision, f1, balanced_accuracy])
def test_three_classes_cover(measure):
    right, truth, label = np.diag(THREE), THREE.sum(axis=1), THREE.sum(axis=0)
    value = {recall: right / truth, balanced_accuracy: right / truth, precision: right / label}
    expected = np.mean(value.get(measure, 2 * right / (truth + label)))
    assert 0.915 <= held(measure, expected, by_cells(200, THREE), 200) <= 0.99


def overlapping(n):
    def draw(rng, seed):
        truth = (rng.random(n) < 0.3).astype(int)
        score = rng.normal(size=n) + 1.2 * truth
        return answered(truth, score > 0, score, seed=seed)

    return draw


@pytest.mark.parametrize(("measure", "asked"), [(recall, {"at_precision": 0.6}), (precision, {"at_recall": 0.5})])
def test_the_threshold_chosen_anew_covers(measure, asked):
    everyone = overlapping(2_000_000)(np.random.default_rng(0), 0)
    at = curves.steps(everyone.truth == 1, everyone.score)
    best = curves.best_recall if measure is recall else curves.best_precision
    value = float(best(np.stack([at.positives, at.negatives]), next(iter(asked.values()))))
    assert 0.90 <= held(lambda e: measure(e, **asked), value, overlapping(400), 120) <= 0.99


def test_the_bootstrap_of_cells_is_the_bootstrap_of_rows():
    """At a threshold that a draw cannot see, beside one that it chooses anew: the second must be wider."""
    truth, score = ranked(5, n=800)
    reading = recall(answered(truth, truth, score), at_precision=0.7)
    rng, draws = np.random.default_rng(2), []
    for _ in range(600):
        rows = rng.integers(0, 800, 800)
        precisions, recalls, _ = metrics.precision_recall_curve(truth[rows], score[rows])
        draws.append(recalls[precisions >= 0.7].max())
    assert (reading.low, reading.high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.02)


def test_coarser_steps_change_little():
    truth, score = ranked(1, n=30_000)
    at = curves.steps(truth == 1, score)
    coarse = curves.coarser(at, 4096)
    assert coarse.shape[1] <= 4096
    assert (coarse.sum(axis=1) == [truth.sum(), (1 - truth).sum()]).all()
    fine = np.stack([at.positives, at.negatives])
    assert (curves.coarser(at, 30_000) == fine).all()
    assert 0 <= float(curves.best_recall(fine, 0.7) - curves.best_recall(coarse, 0.7)) < 0.002


def test_the_same_seed_gives_the_same_interval():
    truth, score = ranked(7, n=200)
    asked = [recall(answered(truth, truth, score, seed=s), at_precision=0.7) for s in (1, 1, 2)]
    assert asked[0] == asked[1] != asked[2]


# --- where there is little, and what is asked wrongly


def test_everything_right_on_few_rows_proves_little():
    evaluation = answered([0] * 10 + [1] * 5, [0] * 10 + [1] * 5, [0.1] * 10 + [0.9] * 5)
    for measure in (recall, precision, f1):
        assert measure(evaluation).low < 0.75
    assert recall(evaluation, at_precision=0.9).low == intervals.wilson(5, 5)[0]
    three = answered([0, 1, 2] * 3, [0, 1, 2] * 3)
    assert f1(three).low == intervals.wilson(9, 9)[0]


def test_a_precision_that_no_threshold_reaches():
    reading = recall(answered([0, 1, 0, 1], [0, 1, 0, 1], [0.9, 0.8, 0.7, 0.1]), at_precision=0.95)
    assert reading.value == 0
    assert reading.note == "no threshold reaches a precision of 0.95"


@pytest.mark.parametrize(
    ("ask", "match"),
    [
        (lambda e: recall(e, at_precision=1.5), "at_precision is a share"),
        (lambda e: recall(e, at_precision=0.0), "at_precision is a share"),
        (lambda e: precision(e, at_recall=-1), "at_recall is a share"),
        (lambda e: recall(e, at_precision=0.5, threshold=0.5), "not both"),
        (lambda e: recall(e, threshold=float("nan")), "finite number"),
        (lambda e: top_k_accuracy(e, k=0), "at least 1"),
    ],
)
def test_a_wrong_argument_is_an_error_before_any_row(ask, match):
    with pytest.raises(Invalid, match=match):
        ask(answered([], []))


@pytest.mark.parametrize(
    ("evaluation", "measure", "note"),
    [
        (answered([0, 0, 1], [0, 0, 0]), precision, "class 1 is never answered"),
        (answered([0, 0, 0], [0, 0, 1]), recall, "the truth never is class 1"),
        (answered([1, 1, 1], [0, 0, 1]), specificity, "every row is positive"),
        (answered([1, 1, 1], [0, 0, 1]), balanced_accuracy, "every row is of class 1"),
        (answered([0, 0, 0], [0, 0, 0]), f1, "no row is positive, and none is answered so"),
        (answered([0, 1, 2, 2], [0, 1, 1, 1]), precision, "class 2 is never answered"),
        (answered([0, 1, 1, 1], [0, 1, 2, 1]), recall, "the truth never is class 2"),
        (answered([0, 1, 2], [0, 1, 2]), specificity, "specificity needs a model of two classes; this one has 3"),
        (answered([0, 1, 2], [0, 1, 2]), positive_rate, "positive_rate needs a model of two classes; this one has 3"),
    ],
)
def test_undefined(evaluation, measure, note):
    reading = measure(evaluation)
    assert (reading.value, reading.note, reading.n) == (None, note, len(evaluation.truth))


def test_a_rate_can_be_0():
    assert positive_rate(answered([0, 0], [0, 0])).value == 0
    assert recall(answered([1, 1], [0, 0])).value == 0
    assert f1(answered([1, 1], [0, 0])).value == 0
