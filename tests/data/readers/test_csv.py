"""CSV: what is read as Python's csv reads it, what is a bad row, and what is no CSV at all."""

import csv
from dataclasses import dataclass

import pytest

from arkwright.core.errors import Invalid


@dataclass
class Thing:
    a: int
    b: str | None


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_endings_and_a_byte_order_mark(house, ending, mark):
    house.put("x.csv", mark + ending.join(["a,b", "1,x", "", '2,"y,\n""z"""', "3,"]))
    assert house.read("x.csv", Thing) == [{"a": 1, "b": "x"}, {"a": 2, "b": 'y,\n"z"'}, {"a": 3, "b": None}]


def test_ragged_rows_are_kept_as_they_were(house):
    house.put("x.csv", 'a,b\n1,x\n2\n\n3,y,z\n"4\n",\xe9\n5,w\nx,\n')
    assert [row["a"] for row in house.read("x.csv", Thing)] == [1, 4, 5]
    assert [tuple(bad.values()) for bad in house.bad] == [
        (2, "1 values where there are 2 columns", "2"),
        (3, "3 values where there are 2 columns", "3,y,z"),
        (6, 'a: "x" is not an int', '{"a": "x", "b": null}'),
    ]
    assert house.result.reasons["has more or fewer values than there are columns"] == 2


def test_nothing_but_ragged_rows(house):
    house.put("x.csv", "a,b\n" + "1\n" * 100_000)
    assert house.read("x.csv", Thing) == []
    assert [bad["row"] for bad in house.bad] == list(range(1, 100_001))


def test_too_many_ragged_rows_without_a_good_one(house, refused, monkeypatch):
    monkeypatch.setattr("arkwright.data.readers.csv.MOST", 1000)
    house.put("good.csv", "a,b\n" + "1,2\n1\n" * 1000)
    assert len(house.read("good.csv", Thing)) == 1000
    for path in house.out.iterdir():
        path.unlink()
    house.put("x.csv", "a,b\n1,2\n" + "1\n" * 1001)
    message = refused("x.csv", Thing, Invalid)
    assert "1,000 rows near row 1,001 are ragged; is the first line the header, and the comma the separator?" in message


def test_ragged_rows_are_numbered_across_blocks(house, monkeypatch):
    monkeypatch.setattr("arkwright.data.readers.csv.BLOCK", 1 << 10)
    wrong = {i for i in range(1, 5001) if i % 3 == 0 or 1000 < i < 2000}
    house.put("x.csv", "a,b\n" + "".join(f"{i}\n" if i in wrong else f"{i},x\n" for i in range(1, 5001)))
    assert [row["a"] for row in house.read("x.csv", Thing)] == [i for i in range(1, 5001) if i not in wrong]
    assert sorted(house.reasons) == sorted(wrong)
    assert all(int(bad["raw"]) == bad["row"] for bad in house.bad)


def test_latin_1_rows_are_kept_and_the_way_out_is_said(house):
    house.put("x.csv", "a,b\n1,café\n2,tea\n3,naïve,1\n".encode("latin-1") + "4,café\n".encode())
    assert house.read("x.csv", Thing) == [{"a": 2, "b": "tea"}, {"a": 4, "b": "café"}]
    assert house.bad[0] == {"row": 1, "reason": r'b: "caf\\xe9" is not UTF-8', "raw": r'{"a": "1", "b": "caf\\xe9"}'}
    assert house.bad[1]["raw"] == r"3,na\xefve,1"
    assert house.said == ["x.csv: 1 rows are not UTF-8; is it Latin-1? iconv -f LATIN1 -t UTF-8 makes it so"]


def test_only_the_row_s_own_columns_must_be_utf_8(house):
    house.put("x.csv", b"a,b,c\n1,x,\xff\n")
    assert house.read("x.csv", Thing) == [{"a": 1, "b": "x"}]


def test_tabs(house):
    house.put("x.tsv", "a\tb\n1\tx,y\n")
    assert house.read("x.tsv", Thing) == [{"a": 1, "b": "x,y"}]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "x.csv is empty"),
        (b"\n\n", "x.csv is empty"),
        (b"a,b,a\n1,2,3\n", "the column 'a' occurs twice"),
        ("a,b\n1,é\n".encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        ("a,b\n1,x\n".encode("utf-16-le"), "UTF-16 text or no text at all; save it as UTF-8"),
        ("a,größe\n1,x\n".encode("latin-1"), "its column names are not UTF-8; is it Latin-1? iconv"),
        (b"a;b\n1;x\n", "separated by ';'; write it with commas"),
        (b"a\tb\n1\tx\n", "separated by tabs (name it .tsv)"),
        (b"PK\x03\x04....", "x.csv is a zip archive; give it the name of what it is"),
        (b"PAR1....", "x.csv is a Parquet file"),
        (b'a,b\n1,"x\n2,y\n', "the last quote is opened and never closed; is the file cut off?"),
        (b'a,b\n1,x\n"2,y\n', "the last quote is opened and never closed"),
        (b'a,b\n1,x\n2,"y', "the last quote is opened and never closed"),
        (b'a,b\n1,"' + b"x\n" * (10 << 20), "a row is longer than 4 MiB; is a quote never closed?"),
        (b"a,b\n1," + b"x" * (20 << 20), "a row is longer than 4 MiB"),
    ],
)
def test_what_is_no_csv_is_said_in_one_line(house, refused, data, message):
    house.put("x.csv", data)
    assert message in refused("x.csv", Thing, Invalid)


def test_a_quote_in_the_middle_is_no_mistake(house):
    house.put("x.csv", 'a,b\n1,5" pipe\n2,"line\nbreak"\n')
    assert house.read("x.csv", Thing) == [{"a": 1, "b": '5" pipe'}, {"a": 2, "b": "line\nbreak"}]


def test_it_reads_what_pythons_csv_reads(house):
    text = 'a,b\n1,"x""y"\n2, z \n3,"\n"\n4,";"\n'
    path = house.put("x.csv", text)
    with path.open(newline="") as file:
        expected = [{"a": int(row["a"]), "b": row["b"]} for row in csv.DictReader(file)]
    assert house.read("x.csv", Thing) == expected
