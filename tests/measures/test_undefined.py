"""Whatever a model answers, every measure finds a number with its interval or says why not, and never crashes."""

import inspect
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from arkwright.measures.evaluation import STRANGE, Evaluation
from arkwright.measures.registry import Score, measures
from arkwright.measures.score import accuracy, brier, recall, roc_auc

MEASURES = [measure for measure in measures().values() if measure.stage == "model"]
ARGUMENTS = {"by": "by", "score": recall, "k": 1, "at_least": 2}


def ask(measure, evaluation):
    needed = [p for p in measure.parameters if p.default is inspect.Parameter.empty or p.name == "at_least"]
    return measure(evaluation, **{p.name: ARGUMENTS[p.name] for p in needed})


def sound(reading):
    if reading.value is None:
        assert reading.note
        assert (reading.low, reading.high) == (None, None)
        return
    assert math.isfinite(reading.value)
    assert (reading.low is None) == (reading.high is None)
    if reading.low is not None:
        assert math.isfinite(reading.low)
        assert math.isfinite(reading.high)
        slack = 1e-9 * max(1.0, abs(reading.value))
        assert reading.low - slack <= reading.value <= reading.high + slack


_wild = st.sampled_from([0.0, 1.0, 0.5, -1.0, 2.0, 1e300, -1e300, 1e-300, math.nan, math.inf, -math.inf])
_usual = st.floats(0, 1)


@st.composite
def evaluations(draw):
    n, classes = draw(st.integers(0, 8)), draw(st.integers(1, 4))
    task = draw(st.sampled_from(["classification", "regression", "survival"]))
    wild = draw(st.booleans())
    numbers = st.one_of(_wild, _usual) if wild else _usual
    codes = st.integers(-1, classes) if wild else st.integers(0, classes - 1)
    kind = draw(st.sampled_from([np.int64, float, np.int8])) if task == "classification" else float
    elements = codes.map(kind) if task == "classification" else numbers

    def column(items, dtype=float):
        return np.array(draw(st.lists(items, min_size=n, max_size=n)), dtype)

    score = None
    if draw(st.booleans()):
        shape = draw(st.sampled_from([(n,), (n, classes), (n, classes), (n, 1, 1)]))
        score = draw(arrays.arrays(float, shape, elements=numbers))
        if score.ndim == 2 and not wild:
            score = (score + 0.1) / (score + 0.1).sum(axis=1, keepdims=True)
    made = Evaluation(
        task=task,
        truth=column(st.just(kind(STRANGE)) | elements, kind),
        label=column(elements, kind),
        score=score,
        groups={"by": column(st.sampled_from(["a", "b", None, math.nan, 3]), object)} if draw(st.booleans()) else {},
        latencies_ms=draw(st.none() | arrays.arrays(float, (2, 3), elements=numbers)),
        size_bytes=draw(st.none() | st.integers(0, 10**12)),
        test_rows=draw(st.none() | st.just(np.arange(n, dtype=np.uint64))),
        train_rows=draw(st.none() | st.just(np.arange(3, dtype=np.uint64))),
        inputs={"x": column(numbers)} if draw(st.booleans()) else {},
        seed=draw(st.integers(0, 9)),
    )
    original = draw(st.none() | st.just(made))
    return Evaluation(**{f: getattr(made, f) for f in made.__slots__ if f[0] != "_"} | {"original": original})


@given(evaluations())
@settings(max_examples=250, deadline=None)
def test_any_evaluation_is_measured_or_not(evaluation):
    for measure in MEASURES:
        sound(ask(measure, evaluation))


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_no_rows(measure, task):
    none = np.zeros(0)
    reading = ask(measure, Evaluation(task=task, truth=none, label=none, score=none, groups={"by": none}))
    assert reading.value is None
    assert reading.note


RANKED = [m for m in MEASURES if m.tasks == ("classification",)]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("measure", [m for m in RANKED if m in (roc_auc, brier)], ids=lambda m: m.name)
def test_scores_that_are_no_numbers(measure, bad):
    score = np.array([0.1, 0.9, bad, 0.4, bad])
    truth = np.array([0, 1, 0, 1, 1])
    reading = measure(Evaluation(task="classification", truth=truth, label=truth, score=score))
    assert (reading.value, reading.note) == (None, "2 of 5 scores are not finite numbers")
    assert accuracy(Evaluation(task="classification", truth=truth, label=truth, score=score)).value == 1


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"score": None}, "the model gives no score"),
        ({"score": [1.1, 0.5, 0.5, 0.5]}, "the scores are no probabilities: some lie outside 0 to 1"),
        ({"score": [[0.4, 0.5]] * 4}, None),
        ({"score": [[0.2, 0.2, 0.2]] * 4}, "the scores are no probabilities: those of a row do not add up to 1"),
        ({"truth": [0, 1, 2, 1]}, "class 2 occurs, but the model has the classes 0 to 1"),
        ({"truth": [0, 1, -2, 1]}, "the truth are not class codes"),
        ({"truth": [0, 1, 0.5, 1]}, "the truth are not class codes"),
        ({"truth": [0, 1, math.nan, 1]}, "1 of 4 truth are not finite numbers"),
        ({"truth": ["a", "b", "a", "b"]}, "the truth are not one number for each row"),
        ({"score": ["a"] * 4}, "the scores are not one number for each row, or one for each class"),
    ],
)
def test_probabilities_that_are_none(change, note):
    given = {"truth": [0, 1, 0, 1], "label": [0, 1, 0, 1], "score": [0.1, 0.9, 0.2, 0.8]} | change
    arrays_of = {name: None if value is None else np.array(value) for name, value in given.items()}
    reading = brier(Evaluation(task="classification", **arrays_of))
    if note is None:  # two columns: the second is the score of class 1
        assert reading.value == pytest.approx(0.25)
    else:
        assert (reading.value, reading.note) == (None, note)


@pytest.mark.parametrize(
    ("truth", "note"),
    [
        ([0] * 5, "no row is positive"),
        ([1] * 5, "every row is positive"),
        ([0, 0, 0, 0, 1], "one class has a single row"),
    ],
)
def test_one_class_only_has_no_ranking(truth, note):
    evaluation = Evaluation(
        task="classification", truth=np.array(truth), label=np.array(truth), score=np.linspace(0.1, 0.9, 5)
    )
    reading = roc_auc(evaluation)
    assert reading.value is None
    assert reading.note.startswith(note)


def test_every_score_can_be_compared_between_groups():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 400)
    by = np.repeat(["a", "b"], 200)
    for task in ("classification", "regression"):
        evaluation = Evaluation(
            task=task, truth=truth + 1.0 if task == "regression" else truth, label=1 - truth, groups={"by": by},
            score=rng.random(400) if task == "classification" else None, inputs={"x": rng.random(400)},
        )  # fmt: skip
        for measure in MEASURES:
            kinds = [p.annotation for p in measure.parameters]
            if Score in kinds or (measure.tasks and task not in measure.tasks):
                continue
            bound = lambda e, m=measure: ask(m, e)  # noqa: E731
            sound(measures()["gap"](evaluation, _Named(measure, bound), by="by"))


class _Named:
    def __init__(self, measure, bound):
        self.name, self.larger_is_better, self.counted = measure.name, measure.larger_is_better, measure.counted
        self.bound = bound

    def __call__(self, evaluation):
        return self.bound(evaluation)
