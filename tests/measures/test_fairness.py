"""Groups compared: by fairlearn and by printed examples, by what must not change, by how often intervals hold."""

import time
from dataclasses import replace

import numpy as np
import pytest
from fairlearn.metrics import (
    MetricFrame,
    demographic_parity_difference,
    demographic_parity_ratio,
    selection_rate,
    true_positive_rate,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from arkwright.core.errors import Invalid
from arkwright.core.promises import Reading, judge, parse
from arkwright.measures import groups, intervals, tally
from arkwright.measures.evaluation import Evaluation, Undefined
from arkwright.measures.fairness import gap, selection_rate_ratio, worst_group
from arkwright.measures.groups import OTHERS
from arkwright.measures.labels import accuracy, balanced_accuracy, f1, positive_rate, precision, recall, specificity
from arkwright.measures.registry import model_measure
from arkwright.measures.regression import bias, mae, r2
from arkwright.measures.score import brier, roc_auc


def grouped(truth, label, group, score=None, task="classification"):
    return Evaluation(
        task=task, truth=np.asarray(truth), label=np.asarray(label), groups={"by": np.asarray(group)},
        score=None if score is None else np.asarray(score),
    )  # fmt: skip


def rates(**groups):
    """Rows of each group, of which so many are answered positive: name=(positive, rows)."""
    label = np.concatenate([np.arange(n) < k for k, n in groups.values()]).astype(int)
    name = np.concatenate([[name] * n for name, (_, n) in groups.items()])
    return grouped(np.ones(len(label), int), label, name)


def sample(seed, groups=4, n=None):
    rng = np.random.default_rng(seed)
    n = n or int(rng.integers(200, 900))
    group = np.array(list("abcdefgh"))[rng.integers(0, groups, n)]
    truth = rng.integers(0, 2, n)
    score = np.clip(0.3 * truth + 0.7 * rng.random(n), 0, 1)
    return truth, (score > 0.5).astype(int), group, score


# --- printed examples


def test_new_yorks_printed_impact_ratios():
    """NYC Local Law 144 rule, 6 RCNY 5-300: (rate, rows) of each category; the impact ratio to the best rate."""
    by_sex = rates(male=(543, 1000), female=(447, 1000))
    assert selection_rate_ratio(by_sex, by="by").value == pytest.approx(0.82, abs=0.005)
    printed = {
        "hispanic": (642, 1.00),
        "white": (375, 0.58),
        "black": (500, 0.78),
        "nhpi": (625, 0.97),
        "asian": (417, 0.65),
    }
    best = (642, 1000)
    for name, (rate, ratio) in printed.items():
        if name != "hispanic":
            found = selection_rate_ratio(rates(best=best, **{name: (rate, 1000)}), by="by")
            assert found.value == pytest.approx(ratio, abs=0.005), name
    everyone = rates(**{name: (rate, 1000) for name, (rate, _) in printed.items()})
    assert round(selection_rate_ratio(everyone, by="by").value, 2) == 0.58


def test_the_toy_set_of_fairlearns_guide():
    """18 rows in three groups: (found, positives, falsely found, negatives) of each."""
    cells = {"a": (1, 2, 2, 2), "b": (3, 5, 0, 1), "c": (2, 5, 2, 3)}
    truth = np.concatenate([np.repeat([1, 0], [p, n]) for _, p, _, n in cells.values()])
    label = np.concatenate([np.r_[np.arange(p) < tp, np.arange(n) < fp] for tp, p, fp, n in cells.values()])
    evaluation = grouped(truth, label, np.repeat(list(cells), [4, 6, 8]))
    assert recall(evaluation).value == 0.5
    assert specificity(evaluation).value == pytest.approx(1 - 0.666667, abs=1e-6)
    assert positive_rate(evaluation).value == pytest.approx(0.555556, abs=1e-6)
    assert worst_group(evaluation, recall, by="by", at_least=1).value == pytest.approx(0.4)
    assert gap(evaluation, recall, by="by", at_least=1).value == pytest.approx(0.2)
    assert gap(evaluation, specificity, by="by", at_least=1).value == 1
    assert gap(evaluation, positive_rate, by="by", at_least=1).value == 0.25
    assert selection_rate_ratio(evaluation, by="by", at_least=1).value == pytest.approx(2 / 3)


def test_two_groups_by_newcombes_printed_interval():
    """Newcombe 1998, table II, method 10: 56/70 against 48/80 gives 0.0524 to 0.3339."""
    reading = gap(rates(a=(56, 70), b=(48, 80)), positive_rate, by="by")
    assert (reading.value, reading.low, reading.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert reading.note == "a 0.8 (70 rows) against b 0.6 (80 rows), of 2 groups"


def test_a_ratio_by_hand():
    """Square and add on the logarithm of 20/100 against 40/100, from Wilson's limits."""
    reading = selection_rate_ratio(rates(a=(20, 100), b=(40, 100)), by="by")
    (low_a, high_a), (low_b, high_b) = intervals.wilson(20, 100), intervals.wilson(40, 100)
    assert reading.value == 0.5
    assert reading.low == pytest.approx(0.5 / np.exp(np.hypot(np.log(0.2 / low_a), np.log(high_b / 0.4))))
    assert reading.high == pytest.approx(0.5 * np.exp(np.hypot(np.log(high_a / 0.2), np.log(0.4 / low_b))))
    assert reading.note == "a 0.2 (100 rows) against b 0.4 (100 rows), of 2 groups"


# --- by fairlearn


@pytest.mark.parametrize("seed", range(100))
def test_values_are_fairlearns(seed):
    truth, label, group, score = sample(seed)
    evaluation = grouped(truth, label, group, score)
    frame = MetricFrame(
        metrics={"recall": true_positive_rate, "rate": selection_rate, "precision": metrics.precision_score},
        y_true=truth, y_pred=label, sensitive_features=group,
    )  # fmt: skip
    worst, apart = frame.group_min(), frame.difference()
    assert worst_group(evaluation, recall, by="by", at_least=1).value == pytest.approx(worst["recall"], rel=1e-9)
    assert worst_group(evaluation, precision, by="by", at_least=1).value == pytest.approx(worst["precision"], rel=1e-9)
    assert gap(evaluation, recall, by="by", at_least=1).value == pytest.approx(apart["recall"], rel=1e-9)
    expected = demographic_parity_difference(truth, label, sensitive_features=group)
    assert gap(evaluation, positive_rate, by="by", at_least=1).value == pytest.approx(expected, rel=1e-9)
    expected = demographic_parity_ratio(truth, label, sensitive_features=group)
    assert selection_rate_ratio(evaluation, by="by", at_least=1).value == pytest.approx(expected, rel=1e-9)
    by_score = {name: metrics.roc_auc_score(truth[group == name], score[group == name]) for name in set(group)}
    assert worst_group(evaluation, roc_auc, by="by", at_least=1).value == pytest.approx(
        min(by_score.values()), rel=1e-9
    )
    losses = {name: metrics.brier_score_loss(truth[group == name], score[group == name]) for name in set(group)}
    assert worst_group(evaluation, brier, by="by", at_least=1).value == pytest.approx(max(losses.values()), rel=1e-9)


# --- what must not change


@given(st.integers(0, 10**6))
@settings(max_examples=40)
def test_order_and_names_say_nothing(seed):
    truth, label, group, score = sample(seed)
    turn = np.random.default_rng(seed).permutation(len(truth))
    renamed = np.array([{"a": 7, "b": 3, "c": 9, "d": 1}[name] for name in group])
    one = grouped(truth, label, group, score)
    for other in (grouped(truth[turn], label[turn], group[turn], score[turn]), grouped(truth, label, renamed, score)):
        for ask in (
            lambda e: worst_group(e, recall, by="by"),
            lambda e: worst_group(e, brier, by="by"),
            lambda e: gap(e, roc_auc, by="by"),
            lambda e: selection_rate_ratio(e, by="by"),
        ):
            first, second = ask(one), ask(other)
            assert (first.value, first.low, first.high) == pytest.approx((second.value, second.low, second.high))
            assert first.low <= first.value <= first.high
            assert first.n == len(truth)


@given(st.integers(0, 10**6))
@settings(max_examples=40)
def test_the_worst_is_the_least_and_the_gap_is_between_the_ends(seed):
    truth, label, group, score = sample(seed)
    evaluation = grouped(truth, label, group, score)
    found = [recall(evaluation.take(np.flatnonzero(group == name))) for name in sorted(set(group))]
    worst, apart = worst_group(evaluation, recall, by="by", at_least=1), gap(evaluation, recall, by="by", at_least=1)
    assert worst.value == min(r.value for r in found)
    assert worst.low == min(r.low for r in found)
    assert worst.high >= min(r.high for r in found)
    assert apart.value == pytest.approx(max(r.value for r in found) - worst.value)
    assert worst.value <= recall(evaluation).value <= worst.value + apart.value


def test_groups_of_one_are_like_no_groups():
    truth, label, _, score = sample(0)
    evaluation = grouped(truth, label, ["all"] * len(truth), score)
    alone, plain = worst_group(evaluation, recall, by="by"), recall(evaluation)
    assert (alone.value, alone.low, alone.high) == (plain.value, plain.low, plain.high)


def test_large_is_worse_where_small_is_good():
    truth = np.array([0.0, 1.0] * 120)
    evaluation = grouped(
        truth, truth + np.repeat([0.1, 0.5, 0.3], 80), np.repeat(["x", "y", "z"], 80), task="regression"
    )
    worst = worst_group(evaluation, mae, by="by")
    assert worst.value == pytest.approx(0.5)
    assert worst.note.startswith("y 0.5 (80 rows), of 3 groups")
    assert worst_group(evaluation, r2, by="by").note.startswith("y ")
    with pytest.raises(Invalid, match=r"bias has no worse side; ask for gap\(bias, by=by\)"):
        worst_group(evaluation, bias, by="by")
    assert gap(evaluation, bias, by="by").value == pytest.approx(0.4)


# --- who is judged


def test_small_groups_are_judged_together():
    evaluation = rates(a=(50, 100), b=(40, 80), c=(3, 30), d=(2, 20), e=(0, 1))
    reading = worst_group(evaluation, recall, by="by")
    assert reading.value == pytest.approx(5 / 51)
    assert reading.note == f"{OTHERS} 0.0980392 (51 rows), of 3 groups"


def test_who_is_still_too_few_is_named():
    evaluation = rates(a=(50, 100), b=(40, 80), c=(3, 30), d=(2, 10))
    reading = worst_group(evaluation, accuracy, by="by")
    assert reading.value == 0.5
    assert reading.note.endswith("of 2 groups; (others) left out: 40 rows, fewer than 50")


def test_where_it_is_undefined_is_named():
    truth, label = np.ones(200, int), np.ones(200, int)
    truth[100:] = 0
    evaluation = grouped(truth, label, np.repeat(["a", "b"], 100))
    reading = worst_group(evaluation, recall, by="by")
    assert reading.value == 1
    assert reading.note == "a 1 (100 rows), of 1 groups; b left out: the truth never is class 1"
    reading = gap(evaluation, recall, by="by")
    assert reading.value is None
    assert reading.note == "two groups of by to judge recall in is missing: b left out: the truth never is class 1"


def test_missing_values_are_a_group():
    label = np.array([1] * 60 + [0] * 60 + [1] * 60)
    for group in (
        np.array(["a"] * 60 + [None] * 60 + ["b"] * 60, object),
        np.array(["a"] * 60 + [float("nan")] * 30 + [None] * 30 + ["b"] * 60, object),
        np.array([1.0] * 60 + [np.nan] * 60 + [2.0] * 60),
    ):
        reading = worst_group(grouped(np.ones(180, int), label, group), recall, by="by")
        assert (reading.value, reading.note) == (0, "(missing) 0 (60 rows), of 3 groups")


@pytest.mark.parametrize(
    "by", [np.array([True, False] * 60), np.array([2**62, 2**62 + 1] * 60), np.array(["é", "e"] * 60)]
)
def test_any_kind_of_group(by):
    reading = gap(grouped(np.ones(120, int), [1, 0] * 60, by), recall, by="by")
    assert reading.value == 1


def test_dates_are_groups():
    by = np.array(["2024-01-01", "NaT"] * 60, "datetime64[D]")
    assert gap(grouped(np.ones(120, int), [1, 0] * 60, by), recall, by="by").value == 1


def test_what_cannot_be_judged():
    truth, label, group, score = sample(0)
    evaluation = grouped(truth, label, group, score)
    reading = worst_group(evaluation, recall, by="town")
    assert (reading.value, reading.note) == (None, "the column town was not kept for comparing groups")
    assert worst_group(grouped([], [], []), recall, by="by").note == "there are no rows"
    short = worst_group(grouped([1, 0], [1, 0], ["a", "b"]), recall, by="by")
    assert short.note == "a group of by to judge recall in is missing: (others) left out: 2 rows, fewer than 50"
    never = selection_rate_ratio(rates(a=(0, 100), b=(0, 100)), by="by")
    assert (never.value, never.note) == (None, "no group of by is ever answered positive")
    for ask in (worst_group, gap):
        with pytest.raises(Invalid, match="at least 1 row"):
            ask(evaluation, recall, by="by", at_least=0)


def test_a_group_that_is_never_chosen():
    reading = selection_rate_ratio(rates(a=(0, 100), b=(50, 100)), by="by")
    assert (reading.value, reading.low) == (0, 0)
    assert 0 < reading.high < 0.15


def test_many_groups_keep_the_note_short():
    label = np.ones(60 * 200, int)
    truth = label.copy()
    truth[: 60 * 100] = 0
    reading = worst_group(grouped(truth, label, np.repeat(np.arange(200), 60)), recall, by="by")
    assert reading.value == 1
    assert len(reading.note) < 510


# --- how often intervals hold


def held(ask, value, chances, n=150, times=300):
    """How often the interval holds, each group's rows answered positive by its own chance."""
    count = 0
    group = np.repeat(np.arange(len(chances)), n)
    for seed in range(times):
        label = (np.random.default_rng(seed).random(len(group)) < np.array(chances)[group]).astype(int)
        reading = ask(grouped(np.ones(len(group), int), label, group))
        count += reading.low <= value <= reading.high
    return count / times


@pytest.mark.parametrize("chances", [[0.6] * 8, [0.5, 0.8, 0.8], [0.5, 0.52, 0.54, 0.56], [0.97] * 4])
def test_intervals_cover(chances):
    least, most = min(chances), max(chances)
    assert held(lambda e: worst_group(e, recall, by="by"), least, chances) >= 0.93
    assert held(lambda e: gap(e, recall, by="by"), most - least, chances) >= 0.93
    assert held(lambda e: selection_rate_ratio(e, by="by"), least / most, chances) >= 0.93


def test_groups_that_are_all_alike_are_not_called_unfair():
    sentence = parse("selection_rate_ratio(by=by) >= 0.999999")
    group = np.repeat(np.arange(10), 100)
    broken = 0
    for seed in range(200):
        label = (np.random.default_rng(seed).random(1000) < 0.5).astype(int)
        reading = selection_rate_ratio(grouped(label, label, group), by="by")
        broken += judge(sentence, reading).word == "broken"
    assert broken <= 0.05 * 200


# --- the door stands open


def test_a_measure_without_an_interval_can_be_compared():
    @model_measure(source="here")
    def answered_first(evaluation):
        if evaluation.truth[0] > 1:
            raise Undefined("no")
        return Reading(float(evaluation.label[0]))

    evaluation = rates(a=(60, 60), b=(0, 60))
    reading = gap(evaluation, answered_first, by="by")
    assert (reading.value, reading.low, reading.high) == (1, 1, 1)


def test_a_million_rows_take_seconds():
    truth, label, group, score = sample(0, n=1_000_000)
    started = time.process_time()
    worst_group(grouped(truth, label, group, score), roc_auc, by="by")
    assert time.process_time() - started < 3


def test_what_is_spelt_alike_is_one_group():
    n = 400
    label = np.arange(n) % 2
    truth = np.where(np.arange(n) < 100, 1 - label, label)
    column = np.array(["(missing)" if i % 2 else None for i in range(n)], object)
    evaluation = Evaluation(task="classification", truth=truth, label=label, groups={"g": column})
    reading = worst_group(evaluation, accuracy, "g")
    assert reading.value == 0.75
    assert "(400 rows)" in reading.note


# --- several columns at once


def crossed(seed=0, n=3000):
    rng = np.random.default_rng(seed + 1)
    truth, label, carrier, score = sample(seed, n=n)
    origin = np.array(["JFK", "LGA", None], object)[rng.integers(0, 3, n)]
    groups = {"carrier": carrier, "origin": origin}
    return Evaluation(task="classification", truth=truth, label=label, score=score, groups=groups)


def test_several_columns_are_fairlearns_intersections():
    evaluation = crossed()
    both = {name: np.asarray(values, object).astype(str) for name, values in evaluation.groups.items()}
    frame = MetricFrame(
        metrics={"recall": true_positive_rate, "rate": selection_rate},
        y_true=evaluation.truth, y_pred=evaluation.label, sensitive_features=both,
    )  # fmt: skip
    by = ("carrier", "origin")
    worst, apart = worst_group(evaluation, recall, by=by), gap(evaluation, positive_rate, by=by)
    assert worst.value == pytest.approx(frame.group_min()["recall"], rel=1e-9)
    assert apart.value == pytest.approx(frame.difference()["rate"], rel=1e-9)
    carrier, origin = frame.by_group["recall"].idxmin()
    assert worst.note.startswith(f"carrier={carrier}, origin={'(missing)' if origin == 'None' else origin} ")
    assert worst.note.endswith(" of 12 groups")


def test_small_intersections_are_judged_together():
    group = np.array(["a"] * 100 + ["b"] * 60)
    other = np.array(["x"] * 90 + ["y"] * 70)
    evaluation = Evaluation(
        task="classification", truth=np.ones(160, int), label=np.arange(160) % 2, groups={"g": group, "h": other}
    )
    assert gap(evaluation, recall, by=("g", "h"), at_least=10).note.endswith("of 3 groups")
    assert gap(evaluation, recall, by=("g", "h")).note.endswith(
        "of 2 groups; (others) left out: 10 rows, fewer than 50"
    )
    assert worst_group(evaluation, recall, by=("g", "town")).note == "the column town was not kept for comparing groups"


# --- counted at once


COUNTED = (accuracy, positive_rate, recall, precision, specificity, balanced_accuracy, f1)


@pytest.mark.parametrize("measure", COUNTED, ids=lambda measure: measure.name)
@pytest.mark.parametrize("classes", [2, 3, 70])
def test_a_group_counted_is_as_its_rows_are(measure, classes):
    rng = np.random.default_rng(classes)
    n = 4000
    truth = rng.integers(0, classes, n)
    label = np.where(rng.random(n) < 0.7, truth, rng.integers(0, classes, n))
    score = rng.dirichlet(np.ones(classes), n)
    whole = Evaluation(
        task="classification", truth=truth, label=label, score=score, groups={"g": rng.integers(0, 4, n)}, seed=3
    )
    told = groups.groups(whole, "g", 1)
    for number in range(4):
        part = tally.Part(whole, told, number)
        assert measure(part) == measure(part.rows())
        assert len(part) == len(part.rows())


@pytest.mark.parametrize("given", [{"threshold": 0.4}, {"at_precision": 0.6}])
def test_a_group_with_a_threshold_is_as_its_rows_are(given):
    whole = crossed()
    part = tally.Part(whole, groups.groups(whole, "origin", 1), 0)
    assert recall(part, **given) == recall(part.rows(), **given)


def test_what_only_one_group_lacks_leaves_out_only_that():
    truth = np.array([1.0] * 100 + [np.nan] * 60)
    reading = worst_group(grouped(truth, np.ones(160, int), np.repeat(["a", "b"], [100, 60])), recall, by="by")
    assert reading.value == 1
    assert reading.note.endswith("b left out: 60 of 60 truth are not finite numbers")


def test_rows_taken_are_counted_anew():
    whole = crossed()
    assert gap(whole, recall, by="carrier").n == 3000
    some = whole.take(np.arange(1000))
    assert gap(some, recall, by="carrier").n == 1000
    assert recall(some) == recall(Evaluation(task="classification", truth=some.truth, label=some.label))


@pytest.mark.parametrize("most", [tally._MOST, 0])  # of more groups each one's rows are taken
@pytest.mark.parametrize("by", ["g", ("g", "h")])
def test_rows_that_are_alike_as_one_with_their_number(by, most, monkeypatch):
    monkeypatch.setattr(tally, "_MOST", most)
    truth, label = np.array([0, 0, 1, 1, 2, -1]), np.array([0, 1, 1, 2, 2, 0])
    times, groups = np.array([40, 3, 50, 7, 60, 5]), {"g": np.array(list("aababa")), "h": np.array(list("xxxyyx"))}
    few = Evaluation(task="classification", truth=truth, label=label, classes=3, groups=groups, times=times)
    every = replace(few, times=None).take(np.repeat(np.arange(6), times))
    for measure in (accuracy, recall, precision, balanced_accuracy, f1):
        assert measure(few) == measure(every)
        for compared in (worst_group, gap):
            assert compared(few, measure, by, at_least=10) == compared(every, measure, by, at_least=10)
    assert len(few) == len(every) == len(few.take(np.arange(6)))
