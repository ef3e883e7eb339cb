"""A long JSON list, a few of its items at a time: a million rows need not be a million objects, and whoever reads them
on a thread lets the others go on in between.
"""

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from arkwright.serve.model.slices import slices
from arkwright.serve.model.tensors import PLACE

T = TypeVar("T")
PIECE = 2**16  # bytes of JSON that become objects at once
_TRIES = 16
_BEHIND = {b"{": re.compile(rb"\}\s*,"), b"[": re.compile(rb"\]\s*,"), b'"': re.compile(rb'"\s*,')}
_COMMA = re.compile(rb",")
_SPACE = b" \t\r\n"
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_REST_OF_TEXT = re.compile(rb'(?:[^"\\]++|\\.)*+"', re.DOTALL)
_AT = re.compile(r"\$\[(\d+)\]")
_BYTE = re.compile(r"\(byte (\d+)\)")


def most_objects(data: bytes) -> int:
    """How many objects it may hold, known before there is one."""
    return sum(data.count(b"}", part.start, part.stop) for part in slices(len(data), 2**20))


def pieces(data: bytes, decode: Callable[[bytes], list[T]]) -> Iterator[list[T]]:
    """The items of `data`, a JSON list, as `decode` makes them of shorter lists. Raises what `decode` raises, with the
    place in the whole list.

    A cut is tried behind what may be the end of an item, outside of texts. It may be in an inner list; then what is
    before it is no list, so it is tried further on, and soon much further on, so that no list takes long.
    """
    begin, end = data.find(b"["), data.rfind(b"]")
    if len(data) <= PIECE or begin < 0 or data[:begin].strip(_SPACE):
        yield decode(data)  # what is no list is told after a look at its first byte
        return
    if end < begin:
        raise _truncated(data, decode)
    if data[end + 1 :].strip(_SPACE):
        raise msgspec.DecodeError(f"JSON is malformed: trailing characters (byte {end + 1})")
    start, count = begin + 1, 0
    while start:
        try:
            items, behind = _next(data, start, end, decode)
        except msgspec.ValidationError as error:
            raise msgspec.ValidationError(_moved(str(error), count)) from None
        except msgspec.DecodeError as error:
            told = _BYTE.sub(lambda at: f"(byte {start - 1 + int(at[1])})", str(error))  # noqa: B023 - called at once
            raise msgspec.DecodeError(told) from None
        if count and not items:
            raise msgspec.DecodeError(f"JSON is malformed: trailing comma in array (byte {end})")
        yield items
        start, count = behind, count + len(items)


def _truncated(data: bytes, decode: Callable[[bytes], list[T]]) -> Exception:
    """What a decoder says of a list without an end."""
    try:
        decode(data[:PIECE])
    except (ValueError, RecursionError) as error:
        return error
    return msgspec.DecodeError("Input data was truncated")


def _next(data: bytes, start: int, end: int, decode: Callable[[bytes], list[T]]) -> tuple[list[T], int]:
    """Some items from `start` on, and where the next one begins; 0 behind the last."""
    cut = _BEHIND.get(data[start : start + PIECE].lstrip()[:1], _COMMA)
    size = PIECE
    while start + size < end:
        for stop in _cuts(data, start, start + size, end, cut):
            piece = b"[%b]" % data[start : stop - 1]
            try:
                return decode(piece), stop
            except msgspec.ValidationError:
                raise  # an item before the cut is whole, and wrong
            except msgspec.DecodeError as error:
                if not _cut_short(str(error), piece):
                    raise
        size *= 2
    return decode(b"[%b]" % data[start:end]), 0


def _cuts(data: bytes, start: int, at: int, end: int, cut: re.Pattern[bytes]) -> Iterator[int]:
    """Places from `at` on, a few, behind commas that are in no text; at `start` no text is open."""
    for _ in range(_TRIES):
        found = cut.search(data, at, end)
        if found is None:
            return
        at = found.end()
        if _in_text(data[start:at]):
            rest = _REST_OF_TEXT.match(data, at, end)
            if rest is None:
                return
            at = rest.end()
        else:
            yield at
        start = at


def _in_text(data: bytes) -> bool:
    """Whether a text that begins here is open at the end."""
    if b"\\" in data:
        data = _ESCAPED.sub(b"", data)
    return data.count(b'"') % 2 == 1


def _cut_short(error: str, piece: bytes) -> bool:
    """Whether a decoder came to the end of the piece before something was wrong."""
    found = _BYTE.search(error)
    return found is None or int(found[1]) >= len(piece) - 1


def _moved(text: str, start: int) -> str:
    """A complaint about one of the items from `start` on, with its place in the whole list."""
    found = PLACE.search(text)
    at = _AT.match(found["path"]) if found else None
    if found is None or at is None:
        return text
    return f"{text[: found.start()]} - at `$[{start + int(at[1])}]{found['path'][at.end() :]}`"
