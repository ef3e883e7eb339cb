"""Types without a row class: never a guess that changes a value, and the same over all rows."""

# ruff: noqa: DTZ001 - times are kept in UTC without a zone

import json
from datetime import date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arkwright.core.errors import Invalid


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "-2", "0"], "int"),
        (["1", ""], "int?"),
        (["1", "007"], "str"),
        (["1", "+1"], "str"),
        (["1", " 1"], "str"),
        (["0x1F"], "str"),
        (["-0"], "int"),
        (["9223372036854775807"], "int"),
        (["9223372036854775808"], "str"),
        (["123456789012345678901"], "str"),
        (["1", "0.5"], "float"),
        (["1234567890123456", "0.5"], "str"),
        ([".5", "5.", "1e5", "-1.5E-3"], "float"),
        (["1e"], "str"),
        (["00.5"], "str"),
        (["0.5", "NaN"], "float?"),
        (["nan", "Inf"], "str"),
        (["true", "FALSE"], "bool"),
        (["1", "true"], "str"),
        (["yes"], "str"),
        (["2013-01-01", "1913-12-31"], "date"),
        (["2013-02-30"], "str"),
        (["20130101"], "int"),
        (["2013-01-01", "2013-01-01T10:00:00"], "datetime"),
        (["2013-01-01T10:00:00Z", "2013-01-01 10:00+02:00"], "datetime"),
        (["2013-01-01T10:00:00Z", "2013-01-01T10:00:00"], "str"),
        (["2013"], "int"),
        (["", ""], "float?"),
        (["x", "1"], "str"),
        (["10:30"], "str"),
    ],
)
def test_of_texts(house, cells, kind):
    house.put("x.csv", "v,w\n" + "".join(f'"{cell}",1\n' for cell in cells))
    house.read("x.csv")
    assert house.types == {"v": kind, "w": "int"}
    assert house.result.quarantined == 0


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], "int"),
        ([1, 2.5], "float"),
        ([1, None], "int?"),
        ([True], "bool"),
        (["1", "2"], "str"),
        (["true"], "str"),
        (["2013-01-01"], "date"),
        (["2013-01-01T10:00:00Z"], "datetime"),
        (["2013-01-01", "soon"], "str"),
        ([None], "float?"),
    ],
)
def test_of_values(house, values, kind):
    house.put("x.jsonl", "".join(json.dumps({"v": value}) + "\n" for value in values))
    house.read("x.jsonl")
    assert house.types == {"v": kind}


def test_keys_that_come_and_go_may_be_null(house):
    house.put("x.jsonl", '{"a": 1}\n{"a": 2, "b": 3}\n')
    assert house.read("x.jsonl") == [{"a": 1, "b": None}, {"a": 2, "b": 3}]
    assert house.types == {"a": "int", "b": "int?"}


def test_the_last_row_counts(house, monkeypatch):
    monkeypatch.setattr("arkwright.data.readers.csv.BLOCK", 1 << 12)
    house.put("x.csv", "a,b\n" + "1,2\n" * 50_000 + "1,x\n")
    house.read("x.csv")
    assert house.types == {"a": "int", "b": "str"}
    monkeypatch.setattr("arkwright.data.readers.json.BLOCK", 1 << 12)
    house.put("x.jsonl", '{"a": 1}\n' * 50_000 + '{"b": 0.5}\n')
    house.read("x.jsonl")
    assert house.types == {"a": "int?", "b": "float?"}


def test_bad_bytes_and_ragged_rows_do_not_decide(house):
    house.put("x.csv", b"a,b\n1,x\n2\n3,\xe9\n")
    assert house.read("x.csv") == [{"a": 1, "b": "x"}]
    assert list(house.reasons) == [2, 3]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.csv", "a,b\n", "x.csv has no rows, so its columns have no types; give the data a row class"),
        ("x.csv", ",b\n0,1\n", "a column without a name (pandas: index=False)"),
        ("x.jsonl", '{"a": 1}\n{"a": "x"}\n', "the column 'a' holds int and str; give the data a row class"),
        ("x.jsonl", '{"a": [1]}\n', "the column 'a' holds a list; give the data a row class that leaves it out"),
        ("x.jsonl", "[]\n", "x.jsonl has no rows"),
    ],
)
def test_what_has_no_types(house, refused, name, text, message):
    house.put(name, text)
    assert message in refused(name, None, Invalid)


def test_files_with_different_columns(house, refused):
    house.put("1.csv", "a,b\n1,2\n")
    house.put("2.csv", "a,bb\n1,2\n")
    assert "2.csv has a column 'bb' that 1.csv has not; did you mean \"b\"?" in refused("*.csv", None, Invalid)


def test_files_of_one_kind_share_their_types(house):
    house.put("1.csv", "a,b\n1,2\n")
    house.put("2.csv", "b,a\nx,0.5\n")
    assert house.read("*.csv") == [{"a": 1.0, "b": "2"}, {"a": 0.5, "b": "x"}]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.integers(-(10**20), 10**20).map(str), st.floats().map(str), st.dates(date(1, 1, 1)).map(str),
            st.datetimes(datetime(1, 1, 1)).map(str), st.sampled_from(["", "true", "1", "0", "-0", "1.", "2013-01-01"]),
            st.from_regex(r"-?0?[0-9]{1,3}(\.[0-9]{0,2})?(e[0-9])?", fullmatch=True)),
        min_size=1, max_size=4,
    )
)  # fmt: skip
def test_nothing_is_quarantined_and_every_value_says_what_its_text_said(house, cells):
    house.put("x.csv", "v,w\n" + "".join(f"{cell},1\n" for cell in cells))
    found = house.read("x.csv")
    infinite = [cell for cell in cells if cell in ("inf", "-inf") and house.types["v"].startswith("float")]
    assert house.result.quarantined == len(infinite)
    good = [cell for cell in cells if cell not in infinite]
    for cell, row in zip(good, found, strict=True):
        value = row["v"]
        if value is None:
            assert cell in ("", "nan")
        elif isinstance(value, str):
            assert value == cell
        elif isinstance(value, bool):
            assert str(value).lower() == cell.lower()
        elif isinstance(value, datetime):
            assert value == datetime.fromisoformat(cell)
        elif isinstance(value, date):
            assert str(value) == cell
        else:
            assert type(value)(cell) == value
