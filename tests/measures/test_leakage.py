"""Rows seen twice, and columns that give the answer away."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from arkwright.measures import curves
from arkwright.measures.evaluation import Evaluation
from arkwright.measures.leakage import split_duplicates, target_leakage


def rows(test, train):
    test = None if test is None else np.asarray(test, np.uint64)
    train = None if train is None else np.asarray(train, np.uint64)
    none = np.zeros(0 if test is None else len(test), int)
    return Evaluation(task="classification", truth=none, label=none, test_rows=test, train_rows=train)


def told(truth, task="classification", **inputs):
    truth = np.asarray(truth)
    return Evaluation(task=task, truth=truth, label=truth, inputs={k: np.asarray(v, float) for k, v in inputs.items()})


# --- rows


def test_duplicates_by_hand():
    reading = split_duplicates(rows([1, 2, 2, 3], [2, 9, 2]))
    assert (reading.value, reading.low, reading.high, reading.n) == (0.5, None, None, 4)
    assert split_duplicates(rows([1], [])).value == 0
    assert split_duplicates(rows([2**64 - 1, 2**63], [2**64 - 1])).value == 0.5


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 9), min_size=1), st.lists(st.integers(0, 9)))
def test_duplicates_are_those_of_a_set(test, train):
    expected = sum(one in set(train) for one in test) / len(test)
    assert split_duplicates(rows(test, train)).value == pytest.approx(expected)
    assert split_duplicates(rows(test[::-1], train[::-1] * 3)).value == pytest.approx(expected)
    assert split_duplicates(rows(test, train + test)).value == 1


@pytest.mark.parametrize(("test", "train"), [(None, [1]), ([1], None)])
def test_duplicates_without_digests(test, train):
    reading = split_duplicates(rows(test, train))
    assert (reading.value, reading.note) == (None, "the digests of the rows were not taken")


def test_duplicates_without_rows():
    assert split_duplicates(rows([], [1])).note == "there are no rows"


# --- columns


def test_leakage_by_hand():
    truth = [0, 0, 0, 1, 1, 1]
    reading = target_leakage(told(truth, weak=[1, 5, 2, 4, 3, 6], strong=[9, 8, 7, 1, 8, 1]))
    assert reading.value == pytest.approx(1 - (2 * 0 + 0.5 + 1) / 9)  # 8.5 - 1 of 9 pairs, downwards
    assert reading.note == "the column strong"
    assert reading.low < reading.value < reading.high
    given_away = target_leakage(told(truth, id=[1, 2, 3, 4, 5, 6], weak=[1, 5, 2, 4, 3, 6]))
    assert (given_away.value, given_away.high, given_away.note) == (1, 1, "the column id")
    assert given_away.low < 0.5  # three rows of a class prove little


@pytest.mark.parametrize("seed", range(60))
def test_leakage_is_scikit_learns_and_scipys(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(20, 200))
    truth = rng.integers(0, 2, n)
    truth[:4] = [0, 0, 1, 1]
    inputs = {name: np.round(rng.normal(size=n) + rng.normal() * truth, int(rng.integers(0, 4))) for name in "abc"}
    areas = {name: metrics.roc_auc_score(truth, column) for name, column in inputs.items()}
    areas = {name: max(area, 1 - area) for name, area in areas.items()}
    reading = target_leakage(told(truth, **inputs))
    assert reading.value == pytest.approx(max(areas.values()), rel=1e-9)
    assert areas[reading.note.removeprefix("the column ")] == pytest.approx(reading.value)
    value = truth + rng.normal(size=n).round(1)
    rhos = [abs(stats.spearmanr(value, column).statistic) for column in inputs.values()]
    assert target_leakage(told(value, "regression", **inputs)).value == pytest.approx(max(rhos), rel=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_midranks_are_scipys(seed):
    values = np.random.default_rng(seed).integers(-5, 5, 40) / 3
    assert curves.midranks(values) == pytest.approx(stats.rankdata(values))


@given(st.integers(0, 10**6), st.sampled_from(["classification", "regression"]))
@settings(max_examples=40)
def test_only_the_order_of_a_column_tells(seed, task):
    rng = np.random.default_rng(seed)
    truth = np.concatenate([[0, 0, 1, 1], rng.integers(0, 2, 60)])
    column = np.round(rng.normal(size=64) + truth, 1)
    turn = rng.permutation(64)
    one = target_leakage(told(truth, task, x=column))
    for other in (
        told(truth, task, x=-column),
        told(truth, task, x=np.exp(column)),
        told(truth, task, x=column, constant=np.ones(64)),
        told(truth[turn], task, x=column[turn]),
        told(1 - truth, task, x=column),
    ):
        assert target_leakage(other).value == pytest.approx(one.value)
    more = target_leakage(told(truth, task, x=column, y=rng.normal(size=64)))
    assert more.value >= one.value - 1e-12


def test_of_several_classes_the_one_told_best():
    truth = np.repeat([0, 1, 2], 20)
    column = np.r_[np.zeros(20), np.random.default_rng(0).normal(5, 1, 40)]
    assert target_leakage(told(truth, x=column)).value == 1


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_what_is_missing_can_tell(task):
    """Filled in only after the event: whether it is there gives the answer away."""
    truth = np.array([0, 1] * 30)
    column = np.where(truth == 1, np.random.default_rng(0).normal(size=60), np.nan)
    assert target_leakage(told(truth, task, cancelled_at=column)).value > 0.85
    flag = np.where(truth == 1, 1.0, np.nan)
    assert target_leakage(told(truth, task, cancelled_at=flag)).value == pytest.approx(1)
    assert target_leakage(told(truth, task, cancelled_at=np.where(truth == 1, np.inf, -np.inf))).value == pytest.approx(
        1
    )


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_intervals_cover(task):
    """Of one column: normal with normal noise."""
    rng = np.random.default_rng(0)

    def draw(rng, n):
        truth = rng.integers(0, 2, n) if task == "classification" else rng.normal(size=n)
        return told(truth, task, x=rng.normal(size=n) + truth)

    value = target_leakage(draw(rng, 1_000_000)).value
    found = [target_leakage(draw(np.random.default_rng(seed), 150)) for seed in range(300)]
    assert 0.92 <= np.mean([r.low <= value <= r.high for r in found]) <= 0.985


@pytest.mark.parametrize(
    ("evaluation", "note"),
    [
        (told([0, 1]), "there is no numeric input that varies"),
        (told([0, 1], x=[1, 1]), "there is no numeric input that varies"),
        (told([0, 1], x=[np.nan, np.nan]), "there is no numeric input that varies"),
        (told([], x=[]), "there is no numeric input that varies"),
        (told([0, 0, 0], x=[1, 2, 3]), "no row is positive"),
        (told([1, 1, 1], x=[1, 2, 3]), "every row is positive"),
        (told([0, 0, 1], x=[1, 2, 3]), "no class has two rows"),
        (told([2.0, 2.0, 2.0, 2.0], "regression", x=[1, 2, 3, 4]), "the truth is the same in every row"),
        (told([1.0, 2.0, 2.0], "regression", x=[1, 2, 3]), "there are fewer than 4 rows, which give no interval"),
    ],
)
def test_undefined(evaluation, note):
    reading = target_leakage(evaluation)
    assert (reading.value, reading.note) == (None, note)
