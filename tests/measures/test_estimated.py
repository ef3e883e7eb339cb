"""Performance without labels: what calibrated probabilities are worth, by hand and by scikit-learn, and how far off."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from sklearn import metrics
from sklearn.isotonic import IsotonicRegression

from arkwright.core.errors import Invalid
from arkwright.measures import score as measures
from arkwright.measures import worth as module
from arkwright.measures.estimated import DRAWS, estimated
from arkwright.measures.expected import MEASURES, Expected
from arkwright.measures.scores import ALL, BINS, binned
from arkwright.measures.window import Window
from arkwright.measures.worth import worth


def answered(rng, n, classes=2, sharp=1.5, shift=0.0):
    """(probabilities (n, k), truth): calibrated answers, where `shift` makes the last class more frequent."""
    raw = rng.normal(size=(n, classes)) * sharp
    raw[:, -1] += shift
    probabilities = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    truth = (probabilities.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return probabilities, truth


def scored(empty, probabilities, rows, groups=None):
    answers = probabilities.argmax(axis=1)
    own = probabilities if probabilities.shape[1] > 2 else probabilities[:, 1:]
    return empty.more(own[rows], answers[rows], {name: one[rows] for name, one in (groups or {}).items()})


def judged(probabilities, truth):
    """Those rows in which each class was right, and all."""
    own = probabilities if probabilities.shape[1] > 2 else probabilities[:, 1:]
    empty = binned(own)
    everything = scored(empty, probabilities, np.arange(len(truth)))
    right = empty
    parts = []
    for number in range(own.shape[1]):
        rows = np.flatnonzero(truth == (number if own.shape[1] > 1 else 1))
        parts.append(scored(empty, probabilities, rows).counts[ALL][number])
    return type(right)(edges=right.edges, means=right.means, counts={ALL: np.stack(parts)}), everything


def window(rng, n=60_000, m=40_000, classes=2, groups=None, **now):
    before, came = answered(rng, n, classes)
    pair = judged(before, came)
    probabilities, truth = answered(rng, m, classes, **now)
    scores = scored(pair[1].empty(), probabilities, np.arange(m), groups)
    return Window(judged=pair, scores=scores), probabilities, truth


REALISED = {
    "accuracy": lambda t, p, a: metrics.accuracy_score(t, a),
    "recall": lambda t, p, a: metrics.recall_score(t, a, average="binary" if p.shape[1] == 2 else "macro"),
    "precision": lambda t, p, a: metrics.precision_score(t, a, average="binary" if p.shape[1] == 2 else "macro"),
    "f1": lambda t, p, a: metrics.f1_score(t, a, average="binary" if p.shape[1] == 2 else "macro"),
    "balanced_accuracy": lambda t, p, a: metrics.balanced_accuracy_score(t, a),
    "roc_auc": lambda t, p, a: metrics.roc_auc_score(t, p[:, 1] if p.shape[1] == 2 else p, multi_class="ovr"),
    "log_loss": lambda t, p, a: metrics.log_loss(t, p),
}


@pytest.mark.parametrize("classes", [2, 4])
def test_estimates_come_true_where_probabilities_are_worth_what_they_were(classes):
    rng = np.random.default_rng(1)
    for now in ({}, {"shift": 1.0}, {"sharp": 0.7}):
        given, probabilities, truth = window(rng, classes=classes, **now)
        answers = probabilities.argmax(axis=1)
        for name, realised in REALISED.items():
            found = estimated(given, getattr(measures, name, None) or measures.roc_auc)
            assert found.value == pytest.approx(realised(truth, probabilities, answers), abs=0.015), (name, now)


def test_expected_counts_of_certain_rows_are_the_measures_themselves():
    """Where it is known which rows are right, expected counts are counts."""
    rng = np.random.default_rng(2)
    probabilities, truth = answered(rng, 5000)
    right, rows = judged(probabilities, truth)
    positive, negative = right.counts[ALL], rows.counts[ALL] - right.counts[ALL]
    answers = probabilities.argmax(axis=1)
    given = Expected(positive, negative, rows.means)
    assert MEASURES["accuracy"](given) == pytest.approx(metrics.accuracy_score(truth, answers), rel=1e-12)
    assert MEASURES["recall"](given) == pytest.approx(metrics.recall_score(truth, answers), rel=1e-12)
    assert MEASURES["precision"](given) == pytest.approx(metrics.precision_score(truth, answers), rel=1e-12)
    assert MEASURES["f1"](given) == pytest.approx(metrics.f1_score(truth, answers), rel=1e-12)
    bins = np.searchsorted(rows.edges[0], probabilities[:, 1], "right")
    assert MEASURES["roc_auc"](given) == pytest.approx(metrics.roc_auc_score(truth, bins), rel=1e-12)
    assert MEASURES["average_precision"](given) == pytest.approx(metrics.average_precision_score(truth, bins), rel=1e-9)
    said = rows.means[0][bins]
    assert MEASURES["brier"](given) == pytest.approx(metrics.brier_score_loss(truth, said), rel=1e-9)
    assert MEASURES["log_loss"](given) == pytest.approx(metrics.log_loss(truth, said), rel=1e-9)
    negative_recall = metrics.recall_score(truth, answers, pos_label=0)
    assert MEASURES["specificity"](given) == pytest.approx(negative_recall, rel=1e-12)
    assert metrics.roc_auc_score(truth, bins) == pytest.approx(
        metrics.roc_auc_score(truth, probabilities[:, 1]), abs=1e-3
    )


def test_worth_is_scikit_learns_isotonic_regression():
    rng = np.random.default_rng(3)
    probabilities, _ = answered(rng, 20_000)
    truth = (rng.random(20_000) < probabilities[:, 1] ** 2).astype(int)
    right, rows = judged(probabilities, truth)
    bins = np.searchsorted(rows.edges[0], probabilities[:, 1], "right")
    expected = IsotonicRegression().fit(bins, truth).predict(np.arange(BINS))
    assert worth((right, rows))[0] == pytest.approx(expected, abs=1e-9)


def sharper(probabilities):
    """What is surer of itself than it may be."""
    return probabilities**2 / (probabilities**2).sum(axis=1, keepdims=True)


WEIGHTED = {  # on what: 0 the answers, 1 the bins of the probabilities, 2 their means
    "accuracy": (metrics.accuracy_score, 0),
    "recall": (metrics.recall_score, 0),
    "precision": (metrics.precision_score, 0),
    "f1": (metrics.f1_score, 0),
    "specificity": (partial(metrics.recall_score, pos_label=0), 0),
    "balanced_accuracy": (metrics.balanced_accuracy_score, 0),
    "roc_auc": (metrics.roc_auc_score, 1),
    "average_precision": (metrics.average_precision_score, 1),
    "brier": (metrics.brier_score_loss, 2),
    "log_loss": (metrics.log_loss, 2),
}
BY_CLASS = ("recall", "precision", "f1", "balanced_accuracy", "roc_auc", "average_precision")


@pytest.mark.parametrize("classes", [2, 3])
def test_an_estimate_is_scikit_learns_measure_of_rows_that_are_right_in_part(classes):
    """The expected confusion matrix, and all else that is expected: each row is there twice, as right with what
    scikit-learn's isotonic regression says its probability is worth, and as wrong with the rest. Of several classes it
    is the mean of each against the others.
    """
    for seed in range(3):
        rng = np.random.default_rng(seed)
        before, truth = answered(rng, 3000, classes)
        now, _ = answered(rng, 1000, classes, shift=rng.normal())
        before, now = sharper(before), sharper(now)
        pair = judged(before, truth)
        scores = scored(pair[1].empty(), now, np.arange(len(now)))
        given, found = Window(judged=pair, scores=scores), {}
        for number, (edges, means) in enumerate(zip(scores.edges, scores.means, strict=True)):
            own = number if classes > 2 else 1
            bins = np.searchsorted(edges, now[:, own], "right")
            isotonic = IsotonicRegression(out_of_bounds="clip")
            isotonic.fit(np.searchsorted(edges, before[:, own], "right"), truth == own)
            right = isotonic.predict(bins)
            twice = [np.tile(one, 2) for one in (now.argmax(axis=1) == own, bins, means[bins])]
            for name, (measure, what) in WEIGHTED.items():
                weights = np.concatenate([right, 1 - right])
                value = measure(np.repeat([1, 0], len(now)), twice[what], sample_weight=weights)
                found.setdefault(name, []).append(value)
        if classes > 2:
            found["balanced_accuracy"] = found["recall"]
        for name in WEIGHTED if classes == 2 else BY_CLASS:
            value = estimated(given, getattr(measures, name)).value
            assert value == pytest.approx(np.mean(found[name]), rel=1e-9), name


def test_of_three_classes_nannyml_estimates_about_as_much():
    """0.13.1, of the same rows: it scales what the three probabilities are worth so that they add up to one, and says
    0.7074 right of 0.7013 that came true.
    """
    rng = np.random.default_rng(20)
    (before, truth), (now, _) = answered(rng, 20_000, 3), answered(rng, 10_000, 3, shift=1.0)
    before, now = sharper(before), sharper(now)
    pair = judged(before, truth)
    given = Window(judged=pair, scores=scored(pair[1].empty(), now, np.arange(len(now))))
    for name, value in {
        "roc_auc": 0.8631282743917835, "f1": 0.6843202552409383, "precision": 0.6925573864131316,
        "recall": 0.6784109904239429, "accuracy": 0.7073565274805076,
    }.items():  # fmt: skip
        assert estimated(given, getattr(measures, name)).value == pytest.approx(value, abs=0.0055), name


@pytest.mark.parametrize(("n", "m", "least"), [(4000, 1500, 54), (300, 200, 53)])
def test_intervals_hold_what_comes_in_about_95_of_100_windows(n, m, least):
    """Of few rows that were judged in nine of ten: they say of themselves what is too good."""
    held = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        given, probabilities, truth = window(rng, n=n, m=m)
        found = estimated(given, measures.roc_auc)
        held += found.low <= metrics.roc_auc_score(truth, probabilities[:, 1]) <= found.high
    assert held >= least


@pytest.mark.parametrize(("n", "m"), [(400, 2000), (2000, 300)])
def test_of_three_classes_intervals_hold_as_often(n, m):
    held = 0
    for seed in range(40):
        given, probabilities, truth = window(np.random.default_rng(100 + seed), n=n, m=m, classes=3)
        found = estimated(given, measures.roc_auc)
        held += found.low <= metrics.roc_auc_score(truth, probabilities, multi_class="ovr") <= found.high
    assert held >= 36


def test_that_all_judged_rows_were_right_does_not_prove_that_all_are():
    rng = np.random.default_rng(3)
    probabilities, _ = answered(rng, 400)
    pair = judged(probabilities, probabilities.argmax(axis=1))
    given = Window(judged=pair, scores=scored(pair[1].empty(), probabilities, np.arange(300)))
    for measure in (measures.accuracy, measures.recall, measures.roc_auc):
        found = estimated(given, measure)
        assert (found.value, found.high) == (1, 1)
        assert 0.9 < found.low < 0.995, measure.name  # of 400 rows up to 4 or so may be wrong


def test_the_worst_group_is_found_without_labels():
    rng = np.random.default_rng(5)
    groups = {"carrier=UA": np.arange(40_000) < 20_000, "carrier=HA": np.arange(40_000) >= 39_980}
    groups["carrier=DL"] = ~groups["carrier=UA"] & ~groups["carrier=HA"]
    before, came = answered(rng, 40_000)
    blurred = before.copy()
    blurred[20_000:] = 0.5 + (before[20_000:] - 0.5) / 3  # of these the model knows less
    pair = judged(blurred, came)
    given = Window(judged=pair, scores=scored(pair[1].empty(), blurred, np.arange(40_000), groups))
    found = estimated(given, measures.recall, by="carrier")
    assert found.note.startswith("carrier=")
    assert "of 2 groups" in found.note
    assert found.value <= estimated(given, measures.recall).value


def test_a_group_of_few_rows_may_be_the_worst_one():
    """Nothing tells the groups apart, so the one with few rows is the less sure one, whichever is said to be worst."""
    rng = np.random.default_rng(6)
    small = np.arange(40_000) < 60
    given, _, _ = window(rng, groups={"carrier=UA": ~small, "carrier=HA": small})
    both = estimated(given, measures.recall, by="carrier")
    large = estimated(given, measures.recall, by="carrier", at_least=100)
    assert large.note == "carrier=UA, of 1 groups"
    assert both.low < large.low - 0.05
    assert both.high < large.high + 0.05


def test_few_rows_of_one_answer_prove_nothing():
    """A release that says no to each of twenty rows may say yes to the next."""
    rng = np.random.default_rng(8)
    whole, probabilities, _ = window(rng, shift=-2.0)
    no, yes = (np.flatnonzero(probabilities.argmax(axis=1) == answer) for answer in (0, 1))
    for rows in (no[:1], no[:20], yes[:1]):
        came = replace(whole, scores=scored(whole.judged[1].empty(), probabilities, rows))
        found = estimated(came, measures.recall)
        assert found.n == len(rows)
        assert found.low < 0.3 < found.high or found.high - found.low > 0.3, found


def test_what_cannot_be_estimated_says_so():
    with pytest.raises(Invalid, match="calibration_error cannot be estimated without labels"):
        estimated(Window(), measures.calibration_error)
    assert "no probabilities" in estimated(Window(), measures.recall).note


def test_a_group_without_a_value_is_left_out_and_named():
    rng = np.random.default_rng(7)
    groups = {"carrier=AA": np.arange(40_000) < 20_000, "carrier=UA": np.arange(40_000) >= 39_900}
    given, _, _ = window(rng, groups=groups)
    counts = dict(given.scores.counts)
    counts["carrier=UA"] = np.zeros_like(counts["carrier=UA"])
    counts["carrier=UA"][0, 0, 0] = 100  # nothing was answered positive: no precision
    given = replace(given, scores=replace(given.scores, counts=counts))
    found = estimated(given, measures.precision, by="carrier")
    assert found.value == estimated(given, measures.precision, by="carrier", at_least=200).value
    assert found.note == "carrier=AA, of 1 groups; carrier=UA left out: a class is neither expected nor answered"
    counts["carrier=AA"] = counts["carrier=UA"]
    none = estimated(replace(given, scores=replace(given.scores, counts=counts)), measures.precision, by="carrier")
    assert (none.value, none.note.split(": ")[0]) == (None, "precision is undefined in every group of carrier")


def test_what_probabilities_are_worth_is_drawn_once_for_all_groups(monkeypatch):
    groups = {f"carrier={n}": np.arange(4000) % 20 == n for n in range(20)}
    given, _, _ = window(np.random.default_rng(8), n=4000, m=4000, groups=groups)
    alone = replace(given, scores=replace(given.scores, counts={ALL: given.scores.counts["carrier=7"]}))
    calls, own = [], module._monotone
    monkeypatch.setattr(module, "_monotone", lambda *args: calls.append(1) or own(*args))
    assert estimated(given, measures.recall, by="carrier").note.endswith("of 20 groups")
    assert (estimated(given, measures.roc_auc).n, estimated(alone, measures.roc_auc).n) == (4000, 200)
    assert len(calls) <= DRAWS + 4
