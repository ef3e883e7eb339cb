"""Rows that are truly of a class that the model does not have: what scikit-learn finds, or left out and told so."""

import numpy as np
import pytest
from sklearn import metrics
from tests.measures.test_undefined import MEASURES, ask, sound

from arkwright.measures import intervals
from arkwright.measures.evaluation import STRANGE, Evaluation
from arkwright.measures.fairness import gap, worst_group
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
from arkwright.measures.score import average_precision, brier, calibration_error, log_loss, roc_auc

SCORED = [average_precision, brier, calibration_error, log_loss, roc_auc]


def made(seed, classes, n=200, **more):
    """Every fifth row is of a class that the model does not have."""
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet(np.ones(classes), n)
    truth = np.array([rng.choice(classes, p=p) for p in chances])
    truth[::5] = STRANGE
    score = chances[:, 1] if classes == 2 else chances
    return Evaluation(task="classification", truth=truth, label=chances.argmax(axis=1), score=score, **more)


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_values_are_scikit_learns(classes):
    e = made(classes, classes)
    truth, label, own = np.where(e.truth == STRANGE, 99, e.truth), e.label, range(classes)
    kind = {"labels": [1], "average": "macro"} if classes == 2 else {"average": "macro"}
    theirs = {
        accuracy: metrics.accuracy_score(truth, label),
        balanced_accuracy: metrics.balanced_accuracy_score(truth, label),
        recall: metrics.recall_score(truth, label, **kind),
        f1: metrics.f1_score(truth, label, **kind),
        # no share of no answers: scikit-learn warns, and takes 0 unless it is told the classes that can be answered
        precision: metrics.precision_score(truth, label, **({"labels": own} | kind)),
    }
    if classes == 2:
        theirs[specificity] = metrics.recall_score(truth, label, labels=[0], average="macro")
        theirs[positive_rate] = label.mean()
    for measure, value in theirs.items():
        found = measure(e)
        assert found.value == pytest.approx(value), measure.name
        assert found.low <= found.value <= found.high
        assert found.n == 200


def test_intervals_count_these_rows():
    e = made(1, 3)
    right = [int(((e.truth == c) & (e.label == c)).sum()) for c in range(3)]
    of = [int((e.truth == c).sum()) for c in range(3)]
    found = accuracy(e)
    assert (found.low, found.high) == intervals.wilson(sum(right), 200)
    found = recall(e)
    assert (found.low, found.high) == intervals.macro([*zip(right, of, strict=True), (0, 40)])[1]


@pytest.mark.parametrize("measure", [accuracy, balanced_accuracy, f1, recall])
def test_as_a_class_that_was_held_out_and_never_learnt(measure):
    e = made(7, 3)
    learnt = np.column_stack([e.score, np.zeros(200)])
    truth = np.where(e.truth == STRANGE, 3, e.truth)
    assert measure(e) == measure(Evaluation(task="classification", truth=truth, label=e.label, score=learnt))


@pytest.mark.parametrize("measure", [balanced_accuracy, f1, positive_rate, precision, recall, specificity])
def test_a_threshold_is_the_label_it_makes(measure):
    assert measure(made(1, 2), threshold=0.5) == measure(made(1, 2))


def test_reported_they_are_false_alarms_on_the_curve_too():
    e = made(2, 2)
    precisions, recalls, _ = metrics.precision_recall_curve(e.truth == 1, e.score)
    assert recall(e, at_precision=0.5).value == pytest.approx(recalls[precisions >= 0.5].max())


def test_among_the_likeliest_they_never_are():
    e = made(3, 4)
    assert top_k_accuracy(e, k=1).value == accuracy(e).value
    assert top_k_accuracy(e, k=4).value == 0.8


@pytest.mark.parametrize("measure", SCORED, ids=lambda measure: measure.name)
@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_are_judged_without_them(measure, classes):
    e = made(4, classes)
    known, found = measure(e.take(e.truth != STRANGE)), measure(e)
    assert (found.value, found.low, found.high, found.n) == (known.value, known.low, known.high, 160)
    assert found.note == "without 40 of a class that the model does not have"


@pytest.mark.parametrize("rows", [1, 30])
@pytest.mark.parametrize("classes", [2, 3])
def test_nothing_else(rows, classes):
    e = made(5, classes, n=5 * rows, groups={"by": np.full(5 * rows, "a")}).take(np.arange(0, 5 * rows, 5))
    for measure in MEASURES:
        sound(ask(measure, e))
    assert (accuracy(e).value, accuracy(e).high) == (0, intervals.wilson(0, rows)[1])
    assert balanced_accuracy(e).note == "every row is of a class that the model does not have"
    assert roc_auc(e).note == f"without {rows} of a class that the model does not have; there are no rows"


def test_groups_of_nothing_else():
    by = np.where(np.arange(200) % 5 == 0, "new", np.where(np.arange(200) % 2, "odd", "even"))
    e = made(6, 3, groups={"by": by})
    found = worst_group(e, accuracy, "by", at_least=1)
    assert (found.value, found.note) == (0, "new 0 (40 rows), of 3 groups")
    assert "new left out: without 40 of a class" in gap(e, brier, "by", at_least=1).note
    half = worst_group(made(6, 3, groups={"by": np.full(200, "all")}), log_loss, "by")
    assert half.note.endswith("(200 rows; without 40 of a class that the model does not have), of 1 groups")
    mixed = made(6, 3, groups={"by": np.where(np.arange(200) % 2, "odd", "even")})
    for measure in (accuracy, f1, precision, recall):  # counted for all groups at once
        values = [measure(mixed.take(mixed.groups["by"] == name)).value for name in ("odd", "even")]
        assert worst_group(mixed, measure, "by").value == min(values)


def test_how_many_classes_there_are_is_said_where_no_row_shows():
    none = Evaluation(
        task="classification", truth=np.array([0, 1, 1, STRANGE]), label=np.array([0, 1, 0, 1]), classes=3
    )
    assert recall(none).value == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert positive_rate(none).note == "positive_rate needs a model of two classes; this one has 3"
