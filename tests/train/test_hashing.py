import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.train.hashing import hash_rows

WIDTHS = (pa.int8(), pa.int16(), pa.int32(), pa.int64())
UNSIGNED = (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())


def hashes(values, kind=None, seed=0):
    return hash_rows(pa.table({"x": pa.array(values, kind)}), ["x"], seed).tolist()


@given(st.lists(st.one_of(st.none(), st.integers(0, 127)), max_size=20))
def test_integers_of_every_width_hash_equally(values):
    assert len({tuple(hashes(values, kind)) for kind in WIDTHS + UNSIGNED}) == 1


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        (-5, WIDTHS),
        ("Ωmega", (pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string()))),
        (b"\x00\xff", (pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(2))),
        (7, (pa.int64(), pa.dictionary(pa.int8(), pa.int64()))),
        (0.5, (pa.float16(), pa.float32(), pa.float64())),
        (date(1931, 2, 3), (pa.date32(), pa.date64())),
        (datetime(1931, 2, 3, 4, 5, 6, tzinfo=UTC), tuple(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns"))),
        (
            datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC),
            tuple(pa.timestamp("us", zone) for zone in (None, "UTC", "Europe/Berlin")),
        ),
        (time(4, 5, 6), (pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"))),
        (timedelta(days=-3), tuple(pa.duration(unit) for unit in ("s", "ms", "us", "ns"))),
        (Decimal("1.5"), (pa.decimal128(3, 1), pa.decimal256(9, 1))),
    ],
)
def test_a_value_hashes_equally_whatever_holds_it(value, kinds):
    assert len({tuple(hashes([value, None], kind)) for kind in kinds}) == 1


@given(st.lists(st.one_of(st.none(), st.floats(), st.just(-0.0)), min_size=1))
def test_floats_that_are_equal_hash_equally(values):
    found = hashes(values, pa.float64())
    for one, a in zip(values, found, strict=True):
        for other, b in zip(values, found, strict=True):
            both_nan = one != one and other != other
            assert (a == b) == (one == other or both_nan)


def test_missing_is_neither_nan_nor_zero_nor_empty():
    assert len(set(hashes([None, float("nan"), 0.0]))) == 3
    assert len(set(hashes([None, "", "None"]))) == 3
    assert len(set(hashes([None, 0]))) == 2


@given(st.lists(st.text(), unique=True), st.integers(0, 2**32 - 1))
def test_different_texts_hash_differently_and_in_place(values, seed):
    found = hashes(values, pa.string(), seed)
    assert len(set(found)) == len(values)
    assert found[::-1] == hashes(values[::-1], pa.string(), seed)


def test_the_seed_and_the_order_of_columns_count():
    table = pa.table({"a": [1, 2], "b": [2, 1]})
    assert hash_rows(table, ["a", "b"], 0).tolist() != hash_rows(table, ["a", "b"], 1).tolist()
    assert hash_rows(table, ["a", "b"], 0)[0] == hash_rows(table, ["b", "a"], 0)[1]
    assert hash_rows(table, ["a", "b"], 0)[0] != hash_rows(table, ["a", "b"], 0)[1]


def test_chunks_do_not_count():
    whole = pa.table({"s": ["x", "y", None, "x"], "i": [1, 2, 3, None]})
    parts = pa.concat_tables([whole.slice(0, 1), whole.slice(1)])
    assert hash_rows(parts, ["s", "i"], 3).tolist() == hash_rows(whole, ["s", "i"], 3).tolist()


def test_no_rows():
    assert hash_rows(pa.table({"x": pa.array([], pa.string())}), ["x"], 0).shape == (0,)


def test_hashes_are_spread_evenly():
    found = hash_rows(pa.table({"x": range(100_000)}), ["x"], 0)
    counts = np.bincount((found >> np.uint64(60)).astype(np.int64), minlength=16)
    assert (np.abs(counts - 6250) < 5 * 6250**0.5).all()


def test_these_hashes_stay_what_they_are():
    """They decide which rows are held out, so a change is a change of every split that was made."""
    assert hashes([1]) == hashes([True]) == [15204172177749531820]
    assert hashes(["a"]) == [14300560184641484674]
    assert hashes([1.5]) == [16168422796802606563]
    assert hashes([None]) == [9048247064618004702]


def test_another_process_hashes_the_same():
    code = (
        "import pyarrow as pa; from arkwright.train.hashing import hash_rows; "
        "print(hash_rows(pa.table({'x': ['é', None, 'b'], 'y': [1.5, 2.0, None]}), ['x', 'y'], 7).tolist())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    own = hash_rows(pa.table({"x": ["é", None, "b"], "y": [1.5, 2.0, None]}), ["x", "y"], 7).tolist()
    assert runs == [f"{own}\n"] * 2
