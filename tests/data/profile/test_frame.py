# ruff: noqa: DTZ001 - the columns hold naive times
"""A profile's numbers, judged by polars."""

import math
from datetime import date, datetime

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arkwright.core.errors import Corrupt
from arkwright.data.profile.frame import profile
from arkwright.data.profile.hints import text_hints
from arkwright.data.profile.types import Frequent


def of(tmp_path, values, kind=None, **how):
    pq.write_table(
        pa.table({"x": values if isinstance(values, pa.Array) else pa.array(values, kind)}), tmp_path / "t.parquet"
    )
    made = profile(tmp_path / "t.parquet", **how)
    assert msgspec.json.decode(msgspec.json.encode(made), type=type(made)) == made
    return made.columns[0]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | st.floats(-1e6, 1e6) | st.integers(-3, 3).map(float) | st.just(math.nan), max_size=60))
def test_numbers_as_polars_has_them(tmp_path_factory, values):
    found = of(tmp_path_factory.getbasetemp(), pa.array(values, pa.float64()))
    series = pl.Series(values, dtype=pl.Float64).fill_nan(None)
    there = series.drop_nulls() + 0.0
    assert (found.nulls, found.distinct) == (series.null_count(), there.n_unique())
    if not len(there):
        assert (found.smallest, found.mean, found.quantiles, found.histogram) == (None, None, {}, None)
        return
    assert (found.smallest, found.largest) == (there.min(), there.max())
    assert found.mean == pytest.approx(there.mean(), abs=1e-6)
    assert found.deviation == (None if len(there) < 2 else pytest.approx(there.std(), rel=1e-9, abs=1e-6))
    for q, value in found.quantiles.items():
        assert value == pytest.approx(there.quantile(float(q), "linear"), rel=1e-9, abs=1e-9)
    assert sum(found.histogram.counts) == len(there)
    assert len(found.histogram.counts) <= 20
    counts = there.value_counts(sort=True)["count"].to_list()
    assert [f.rows for f in found.frequent] == ([] if counts[0] == 1 else counts[:5])


def test_moments_of_many_batches(tmp_path):
    values = np.random.default_rng(3).normal(1e9, 1, 700_000)
    found = of(tmp_path, values)
    assert found.deviation == pytest.approx(values.std(ddof=1), rel=1e-6)
    assert found.mean == pytest.approx(values.mean(), rel=1e-12)


def test_whole_numbers_fall_into_bins_of_whole_numbers(tmp_path):
    found = of(tmp_path, np.repeat(np.arange(1, 13), 10))
    assert found.histogram.counts == (10,) * 12
    found = of(tmp_path, np.repeat(np.arange(1, 32), 10))
    assert found.histogram.counts == (20,) * 15 + (10,)
    assert (found.histogram.low, found.histogram.high) == (1, 32)


def test_outliers_do_not_flatten_the_histogram(tmp_path):
    found = of(tmp_path, np.append(np.linspace(0, 1, 9_999), 1e9))
    assert min(found.histogram.counts) > 400
    assert "1e+09 lies far out" in found.hints


def test_dates_and_times_are_spelt(tmp_path):
    found = of(tmp_path, [date(1969, 12, 31), None, date(2000, 2, 29)])
    assert (found.type, found.smallest, found.largest) == ("date", "1969-12-31", "2000-02-29")
    assert found.mean == "1985-01-29"
    found = of(
        tmp_path, pa.array([datetime(1969, 12, 31, 23, 59, 59, 500_000), datetime(1970, 1, 1)], pa.timestamp("us"))
    )
    assert (found.smallest, found.largest) == ("1969-12-31T23:59:59.500000", "1970-01-01T00:00:00")
    assert found.quantiles["0.5"] == "1969-12-31T23:59:59.750000"
    assert found.deviation == pytest.approx(0.5 / math.sqrt(2))
    assert of(tmp_path, pa.array([2**62, 0], pa.timestamp("us"))).largest == "4611686018427 s since 1970"


def test_text_and_bytes(tmp_path):
    found = of(tmp_path, ["b", "a", "b", None, "ééé"])
    assert (found.distinct, found.smallest, found.largest, found.longest) == (3, "a", "ééé", 3)
    assert found.frequent[0] == Frequent(value="b", rows=2)
    found = of(tmp_path, [b"\xff", b"\x00\x01", b"\xff"])
    assert (found.type, found.distinct, found.longest, found.frequent[0].value) == ("bytes", 2, 2, "ff")
    assert len(of(tmp_path, ["x" * 10_000] * 2).largest) == 80


def test_yes_and_no(tmp_path):
    found = of(tmp_path, [True, False, True, None])
    assert (found.smallest, found.largest, found.mean, found.distinct) == (False, True, pytest.approx(2 / 3), 2)
    assert found.frequent == (Frequent(value=True, rows=2), Frequent(value=False, rows=1))


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        ([None, None], "empty"),
        ([1, 1], "constant"),
        ([1, 2, 3], "every value differs"),
        (["a", "b"], "every value differs"),
        ([1] * 99 + [2], "99.0% are one value"),
        ([None, None, None, 1, 2], "60% missing"),
        ([1.0, 2.0, 2.0], "only whole numbers"),
        ([math.inf, 1.5, 1.5], "1 infinite"),
        ([*range(10, 50), *[9999] * 5], "9999 may stand for missing"),
        ([*range(10, 50), *[-1] * 5], "-1 may stand for missing"),
        ([date(1900, 1, 1), date(2020, 1, 1), date(1900, 1, 1)], "1900-01-01 may stand for missing"),
        (["1.5", "2", "-3e4", "1.5"], "numbers kept as text"),
        (["2020-01-02", "2020-01-03T10:00:00", "1.2.2020"], "dates kept as text"),
        (["a ", "b", "b"], "1 with blanks around"),
        (["a", "N/A", "a"], "'N/A' may stand for missing"),
        (["Rome", "rome", "Oslo"], "'Rome' and 'rome' differ in case only"),
    ],
)
def test_hints(tmp_path, values, hint):
    assert hint in of(tmp_path, values).hints


@pytest.mark.parametrize("values", [[0.5, 1.5, 1.5], ["a", "b", "b"], [1, 2, 2, 3], [True, False], [-1, 0, 1, 0]])
def test_plain_columns_have_no_hints(tmp_path, values):
    assert of(tmp_path, values).hints == ()


def test_hints_stay_short():
    assert max(len(hint) for hint in text_hints(["X" * 500, "x" * 500], np.array([1, 1]))) <= 70


def test_a_large_file_is_sampled_and_says_so(tmp_path):
    values = np.arange(100_000)
    pq.write_table(pa.table({"x": values, "t": [str(v % 7) for v in values]}), tmp_path / "t.parquet")
    made = profile(tmp_path / "t.parquet", kept=10_000)
    number, text = made.columns
    assert made.sampled == 10_000
    assert (number.smallest, number.largest, number.mean) == (0, 99_999, 49_999.5)
    assert number.quantiles["0.5"] == pytest.approx(50_000, rel=0.02)
    assert text.frequent[0].rows == pytest.approx(100_000 / 7, rel=0.1)


def test_odd_columns_and_files(tmp_path):
    made = profile_of(tmp_path, pa.table({"l": [[1], None], "d": pa.array([1, 2]).cast(pa.decimal128(25, 2))}))
    assert (made.columns[0].type, made.columns[0].nulls) == ("list<element: int64>", 1)
    assert made.columns[1].largest == 2
    empty = profile_of(tmp_path, pa.table({"x": pa.array([], pa.int64()), "t": pa.array([], pa.string())}))
    assert [(c.nulls, c.distinct, c.smallest, c.hints) for c in empty.columns] == [(0, 0, None, ())] * 2
    (tmp_path / "no.parquet").write_bytes(b"no")
    with pytest.raises(Corrupt, match=r"^no.parquet"):
        profile(tmp_path / "no.parquet")


def profile_of(tmp_path, table):
    pq.write_table(table, tmp_path / "t.parquet")
    return profile(tmp_path / "t.parquet")
