"""Long lists, a few items at a time, are the items of the whole list."""

import json
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.serve.lets_go_on import longest_part

from arkwright.core.nouns import Column
from arkwright.core.rows import from_columns
from arkwright.serve.model import lists
from arkwright.serve.model.lists import pieces
from arkwright.serve.model.rows import RowDecoder

anything = msgspec.json.Decoder(list[object]).decode
leaf = st.none() | st.integers(-9, 9) | st.text('a"\\,]}[{ ', max_size=6)
item = st.recursive(
    leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('a",}', max_size=2), inner)
)


@given(st.lists(item, max_size=40), st.integers(1, 60), st.sampled_from([(",", ":"), (" ,\n", ": ")]))
@settings(deadline=None, max_examples=50)
def test_whatever_is_in_a_list_is_told_in_order(items, piece, separators):
    data = json.dumps(items, separators=separators).encode()
    before, lists.PIECE = lists.PIECE, piece
    try:
        found = list(pieces(data, anything))
    finally:
        lists.PIECE = before
    assert [one for some in found for one in some] == items


@pytest.mark.parametrize(
    "items",
    [["},{" * 20] * 30_000, [{"a": "},{" * 300_000}] * 3, [[["],["], 1]] * 20_000, [0.5] * 100_000],
    ids=["texts", "long texts", "nested", "numbers"],
)
def test_odd_lists_take_no_longer(items):
    data, start = msgspec.json.encode(items), time.process_time()
    anything(data)
    whole, start = time.process_time() - start, time.process_time()
    sizes = [len(some) for some in pieces(data, anything)]
    assert sum(sizes) == len(items)
    assert time.process_time() - start < 1 + 40 * whole


class Row(msgspec.Struct, forbid_unknown_fields=True):
    a: float
    b: str = ""


rows_of = msgspec.json.Decoder(list[Row]).decode
MANY = [{"a": i / 7, "b": f'"{i}"\\'} for i in range(6_000)]
GOOD = msgspec.json.encode(MANY)
MIDDLE = GOOD.index(b"},", len(GOOD) // 2)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (GOOD[:-1] + b",]", "trailing comma in array"),
        (GOOD[:-1] + b" , \n ]", "trailing comma in array"),
        (GOOD + b"x", "trailing characters"),
        (GOOD + b"]", "trailing characters"),
        (b"[," + GOOD[1:], "invalid character .byte 1.$"),
        (GOOD[:MIDDLE] + b"}," + GOOD[MIDDLE:], f"invalid character .byte {MIDDLE + 2}.$"),
        (GOOD[:MIDDLE] + b",x" + GOOD[MIDDLE:], f"keys must be strings .byte {MIDDLE + 1}.$"),
        (GOOD[:MIDDLE] + b"]" + GOOD[MIDDLE + 1 :], f"expected ',' or '}}' .byte {MIDDLE}.$"),
        (b'{"a":1},' + GOOD[1:], "got `object`"),
        (b"\x0b" + GOOD, "malformed"),
        (GOOD[:-1], "truncated"),
        (msgspec.json.encode([*MANY, {"a": "1"}, *MANY]), r"Expected `float`, got `str` - at `\$\[6000\].a`"),
        (msgspec.json.encode([*MANY, {"a": 1, "$[1]": 1}]), r"unknown field `\$\[1\]` - at `\$\[6000\]`"),
    ],
)
def test_a_mistake_is_told_with_its_place_in_the_whole(data, told):
    assert len(data) > 2 * lists.PIECE
    with pytest.raises(msgspec.DecodeError, match=told):
        list(pieces(data, rows_of))


@given(st.lists(st.text('"\\\\}{, ', max_size=9), min_size=1, max_size=60), st.integers(1, 60))
@settings(deadline=None, max_examples=50)
def test_texts_that_look_like_ends_of_rows(texts, piece):
    data = msgspec.json.encode([Row(1, text) for text in texts])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists, "PIECE", piece)
        assert [row.b for some in pieces(data, rows_of) for row in some] == texts


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(0, 9).map(lambda a: {"a": a}), max_size=9), st.integers(0, 80), st.binary(max_size=3))
def test_what_is_damaged_is_refused_as_a_whole_one_is(items, at, more):
    data = msgspec.json.encode(items)
    data = data[:at] + more + data[at + len(more) :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists, "PIECE", 8)
        assert _read(lambda: [row for some in pieces(data, rows_of) for row in some]) == _read(lambda: rows_of(data))


def _read(work):
    try:
        return work()
    except (ValueError, RecursionError):
        return None


def test_no_long_while_for_a_long_list():
    data = msgspec.json.encode([{"a": 0.5, "b": "x"}] * 300_000)
    decoder = RowDecoder(from_columns((Column(name="a", type="float"), Column(name="b", type="str"))), "y")
    kept = []
    assert longest_part(lambda: kept.append(decoder.decode(data)), 0.1) < 0.1


@pytest.mark.parametrize(
    "data", [b"[" + b"1," * 100_000 + b"x]", b"[" + b"1," * 100_000, b'{"a":"' + b"x" * 10**5 + b'"}']
)
def test_what_is_no_list_is_said(data):
    with pytest.raises(msgspec.DecodeError):
        list(pieces(data, anything))
