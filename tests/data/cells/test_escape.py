"""Bytes that are not UTF-8, there and back."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.data.cells.escape import Escaped, unescape


@given(st.binary(max_size=60), st.integers(1, 9))
def test_nothing_is_lost_and_all_is_utf_8(data, size):
    stream, out = Escaped(io.BytesIO(data)), b""
    while part := stream.read(size):
        assert len(part) <= size
        out += part
    assert unescape(out.decode()) == data.decode("utf-8", "backslashreplace")


@pytest.mark.parametrize("text", ["", "plain", "größe 中 🙂", "\ufeffx"])
def test_utf_8_passes_unchanged(text):
    assert Escaped(io.BytesIO(text.encode())).read() == text.encode()
