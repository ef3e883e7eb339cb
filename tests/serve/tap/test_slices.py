"""Long lists, a few items at a time, are the items of the whole list."""

import json
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arkwright.serve.tap import slices as slicing
from arkwright.serve.tap.slices import slices

anything = msgspec.json.Decoder(list[object]).decode
leaf = st.none() | st.integers(-9, 9) | st.text('a"\\,]}[{ ', max_size=6)
item = st.recursive(
    leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('a",}', max_size=2), inner)
)


@given(st.lists(item, max_size=40), st.integers(1, 60), st.sampled_from([(",", ":"), (" ,\n", ": ")]))
@settings(deadline=None, max_examples=50)
def test_whatever_is_in_a_list_is_told_in_order(items, piece, separators):
    data = json.dumps(items, separators=separators).encode()
    before, slicing.PIECE = slicing.PIECE, piece
    try:
        found = list(slices(data, anything))
    finally:
        slicing.PIECE = before
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
    sizes = [len(some) for some in slices(data, anything)]
    assert sum(sizes) == len(items)
    assert time.process_time() - start < 1 + 40 * whole


@pytest.mark.parametrize(
    "data", [b"[" + b"1," * 100_000 + b"x]", b"[" + b"1," * 100_000, b'{"a":"' + b"x" * 10**5 + b'"}']
)
def test_what_is_no_list_is_said(data):
    with pytest.raises(msgspec.DecodeError):
        list(slices(data, anything))
