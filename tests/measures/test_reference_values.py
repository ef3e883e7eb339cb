"""What SciPy's documentation and NannyML's tests print of distances and of estimates without labels."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from arkwright.measures import drift, labels, score
from arkwright.measures.estimated import estimated
from arkwright.measures.scores import ALL, Scores
from arkwright.measures.sketch import of_numbers, of_words
from arkwright.measures.window import Window


def numbers(before, now):
    known = of_numbers(np.asarray(before, float))
    return Window(reference={"x": known}, current={"x": known.empty().numbers(np.asarray(now, float))})


def words(before, now):
    counted = [dict(zip(*np.unique(side, return_counts=True), strict=True)) for side in (before, now)]
    before, now = ({str(word): int(count) for word, count in side.items()} for side in counted)
    known = of_words(before)
    return Window(reference={"x": known}, current={"x": known.empty().words(now)})


@pytest.mark.parametrize(
    ("first", "second", "weights", "expected"),
    [
        ([0, 1, 3], [5, 6, 8], (None, None), 5.0),
        ([0, 1], [0, 1], ([3, 1], [2, 2]), 0.25),
        ([3.4, 3.9, 7.5, 7.8], [4.5, 1.4], ([14, 9, 31, 72], [32, 35]), 4.078133143804785),
    ],
)
def test_scipys_earth_movers_examples(first, second, weights, expected):
    """In bins of both, where every value has its own; weights as so many rows."""
    rows = [np.repeat(np.asarray(v, float), w or 1) for v, w in zip((first, second), weights, strict=True)]
    bins = of_numbers(np.concatenate(rows)).empty()
    window = Window(reference={"x": bins.numbers(rows[0])}, current={"x": bins.numbers(rows[1])})
    assert drift.wasserstein(window, "x").value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [([9, 0, 0], [0, 9, 0], 1.0), ([8, 0], [4, 4], 0.46450140402245893 / math.sqrt(math.log(2))), ([6, 6], [3, 3], 0)],
)
def test_scipys_jensen_shannon_examples(first, second, expected):
    """The second one is printed in nats."""
    counts = [dict(zip("abc", side, strict=False)) for side in (first, second)]
    known = of_words({word: count for word, count in counts[0].items() if count})
    window = Window(reference={"x": known}, current={"x": known.empty().words(counts[1])})
    assert drift.jensen_shannon(window, "x").value == pytest.approx(expected, rel=1e-9, abs=1e-9)


def seeded():
    return np.random.RandomState(1)


def categories():
    rng = seeded()
    return words(rng.choice(["a", "b", "c", "d"], 10_000), rng.choice(["a", "b", "c", "e"], 1000))


def quasi_continuous():
    """Six numbers and three, two of which are among the six: NannyML takes them for words, too."""
    rng = seeded()
    return words(rng.choice(np.linspace(0, 2, 6), 10_000), rng.choice(np.linspace(0, 2, 3), 1000))


def test_nannymls_distances_of_words():
    assert drift.jensen_shannon(categories(), "x").value == pytest.approx(0.5, abs=0.005)
    assert drift.hellinger(categories(), "x").value == pytest.approx(0.5, abs=0.005)
    assert drift.jensen_shannon(quasi_continuous(), "x").value == pytest.approx(0.73, abs=0.005)
    assert drift.hellinger(quasi_continuous(), "x").value == pytest.approx(0.72, abs=0.01)  # 0.7266 of the formula
    ten = list("aabbcc") * 10
    assert drift.largest_change(words(ten, [*ten, *("d" * 10)]), "x").value == pytest.approx(0.14, abs=0.005)
    assert drift.largest_change(words(ten, ["b"] * 50), "x").value == pytest.approx(0.67, abs=0.005)


def test_nannymls_distances_of_numbers():
    rng = seeded()
    same = numbers(rng.normal(0, 1, 10_000), rng.normal(0, 1, 1000))
    assert drift.jensen_shannon(same, "x").value == pytest.approx(0.05, abs=0.01)  # its bins are others
    rng = seeded()
    near = numbers(rng.normal(0, 1, 10_000), rng.normal(1, 1, 1000))
    assert drift.wasserstein(near, "x").value == pytest.approx(1.01, abs=0.02)
    rng = seeded()
    first = rng.normal(0, 1, 10_000)
    assert drift.hellinger(numbers(first, first), "x").value == 0
    apart = numbers(first, rng.normal(7, 1, 10_000))  # all of it in the last of the reference's bins
    assert drift.hellinger(apart, "x", bins=1000).value == pytest.approx(1, abs=0.02)
    rng = seeded()
    two = numbers(rng.normal(0, 1, 10_000), rng.normal(-2, 1, 10_000))
    assert drift.hellinger(two, "x", bins=30).value == pytest.approx(0.63, abs=0.02)


def _nannymls():
    told = json.loads(Path(__file__).with_name("nannyml_cbpe.json").read_text())
    means = np.array([told["probabilities"]])
    judged, right, *windows = (
        Scores(edges=means[:, 1:], means=means, counts={ALL: np.array([counts])})
        for counts in (told["judged"], told["came_true"], *told["windows"])
    )
    return judged, right, windows


def test_nannymls_estimate_of_its_synthetic_binary_classification():
    """`nannyml_cbpe.json` counts the 101 probabilities of its data (Apache License 2.0), by answer: of the rows judged,
    of those in which class 1 came true, of the first 20,000 rows that came, and of the 30,000 behind them.
    """
    judged, right, windows = _nannymls()
    for came, expected in zip(windows, (0.9711057564966745, 0.9636286015592977), strict=True):
        found = estimated(Window(judged=(right, judged), scores=came), score.roc_auc)
        assert found.value == pytest.approx(expected, abs=1e-4)
        assert found.low < expected < found.high


NANNYML = {  # 0.13.1, with scikit-learn 1.9.1: what it says of these two windows
    score.roc_auc: (0.9711028571137201, 0.9636262598813325),
    labels.f1: (0.9479079222515973, 0.9278089207836576),
    labels.precision: (0.9436121782324026, 0.919783625500545),
    labels.recall: (0.9522429574319092, 0.9359754933378336),
    labels.specificity: (0.9434949869571513, 0.9123732942949082),
    labels.accuracy: (0.9478536003143163, 0.9245926106862005),
}


def test_what_nannyml_estimates_of_the_same_data():
    judged, right, windows = _nannymls()
    for measure, values in NANNYML.items():
        for came, value in zip(windows, values, strict=True):
            found = estimated(Window(judged=(right, judged), scores=came), measure)
            assert found.value == pytest.approx(value, rel=1e-8), measure.name
            assert found.low < value < found.high, measure.name
