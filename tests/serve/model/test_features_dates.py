"""Dates and datetimes of a raw row as a graph takes them: days and microseconds since 1970-01-01, UTC."""

import sys
from datetime import UTC, date, datetime
from subprocess import run
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from tests.serve.conftest import proto

from arkwright.core.errors import Invalid
from arkwright.core.rows import fields, struct
from arkwright.core.signature import Signature, Tensor
from arkwright.serve.model.features import straight
from arkwright.serve.model.graph import Graph
from arkwright.serve.model.rows import RowDecoder
from arkwright.serve.wire.messages import Problem

TYPES = {"INT64": TensorProto.INT64, "FP64": TensorProto.DOUBLE, "FP32": TensorProto.FLOAT, "BYTES": TensorProto.STRING}


def prepare(folder, row, datatypes, shape=("N",), wide=None):
    """The straight way from rows of the class `row` to the tensors of a graph that gives back what it takes."""
    names = wide or list(datatypes)
    tensors = [helper.make_tensor_value_info(n, TYPES[kind], list(shape)) for n, kind in datatypes.items()]
    outputs = [helper.make_tensor_value_info(f"{n}_out", TYPES[kind], list(shape)) for n, kind in datatypes.items()]
    nodes = [helper.make_node("Identity", [n], [f"{n}_out"]) for n in datatypes]
    (folder / "model.onnx").write_bytes(proto(tensors, outputs, nodes).SerializeToString())
    of = fields(row)
    inputs = tuple(Tensor(name=n, datatype=k, columns=tuple(names) if wide else ()) for n, k in datatypes.items())
    signature = Signature(
        model="m", task="regression", target="y", columns=tuple(f.column for f in of), inputs=inputs, outputs=()
    )
    return straight(signature, Graph(folder / "model.onnx"), of), struct("Row", of)


class Times:
    day: date
    moment: datetime
    maybe_day: date | None
    maybe_moment: datetime | None


KINDS = {"day": "INT64", "moment": "INT64", "maybe_day": "FP64", "maybe_moment": "FP64"}
NAIVE = st.datetimes()
ANY = st.one_of(
    NAIVE, st.datetimes(datetime.fromordinal(400), datetime.fromordinal(3_651_000), timezones=st.timezones())
)
ROW = st.fixed_dictionaries(
    {"day": st.dates(), "moment": ANY, "maybe_day": st.none() | st.dates(), "maybe_moment": st.none() | ANY}
)


@pytest.fixture(scope="module")
def times(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("times"), Times, KINDS)


@given(st.lists(ROW, max_size=20))
def test_times_are_what_polars_holds(times, rows):
    prepared, row = times
    found = prepared([row(**values) for values in rows])
    for name, kind in (("day", pl.Date), ("moment", pl.Datetime("us")), ("maybe_day", pl.Date)):
        column = pl.Series([naive(r[name]) for r in rows], dtype=kind).to_physical().cast(pl.Int64)
        wanted = column.cast(pl.Float64).fill_null(np.nan) if "maybe" in name else column
        assert found[name].dtype == (np.float64 if "maybe" in name else np.int64)
        np.testing.assert_array_equal(found[name], wanted.to_numpy())


def naive(value):
    return value.astimezone(UTC).replace(tzinfo=None) if getattr(value, "tzinfo", None) else value


def test_a_zone_is_converted_and_nothing_is_rounded(times):
    prepared, row = times
    moment = datetime(2024, 7, 1, 8, 0, 0, 1, tzinfo=ZoneInfo("America/New_York"))
    found = prepared([row(day=date(1969, 12, 31), moment=moment, maybe_day=None, maybe_moment=moment)])
    assert found["day"].tolist() == [-1]
    assert found["moment"].tolist() == [1719835200000001]
    assert found["maybe_moment"].tolist() == [1719835200000001.0]
    assert np.isnan(found["maybe_day"]).tolist() == [True]


def test_rows_as_callers_send_them(times):
    decoder = RowDecoder(fields(Times), "y")
    rows, _ = decoder.decode(b'{"day": "2024-02-29", "moment": "2024-02-29T01:00:00+02:00"}')
    prepared, row = times
    values = [row(day=r.day, moment=r.moment, maybe_day=r.maybe_day, maybe_moment=r.maybe_moment) for r in rows]
    found = prepared(values)
    assert found["day"].tolist() == [19782]
    assert found["moment"].tolist() == [19781 * 86_400_000_000 + 23 * 3_600_000_000]
    assert np.isnan(found["maybe_moment"]).all()


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-00:01"])
def test_a_time_that_has_no_year_in_utc_is_told(moment):
    decoder, row = RowDecoder(fields(Times), "y"), b'{"day": "2024-02-29", "moment": "%b"}'
    good, bad = row % b"0001-01-01T00:00:00Z", row % moment.encode()
    assert len(decoder.decode(b"[%b,%b]" % (good, good))[0]) == 2
    with pytest.raises(Problem, match=r"^\$\[1\]\.moment: in UTC the time is not in the years 1 to 9999$") as told:
        decoder.decode(b"[%b,%b]" % (good, bad))
    assert told.value.status == 422
    with pytest.raises(Problem, match=r"^\$\.moment: in UTC"):
        decoder.decode(bad)


class Bytes:
    raw: bytes


class Day:
    day: date


class Maybe:
    day: date | None
    flag: bool | None


def test_what_no_tensor_holds_is_refused(tmp_path):
    with pytest.raises(Invalid, match="'raw' is a bytes, which no tensor holds"):
        prepare(tmp_path, Bytes, {"raw": "BYTES"})
    with pytest.raises(Invalid, match="'day' is a date, which no tensor holds"):
        prepare(tmp_path, Day, {"day": "FP32"})
    with pytest.raises(Invalid, match="'day' is a date, which no tensor holds"):
        prepare(tmp_path, Maybe, {"both": "FP64"}, ("N", 2), wide=["day", "flag"])


def test_a_missing_date_that_the_model_needs_is_told(tmp_path):
    prepared, row = prepare(tmp_path, Maybe, {"day": "INT64"})
    with pytest.raises(Problem, match=r"\$\[1\]\.day: is missing, and the model needs it"):
        prepared([row(day=date(2024, 1, 1), flag=None), row(day=None, flag=None)])


def test_one_column_may_be_a_table_of_one_column(tmp_path):
    prepared, row = prepare(tmp_path, Day, {"day": "INT64"}, ("N", 1))
    assert prepared([row(day=date(1970, 1, 3))])["day"].tolist() == [[2]]


def test_a_flag_that_may_be_missing_is_a_number(tmp_path):
    prepared, row = prepare(tmp_path, Maybe, {"flag": "FP64"})
    found = prepared([row(flag=True, day=None), row(flag=False, day=None), row(flag=None, day=None)])["flag"]
    np.testing.assert_array_equal(found, [1.0, 0.0, np.nan])


class Number:
    n: int | None


def test_a_whole_number_that_a_float_would_round_is_refused(tmp_path):
    prepared, row = prepare(tmp_path, Number, {"n": "FP64"})
    np.testing.assert_array_equal(
        prepared([row(n=2**53), row(n=-(2**53)), row(n=None)])["n"], [2**53, -(2**53), np.nan]
    )
    for number in (2**53 + 1, -(2**53) - 1, 2**63 - 1):
        with pytest.raises(Problem, match=rf"\$\[1\]\.n: {number} is beyond 2\^53"):
            prepared([row(n=1), row(n=number)])


def test_a_server_of_graphs_needs_neither_arrow_nor_polars():
    code = "import sys, arkwright.serve.model.loaded; "
    code += "print([m for m in ('pyarrow', 'polars', 'pandas') if m in sys.modules])"
    assert run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
