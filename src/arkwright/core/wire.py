"""Just enough of the protobuf wire format to look into a file that nobody trusts: no schema, no copies, no recursion.

https://protobuf.dev/programming-guides/encoding/ : a message is a run of (field number, wire type, value).
"""

import re
from collections.abc import Iterator

from arkwright.core.errors import Invalid

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_WIDTH = {FIXED64: 8, FIXED32: 4}
Value = int | memoryview


def fields(message: memoryview, skip: re.Pattern[bytes] | None = None) -> Iterator[tuple[int, Value]]:
    """(field number, value): an int for a varint, the bytes for everything else. Raises Invalid when cut or bent.

    `skip` matches whole fields that are of no interest, many at once.
    """
    at, end = 0, len(message)
    while at < end:
        if skip and (match := skip.match(message, at)):
            at = match.end()
            continue
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == BYTES:
            size, at = _varint(message, at)
        elif wire in _WIDTH:
            size = _WIDTH[wire]
        else:
            raise Invalid(f"the file is no ONNX model: wire type {wire} at field {number}")
        if number == 0 or size > end - at:
            raise Invalid("the file is no ONNX model, or it was cut short")
        yield number, message[at : at + size]
        at += size


def signed(value: int) -> int:
    """A varint as the int64 it stands for."""
    return value - (1 << 64) if value >= 1 << 63 else value


def varints(packed: memoryview) -> Iterator[int]:
    """The numbers of a packed repeated field."""
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    for _ in range(10):
        if at >= len(message):
            raise Invalid("the file is no ONNX model, or it was cut short")
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
    raise Invalid("the file is no ONNX model: a number of more than 64 bits")
