"""Parquet: what loses nothing is converted, what can never fit is refused as a column."""

# ruff: noqa: DTZ001 - times are kept in UTC without a zone

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from arkwright.core.errors import Invalid

NAN, INF = float("nan"), float("inf")


def row(**kinds: Any) -> type:
    return type("R", (), {"__annotations__": kinds})


def put(house, **columns: pa.Array) -> None:
    pq.write_table(pa.table(columns), house.folder / "x.parquet")


@pytest.mark.parametrize(
    ("kind", "cells", "found", "reasons"),
    [
        (int, pa.array([1, 2], pa.int8()), [1, 2], {}),
        (int, pa.array([1, 2**63], pa.uint64()), [1], {2: "v: 9223372036854775808 is too large for 64 bits"}),
        (int, pa.array([1.0, 2.5, -0.0]), [1, 0], {2: "v: 2.5 is not an int"}),
        (int | None, pa.array([1.0, NAN, None]), [1, None, None], {}),
        (int, pa.array([1.0, NAN, 2e19, INF]), [1],
         {2: "v is missing", 3: "v: 2e+19 is not an int", 4: 'v: "inf" is not an int'}),
        (int, pa.array([Decimal("1.00"), Decimal("1.50")]), [1], {2: 'v: "1.50" is not an int'}),
        (float, pa.array([1, 2], pa.int32()), [1.0, 2.0], {}),
        (float, pa.array([0.5, 0.25], pa.float32()), [0.5, 0.25], {}),
        (float, pa.array([Decimal("1.5")]), [1.5], {}),
        (float | None, pa.array([1.0, NAN, None]), [1.0, None, None], {}),
        (float, pa.array([1.0, NAN, INF]), [1.0], {2: "v is missing", 3: 'v: "inf" is infinite'}),
        (str, pa.array(["a", "b"]).dictionary_encode(), ["a", "b"], {}),
        (str, pa.array(["a", "b"], pa.large_string()), ["a", "b"], {}),
        (str | None, pa.nulls(2), [None, None], {}),
        (bool, pa.array([True, False]), [True, False], {}),
        (bytes, pa.array([b"\xff"]), [b"\xff"], {}),
        (date, pa.array([date(1900, 1, 1)]), [date(1900, 1, 1)], {}),
        (date, pa.array([datetime(2013, 1, 1), datetime(2013, 1, 1, 5)]), [date(2013, 1, 1)],
         {2: 'v: "2013-01-01 05:00:00.000000" is not a date (it has a time)'}),
        (date, pa.array(["2013-01-01", "x"]), [date(2013, 1, 1)], {2: 'v: "x" is not a date like 2013-01-31'}),
        (datetime, pa.array([datetime(1900, 1, 1)], pa.timestamp("s")), [datetime(1900, 1, 1)], {}),
        (datetime, pa.array([10**9 + 1], pa.timestamp("ns")), [datetime(1970, 1, 1, 0, 0, 1)], {}),
        (datetime, pa.array([datetime(2013, 1, 1, tzinfo=UTC)], pa.timestamp("us", "Europe/Berlin")),
         [datetime(2013, 1, 1)], {}),
        (datetime, pa.array([date(2013, 1, 1)]), [datetime(2013, 1, 1)], {}),
        (datetime, pa.array(["2013-01-01T10:00:00Z"]), [datetime(2013, 1, 1, 10)], {}),
        (datetime, pa.array([0, 2**62], pa.timestamp("ms")), [datetime(1970, 1, 1)],
         {2: 'v: "<value out of range: 4611686018427387904…" is beyond every calendar'}),
    ],
)  # fmt: skip
def test_a_column(house, kind, cells, found, reasons):
    put(house, v=cells)
    assert [one["v"] for one in house.read("x.parquet", row(v=kind))] == found
    assert house.reasons == reasons


@pytest.mark.parametrize(
    ("kind", "cells", "message"),
    [
        (int, pa.array(["1"]), "the column 'v' is string in the source, and the row class says int"),
        (str, pa.array([1]), "the column 'v' is int64 in the source, and the row class says str"),
        (bool, pa.array([1]), "the row class says bool"),
        (float, pa.array([[1.0]]), "the row class says float"),
        (datetime, pa.array([1]), "the row class says datetime"),
        (date, pa.array([1]), "the row class says date"),
        (bytes, pa.array(["x"]), "the row class says bytes"),
    ],
)
def test_a_column_of_another_kind_is_refused(house, refused, kind, cells, message):
    put(house, v=cells)
    assert message in refused("x.parquet", row(v=kind), Invalid)


def test_text_that_is_not_utf_8(house):
    broken = pa.Array.from_buffers(pa.string(), 2, pa.array([b"ok", b"\xff"]).buffers())
    put(house, v=broken)
    assert house.read("x.parquet", row(v=str)) == [{"v": "ok"}]
    assert list(house.reasons.values()) == [r'v: "\\xff" is not UTF-8']


def test_files_with_and_without_a_zone_do_not_mix(house):
    pq.write_table(pa.table({"v": pa.array([datetime(2013, 1, 1)])}), house.folder / "1.parquet")
    pq.write_table(pa.table({"v": pa.array([datetime(2013, 1, 1, tzinfo=UTC)])}), house.folder / "2.parquet")
    assert len(house.read("*.parquet", row(v=datetime))) == 1
    assert "has a time zone, unlike the others" in house.reasons[2]


def test_its_own_types_without_a_row_class(house):
    put(house, i=pa.array([1], pa.int16()), f=pa.array([NAN]), s=pa.array(["x"]), t=pa.array([date(2013, 1, 1)]))
    assert house.read("x.parquet") == [{"i": 1, "f": None, "s": "x", "t": date(2013, 1, 1)}]
    assert house.types == {"i": "int?", "f": "float?", "s": "str?", "t": "date?"}


def test_what_it_wrote_it_reads_again_as_the_same_bytes(house):
    @dataclass
    class Thing:
        a: int
        b: str | None

    house.put("x.csv", "a,b\n" + "".join(f"{i},t{i % 9}\n" for i in range(200_000)))
    house.read("x.csv", Thing)
    first = (house.out / "rows.parquet").read_bytes()
    (house.folder / "again.parquet").write_bytes(first)
    house.read("again.parquet", Thing)
    assert (house.out / "rows.parquet").read_bytes() == first


def test_one_huge_row_group_is_read_piecemeal(house):
    pq.write_table(pa.table({"a": range(300_000)}), house.folder / "x.parquet", row_group_size=300_000)
    assert house.read("x.parquet", row(a=int))[-1] == {"a": 299_999}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda whole: b"", "x.parquet is empty"),
        (lambda whole: b"no parquet at all", "x.parquet cannot be read: Parquet magic bytes not found"),
        (lambda whole: whole[:-20], "x.parquet cannot be read"),
        (lambda whole: whole[:4] + bytes(60) + whole[64:], "x.parquet cannot be read"),
    ],
)
def test_damage(house, refused, data, message):
    put(house, v=pa.array(range(1000)))
    path = house.folder / "x.parquet"
    path.write_bytes(data(path.read_bytes()))
    assert message in refused("x.parquet", row(v=int), Invalid)


def test_nested_and_repeated_columns(house, refused):
    put(house, v=pa.array([[1]]), w=pa.array([1]))
    assert house.read("x.parquet", row(w=int)) == [{"w": 1}]
    (house.out / "rows.parquet").unlink()
    assert "'v' is list<" in refused("x.parquet", None, Invalid)
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["v", "v"]), house.folder / "x.parquet")
    assert "the column 'v' occurs twice" in refused("x.parquet", row(v=int), Invalid)
