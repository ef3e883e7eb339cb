"""Drift by hand, by SciPy, by what must not change, by how often intervals hold and how often columns cry wolf."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from arkwright.core.errors import Invalid
from arkwright.core.promises import Reading
from arkwright.measures import divergence, drift, moved
from arkwright.measures.sketch import of_numbers, of_words
from arkwright.measures.window import Window

NUMERIC = [drift.psi, drift.jensen_shannon, drift.hellinger, drift.largest_change, drift.ks, drift.wasserstein,
           drift.chi_square]  # fmt: skip
counts = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=12).filter(
    lambda pairs: min(map(sum, zip(*pairs, strict=True))) > 0
)


def numbers(before, now):
    reference = of_numbers(np.asarray(before, float))
    return Window(reference={"x": reference}, current={"x": reference.empty().numbers(np.asarray(now, float))})


def words(before, now):
    reference = of_words(before)
    return Window(reference={"x": reference}, current={"x": reference.empty().words(now)})


def spread(shares, rows=10_000):
    return {f"v{number}": round(share * rows) for number, share in enumerate(shares)}


def many(seed, k=8, rows=2000):
    """Two random lists of counts without an empty cell."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(rows, rng.dirichlet(np.full(k, 5))) + 1, rng.multinomial(
        rows, rng.dirichlet(np.full(k, 5))
    ) + 1


# --- by hand


def test_values_by_hand():
    assert drift.psi(words(spread((0.5, 0.5)), spread((0.4, 0.6))), "x").value == pytest.approx(0.0405465108108164)
    ten = spread((0.08, 0.09, 0.10, 0.11, 0.12, 0.12, 0.11, 0.10, 0.09, 0.08))
    assert drift.psi(words(spread((0.1,) * 10), ten), "x", bins=12).value == pytest.approx(0.0202320182335696)
    assert drift.jensen_shannon(words({"a": 5}, {"b": 7}), "x").value == pytest.approx(1)
    half = drift.jensen_shannon(words({"a": 100}, {"a": 50, "b": 50}), "x")
    assert half.value == pytest.approx(0.46450140402245893 / math.sqrt(math.log(2)))  # SciPy's, in nats
    assert drift.hellinger(words({"a": 5}, {"b": 7}), "x").value == pytest.approx(1)
    assert drift.largest_change(words({"a": 60, "b": 40}, {"a": 10, "b": 90}), "x").value == pytest.approx(0.5)
    assert drift.ks(numbers([1, 2, 3, 4], [3, 4, 5, 6]), "x").value == pytest.approx(0.5)
    assert drift.wasserstein(numbers([0, 1, 3], [0, 1, 3]), "x").value == 0
    same = words({"a": 30, "b": 10}, {"a": 30, "b": 10})
    assert [m(same, "x").value for m in (drift.psi, drift.hellinger, drift.chi_square)] == [0, 0, 0]


def test_earth_movers_distance_by_hand():
    """SciPy's own examples, moved into the reference's range, where every value has a bin."""
    before = np.repeat([0, 1, 2, 3, 5, 6, 8], 1)
    for now in ([0, 1, 2], [5, 6, 8], [0, 0, 8]):
        assert drift.wasserstein(numbers(before, now), "x").value == pytest.approx(
            stats.wasserstein_distance(before, now)
        )
    rng = np.random.default_rng(1)
    moved = drift.wasserstein(numbers(rng.normal(size=300_000), rng.normal(0.7, 1, 300_000)), "x")
    assert moved.value == pytest.approx(0.7, abs=0.01)


def test_normal_distributions_apart_have_the_hellinger_distance_of_the_formula():
    rng = np.random.default_rng(2)
    found = drift.hellinger(numbers(rng.normal(size=400_000), rng.normal(2, 1, 400_000)), "x", bins=400)
    assert found.value == pytest.approx(math.sqrt(1 - math.exp(-1 / 2)), abs=3e-3)


# --- by SciPy, on 1,000 random inputs


def test_divergences_are_scipys():
    for seed in range(1000):
        p, q = many(seed)
        a, b = p / p.sum(), q / q.sum()
        assert divergence.psi(p, q) == pytest.approx(stats.entropy(a, b) + stats.entropy(b, a), rel=1e-9)
        assert math.sqrt(divergence.jensen_shannon(p, q)) == pytest.approx(distance.jensenshannon(a, b, 2), rel=1e-9)
        assert divergence.hellinger_squared(p, q) == pytest.approx(1 - np.sqrt(a * b).sum(), rel=1e-9, abs=1e-12)
        assert divergence.largest_difference(p, q) == pytest.approx(distance.chebyshev(a, b), rel=1e-9)
        expected = stats.chi2_contingency(np.array([p, q]), correction=False)
        statistic, freedom = divergence.chi_square(p, q)
        assert (statistic, freedom) == (pytest.approx(expected.statistic, rel=1e-9), expected.dof)
        assert divergence.chi_square_p(statistic, freedom) == pytest.approx(expected.pvalue, rel=1e-9)
        assert divergence.cramers_v(p, q) == pytest.approx(
            stats.contingency.association(np.array([p, q]), "cramer"), rel=1e-9
        )


def test_kolmogorov_smirnov_and_earth_mover_are_scipys_where_values_are_few():
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        before = rng.integers(0, 30, int(rng.integers(40, 400)))
        now = rng.choice(before, int(rng.integers(20, 300))) if seed % 2 else rng.integers(before.min(), 25, 90)
        now = now[np.isin(now, before)]
        window = numbers(before, now)
        expected = stats.ks_2samp(before, now, method="asymp")
        found = drift.ks(window, "x")
        assert found.value == pytest.approx(expected.statistic, rel=1e-9, abs=1e-12)
        assert drift.wasserstein(window, "x").value == pytest.approx(
            stats.wasserstein_distance(before, now), rel=1e-9, abs=1e-9
        )
        chance = divergence.kolmogorov_p(found.value, len(before), len(now))
        assert chance == pytest.approx(stats.kstwobign.sf(expected.statistic * math.sqrt(
            len(before) * len(now) / (len(before) + len(now)))), rel=1e-9)  # fmt: skip


def test_many_values_come_close_to_scipy():
    rng = np.random.default_rng(4)
    for shift, scale in ((0, 1), (0.1, 1), (0, 1.3), (2, 1)):
        before, now = rng.normal(size=60_000), rng.normal(shift, scale, 40_000)
        window = numbers(before, now)
        assert drift.ks(window, "x").value == pytest.approx(stats.ks_2samp(before, now).statistic, abs=5e-4)
        exact = stats.wasserstein_distance(before, now)
        assert drift.wasserstein(window, "x").value == pytest.approx(exact, abs=2e-3, rel=0.02)


# --- what must not change


@given(counts)
def test_distances_are_symmetric_bounded_and_zero_for_the_same(pairs):
    p, q = (np.array(side) for side in zip(*pairs, strict=True))
    for measure in (divergence.psi, divergence.jensen_shannon, divergence.hellinger_squared, divergence.cramers_v,
                    divergence.largest_difference, divergence.kolmogorov_smirnov):  # fmt: skip
        assert measure(p, q) == pytest.approx(measure(q, p), rel=1e-9, abs=1e-12)
        assert measure(p, p * 3) == pytest.approx(0, abs=0.2 if measure is divergence.psi else 1e-6)
        assert measure(p, q) >= 0
        assert measure is divergence.psi or measure(p, q) <= 1 + 1e-9


@settings(max_examples=40)
@given(st.lists(st.integers(-40, 40), min_size=2, max_size=50), st.lists(st.integers(-40, 40), min_size=2, max_size=50),
       st.floats(0.01, 100), st.floats(-100, 100))  # fmt: skip
def test_a_change_of_units_changes_nothing_but_the_earth_movers_unit(before, now, scale, shift):
    first = numbers(before, now)
    second = numbers(np.array(before) * scale + shift, np.array(now) * scale + shift)
    for measure in NUMERIC:
        unit = scale if measure is drift.wasserstein else 1
        assert measure(second, "x").value == pytest.approx(measure(first, "x").value * unit, rel=1e-6, abs=1e-6)


@given(st.lists(st.floats(-1e300, 1e300) | st.just(math.nan), max_size=30),
       st.lists(st.floats(width=64), max_size=30))  # fmt: skip
def test_whatever_comes_there_is_a_finite_answer_or_a_reason(before, now):
    window = numbers(before, now)
    for measure in NUMERIC:
        found = measure(window, "x")
        if found.value is None:
            assert found.note
        else:
            assert found.low is None or found.low <= found.value <= found.high


# --- how often they hold


def test_intervals_hold_the_truth_in_about_95_of_100_windows():
    rng = np.random.default_rng(5)
    p, q = np.full(10, 0.1), np.array([0.08, 0.09, 0.1, 0.11, 0.12, 0.12, 0.11, 0.1, 0.09, 0.08])
    truths = {
        drift.psi: float(np.sum((p - q) * np.log(p / q))),
        drift.jensen_shannon: float(distance.jensenshannon(p, q, 2)),
        drift.hellinger: math.sqrt(1 - float(np.sqrt(p * q).sum())),
        drift.largest_change: 0.02,
    }
    held = dict.fromkeys(truths, 0)
    for _ in range(400):
        before, now = (dict(zip("abcdefghij", rng.multinomial(4000, s).tolist(), strict=True)) for s in (p, q))
        for measure, truth in truths.items():
            found = measure(words(before, now), "x", bins=11)
            held[measure] += found.low <= truth <= found.high
    for measure, count in held.items():
        assert count / 400 > 0.92, measure.name


@pytest.mark.parametrize("came", [1, 50, 99])
def test_one_row_proves_no_distance(came):
    before = list(range(100)) * 20
    for measure in (drift.ks, drift.wasserstein, drift.psi, drift.jensen_shannon, drift.hellinger, drift.chi_square):
        assert measure(numbers(before, [came]), "x").low == 0, measure.name
    assert drift.largest_change(numbers(before, [came]), "x").low < 0.05


def test_the_critical_value_is_passed_by_one_window_in_twenty():
    rng = np.random.default_rng(6)
    passed = 0
    for _ in range(2000):
        p, q = rng.multinomial(3000, np.full(10, 0.1)), rng.multinomial(1000, np.full(10, 0.1))
        passed += divergence.psi(p, q) > divergence.critical(2, p, q)
    assert 0.03 < passed / 2000 < 0.075


def draw(rng, kind, n):
    """n values, or how often which word, of columns as tables have them."""
    if kind == "normal":
        return rng.normal(size=n)
    if kind == "counts":
        return rng.poisson(2, n).astype(float)
    if kind == "amounts":  # mostly none, and a long tail
        return np.where(rng.random(n) < 0.9, 0, rng.lognormal(0, 2, n))
    if kind == "flag":
        return dict(zip(("yes", "no"), rng.multinomial(n, (0.002, 0.998)).tolist(), strict=True))
    k = {"few": 5, "many": 200}[kind]
    return {f"v{place}": count for place, count in enumerate(rng.multinomial(n, np.full(k, 1 / k)).tolist()) if count}


def null(rng, kind, sizes, missing=0.0):
    """(reference, windows) of one column in which nothing changed; `sizes`: of the reference and of each window."""
    (first, *came), (gone, *more) = (draw(rng, kind, n) for n in sizes), rng.binomial(sizes, missing).tolist()
    before = (of_words if isinstance(first, dict) else of_numbers)(first, gone)
    add = before.empty().words if isinstance(first, dict) else before.empty().numbers
    return before, [add(now, gone) for now, gone in zip(came, more, strict=True)]


KINDS = ["normal"] * 6 + ["counts"] * 3 + ["amounts"] * 3 + ["few"] * 14 + ["many"] * 2 + ["flag"] * 2


def test_thirty_columns_do_not_cry_wolf():
    """2,000 pairs in which nothing changed, of 30 columns of every kind each and windows of 50 to 1,000 rows: an alarm
    in at most 5 of 100, and in not much fewer.
    """
    rng = np.random.default_rng(7)
    alarms = 0
    for _ in range(250):
        sizes = (1000, *(50, 200, 500, 1000) * 2)
        columns = [null(rng, kind, sizes, 0.001 * (n % 6 == 0)) for n, kind in enumerate(KINDS)]
        reference = {str(n): before for n, (before, _) in enumerate(columns)}
        for size in range(8):
            current = {str(n): windows[size] for n, (_, windows) in enumerate(columns)}
            alarms += drift.drifted_columns(Window(reference=reference, current=current)).value > 0
    limit = 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2000)
    assert 0.01 < alarms / 2000 < limit


@pytest.mark.parametrize("sizes", [(1000, 1000), (1000, 20_000), (5000, 500)])
def test_values_that_were_frequent_by_luck_are_no_drift(sizes):
    """Of 200 values that are equally frequent, the most frequent ones of the reference were lucky."""
    rng = np.random.default_rng(12)
    alarms = dict.fromkeys(("test", "psi", "largest"), 0)
    for _ in range(200):
        before, (now,) = null(rng, "many", sizes)
        window = Window(reference={"x": before}, current={"x": now})
        alarms["test"] += drift.significance(window, "x")[0] < 0.05
        alarms["psi"] += divergence.psi(*(cells := drift.cells(window, "x", 10))) > divergence.critical(2, *cells)
        alarms["largest"] += drift.largest_change(window, "x").low > 0
    assert max(alarms.values()) / 200 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200), alarms


def test_a_rare_value_in_a_small_window_is_no_drift_and_many_of_a_new_one_are():
    before = of_words({"usual": 20_000}, missing=20)
    once, often = (before.empty().words({"usual": 49 - n, "new": n}, missing=1) for n in (0, 6))
    assert drift.significance(Window(reference={"x": before}, current={"x": once}), "x")[0] > 0.05
    assert drift.significance(Window(reference={"x": before}, current={"x": often}), "x")[0] < 1e-9


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"AA": 695, "UA": 300, "rare": 3, "rarer": 2}, {"AA": 69_500, "United": 30_500}),
        ({"AA": 700, "UA": 300}, {"AA": 70_000, "United": 30_000}),
        ({"AA": 50_000} | {f"w{n}": 1250 for n in range(40)}, {"AA": 50, "w17": 50}),
        ({f"w{n}": 50 for n in range(20)}, {f"w{n}": 500 for n in range(1, 20)} | {"W0": 500}),
    ],
    ids=["beside rare ones", "with no other", "one of many in a small window", "one of twenty"],
)
def test_a_value_that_is_called_otherwise_or_is_all_that_comes_is_found(before, now):
    """However few rows would be expected of it on the smaller side."""
    window = words(before, now)
    assert drift.significance(window, "x")[0] < 1e-9
    assert drift.psi(window, "x").low > 0
    assert drift.largest_change(window, "x").low > 0.02
    assert [part.label for part in moved.values(window, "x", "psi").parts if part.named]


def test_an_empty_cell_is_not_sure_of_being_empty():
    """Half a hundred rows: a value of two in a hundred is often not among them."""
    found = drift.largest_change(words({"a": 980, "b": 20}, {"a": 50}), "x")
    assert found.low == 0
    assert found.value == pytest.approx(0.02)


def test_one_row_is_sure_of_no_distance():
    before = np.linspace(0, 100, 1000)
    for measure in (drift.wasserstein, drift.ks, drift.psi, drift.largest_change):
        assert measure(numbers(before, [99.0]), "x").low == 0, measure.name


def test_what_drifted_is_named():
    rng = np.random.default_rng(8)
    before, words_before = of_numbers(rng.normal(size=5000)), of_words({"a": 4000, "b": 1000})
    window = Window(
        reference={"same": before, "moved": before, "mix": words_before, "gone": before},
        current={
            "same": before.empty().numbers(rng.normal(size=3000)),
            "moved": before.empty().numbers(rng.normal(0.5, 1, 3000)),
            "mix": words_before.empty().words({"a": 1500, "b": 1500}),
        },
    )
    found = drift.drifted_columns(window)
    assert found.value == 2
    assert re.fullmatch(r"mix 0\.3\d* \(p = .*\), moved 0\.\d+ \(p = .*\)", found.note)
    assert drift.drifted_columns(window, effect=0.25).note.startswith("mix")
    assert drift.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_what_moved_furthest_is_named_first_where_everything_is_certain():
    before = of_numbers(np.linspace(0, 1, 5000))
    shifts = {"a": 0.5, "b": 0.9, "c": 0.7}
    current = {name: before.empty().numbers(np.linspace(0, 1, 5000) + by) for name, by in shifts.items()}
    found = drift.drifted_columns(Window(reference=dict.fromkeys(shifts, before), current=current))
    assert re.findall(r"(\w) 0", found.note) == ["b", "c", "a"]


def test_that_time_passes_is_no_drift():
    before = of_numbers(np.arange(100.0))
    window = Window(
        reference={"asked_at": before, "x": before},
        current={"asked_at": before.empty().numbers(np.arange(100.0) + 500), "x": before},
        moving=frozenset({"asked_at"}),
    )
    assert drift.drifted_columns(window) == Reading(0.0, n=100, note="none")
    alone = Window(reference={"t": before}, current={"t": before}, moving=frozenset({"t"}))
    assert drift.drifted_columns(alone).note == "no column can be compared"


def test_what_cannot_be_compared_says_why():
    window = words({"a": 3}, {"a": 2})
    assert "no order" in drift.ks(window, "x").note
    assert drift.psi(words({"a": 3}, {"a": 2}), "X").note.endswith("there is x")
    assert drift.psi(words({"a": 3}, {}), "x").note == "there are no rows of x"
    assert drift.drifted_columns(Window()).note == "no column can be compared"
    with pytest.raises(Invalid, match="bins=1"):
        drift.psi(window, "x", bins=1)
    with pytest.raises(Invalid, match="alpha=5"):
        drift.drifted_columns(window, alpha=5)


def test_empty_cells_are_a_cell_of_their_own():
    before, now = of_numbers(np.arange(100.0), missing=0), of_numbers(np.arange(100.0)).empty()
    window = Window(reference={"x": before}, current={"x": now.numbers(np.arange(50.0), missing=50)})
    assert drift.largest_change(window, "x").value == pytest.approx(0.5)
    assert drift.psi(window, "x").low > 0.2
