"""JSON lines: typed strictly, and every line that is no row is kept."""

# ruff: noqa: DTZ001 - times are kept in UTC without a zone

import gzip
import json
from dataclasses import dataclass
from datetime import date, datetime

import pytest

from arkwright.core.errors import Invalid


@dataclass
class Trip:
    id: int
    price: float | None
    at: datetime | None
    day: date | None
    paid: bool | None
    note: str | None
    blob: bytes | None


def lines(*rows: object) -> str:
    return "\n".join(json.dumps(row) for row in rows) + "\n"


def test_a_row(house):
    whole = {"id": 1, "price": 2, "at": "2013-01-01T10:00:00+01:00", "day": "2013-01-01", "paid": True, "note": "q",
             "blob": "AAE="}  # fmt: skip
    house.put("x.jsonl", "\ufeff" + lines(whole, {"id": 2.0, "price": 0.5}) + "\n" + lines({"id": 3, "note": None}))
    found = house.read("x.jsonl", Trip)
    assert found[0] == {"id": 1, "price": 2.0, "at": datetime(2013, 1, 1, 9), "day": date(2013, 1, 1), "paid": True,
                        "note": "q", "blob": b"\0\1"}  # fmt: skip
    assert [row["id"] for row in found] == [1, 2, 3]
    assert found[1]["price"] == 0.5
    assert found[2]["note"] is None


def test_packed_and_under_its_other_name(house):
    house.put("x.ndjson.gz", gzip.compress(lines({"id": 1}).encode()))
    assert house.read("x.ndjson.gz", type("R", (), {"__annotations__": {"id": int}})) == [{"id": 1}]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id": "1"}', 'id: "1" is not an int'),
        ('{"id": 1.5}', "id: 1.5 is not an int"),
        ('{"id": true}', "id: true is not an int"),
        ('{"id": 9223372036854775808}', "id: 9223372036854775808 is not an int"),
        ('{"id": null}', "id is missing"),
        ("{}", "id is missing"),
        ('{"id": 1, "price": "2"}', 'price: "2" is not a float'),
        ('{"id": 1, "price": 1' + "0" * 400 + "}", "price: 1" + "0" * 119 + "… is infinite"),
        ('{"id": 1, "at": 5}', "at: 5 is not a datetime"),
        ('{"id": 1, "at": "2013-01-01T10:00:00"}', 'at: "2013-01-01T10:00:00" has no time zone, unlike the others'),
        ('{"id": 1, "day": "2013-02-30"}', 'day: "2013-02-30" is not a date like 2013-01-31'),
        ('{"id": 1, "paid": "true"}', 'paid: "true" is not a bool'),
        ('{"id": 1, "paid": 2}', "paid: 2 is not a bool"),
        ('{"id": 1, "note": 5}', "note: 5 is not a str"),
        ('{"id": 1, "note": {"a": [1, null]}}', 'note: {"a": [1, null]} is not a str'),
        ('{"id": 1, "note": "a\\u0000"}', 'note: "a\\u0000" holds a NUL byte'),
        ('{"id": 1, "blob": "?"}', 'blob: "?" is not base64'),
        ("[1]", "the line is not a JSON object but list"),
        ('{"id": 1', "the line is not JSON: Input data was truncated"),
        ('{"id": NaN}', "the line is not JSON: JSON is malformed: invalid character (byte 7)"),
        ("[" * 100_000 + "]" * 100_000, "the line is nested too deeply"),
        ('{"id":' + '{"a":' * 100_000 + "1" + "}" * 100_001, "the line is nested too deeply"),
    ],
)
def test_a_line_that_is_no_row_is_kept(house, line, reason):
    good = '{"id": 1, "at": "2013-01-01T10:00:00Z", "extra": [1]}'
    house.put("x.jsonl", f"{good}\n\n{line}\n{good}")
    assert len(house.read("x.jsonl", Trip)) == 2
    assert house.reasons == {3: reason}
    raw = house.bad[0]["raw"]
    assert raw == line or json.loads(raw) == json.loads(line)


def test_bytes_that_are_not_utf_8(house):
    house.put("x.jsonl", b'{"id": 1, "note": "caf\xe9"}\n{"id": 2}\n')
    assert [row["id"] for row in house.read("x.jsonl", Trip)] == [2]
    assert house.bad[0] == {"row": 1, "reason": "the line is not UTF-8", "raw": r'{"id": 1, "note": "caf\xe9"}'}
    assert "is it Latin-1?" in house.said[0]


def test_a_renamed_column(house, refused):
    house.put("x.jsonl", '{"idd": 1}\n')
    expected = "x.jsonl has no column 'id', which the row class asks for; did you mean \"idd\"?"
    assert refused("x.jsonl", Trip, Invalid) == expected


def test_lines_are_numbered_and_whole_across_blocks(house, monkeypatch):
    monkeypatch.setattr("arkwright.data.readers.json.BLOCK", 1000)
    house.put(
        "x.jsonl", "".join("x\n" if i % 10 == 0 else lines({"id": i, "note": "é" * (i % 90)}) for i in range(1, 2001))
    )
    assert [row["id"] for row in house.read("x.jsonl", Trip)] == [i for i in range(1, 2001) if i % 10]
    assert list(house.reasons) == list(range(10, 2001, 10))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "x.jsonl is empty"),
        ('{"id": 1}\n'.encode("utf-16"), "UTF-16 text"),
        ('{"id": "' + "x" * (9 << 20), "line 1 is longer than 4 MiB"),
    ],
)
def test_what_is_no_json_lines(house, refused, data, message):
    house.put("x.jsonl", data)
    assert message in refused("x.jsonl", Trip, Invalid)
