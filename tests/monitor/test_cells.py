"""Cells of every kind of column as numbers, words and places, as Python would read them one by one."""

import datetime as dt
import subprocess
import sys
from collections import Counter
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from arkwright.monitor import cells

DAY = dt.date(1970, 1, 3)
NUMBERS = {
    "int8": (pa.array([3, None, -1], pa.int8()), [3, -1]),
    "uint64": (pa.array([2**63, None, 1], pa.uint64()), [2**63, 1]),
    "float16": (pa.array([0.5, None, 2]).cast(pa.float16()), [0.5, 2]),
    "float64": (pa.array([0.5, None, -2.25]), [0.5, -2.25]),
    "decimal": (pa.array([Decimal("1.5"), None, Decimal(2)]), [1.5, 2]),
    "nothing": (pa.nulls(3), []),
    "date32": (pa.array([DAY, None, DAY], pa.date32()), [2, 2]),
    "date64": (pa.array([DAY, None, DAY], pa.date64()), [2, 2]),
    "datetime": (pa.array([dt.datetime(1970, 1, 1, 0, 0, 1), None], pa.timestamp("us")), [1_000_000]),  # noqa: DTZ001
    "coded": (pa.array([7, None, 7], pa.int32()).dictionary_encode(), [7, 7]),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers(kind):
    array, there = NUMBERS[kind]
    column = pa.chunked_array([array, array.slice(1), array.slice(0, 0)])
    expected = there + there[len(there) - sum(array.slice(1).is_valid().to_pylist()) :]
    numbers, missing = cells.numbers(column)
    assert numbers.tolist() == expected
    assert missing == len(column) - len(expected)
    floats = cells.floats(column)
    assert floats[~np.isnan(floats)].tolist() == expected
    assert len(floats) == len(column)


def test_nothing_at_all():
    empty = pa.chunked_array([], pa.float64())
    assert (len(cells.numbers(empty)[0]), len(cells.floats(empty))) == (0, 0)
    assert len(cells.places(pa.chunked_array([], pa.string()), ["a"])) == 0


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
@pytest.mark.parametrize("coded", [False, True])
def test_words_and_their_places(kind, coded):
    words = [None, "b", "ö", "", "a", "b", "other"]
    parts = [pa.array(words[:3]), pa.array(words[1:]).slice(2), pa.array([None, "b"])]
    said = [word for part in parts for word in part.to_pylist()]
    column = pa.chunked_array([part.dictionary_encode() if coded else part.cast(kind) for part in parts])
    known = ["b", "a", ""]
    assert cells.places(column, known).tolist() == [
        4 if word is None else known.index(word) if word in known else 3 for word in said
    ]
    assert cells.words(column) == (Counter(word for word in said if word is not None), said.count(None))
    assert set(cells.places(column, []).tolist()) == {0, 1}


def test_codes_whose_words_are_missing_or_stand_twice():
    strange = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None], pa.int8()), ["a", "a", None])
    assert cells.places(pa.chunked_array([strange]), ["a"]).tolist() == [0, 0, 2, 2]
    assert cells.words(pa.chunked_array([strange])) == ({"a": 2}, 2)


def test_yes_and_no_are_words():
    column = pa.chunked_array([pa.array([True, None, False, True])])
    assert cells.words(column) == ({"true": 2, "false": 1}, 1)
    assert cells.places(column, ["true", "false"]).tolist() == [0, 3, 1, 0]


def test_to_count_imports_no_pandas(tmp_path):
    """Which takes a third of a second, as long as a million rows of thirty columns."""
    path = tmp_path / "t.parquet"
    rows = {
        "x": [1.0, None] * 50,
        "n": [1, 2] * 50,
        "t": ["a", None] * 50,
        "late": [True, False] * 50,
        "day": [DAY] * 100,
    }
    pq.write_table(pa.table(rows), path)
    code = f"""
import sys
import numpy as np
import pyarrow.parquet as pq
from arkwright.measures import drift
from arkwright.monitor.counting import Answered, reference
rows = pq.ParquetFile({str(path)!r}, read_dictionary=["t"]).read()
given = Answered(np.linspace(0, 1, 100)[:, None], np.arange(100) % 2)
for made in (reference(rows, given, np.arange(100) % 2, ["t"]), reference(rows, errors=np.linspace(-1, 1, 100))):
    window = made.window(made.count(rows, given, np.arange(100)))
    assert drift.psi(window, "x").value is not None
print("pandas" in sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
