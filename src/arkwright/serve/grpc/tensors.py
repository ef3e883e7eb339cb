"""Tensors in the protocol's messages: the raw ones, which are not copied, and the typed contents."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from arkwright.serve.grpc.messages import Message
from arkwright.serve.model.tensors import Array, Datatype, check_shape
from arkwright.serve.wire.messages import Problem

MOST_FIELDS = 4096  # of one request; an empty input is two bytes on the wire and a hundred in memory
_RAW = 7 << 3 | 2  # raw_input_contents, length-delimited
_FIXED = {1: 8, 5: 4}  # wire types of a fixed size in bytes
TYPED = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def split(body: bytes) -> tuple[bytes, list[memoryview]]:
    """A ModelInferRequest without its raw tensors, and those tensors, in order, as views of `body`.

    protobuf would copy them twice. Raises Problem (400) for bytes that are no message, or one of too many fields.
    """
    view = memoryview(body)
    kept, raws = [], []
    start = 0
    for count, (tag, begin, at, end) in enumerate(fields(body, 0, len(body)), 1):
        if count > MOST_FIELDS:
            raise too_many()
        if tag == _RAW:
            raws.append(view[at:end])
            kept.append(view[start:begin])
            start = end
    return (b"".join((*kept, view[start:])), raws) if raws else (body, raws)


def fields(body: bytes, at: int, size: int) -> Iterator[tuple[int, int, int, int]]:
    """(tag, where it begins, where its value begins, and ends) of each field in `body[at:size]`. Raises Problem."""
    while at < size:
        begin = at
        tag, at = varint(body, at)
        kind = tag & 7
        if kind == 2:
            length, at = varint(body, at)
            end = at + length
        elif kind == 0:
            end = varint(body, at)[1]
        elif kind in _FIXED:
            end = at + _FIXED[kind]
        else:
            raise no_request()
        if end > size:
            raise no_request()
        yield tag, begin, at, end
        at = end


def framed(field: int, *value: bytes) -> tuple[bytes, ...]:
    """A field of a length: its tag with the length, and what it holds."""
    length, head = sum(map(len, value)), bytearray((field << 3 | 2,))
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head), *value


def varint(body: bytes, at: int) -> tuple[int, int]:
    """The number here, and where it ends. Raises Problem (400)."""
    value = shift = 0
    while at < len(body) and shift < 70:
        byte = body[at]
        at += 1
        if byte < 0x80:
            return value | byte << shift, at
        value |= (byte & 0x7F) << shift
        shift += 7
    raise no_request()


def no_request() -> Problem:
    """What is told of bytes that are none."""
    return Problem(400, "the bytes are no ModelInferRequest")


def too_many() -> Problem:
    return Problem(400, f"a request may have {MOST_FIELDS} inputs, outputs and parameters")


def from_contents(name: str, contents: Message, kind: Datatype, shape: Any) -> Array:
    """The tensor in the one field of its datatype. Raises Problem (400)."""
    field = field_of(name, kind)
    count = check_shape(name, shape)
    values = values_in(name, contents, kind, field)
    if len(values) != count:
        raise uncounted(name, shape, len(values))
    return flat(name, values, kind).reshape(shape)


def field_of(name: str, kind: Datatype) -> str:
    """Where typed contents of this datatype stand. Raises Problem (400) when there is no place for them."""
    field = TYPED.get(kind.name)
    if field is None:
        raise Problem(400, f"the input {name!r} is {kind.name}, which has no typed contents; send raw_input_contents")
    return field


def values_in(name: str, contents: Message, kind: Datatype, field: str) -> Any:
    """What stands in this field. Raises Problem (400) when it is another one, or more than one."""
    given = [descriptor.name for descriptor, _ in contents.ListFields()]
    if given != [field]:
        said = " and ".join(given) or "nothing"
        raise Problem(400, f"the contents of the input {name!r} are in {said}; {kind.name} is in {field}")
    return getattr(contents, field)


def uncounted(name: str, shape: Any, found: int | str) -> Problem:
    """What is told of contents of another number than the shape says."""
    count = check_shape(name, shape)
    return Problem(400, f"the input {name!r} has the shape {list(shape)}, {count} elements, and contents of {found}")


def flat(name: str, values: Any, kind: Datatype) -> Array:
    """(n,) of these values. Raises Problem (400)."""
    if kind.python is str:
        return _texts(name, values)
    try:
        array: Array = np.fromiter(values, kind.dtype, len(values))
    except OverflowError:
        raise Problem(400, f"the contents of the input {name!r} hold a number beyond {kind.name}") from None
    return array


def _texts(name: str, values: Any) -> Array:
    texts: Array = np.empty(len(values), dtype=object)
    try:
        texts[:] = [str(value, "utf-8") for value in values]
    except UnicodeDecodeError:
        raise Problem(400, f"the input {name!r} holds BYTES that are not UTF-8") from None
    return texts


def to_contents(array: Array, kind: Datatype) -> dict[str, list[Any]]:
    """The field of InferTensorContents that holds this tensor, by its name."""
    values = array.ravel().tolist()
    if kind.python is str:
        values = [text if isinstance(text, bytes) else str(text).encode() for text in values]
    return {TYPED[kind.name]: values}
