"""Typed contents of long messages, read and written a piece after the other: whoever does it on a thread lets the loop
go on in between. In protobuf, what stands in two fields of one number is one list.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from arkwright.serve.grpc.messages import CLASSES, Message, read
from arkwright.serve.grpc.tensors import (
    MOST_FIELDS,
    field_of,
    fields,
    flat,
    framed,
    no_request,
    to_contents,
    too_many,
    uncounted,
    values_in,
)
from arkwright.serve.model.slices import slices
from arkwright.serve.model.tensors import PIECE_ITEMS, Array, Datatype, check_shape, to_binary

PIECE = 2**15  # bytes
_INPUT = _CONTENTS = 5 << 3 | 2  # `inputs` of a request, and `contents` of an input
_TEXT = 8 << 3 | 2  # one of bytes_contents
_NUMBERS = {number << 3 | 2: number for number in range(1, 8)}  # the others, packed
_SIZES = {6: 4, 7: 8}  # of floats; whole numbers take one byte or more
_AS_THEY_ARE = {"BOOL": 1, "FP32": 6, "FP64": 7}  # the packed contents are the tensor's bytes
Pieces = Sequence[tuple[int, int]]  # where in the message


def parted(body: bytes) -> tuple[Message, list[Pieces]]:
    """A ModelInferRequest without its typed contents, and where these stand, for each input. Raises Problem (400)."""
    view, kept, found = memoryview(body), list[bytes | memoryview](), list[Pieces]()
    count = 0
    for tag, begin, at, end in fields(body, 0, len(body)):
        count += 1
        if tag != _INPUT:
            kept.append(view[begin:end])
            continue
        inner, pieces = list[bytes](), list[tuple[int, int]]()
        for one, first, start, stop in fields(body, at, end):
            count += 1
            if count > MOST_FIELDS:
                raise too_many()
            if one == _CONTENTS:
                pieces.append((start, stop))
            else:
                inner.append(body[first:stop])
        kept += framed(5, *inner)
        found.append(pieces)
    return read("ModelInferRequest", b"".join(kept)), found


def from_pieces(name: str, body: bytes, pieces: Pieces, kind: Datatype, shape: Any) -> Array:
    """The tensor in the one field of its datatype, whose contents stand there. Raises Problem (400)."""
    field, count = field_of(name, kind), check_shape(name, shape)
    if sum(end - start for start, end in pieces) < count:  # before there is memory for it
        raise uncounted(name, shape, "fewer")
    whole: Array = np.empty(count, kind.dtype)
    at = 0
    for start, end in pieces:
        for piece in _pieces(body, start, end):
            array = flat(name, values_in(name, _contents(piece), kind, field), kind)
            if at + len(array) > count:
                raise uncounted(name, shape, "more")
            whole[at : at + len(array)] = array
            at += len(array)
    if at != count:
        raise uncounted(name, shape, at)
    return whole.reshape(shape)


def _contents(piece: bytes) -> Message:
    try:
        return CLASSES["InferTensorContents"].FromString(piece)
    except DecodeError:
        raise no_request() from None


def _pieces(body: bytes, at: int, end: int) -> Iterator[bytes]:
    """InferTensorContents in smaller ones."""
    start = at
    while at < end:
        at = _behind_short_texts(body, at, min(start + PIECE, end - 1))
        if at < end and at < start + PIECE:
            tag, _, value, stop = next(fields(body, at, end))
            if tag in _NUMBERS and stop - value > PIECE:
                if at > start:
                    yield body[start:at]
                yield from _numbers(body, value, stop, _NUMBERS[tag])
                start = stop
            at = stop
        if at > end:
            raise no_request()
        if at > start and (at >= start + PIECE or at == end):
            yield body[start:at]
            start = at


def _behind_short_texts(body: bytes, at: int, stop: int) -> int:
    """Behind the texts of up to 127 bytes that begin here, before `stop`: there may be a million of them."""
    while at < stop and body[at] == _TEXT and body[at + 1] < 0x80:
        at += 2 + body[at + 1]
    return at


def _numbers(body: bytes, at: int, end: int, field: int) -> Iterator[bytes]:
    """Packed numbers in several fields; a whole number ends with a byte below 128."""
    while at < end:
        stop = min(at + PIECE, end)
        if field not in _SIZES:
            while stop < end and body[stop - 1] >= 0x80:
                stop += 1
        yield b"".join(framed(field, body[at:stop]))
        at = stop


def typed(array: Array, kind: Datatype) -> Sequence[bytes]:
    """InferTensorContents of this tensor, in pieces."""
    if kind.name in _AS_THEY_ARE:
        return framed(_AS_THEY_ARE[kind.name], to_binary(array, kind))
    items = array.reshape(-1)
    message = CLASSES["InferTensorContents"]
    return [message(**to_contents(items[part], kind)).SerializeToString() for part in slices(len(items), PIECE_ITEMS)]
