import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from arkwright.core.errors import Invalid, Unknown
from arkwright.train import split as module
from arkwright.train.split import SplitPlan, split

SHARES = st.floats(0.05, 0.95)
SEEDS = st.integers(0, 2**32 - 1)
CELLS = st.one_of(st.none(), st.integers(-3, 3))


def plan(by, *columns, test=0.25):
    return SplitPlan(by=by, test=test, columns=columns)


def held(table, how, seed=0, **more):
    return split(table, how, seed, **more).test


def tried(table, how, seed=0):
    """The split, or None when it is refused, as a column can be that has one value only."""
    try:
        return split(table, how, seed)
    except Invalid:
        return None


@given(
    st.sampled_from(["group", "hash", "stratified"]),
    st.lists(st.tuples(CELLS, st.one_of(st.none(), st.text(max_size=2))), min_size=2, max_size=60),
    SHARES,
    SEEDS,
)
def test_every_row_is_on_one_side_and_again_on_the_same(by, rows, test, seed):
    table = pa.table(
        {"a": pa.array([a for a, _ in rows], pa.int64()), "b": pa.array([b for _, b in rows], pa.string())}
    )
    columns = ("a",) if by == "stratified" else ("a", "b")
    found = tried(table, plan(by, *columns, test=test), seed)
    assume(found is not None)
    assert found.test.dtype == found.train.dtype == bool
    assert (found.test ^ found.train).all()
    assert 0 < found.test.sum() < len(rows)
    again = pa.concat_tables([table.slice(0, 1), table.slice(1)])  # chunks are no part of a table's content
    assert (held(again, plan(by, *columns, test=test), seed) == found.test).all()


# time


@given(st.lists(st.integers(-20, 20), min_size=2, max_size=80), SHARES)
def test_nothing_held_out_is_earlier_than_anything_trained_on(moments, test):
    found = tried(pa.table({"t": pa.array(moments, pa.timestamp("us"))}), plan("time", "t", test=test))
    if found is None:
        assert len(set(moments)) == 1
        return
    times = np.array(moments)
    assert times[found.test].min() > times[found.train].max()


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=60), SHARES)
def test_no_other_moment_would_come_nearer_to_the_share(moments, test):
    assume(len(set(moments)) > 1)
    times = np.array(moments)
    off = abs(held(pa.table({"t": moments}), plan("time", "t", test=test)).sum() - test * len(moments))
    ways = [abs((times >= moment).sum() - test * len(moments)) for moment in set(moments) if moment != times.min()]
    assert off == pytest.approx(min(ways))


@pytest.mark.parametrize(
    ("kind", "early", "late"),
    [
        (pa.date32(), date(1931, 5, 1), date(1969, 12, 31)),
        (pa.date64(), date(1931, 5, 1), date(1970, 1, 1)),
        (pa.timestamp("us"), datetime(1901, 1, 1, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, tzinfo=UTC)),
        (pa.timestamp("ns"), datetime(1969, 12, 31, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)),
        (
            pa.timestamp("s", "Europe/Berlin"),
            datetime(2024, 10, 27, 0, tzinfo=UTC),
            datetime(2024, 10, 27, 1, tzinfo=UTC),
        ),
        (pa.int64(), 2**53, 2**53 + 1),
        (pa.uint64(), 1, 2**64 - 1),
        (pa.float64(), -1e-9, float("inf")),
        (pa.int16(), -2, -1),
        (pa.duration("s"), timedelta(days=-1), timedelta(0)),
    ],
)
def test_every_kind_of_time(kind, early, late):
    table = pa.table({"t": pa.array([late, early, early, early], kind)})
    assert held(table, plan("time", "t")).tolist() == [True, False, False, False]


def test_zones_are_compared_as_moments():
    noon_here = datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=9)))
    table = pa.table({"t": pa.array([datetime(2024, 1, 1, 4, tzinfo=UTC), noon_here], pa.timestamp("us", "UTC"))})
    assert held(table, plan("time", "t", test=0.5)).tolist() == [True, False]


def test_where_the_line_was_drawn_is_told():
    table = pa.table({"day": [date(2024, 1, n) for n in range(1, 9)]})
    assert split(table, plan("time", "day"), 0).note == "held out from day 2024-01-07 on"


def test_a_moment_of_most_rows_is_trained_on_when_the_rest_is_nearer_to_the_share():
    table = pa.table({"t": [1] * 6 + [2] * 2})
    found = split(table, plan("time", "t", test=0.5), 0)
    assert found.test.sum() == 2
    assert found.note == "held out from t 2 on"


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (pa.array([1, None]), "1 rows have no 't'"),
        (pa.array([1.0, float("nan")]), r"1 rows have no 't' \(NaN\)"),
        (pa.array(["a", "b"]), "'t' is string, which is no time"),
        (pa.array([time(1), time(2)]), "which is no time"),
        (pa.array([1, 1]), "every row is held out"),
    ],
)
def test_no_time(column, says):
    with pytest.raises(Invalid, match=says):
        split(pa.table({"t": column}), plan("time", "t"), 0)


# group


@given(st.lists(CELLS, min_size=2, max_size=80), SHARES, SEEDS)
def test_a_group_is_never_on_both_sides(groups, test, seed):
    found = tried(pa.table({"g": pa.array(groups, pa.int64())}), plan("group", "g", test=test), seed)
    if found is None:
        assert len(set(groups)) == 1
        return
    out = {group for group, there in zip(groups, found.test, strict=True) if there}
    stays = {group for group, there in zip(groups, found.test, strict=True) if not there}
    assert not out & stays
    assert out
    assert stays


@given(st.lists(st.integers(1, 50), min_size=2, max_size=40), SHARES, SEEDS)
def test_the_share_of_groups_is_off_by_less_than_the_largest_group(sizes, test, seed):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    found = held(pa.table({"g": groups}), plan("group", "g", test=test), seed)
    assert abs(found.sum() - test * len(groups)) <= max(sizes)


@given(SEEDS)
def test_a_giant_group_is_trained_on(seed):
    table = pa.table({"g": [0] * 900 + list(range(1, 101))})
    assert held(table, plan("group", "g", test=0.05), seed).sum() == 50


def test_many_small_groups_meet_the_share_and_another_seed_takes_others():
    table = pa.table({"who": [f"person {n % 1000}" for n in range(5000)]})
    one, other = (held(table, plan("group", "who"), seed) for seed in (1, 2))
    assert one.sum() == other.sum() == 1250
    assert (one != other).any()


def test_one_group():
    with pytest.raises(Invalid, match="g has one value only"):
        split(pa.table({"g": [None, None]}), plan("group", "g"), 0)


# hash


@given(st.lists(st.tuples(st.integers(), st.text()), min_size=20, max_size=60, unique=True), SEEDS, st.randoms())
def test_a_row_stays_where_it_is_when_rows_come_or_change_places(keys, seed, shuffle):
    assume(all(-(2**63) <= number < 2**63 for number, _ in keys))

    def sides(rows):
        table = pa.table(
            {"n": pa.array([n for n, _ in rows], pa.int64()), "s": pa.array([s for _, s in rows], pa.string())}
        )
        found = tried(table, plan("hash", "n", "s", test=0.5), seed)
        return dict(zip(rows, found.test.tolist(), strict=True)) if found else None

    before, mixed = sides(keys[:15]), list(keys)
    shuffle.shuffle(mixed)
    after = sides(mixed)
    assume(before and after)
    assert {row: after[row] for row in before} == before


@pytest.mark.parametrize("test", [0.01, 0.25, 0.9])
def test_the_share_by_hash_is_near_to_what_was_asked(test):
    found = held(pa.table({"id": range(40_000)}), plan("hash", "id", test=test))
    assert abs(found.mean() - test) < 5 * (test * (1 - test) / 40_000) ** 0.5


def test_a_larger_share_holds_out_more_rows_and_no_other():
    table = pa.table({"id": range(1000)})
    small, large = (held(table, plan("hash", "id", test=share)) for share in (0.2, 0.4))
    assert large[small].all()
    assert large.sum() > small.sum()


def test_the_largest_share_below_one():
    with pytest.raises(Invalid, match="every row is held out by this split"):
        split(pa.table({"id": range(10)}), plan("hash", "id", test=float(np.nextafter(1, 0))), 0)


# stratified


@given(st.lists(st.sampled_from(["a", "é", "", None]), min_size=8, max_size=200), SHARES, SEEDS)
def test_every_class_keeps_its_share(values, test, seed):
    found = tried(pa.table({"y": pa.array(values, pa.string())}), plan("stratified", "y", test=test), seed)
    assume(found is not None)
    for value in set(values):
        mine = np.array([other == value for other in values])
        if mine.sum() == 1:
            assert not found.test[mine].any()
        else:
            assert abs(found.test[mine].sum() - test * mine.sum()) <= 1


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64(), pa.int32(), pa.decimal128(21, 2)])
def test_a_number_with_many_values_is_held_out_from_every_part_of_its_range(kind):
    numbers = (np.random.default_rng(0).permutation(1000) ** 2 % 7919).tolist()
    found = held(pa.table({"y": pa.array(numbers, pa.int64()).cast(kind)}), plan("stratified", "y", test=0.2))
    rank = np.argsort(np.argsort(numbers, kind="stable"))
    for decile in range(10):
        mine = (rank // 100) == decile
        assert abs(found[mine].mean() - 0.2) < 0.05


def test_missing_and_infinite_numbers_have_their_share_too():
    numbers = [float(n) for n in range(100)] + [float("nan")] * 40 + [float("inf"), float("-inf")] * 20
    column = pa.array([*numbers, *[None] * 40], pa.float64())
    found = held(pa.table({"y": column}), plan("stratified", "y"))
    assert abs(int(found[:100].sum()) - 25) <= 5
    assert found[100:140].sum() + found[180:].sum() == 20  # what is missing, however it is written


def test_many_classes_take_no_longer_than_few():
    values = [f"class {n % 20_000}" for n in range(100_000)]
    assert held(pa.table({"y": values}), plan("stratified", "y")).mean() == pytest.approx(0.2)


def test_one_class_can_be_stratified_but_not_learnt():
    table = pa.table({"y": [True] * 8})
    assert held(table, plan("stratified", "y")).sum() == 2
    with pytest.raises(Invalid, match="the held-out rows hold only True as 'y'"):
        split(table, plan("stratified", "y"), 0, classes="y")


# what all have in common


def test_one_class_on_a_side_is_refused_with_the_side():
    table = pa.table({"t": range(8), "y": [0, 1, 0, 1, 0, 1, 1, 1]})
    with pytest.raises(Invalid, match="the held-out rows hold only 1 as 'y'; a model needs two classes"):
        split(table, plan("time", "t"), 0, classes="y")
    table = pa.table({"t": range(8), "y": [0, 0, 0, 0, 0, 0, 0, 1]})
    with pytest.raises(Invalid, match="the training rows hold only 0 as 'y'"):
        split(table.set_column(1, "y", pa.array([0] * 6 + [0, 1])), plan("time", "t"), 0, classes="y")
    table = pa.table({"t": range(4), "y": pa.array([0, 1, None, None])})
    with pytest.raises(Invalid, match="the held-out rows hold nothing as 'y'"):
        split(table, plan("time", "t", test=0.5), 0, classes="y")


@pytest.mark.parametrize(
    ("how", "error", "says"),
    [
        (plan("time", "days"), Unknown, "the split needs the column 'days'; did you mean \"day\"?"),
        (plan("tiem", "day"), Unknown, "no split is called 'tiem'; did you mean \"time\"?"),
        (plan("hash"), Invalid, "a split by hash needs a column"),
        (plan("hash", "day", test=0.0), Invalid, "the test share is 0.0"),
        (plan("hash", "day", test=1.0), Invalid, "the test share is 1.0"),
        (plan("hash", "day", test=float("nan")), Invalid, "the test share is nan"),
        (plan("stratified", "day"), Invalid, "no row is held out by this split"),
    ],
)
def test_a_plan_that_cannot_be(how, error, says):
    with pytest.raises(error) as caught:
        split(pa.table({"day": ["a", "b", "c"]}), how, 0)
    assert says in str(caught.value)


@pytest.mark.parametrize("by", ["time", "group", "hash", "stratified"])
def test_too_few_rows(by):
    for rows in ([], [1]):
        with pytest.raises(Invalid, match=f"there are {len(rows)} rows"):
            split(pa.table({"x": pa.array(rows, pa.int64())}), plan(by, "x"), 0)


def test_another_process_with_another_hash_seed_draws_the_same_lines(tmp_path):
    script = tmp_path / "draw.py"
    script.write_text(DRAW)
    runs = {
        subprocess.run(
            [sys.executable, str(script)],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(module.__file__).parents[2])},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "77")
    }
    own: list[str] = []
    exec(DRAW, {"print": own.append})
    assert runs == {"\n".join(own) + "\n"}


DRAW = """
import pyarrow as pa
from arkwright.train.split import SplitPlan, split

table = pa.table({"t": [n % 13 for n in range(60)], "s": [f"Ω{n % 11}" for n in range(60)], "id": list(range(60))})
for by, columns in {"time": ["t"], "group": ["s"], "hash": ["id", "s"], "stratified": ["s"]}.items():
    found = split(table, SplitPlan(by=by, test=0.3, columns=tuple(columns)), 5)
    print(by + " " + str(found.test.astype(int).tolist()))
"""
