"""Decision tables: what a cell means, and every mistake with file, row and column."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.core.errors import Invalid
from arkwright.core.safeguards.grammar import parse
from arkwright.core.safeguards.sheet import MOST_BYTES, condition, read


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("distance", "> 5", "distance > 5"),
        ("distance", "<=5.5", "distance <= 5.5"),
        ("distance", "= 5", "distance == 5"),
        ("distance", "!= -5", "distance != -5"),
        ("distance", "5", "distance == 5"),
        ("distance", "[1..5]", "1 <= distance <= 5"),
        ("distance", "( 1 .. 5.5 )", "1 < distance < 5.5"),
        ("distance", "(-1..5]", "-1 < distance <= 5"),
        ("day", "[2024-01-01..2024-12-31]", "'2024-01-01' <= day <= '2024-12-31'"),
        ("carrier", "AA", "carrier == 'AA'"),
        ("carrier", '"AA","DL"', "carrier in ('AA', 'DL')"),
        ("carrier", "AA, DL", "carrier in ('AA', 'DL')"),
        ("carrier", "'12'", "carrier == '12'"),
        ("carrier", "not AA, DL", "not (carrier in ('AA', 'DL'))"),
        ("carrier", "missing", "missing(carrier)"),
        ("carrier", "not missing", "not (missing(carrier))"),
        ("carrier", "unseen", "unseen(carrier)"),
        ("distance", "outside", "outside(distance)"),
        ("carrier", '"not"', "carrier == 'not'"),
        ("carrier", "O'Hare", None),
        ("vip", "TRUE", "vip == true"),
        ("class", "3", "column('class') == 3"),
        ("true", "3", "column('true') == 3"),
        ("probability('late')", "> 0.5", "probability('late') > 0.5"),
        ("distance", "> 1e999", None),
        ("carrier", "AA,,DL", None),
        ("carrier", '"AA" DL', None),
    ],
)
def test_a_cell_is_a_condition(column, cell, said):
    if said is None:
        with pytest.raises(Invalid):
            condition(column, cell)
    else:
        assert condition(column, cell) == said
        parse(said)


def test_a_row_is_a_rule():
    text = (
        'distance,carrier,answer,because,name\n> 5,,review,far,far\n"[1..2]","AA, DL",true,,\n-,,0.5,,rest\n\n'
        ',"""1""","""2""",,q\n'
    )
    lines, wrong = read(text, "rules/my limits.csv")
    assert wrong == []
    found = [(line.number, line.rule.name, line.rule.when, line.rule.answer, line.rule.because) for line in lines]
    assert found == [
        (2, "far", "distance > 5", "review", "far"),
        (3, "my-limits-3", "(1 <= distance <= 2) and (carrier in ('AA', 'DL'))", True, ""),
        (4, "rest", "true", 0.5, ""),
        (6, "q", "carrier == '1'", "2", ""),
    ]


def test_a_spreadsheet_in_europe_writes_semicolons():
    lines, wrong = read("distance;carrier;answer\r\n> 5;AA, DL;review\r\n", "t.csv")
    assert wrong == []
    assert lines[0].rule.when == "(distance > 5) and (carrier in ('AA', 'DL'))"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "t.csv:1: the table is empty; its first row names columns, the last of them answer"),
        ("a,anser\n1,2\n", "t.csv:1: no column is called 'answer'; did you mean \"anser\"?"),
        ("a,a,answer\n", "t.csv:1: two columns are called 'a'"),
        ("a,,answer\n", "t.csv:1: a column has no name"),
        ("answer,because\nx,y\n", "t.csv:1: there is no column with conditions before answer"),
        ("a,answer\n1\n", "t.csv:2: the row has 1 cells, and the table 2 columns"),
        ("a,answer\n\n1,2,3\n", "t.csv:3: the row has 3 cells, and the table 2 columns"),
        ("a,answer\n1,\n", "t.csv:2: column answer: it is empty; write a class, a number or review"),
        ('a,answer\n"1,,2",x\n', "t.csv:2: column a: cannot read '1,,2'; write it like > 5, [1..5], AA, DL or "),
        (f"a,answer\n{'1' * 301},x\n", "t.csv:2: column a: the cell has 301 characters; at most 300 are allowed"),
        ("a,answer\n> 1e999,x\n", "t.csv:2: column a: '1e999' is larger than any number"),
        ("a,answer,name\n1,x,b c\n", "t.csv:2: column name: 'b c' cannot name a name"),
        ("a,answer\n1,1e999\n", "t.csv:2: column answer: '1e999' is larger than any number"),
        ('a,answer\n"1,2\n', "t.csv:2: unexpected end of data"),
        ("a,answer\n" + "1,x\n" * 1001, "t.csv:1: the table has 1001 rows; at most 1000 are allowed"),
        ("x" * (MOST_BYTES + 1), "t.csv:1: the table has 1,000,001 characters; at most 1,000,000 are allowed"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_row_and_column(text, wrong):
    lines, found = read(text, "t.csv")
    assert lines == []
    assert len(found) == 1
    assert found[0].startswith(wrong)


def test_every_mistake_is_told():
    _, wrong = read('a,b,answer\n"1,,2",\'x,\n3\n', "t.csv")
    assert [line.partition(": ")[0] for line in wrong] == ["t.csv:2", "t.csv:2", "t.csv:2", "t.csv:3"]


@given(st.text(max_size=200) | st.text(alphabet=",;\"'\n\r[](.)<>=! -aA1e9x", max_size=300))
def test_any_text_is_a_table_or_mistakes(text):
    lines, wrong = read("a,answer\n" + text, "t.csv")
    assert all(place.startswith("t.csv:") for place in wrong)
    for line in lines:
        with contextlib.suppress(Invalid):
            parse(line.rule.when)
