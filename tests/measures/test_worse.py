"""Which groups explain that a model does worse: planted ones are named with about their share, others are not."""

from dataclasses import replace

import numpy as np
import pytest

from arkwright.core.where import spelt
from arkwright.measures import segments, worse
from arkwright.measures.causes import Explained, Part, worst_first
from arkwright.measures.cells import cells
from arkwright.measures.evaluation import Undefined
from arkwright.measures.expected import MEASURES, Expected
from arkwright.measures.ratios import RATIOS
from arkwright.measures.scores import ALL, binned
from arkwright.measures.segments import decomposed
from arkwright.measures.sides import Classified
from arkwright.measures.sketch import of_words
from arkwright.measures.worse import Told

K = 8
CARRIER = cells("carrier", of_words(dict.fromkeys("ABCDEFGH", 9)), K + 1)


def answered(rng, n, mix=None, hard=None, wrong=None, noise=0.0):
    """(probabilities, truth, group): rows of the group `hard` are hardly told apart, what is said of `wrong` is chance,
    and so is a share of all rows.
    """
    group = rng.choice(K, n, p=mix)
    raw = rng.normal(size=n) * np.where(group == hard, 0.1, 1.5)
    chances = 1 / (1 + np.exp(-raw))
    by_chance = (group == wrong) | (rng.random(n) < noise)
    truth = rng.random(n) < np.where(by_chance, 0.5, chances)
    return chances[:, None], truth, group


def counted(empty, chances, truth, group):
    """(2, m, k, 2, b) by group, and the scores of all."""
    said = (chances[:, 0] > 0.5).astype(int)
    found = []
    for rows in (truth, np.ones(len(truth), bool)):
        some = empty.more(chances[rows], said[rows], {n: group[rows] == n for n in range(K)}).counts
        found.append((some[ALL], np.stack([some.get(n, some[ALL] * 0) for n in (*range(K), "others", "empty")])))
    (right, by_right), (rows, by_rows) = found
    judged = tuple(replace(empty, counts={ALL: one}) for one in (right, rows))
    return judged, np.stack([by_right, by_rows])


def case(rng, n=12_000, m=4000, before=None, **now):
    first = answered(rng, n, **(before or {}))
    empty = binned(first[0])
    return counted(empty, *first), counted(empty, *answered(rng, m, **now))


def realised(pair, name, columns=(CARRIER,), **words):
    (judged, before), (_, now) = pair
    return worse.realised(judged, name, [Told(one, before, now) for one in columns], **{"sign": -1} | words)


def estimated(pair, name="recall", **words):
    (judged, before), (_, now) = pair
    nothing = np.stack([now[0] * 0, now[1]])
    return worse.estimated(judged, name, [Told(CARRIER, before, nothing)], sign=-1, **words)


def named(found):
    return [part.label for part in found.parts if part.named]


@pytest.mark.parametrize("name", ["recall", "accuracy", "balanced_accuracy", "roc_auc", "f1"])
def test_a_group_that_is_answered_worse_is_named_with_its_share(name):
    found = realised(case(np.random.default_rng(1), m=9000, wrong=3), name)
    assert named(found) == ["D"]
    assert 0.6 < found.parts[0].explains < 1.5
    assert found.parts[0].value < found.parts[0].was - 0.1
    assert found.says()[0].startswith("carrier=D: ")
    assert f"; {name} 0." in found.says()[0]
    assert [spelt(one) for one in found.parts[0].where] == ["carrier=D"]


@pytest.mark.parametrize("name", ["recall", "roc_auc"])
def test_harder_rows_and_more_of_them_are_named_before_any_label(name):
    rng = np.random.default_rng(2)
    assert named(estimated(case(rng, hard=3), name)) == ["D"]
    more = np.full(K, 0.08)
    more[3] = 1 - 0.08 * (K - 1)
    found = estimated(case(rng, mix=more, before={"hard": 3}, hard=3), name)
    assert named(found) == ["D"]
    assert found.parts[0].now > 3 * found.parts[0].before
    assert 0.5 < found.parts[0].explains < 1.3


def test_where_all_groups_get_worse_alike_none_is_blamed():
    """5 of 100 are by chance: of 20 more than 4 in 3 of 1000 runs."""
    rng = np.random.default_rng(3)
    found = [realised(case(rng, noise=0.4), "accuracy") for _ in range(20)]
    assert all(one.total > 0.03 for one in found)
    assert sum(bool(named(one)) for one in found) <= 4
    assert any("accuracy got worse alike" in one.note for one in found)


@pytest.mark.parametrize("name", ["recall", "log_loss", "roc_auc"])
def test_where_nothing_changed_nothing_is_named(name):
    rng = np.random.default_rng(4)
    sign = 1 if name == "log_loss" else -1
    found = [realised(case(rng, m=1500), name, sign=sign) for _ in range(20)]
    assert not [label for one in found for label in named(one)]
    assert "no worse than when the release was judged" in found[0].note
    alone = [realised(case(rng, m=1500), name, sign=sign, alone=True) for _ in range(20)]
    assert sum(bool(named(one)) for one in alone) <= 4


def test_the_worst_group_alone_is_named_though_the_whole_hardly_moved():
    rare = np.full(K, 0.96 / (K - 1))
    rare[3] = 0.04
    found = realised(case(np.random.default_rng(5), m=9000, mix=rare, wrong=3), "recall", alone=True)
    assert named(found) == ["D"]
    assert found.parts[0].explains is None


@pytest.mark.parametrize("name", list(RATIOS))
@pytest.mark.parametrize("classes", [1, 3])
def test_ratios_are_the_scores_and_their_parts_add_up(name, classes):
    """Kitagawa 1955: mix and rate together are the whole difference."""
    if name == "specificity" and classes > 1:
        return
    rng = np.random.default_rng(6)
    means = np.sort(rng.random((classes, 20)), axis=1)
    values, made = [], []
    for _ in range(2):
        right, wrong = rng.poisson(9, (2, 5, classes, 2, 20)).astype(float)
        made.append(RATIOS[name](right, wrong, means))
        values.append(MEASURES[name](Expected(right.sum(axis=0), wrong.sum(axis=0), means)))
        tops, bottoms = (one.sum(axis=0) for one in made[-1])
        assert (tops / bottoms).mean() == pytest.approx(values[-1])
    added, excess = decomposed(*made)
    assert added.sum() == pytest.approx(values[1] - values[0])
    assert excess.sum() == pytest.approx(0, abs=1e-12)


def test_kitagawas_parts_by_hand():
    before = np.array([[10.0], [20.0]]), np.array([[20.0], [80.0]])  # rates 0.5 and 0.25, mix 0.2 and 0.8
    now = np.array([[20.0], [15.0]]), np.array([[50.0], [50.0]])  # rates 0.4 and 0.3, mix 0.5 and 0.5
    middle = (0.3 + 0.35) / 2
    mix, rate = 0.3 * (0.45 - middle), -0.1 * 0.35
    assert decomposed(before, now)[0][0] == pytest.approx(mix + rate)


def test_few_rows_and_no_groups_name_nothing():
    rng = np.random.default_rng(7)
    assert estimated(case(rng, m=segments.LEAST - 1, hard=3)).says() == (segments.FEW,)
    pair = case(rng, m=2000, hard=3)
    assert realised(pair, "recall", ()).says()[0].startswith("no column that is kept has two groups")
    assert realised(case(rng, m=20), "recall").says() == (segments.FEW,)


def erred(rng, n, off=None, mix=None):
    """(m, 4, 3) of a regression whose errors are as large in each group, but three times in one."""
    group = rng.choice(K, n, p=mix)
    error = rng.normal(size=n) * np.where(group == off, 3, 1)
    each = worse.errors(100 + error, np.full(n, 100.0))
    sums = np.stack([np.ones_like(each), each, each**2], axis=2)
    return np.stack([sums[group == one].sum(axis=0) for one in range(K + 2)])


def regression(rng, name, m=3000, sign=1, before=None, **now):
    told = Told(CARRIER, erred(rng, 9000, **(before or {})), erred(rng, m, **now))
    return worse.erred(name, [told], sign=sign), told


@pytest.mark.parametrize("name", ["mae", "mse", "rmse", "mape"])
def test_a_group_with_larger_errors_is_named_with_its_share(name):
    found, told = regression(np.random.default_rng(8), name, off=3)
    assert named(found) == ["D"]
    assert found.parts[0].explains == pytest.approx(1, abs=0.3)
    assert sum(part.explains for part in found.parts) == pytest.approx(1)
    sums = told.now[:, worse.ERRORS[name]].sum(axis=0), told.before[:, worse.ERRORS[name]].sum(axis=0)
    now, was = (total / rows for rows, total, _ in sums)
    assert found.total == pytest.approx(now**0.5 - was**0.5 if name == "rmse" else now - was)
    assert found.says()[0].startswith("carrier=D: ")


def test_more_rows_of_a_group_with_large_errors_are_named():
    many = np.full(K, 0.08)
    many[3] = 1 - 0.08 * (K - 1)
    found, _ = regression(np.random.default_rng(9), "mae", before={"off": 3}, off=3, mix=many)
    assert named(found) == ["D"]
    assert found.parts[0].value == pytest.approx(found.parts[0].was, rel=0.1)


def test_where_errors_are_as_they_were_no_group_is_named():
    """5 of 100 are by chance; a bias counts to either side."""
    rng = np.random.default_rng(10)
    found = [regression(rng, name, sign=sign)[0] for name, sign in (("rmse", 1), ("bias", 0)) for _ in range(15)]
    assert sum(bool(named(one)) for one in found) <= 4


def test_what_a_loss_model_may_be_wrong_by_is_no_news():
    """Deviations of one model are the same then and now: of a group that came as before they explain nothing."""
    rows = np.full(K + 2, 300.0)
    sums = np.zeros((K + 2, 2, 8))
    sums[..., 0], sums[..., 2], sums[..., 3] = rows[:, None], rows[:, None] * 2, rows[:, None] * 4.1
    sums[..., 5:] = 150.0
    assert not named(worse.expected("mae", [Told(CARRIER, sums, sums)], sign=1))
    more = sums.copy()
    more[3, :, 2] *= 1.5
    more[3, :, 3] *= 2.2
    found = worse.expected("mae", [Told(CARRIER, sums, more)], sign=1)
    assert named(found) == ["D"]


def test_of_a_promise_about_the_worst_group_that_one_stands_first():
    parts = (
        Part(column="c", label="a", now=0.5, value=0.8, was=0.9, named=True),
        Part(column="c", label="b", now=0.4, value=0.6, was=0.6),
        Part(column="c", label="few", now=0.01, value=0.1, was=0.9),
    )
    found = worst_first(Explained(parts=parts, unit="recall"), sign=-1, least=0.05)
    assert [part.label for part in found.parts] == ["b", "a", "few"]
    assert found.says() == ("c=b: 40 % of rows; recall 0.6, was 0.6", "c=a: 50 % of rows; recall 0.8, was 0.9")
    assert worst_first(Explained(parts=parts), sign=1, least=0.05).parts[0].label == "a"
    assert worst_first(Explained(note="too few"), sign=1, least=0.0).says() == ("too few",)


def test_of_a_gap_both_ends_are_named_the_worse_one_first():
    told = {"a": (0.7, 0.3), "b": (0.9, 0.3), "few": (0.99, 0.01), "d": (0.5, 0.3)}
    parts = tuple(Part(column="c", label=label, value=value, now=now) for label, (value, now) in told.items())
    found = worst_first(Explained(parts=parts), -1, 0.05, best=True).parts
    assert {part.label: part.named for part in found} == {"d": True, "b": True, "a": False, "few": False}
    assert [part.label for part in found] == ["d", "b", "a", "few"]
    assert worst_first(Explained(parts=parts[:1]), -1, 0.05, best=True).parts == (replace(parts[0], named=True),)
    assert worst_first(Explained(), -1, 0.05, best=True) == Explained()


def test_the_rows_of_all_others_are_those_of_no_group_that_is_told_apart():
    words = cells("c", of_words({"a": 900, "b": 90, "c": 9}), 4)
    for missing, said in ((0, ["c!=a|c=", "c!=b|c="]), (500, ["c!=a", "c!=b", "c!="])):
        rows = np.array([900, 90, 9, 1, missing])  # too few of `c`, and of what has no name
        named, _ = segments.gathered(words, [rows], (rows, rows))
        assert [spelt(one) for one in named[-1][1]] == said


def test_what_a_score_is_without_each_group_is_taken_at_once_as_of_the_others_alone():
    rng = np.random.default_rng(3)
    right, wrong = rng.random((2, 5, 1, 2, 30)) * rng.integers(0, 2, (2, 5, 1, 1, 1))
    right[:3] = 0  # without the last that is right there is no curve
    side = Classified("roc_auc", right, wrong, np.linspace(0, 1, 30)[None])
    for group, found in enumerate(side.without()):
        others = np.delete(np.arange(5), group)
        try:
            assert found == pytest.approx(side.value(others), rel=1e-12)
        except Undefined:
            assert np.isnan(found)
