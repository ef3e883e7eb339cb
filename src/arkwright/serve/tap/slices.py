"""A long JSON list, a few of its items at a time: a million rows never are a million objects."""

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeVar

import msgspec

T = TypeVar("T")
PIECE = 2**16  # bytes of JSON that become objects at once
_TRIES = 16
_BEHIND = {b"{": re.compile(rb"\}\s*,"), b"[": re.compile(rb"\]\s*,"), b'"': re.compile(rb'"\s*,')}
_COMMA = re.compile(rb",")
_BROKEN = (UnicodeDecodeError, RecursionError)


def slices(data: bytes, decode: Callable[[bytes], list[T]]) -> Iterator[list[T]]:
    """The items of `data`, a JSON list, as `decode` makes them of shorter lists. Raises what `decode` raises.

    A cut is tried behind what may be the end of an item. It may be a comma inside a text or an inner list; then what is
    before it is no list, so it is tried further on, and soon much further on, so that no list takes long.
    """
    if len(data) <= PIECE:
        yield decode(data)
        return
    data = data.strip()
    if data[:1] != b"[" or data[-1:] != b"]":
        raise msgspec.DecodeError("it is no list")
    start, end = 1, len(data) - 1
    while start < end:
        items, start = _next(data, start, end, decode)
        yield items


def _next(data: bytes, start: int, end: int, decode: Callable[[bytes], list[T]]) -> tuple[list[T], int]:
    """Some items from `start` on, and where the next one begins."""
    cut = _BEHIND.get(data[start : start + PIECE].lstrip()[:1], _COMMA)
    size = PIECE
    while start + size < end:
        for found in islice(cut.finditer(data, start + size, end), _TRIES):
            try:
                return decode(b"[%b]" % data[start : found.end() - 1]), found.end()
            except msgspec.ValidationError:
                raise  # an item before the cut is whole, and wrong
            except (msgspec.DecodeError, *_BROKEN):
                continue
        size *= 2
    return decode(b"[%b]" % data[start:end]), end
