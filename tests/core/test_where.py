"""Where clauses: written by us and read by us they are the same, whatever is in them, and find the same rows."""

import shlex
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from arkwright.core.errors import Invalid
from arkwright.core.where import Where, others, parse, spelt

ODD = st.text(st.sampled_from("ab=<>!|\"'\\ \n\t\x1b\u202e\xa0\xe9"), max_size=8) | st.text(max_size=20)
ONE = st.builds(Where, ODD, st.sampled_from(["=", "!=", "<", ">", "<=", ">="]), st.none() | ODD)


@example((Where("a", "<", "=b"),))
@given(st.lists(ONE, min_size=1, max_size=4).map(tuple))
def test_what_is_written_is_read_again(clause):
    text = spelt(clause)
    assert parse(text) == clause
    assert shlex.split(shlex.join([text])) == [text]
    assert parse_qsl(urlencode({"where": text})) == [("where", text)]
    assert text.isprintable()


@given(st.text(max_size=60))
def test_whatever_is_typed_is_read_or_refused(text):
    try:
        found = parse(text)
    except Invalid:
        return
    assert parse(spelt(found)) == found


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("carrier=UA", [("carrier", "=", "UA")]),
        (" carrier =UA ", [("carrier", "=", "UA ")]),
        ("age=", [("age", "=", None)]),
        ("age!=", [("age", "!=", None)]),
        ('note=""', [("note", "=", "")]),
        ("a=b=c", [("a", "=", "b=c")]),
        ('a"b=x', [('a"b', "=", "x")]),
        ("wow!=x", [("wow", "!=", "x")]),
        ('"wow!"=x', [("wow!", "=", "x")]),
        ('"a<b | c"="x|y"|d>=3', [("a<b | c", "=", "x|y"), ("d", ">=", "3")]),
    ],
)  # fmt: skip
def test_read(text, clause):
    assert parse(text) == tuple(Where(*one) for one in clause)


@pytest.mark.parametrize("text", ["", "carrier", "=UA", "|", "a=b|", "a=b|c", '"a=b', '"a"b=c', 'a="b"c', 'a="\\x"',
                                  'a=="b"', 'a>="b"c', 'a="\\ud800"', "a=\ud800", "\ud800=a",
                                  "x" * 3000 + "=1"])  # fmt: skip
def test_no_value_of_a_column(text):
    with pytest.raises(Invalid, match="says no value of a column"):
        parse(text)


def test_all_others():
    said = [("c=a",), ('c="x|y"',)], [("c<3.0",), ("c>=5.0", "c<7.0")]
    words, numbers = ([tuple(map(parse, cell)) for cell in cells] for cells in said)
    assert [spelt(one) for one in others("c", words, empty=False)] == ["c!=a", 'c!="x|y"']
    assert [spelt(one) for one in others("c", words, empty=True)] == ["c!=a|c=", 'c!="x|y"|c=']
    assert [spelt(one) for one in others("c", [(parse("c="),)], empty=False)] == ["c!="]
    assert [spelt(one) for one in others("c", [], empty=False)] == ["c!="]
    assert others("c", [], empty=True) == ()
    assert [spelt(one) for one in others("c", numbers, empty=True)] == ["c>=3.0|c=", "c<5.0|c>=7.0|c="]
